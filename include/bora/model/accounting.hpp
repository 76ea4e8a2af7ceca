/// What a model costs, as constants: parameters, cache bytes, FLOPs.
#pragma once
#include <bora/model/spec_check.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Sum of f(kind's size) over all layers, without looping over them.
template <ModelSpec S, class OfKind>
constexpr std::size_t sum_over_layers(OfKind&& of_kind) {
  using A = Anatomy<S>;
  std::size_t sum = 0;
  A::for_kinds([&]<std::size_t kind>() { sum += A::layers_of(kind) * of_kind.template operator()<kind>(); });
  return sum;
}

/// Parameters of the experts a token is not routed to.
template <class Policy, std::size_t dim, class Counts>
constexpr std::size_t inactive(Counts&& counts) {
  if constexpr (Policy::experts > 0) {
    std::size_t one = 0;
    Policy::Expert::template Layer<dim>::visit(
        [&](TensorId, TensorShape shape) { one += counts(shape) ? shape.size() : 0; });
    return (Policy::experts - Policy::choices) * one;
  } else {
    return 0;
  }
}

template <ModelSpec S>
constexpr std::size_t count_parameters() {
  using A = Anatomy<S>;
  constexpr std::size_t vocab_size = S::vocab_size, dim = S::dim, context = S::context;  // spec types may be narrower
  std::size_t count = vocab_size * dim * (S::tie_embeddings ? 1 : 2);
  if constexpr (A::positions_learned) count += context * dim;
  if constexpr (A::has_bias_table)
    count += A::template Position<A::bias_kind>::buckets * A::template Attention<A::bias_kind>::heads;
  A::Norm::visit("", "", S::dim, [&](TensorId, TensorShape shape) { count += shape.size(); });
  return count + sum_over_layers<S>([]<std::size_t kind>() {
           std::size_t layer = 0;
           A::template Block<kind>::visit([&](TensorId, TensorShape shape) { layer += shape.size(); });
           return layer;
         });
}

template <ModelSpec S>
constexpr std::size_t count_inactive() {
  return sum_over_layers<S>([]<std::size_t kind>() {
    return inactive<typename Anatomy<S>::template FeedForward<kind>, S::dim>([](TensorShape) { return true; });
  });
}

/// Elements of the matrices that multiply a token: the head and all matrices of the layers, routers included. Tables
/// (embedding, learned positions, T5's bias) and vectors (norms, biases) do not count.
template <ModelSpec S>
constexpr std::size_t count_multiplied() {
  return std::size_t{S::vocab_size} * S::dim + sum_over_layers<S>([]<std::size_t kind>() {
           using A = Anatomy<S>;
           const auto is_matrix = [](TensorShape shape) { return shape.matrix(); };
           std::size_t layer = 0;
           A::template Block<kind>::visit(
               [&](TensorId, TensorShape shape) { layer += is_matrix(shape) ? shape.size() : 0; });
           return layer - inactive<typename A::template FeedForward<kind>, S::dim>(is_matrix);
         });
}

}  // namespace detail

/// All stored parameters ("sparse" parameters of a mixture of experts). A tied matrix counts once.
template <detail::SoundSpec S>
inline constexpr std::size_t parameter_count = detail::count_parameters<S>();

/// Parameters used for one token: all except those of the experts it is not routed to (Jiang et al. 2024, §2.1).
template <detail::SoundSpec S>
inline constexpr std::size_t active_parameter_count = parameter_count<S> - detail::count_inactive<S>();

/// Keys that layers of a kind hold after `tokens` tokens: all, or the window.
template <detail::SoundSpec S, std::size_t kind>
constexpr std::size_t kept_keys(std::size_t tokens) {
  constexpr std::size_t window = detail::Anatomy<S>::template Attention<kind>::Mask::window;
  return window == 0 ? tokens : std::min(tokens, window);
}

/// Bytes of keys and values that the model needs after `tokens` tokens of one sequence, in element format E:
/// 2 * kv_heads * head_dim elements a token and layer; for Q8 also 2 * kv_heads scales. `Session::cache_bytes()` gives
/// the actual size of a cache, including padded runs and the chunk.
template <detail::SoundSpec S, CacheFormat E = Bf16>
constexpr std::size_t cache_bytes(std::size_t tokens = S::context) {
  return detail::sum_over_layers<S>([&]<std::size_t kind>() {
    using A = typename detail::Anatomy<S>::template Attention<kind>;
    constexpr std::size_t scale = std::same_as<E, Q8> ? sizeof(float) : 0;
    return 2 * A::kv_heads * (A::head_dim * sizeof(typename E::Storage) + scale) * kept_keys<S, kind>(tokens);
  });
}

/// Floating-point operations of one token's forward pass when it sees `tokens` tokens: 2 for each active weight of a
/// matrix product (look-ups, norms and biases are none), 4 * heads * head_dim for each key seen. Training costs three
/// times this.
template <detail::SoundSpec S>
constexpr double flops_per_token(std::size_t tokens = S::context) {
  const std::size_t attention = detail::sum_over_layers<S>([&]<std::size_t kind>() {
    using A = typename detail::Anatomy<S>::template Attention<kind>;
    return 4 * A::heads * A::head_dim * kept_keys<S, kind>(tokens);
  });
  return 2.0 * static_cast<double>(detail::count_multiplied<S>()) + static_cast<double>(attention);
}

}}  // namespace bora::BORA_ABI
