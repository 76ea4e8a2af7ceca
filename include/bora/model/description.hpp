/// A spec as data, for code that is compiled once for all models (file readers, printing).
#pragma once
#include <bora/core/checksum.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/model/accounting.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A model's sizes and the descriptions of its policies.
struct ModelDescription {
  std::size_t vocab_size = 0;   ///< rows of the embedding
  std::size_t dim = 0;          ///< width of the residual stream
  std::size_t layers = 0;       ///< number of layers, each attention and feed-forward
  std::size_t context = 0;      ///< positions the model was trained on
  bool tie_embeddings = false;  ///< the head is the embedding matrix
  PolicyDescription position;   ///< position encoding added to the embedding
  PolicyDescription norm;       ///< of all norms
  PolicyDescription residual;   ///< how a layer's two halves are joined
  PolicyDescription embedding_scale = description_of<NoEmbeddingScale>();  ///< factor of the token embedding
  PolicyDescription logit_cap = description_of<NoSoftCap>();               ///< of the logits
  std::vector<PolicyDescription> attention;     ///< the pattern that layers repeat: layer l is attention[l % size]
  std::vector<PolicyDescription> feed_forward;  ///< the same for feed-forward; its length may differ
  std::size_t parameters = 0;                   ///< elements of all tensors; a tied head counts once
  std::size_t active_parameters = 0;            ///< parameters used for one token

  /// Attention of a layer, counted from 0.
  const PolicyDescription& attention_of(std::size_t layer) const { return attention[layer % attention.size()]; }
  /// Feed-forward of a layer, counted from 0.
  const PolicyDescription& feed_forward_of(std::size_t layer) const {
    return feed_forward[layer % feed_forward.size()];
  }
};

namespace detail {

/// Hash of the keys that each position sees: different masks collide with a probability of 2^-32.
template <class Mask>
std::uint32_t mask_hash(std::size_t context) noexcept {
  Checksum sum;
  for (std::size_t position = 0; position < context; ++position)
    sum.add(static_cast<std::uint64_t>(Mask::first_visible(position)));
  return static_cast<std::uint32_t>(sum.value());
}

/// Description of a layer's attention. For a foreign policy without `describe` its required facts are added; a foreign
/// mask is identified by a hash of the keys that each position of the context sees.
template <class A>
PolicyDescription describe_attention(std::size_t context) {
  PolicyDescription d = description_of<A>();
  if (d.form == PolicyDescription::Form::foreign && d.arguments.empty()) {
    d.add_fact("head_dim", A::head_dim);
    d.add_fact("heads", A::heads);
    d.add_fact("kv_heads", A::kv_heads);
    d.add("mask", description_of<typename A::Mask>());
  }
  PolicyArgument* mask = d.find("mask");
  if (mask != nullptr && !mask->policy.empty() && mask->policy.front().arguments.empty() &&
      mask->policy.front().form == PolicyDescription::Form::foreign) {
    mask->policy.front().add_fact("hash", mask_hash<typename A::Mask>(context));
    mask->policy.front().add_fact("window", A::Mask::window);
  }
  return d;
}

template <class F>
PolicyDescription describe_feed_forward() {
  PolicyDescription d = description_of<F>();
  if (d.form != PolicyDescription::Form::foreign || !d.arguments.empty()) return d;
  if constexpr (requires { F::has_bias; })
    if (F::has_bias) d.add("bias", description_of<Bias>());
  if constexpr (requires { F::gated; }) d.add_fact("gated", F::gated);
  d.add_fact("hidden", F::hidden);
  return d;
}

template <class S, std::size_t... position>
void describe_attentions(std::vector<PolicyDescription>& list, std::index_sequence<position...>) {
  using P = Pattern<typename S::Attention>;
  (list.push_back(describe_attention<typename P::template At<position>>(S::context)), ...);
}
template <class S, std::size_t... position>
void describe_feed_forwards(std::vector<PolicyDescription>& list, std::index_sequence<position...>) {
  using P = Pattern<typename S::FeedForward>;
  (list.push_back(describe_feed_forward<typename P::template At<position>>()), ...);
}

/// A description of policies without sizes, for file readers to complete; the policies' numbers are placeholders.
inline ModelDescription prototype(PolicyDescription norm, PolicyDescription attention, PolicyDescription feed_forward,
                                  PolicyDescription position = description_of<NoPosition>()) {
  ModelDescription d;
  d.position = std::move(position);
  d.norm = std::move(norm);
  d.residual = description_of<SequentialResidual>();
  d.attention.push_back(std::move(attention));
  d.feed_forward.push_back(std::move(feed_forward));
  return d;
}
/// The heads of a prototype.
inline constexpr HeadShape any_heads{.heads = 1, .kv_heads = 1, .head_dim = 2};
/// The attention of most prototypes.
inline PolicyDescription rotary_prototype(double theta = 2) {
  return attention_description(any_heads, description_of<Causal>(),
                               rope_description(theta, 1, description_of<NoScaling>()));
}
inline PolicyDescription swiglu_prototype() { return feed_forward_description("SwiGlu", 1, true, {}, false); }
inline PolicyDescription mlp_prototype(bool bias) {
  return feed_forward_description("Mlp", 1, false, description_of<Gelu>(), bias);
}

}  // namespace detail

/// A spec's description.
template <detail::SoundSpec S>
ModelDescription describe() {
  ModelDescription d;
  d.vocab_size = S::vocab_size;
  d.dim = S::dim;
  d.layers = S::layers;
  d.context = S::context;
  d.tie_embeddings = S::tie_embeddings;
  d.position = description_of<typename S::Position>();
  if (LearnedPosition<typename S::Position> && !d.position.has("learned")) d.position.add_fact("learned", true);
  d.norm = description_of<typename S::Norm>();
  d.residual = description_of<typename S::Residual>();
  d.embedding_scale = description_of<typename detail::EmbeddingScaleOf<S>::type>();
  d.logit_cap = description_of<typename detail::LogitCapOf<S>::type>();
  detail::describe_attentions<S>(d.attention,
                                 std::make_index_sequence<detail::Pattern<typename S::Attention>::period>());
  detail::describe_feed_forwards<S>(d.feed_forward,
                                    std::make_index_sequence<detail::Pattern<typename S::FeedForward>::period>());
  d.parameters = parameter_count<S>;
  d.active_parameters = active_parameter_count<S>;
  return d;
}

}}  // namespace bora::BORA_ABI
