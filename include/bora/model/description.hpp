/// A spec as plain numbers: what code that is compiled once for all models (file readers, printing) looks at.
#pragma once
#include <bora/core/file_words.hpp>
#include <bora/model/accounting.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

namespace bora::inline BORA_ABI {

/// Which context scaling; `other` is one that files cannot name.
enum class ScalingKind { none, linear, ntk, yarn, llama3, other };
/// Which positions attention applies.
enum class PositionKind { none, rope, alibi, t5_bias };
/// Which positions are added to the embedding.
enum class EmbeddingPositionKind { none, learned, sinusoidal };
/// Which activation; `other` is one that files cannot name.
enum class ActivationKind { relu, gelu, gelu_tanh, silu, other };
/// How attention and feed-forward are joined to the stream.
enum class ResidualKind { sequential, parallel_shared_norm, parallel_separate_norms };
/// Which router; `other` is one that files cannot name.
enum class RouterKind { top_k, softmax_top_k, other };

/// Rotary context scaling with the numbers its kind uses.
struct ScalingDescription {
  ScalingKind kind = ScalingKind::none;
  double factor = 1, original_context = 0, beta_fast = 0, beta_slow = 0, low_frequency = 0, high_frequency = 0;
};

/// Which keys a query sees; `other` is a mask that files cannot name, with a window or without.
enum class MaskKind { causal, sliding_window, other };

/// An attention layer as numbers.
struct AttentionDescription {
  std::size_t heads, kv_heads, head_dim, window;  ///< window 0: none
  MaskKind mask;
  std::uint32_t mask_sum = 0;  ///< of a mask that files cannot name: over what each position of the context sees
  PositionKind position;
  double theta = 0, rotary_fraction = 0, alibi_max_bias = 0;
  std::size_t relative_buckets = 0, relative_max_distance = 0;  ///< of T5's bias
  std::size_t rotary = 0;
  ScalingDescription scaling = {};
  bool bias;
  double clip;  ///< 0: none
};

/// A feed-forward layer as numbers; of a mixture, an expert and how it is chosen.
struct FeedForwardDescription {
  std::size_t hidden;
  bool gated, bias;
  ActivationKind activation;
  std::size_t experts = 0, choices = 0;  ///< 0: dense
  RouterKind router = RouterKind::other;
};

/// A norm as numbers.
struct NormDescription {
  double eps;
  bool weight, bias, centred;
};

/// Layer l is described by attention[l % attention.size()], and so on.
struct ModelDescription {
  std::size_t vocab_size, dim, layers, context;
  bool tie_embeddings;
  EmbeddingPositionKind position;
  NormDescription norm;
  ResidualKind residual;
  std::vector<AttentionDescription> attention;
  std::vector<FeedForwardDescription> feed_forward;
  std::size_t parameters, active_parameters;

  /// Of a layer, counted from 0.
  const AttentionDescription& attention_of(std::size_t layer) const { return attention[layer % attention.size()]; }
  /// Of a layer, counted from 0.
  const FeedForwardDescription& feed_forward_of(std::size_t layer) const {
    return feed_forward[layer % feed_forward.size()];
  }
};

namespace detail {

template <class Scaling>
struct DescribeScaling {
  static ScalingDescription get() {
    return {.kind = std::is_same_v<Scaling, NoScaling> ? ScalingKind::none : ScalingKind::other};
  }
};
template <double factor_>
struct DescribeScaling<LinearScaling<factor_>> {
  static ScalingDescription get() { return {.kind = ScalingKind::linear, .factor = factor_}; }
};
template <double factor_>
struct DescribeScaling<NtkScaling<factor_>> {
  static ScalingDescription get() { return {.kind = ScalingKind::ntk, .factor = factor_}; }
};
template <YarnSettings s>
struct DescribeScaling<YarnScaling<s>> {
  static ScalingDescription get() {
    return {.kind = ScalingKind::yarn,
            .factor = s.factor,
            .original_context = s.original_context,
            .beta_fast = s.beta_fast,
            .beta_slow = s.beta_slow};
  }
};
template <Llama3Settings s>
struct DescribeScaling<Llama3Scaling<s>> {
  static ScalingDescription get() {
    return {.kind = ScalingKind::llama3,
            .factor = s.factor,
            .original_context = s.original_context,
            .low_frequency = s.low_frequency,
            .high_frequency = s.high_frequency};
  }
};

template <class Mask>
inline constexpr MaskKind mask_kind = std::is_same_v<Mask, Causal> ? MaskKind::causal : MaskKind::other;
template <std::size_t window>
inline constexpr MaskKind mask_kind<SlidingWindow<window>> = MaskKind::sliding_window;

/// Two masks that let some position see other keys have, but for a chance of 2^-32, other sums.
template <class Mask>
std::uint32_t mask_sum(std::size_t context) noexcept {
  WordSum sum;
  for (std::size_t position = 0; position < context; ++position)
    sum.add(static_cast<std::uint64_t>(Mask::first_visible(position)));
  return static_cast<std::uint32_t>(sum.value());
}

template <class A>
AttentionDescription describe_attention(std::size_t context) {
  AttentionDescription d{.heads = A::heads,
                         .kv_heads = A::kv_heads,
                         .head_dim = A::head_dim,
                         .window = A::Mask::window,
                         .mask = mask_kind<typename A::Mask>,
                         .position = PositionKind::none,
                         .bias = A::has_bias,
                         .clip = A::clip};
  if (d.mask == MaskKind::other) d.mask_sum = mask_sum<typename A::Mask>(context);
  using P = typename A::Position;
  if constexpr (is_rope<P>) {
    d.position = PositionKind::rope;
    d.theta = P::theta;
    d.rotary_fraction = P::fraction;
    d.rotary = A::rotary;
    d.scaling = DescribeScaling<typename P::Scaling>::get();
  } else if constexpr (is_alibi<P>) {
    d.position = PositionKind::alibi;
    d.alibi_max_bias = P::max_bias;
  } else if constexpr (is_t5_bias<P>) {
    d.position = PositionKind::t5_bias;
    d.relative_buckets = P::buckets;
    d.relative_max_distance = P::max_distance;
  }
  return d;
}

template <class A>
constexpr ActivationKind activation_kind() {
  if constexpr (std::is_same_v<A, Relu>) return ActivationKind::relu;
  if constexpr (std::is_same_v<A, Gelu>) return ActivationKind::gelu;
  if constexpr (std::is_same_v<A, GeluTanh>) return ActivationKind::gelu_tanh;
  if constexpr (std::is_same_v<A, Silu>) return ActivationKind::silu;
  return ActivationKind::other;
}

template <class R>
inline constexpr RouterKind router_kind = RouterKind::other;
template <std::size_t k>
inline constexpr RouterKind router_kind<TopKRouter<k>> = RouterKind::top_k;
template <std::size_t k>
inline constexpr RouterKind router_kind<SoftmaxTopKRouter<k>> = RouterKind::softmax_top_k;

template <class F>
FeedForwardDescription describe_feed_forward() {
  if constexpr (F::experts > 0) {
    FeedForwardDescription d = describe_feed_forward<typename F::Expert>();
    d.experts = F::experts;
    d.choices = F::choices;
    d.router = router_kind<typename F::Router>;
    return d;
  } else {
    return {.hidden = F::hidden,
            .gated = F::gated,
            .bias = F::has_bias,
            .activation = activation_kind<typename F::ActivationType>()};
  }
}

template <class Residual>
constexpr ResidualKind residual_kind() {
  if constexpr (std::is_same_v<Residual, SequentialResidual>) return ResidualKind::sequential;
  if constexpr (std::is_same_v<Residual, ParallelResidual<SharedNorm>>) return ResidualKind::parallel_shared_norm;
  return ResidualKind::parallel_separate_norms;
}

}  // namespace detail

/// The numbers of a spec.
template <ModelSpec S>
ModelDescription describe() {
  using A = detail::Anatomy<S>;
  using N = typename S::Norm;
  ModelDescription d{.vocab_size = S::vocab_size,
                     .dim = S::dim,
                     .layers = S::layers,
                     .context = S::context,
                     .tie_embeddings = S::tie_embeddings,
                     .position = A::positions_learned ? EmbeddingPositionKind::learned
                                 : std::is_same_v<typename S::Position, SinusoidalPositions>
                                     ? EmbeddingPositionKind::sinusoidal
                                     : EmbeddingPositionKind::none,
                     .norm = {.eps = N::eps, .weight = N::has_weight, .bias = N::has_bias, .centred = N::centred},
                     .residual = detail::residual_kind<typename S::Residual>(),
                     .attention = {},
                     .feed_forward = {},
                     .parameters = parameter_count<S>,
                     .active_parameters = active_parameter_count<S>};
  A::for_kinds([&]<std::size_t kind>() {
    d.attention.push_back(detail::describe_attention<typename A::template Attention<kind>>(S::context));
    d.feed_forward.push_back(detail::describe_feed_forward<typename A::template FeedForward<kind>>());
  });
  return d;
}

}  // namespace bora::inline BORA_ABI
