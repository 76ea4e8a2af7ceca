/// A spec as plain numbers: what code that is compiled once for all models (file readers, printing) looks at.
#pragma once
#include <bora/core/file_words.hpp>
#include <bora/model/accounting.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
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
  ScalingKind kind = ScalingKind::none;  ///< which of the numbers count
  double factor = 1;                     ///< by which the context is stretched
  double original_context = 0;           ///< positions first trained on: YaRN and Llama 3; else 0
  double beta_fast = 0;                  ///< YarnSettings::beta_fast; else 0
  double beta_slow = 0;                  ///< YarnSettings::beta_slow; else 0
  double low_frequency = 0;              ///< Llama3Settings::low_frequency; else 0
  double high_frequency = 0;             ///< Llama3Settings::high_frequency; else 0
  std::string_view name = {};            ///< of one that is `other`: its `name`, or its type's
};

/// Which keys a query sees; `other` is a mask that files cannot name, with a window or without.
enum class MaskKind { causal, sliding_window, other };

/// An attention layer as numbers.
struct AttentionDescription {
  std::size_t heads;                 ///< query heads
  std::size_t kv_heads;              ///< key/value heads
  std::size_t head_dim;              ///< features per head
  std::size_t window;                ///< keys a query sees at most; 0: no bound
  MaskKind mask;                     ///< which keys a query sees
  std::uint32_t mask_hash = 0;       ///< of a mask that files cannot name: over what each position of the context sees
  PositionKind position;             ///< which of the following numbers count
  double theta = 0;                  ///< Rope's base; 0 without Rope
  double rotary_fraction = 0;        ///< share of a head that turns; 0 without Rope
  double alibi_max_bias = 0;         ///< the smallest slope is 2^-alibi_max_bias; 0 without ALiBi
  std::size_t relative_buckets = 0;  ///< of T5's bias; 0 without
  std::size_t relative_max_distance = 0;  ///< of T5's bias; 0 without
  std::size_t rotary = 0;                 ///< components of a head that turn; 0 without Rope
  ScalingDescription scaling = {};        ///< of Rope's frequencies
  bool bias;                              ///< whether the four linear layers have biases
  double clip;                            ///< limit of q, k and v; 0: none
};

/// A feed-forward layer as numbers; of a mixture, an expert and how it is chosen.
struct FeedForwardDescription {
  std::size_t hidden;                     ///< inner width; of a mixture, of one expert
  bool gated;                             ///< down(f(gate(x)) * up(x)); if not, down(f(up(x)))
  bool bias;                              ///< whether its linear layers have biases
  ActivationKind activation;              ///< the f of these
  std::size_t experts = 0;                ///< to choose from; 0: dense
  std::size_t choices = 0;                ///< experts a token goes to; 0: dense
  RouterKind router = RouterKind::other;  ///< how they are chosen; without meaning where dense
  std::string_view activation_name = {};  ///< of one that is `other`: its `name`, or its type's
  std::string_view router_name = {};      ///< the same of a router
};

/// A norm as numbers.
struct NormDescription {
  double eps;    ///< added under the root
  bool weight;   ///< whether it has one, [dim]
  bool bias;     ///< whether it has one, [dim]
  bool centred;  ///< whether the mean is subtracted, as LayerNorm does
};

/// Layer l is described by attention[l % attention.size()], and so on.
struct ModelDescription {
  std::size_t vocab_size;                            ///< rows of the embedding
  std::size_t dim;                                   ///< width of the residual stream
  std::size_t layers;                                ///< blocks of attention and feed-forward
  std::size_t context;                               ///< positions the model was trained on
  bool tie_embeddings;                               ///< the head is the embedding matrix
  EmbeddingPositionKind position;                    ///< what is added to the embedding
  NormDescription norm;                              ///< of all norms
  ResidualKind residual;                             ///< how a layer's two halves are joined
  std::vector<AttentionDescription> attention;       ///< 1, or 2 where layers alternate
  std::vector<FeedForwardDescription> feed_forward;  ///< as many as of `attention`
  std::size_t parameters;                            ///< numbers in all tensors; a tied head counts once
  std::size_t active_parameters;                     ///< those that one token touches

  /// Of a layer, counted from 0.
  const AttentionDescription& attention_of(std::size_t layer) const { return attention[layer % attention.size()]; }
  /// Of a layer, counted from 0.
  const FeedForwardDescription& feed_forward_of(std::size_t layer) const {
    return feed_forward[layer % feed_forward.size()];
  }
};

namespace detail {

/// What a policy that files cannot name is called in them.
template <class Named>
std::string_view policy_text() {
  static const std::string name = policy_name<Named>();
  return name;
}

template <class Scaling>
struct DescribeScaling {
  static ScalingDescription get() {
    if constexpr (std::is_same_v<Scaling, NoScaling>)
      return {};
    else
      return {.kind = ScalingKind::other, .name = policy_text<Scaling>()};
  }
};
template <auto factor_>
struct DescribeScaling<LinearScaling<factor_>> {
  static ScalingDescription get() { return {.kind = ScalingKind::linear, .factor = factor_}; }
};
template <auto factor_>
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

/// Two masks that let some position see other keys have, but for a chance of 2^-32, other hashes.
template <class Mask>
std::uint32_t mask_hash(std::size_t context) noexcept {
  Checksum sum;
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
  if (d.mask == MaskKind::other) d.mask_hash = mask_hash<typename A::Mask>(context);
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
    if constexpr (router_kind<typename F::Router> == RouterKind::other)
      d.router_name = policy_text<typename F::Router>();
    return d;
  } else {
    FeedForwardDescription d{.hidden = F::hidden,
                             .gated = F::gated,
                             .bias = F::has_bias,
                             .activation = activation_kind<typename F::ActivationType>()};
    if constexpr (activation_kind<typename F::ActivationType>() == ActivationKind::other)
      d.activation_name = policy_text<typename F::ActivationType>();
    return d;
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
template <detail::SoundSpec S>
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
