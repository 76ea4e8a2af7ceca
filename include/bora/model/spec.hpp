/// A model's facts: what a user writes.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/layers/residual.hpp>
#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>

namespace bora::inline BORA_ABI {

/// What every decoder-only spec inherits and may restate. A spec states facts and computes nothing: a sum made in a
/// base would not follow an override in a derived spec.
///
///     struct Mine : bora::DecoderSpec {
///       static constexpr std::size_t vocab_size = 320, dim = 64, layers = 3, context = 128;
///       using Norm = bora::RmsNorm<1e-5>;
///       static constexpr bora::HeadShape shape{.heads = 8, .kv_heads = 2, .head_dim = 8};
///       using Attention = bora::GroupedQueryAttention<shape, bora::Causal, bora::Rope<1e4>>;
///       using FeedForward = bora::SwiGlu<176>;
///     };
struct DecoderSpec {
  static constexpr bool tie_embeddings = false;  ///< the head is the embedding matrix
  using Position = NoPosition;                   ///< added to the embedding
  using Residual = SequentialResidual;
};

namespace detail {

template <class P>
struct LayerKinds {
  static constexpr std::size_t count = 1;
  template <std::size_t>
  using At = P;
};
template <class A, class B>
struct LayerKinds<Alternate<A, B>> {
  static constexpr std::size_t count = 2;
  template <std::size_t kind>
  using At = std::conditional_t<kind == 0, A, B>;
};

/// Whether a policy says of itself that it is well made; those that say nothing are taken to be.
template <class P>
inline constexpr bool policy_sound = true;
template <class P>
  requires requires { P::sound; }
inline constexpr bool policy_sound<P> = P::sound;

template <class P>
inline constexpr bool attention_kinds_valid = AttentionPolicy<P> && policy_sound<P>;
template <class A, class B>
inline constexpr bool attention_kinds_valid<Alternate<A, B>> =
    sizeof(Alternate<A, B>) > 0 && !is_alternate<A> && !is_alternate<B> && attention_kinds_valid<A> &&
    attention_kinds_valid<B>;
template <class P>
inline constexpr bool feed_forward_kinds_valid = FeedForwardPolicy<P> && policy_sound<P>;
template <class A, class B>
inline constexpr bool feed_forward_kinds_valid<Alternate<A, B>> =
    sizeof(Alternate<A, B>) > 0 && !is_alternate<A> && !is_alternate<B> && feed_forward_kinds_valid<A> &&
    feed_forward_kinds_valid<B>;

}  // namespace detail

/// A complete decoder-only model: numbers, norm, attention, feed-forward, residual and position.
template <class S>
concept ModelSpec = requires {
  { S::vocab_size } -> std::convertible_to<std::size_t>;
  { S::dim } -> std::convertible_to<std::size_t>;
  { S::layers } -> std::convertible_to<std::size_t>;
  { S::context } -> std::convertible_to<std::size_t>;
  { S::tie_embeddings } -> std::convertible_to<bool>;
  requires NormPolicy<typename S::Norm>;
  requires detail::attention_kinds_valid<typename S::Attention>;
  requires detail::feed_forward_kinds_valid<typename S::FeedForward>;
  requires ResidualPolicy<typename S::Residual>;
  requires EmbeddingPosition<typename S::Position>;
};

namespace detail {

/// What the decoder derives from a final spec: which layer is of which kind, and each kind's machine.
template <ModelSpec S>
struct Anatomy {
  static constexpr std::size_t kinds =
      std::max(LayerKinds<typename S::Attention>::count, LayerKinds<typename S::FeedForward>::count);
  template <std::size_t kind>
  using Attention = typename LayerKinds<typename S::Attention>::template At<kind>;
  template <std::size_t kind>
  using FeedForward = typename LayerKinds<typename S::FeedForward>::template At<kind>;
  template <std::size_t kind>
  using Block = ResidualBlock<S::dim, Attention<kind>, FeedForward<kind>, typename S::Norm, typename S::Residual>;
  using Norm = typename S::Norm::Layer;

  /// Layers of a kind, and which of them layer l is.
  static constexpr std::size_t layers_of(std::size_t kind) noexcept { return (S::layers + kinds - 1 - kind) / kinds; }

  /// f.template operator()<kind>() for the kind of layer l.
  template <class F>
  static constexpr decltype(auto) with_kind(std::size_t layer, F&& f) {
    if constexpr (kinds == 1)
      return f.template operator()<0>();
    else
      return layer % 2 == 0 ? f.template operator()<0>() : f.template operator()<1>();
  }
  template <class F>
  static constexpr void for_kinds(F&& f) {
    f.template operator()<0>();
    if constexpr (kinds == 2) f.template operator()<1>();
  }

  // What all layers share belongs to the decoder: the table of T5's bias.
  template <std::size_t kind>
  using Position = typename Attention<kind>::Position;
  static constexpr bool has_bias_table = is_t5_bias<Position<0>> || is_t5_bias<Position<kinds - 1>>;
  static_assert(!(is_t5_bias<Position<0>> && is_t5_bias<Position<kinds - 1>>) ||
                    (std::is_same_v<Position<0>, Position<kinds - 1>> &&
                     Attention<0>::heads == Attention<kinds - 1>::heads),
                "bora: T5RelativeBias: all layers share one table; use the same heads, buckets and max_distance");
  static constexpr std::size_t bias_kind = is_t5_bias<Position<0>> ? 0 : kinds - 1;
  static constexpr bool positions_learned = std::is_same_v<typename S::Position, LearnedPositions>;

  /// All of a model's tensors, packed or flat.
  template <class Store>
  struct Tensors {
    typename Store::Matrix embedding;
    [[no_unique_address]] PresentIf<positions_learned, typename Store::Matrix> positions{};
    [[no_unique_address]] PresentIf<has_bias_table, typename Store::Matrix> relative_bias{};
    std::array<typename Block<0>::template Tensors<Store>, layers_of(0)> even;
    [[no_unique_address]] PresentIf<kinds == 2, std::array<typename Block<kinds - 1>::template Tensors<Store>,
                                                           kinds == 2 ? layers_of(1) : 1>> odd{};
    typename Norm::template Tensors<Store> final_norm;
    [[no_unique_address]] PresentIf<!S::tie_embeddings, typename Store::Matrix> head{};

    template <std::size_t kind>
    auto& layer(std::size_t l) noexcept {
      if constexpr (kind == 0)
        return even[l / kinds];
      else
        return odd[l / kinds];
    }
    template <std::size_t kind>
    const auto& layer(std::size_t l) const noexcept {
      return const_cast<Tensors*>(this)->template layer<kind>(l);
    }
    /// The matrix that turns the stream into logits.
    const auto& output() const noexcept {
      if constexpr (S::tie_embeddings)
        return embedding;
      else
        return head;
    }
    auto& output() noexcept {
      if constexpr (S::tie_embeddings)
        return embedding;
      else
        return head;
    }
  };

  /// Names every tensor once, in the order of `Parameters`: f(TensorId, TensorShape, place.tensor...).
  template <class F, class... Place>
  static constexpr void visit(F&& f, Place&... place) {
    f(TensorId{"embedding"}, TensorShape{S::vocab_size, S::dim}, place.embedding...);
    if constexpr (positions_learned) f(TensorId{"positions"}, TensorShape{S::context, S::dim}, place.positions...);
    if constexpr (has_bias_table)
      f(TensorId{"relative_bias"}, TensorShape{Position<bias_kind>::buckets, Attention<bias_kind>::heads},
        place.relative_bias...);
    for (std::size_t l = 0; l < S::layers; ++l)
      with_kind(l, [&]<std::size_t kind>() {
        Block<kind>::visit(
            [&](TensorId id, TensorShape shape, auto&... at) {
              id.layer = l;
              f(id, shape, at...);
            },
            place.template layer<kind>(l)...);
      });
    Norm::visit("final_norm", "final_norm_bias", S::dim, f, place.final_norm...);
    if constexpr (!S::tie_embeddings) f(TensorId{"head"}, TensorShape{S::vocab_size, S::dim}, place.head...);
  }
};

}  // namespace detail
}  // namespace bora::inline BORA_ABI
