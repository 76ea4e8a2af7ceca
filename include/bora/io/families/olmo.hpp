/// OLMo 1 (Llama's kind with a norm without parameters), OLMo 2, OLMo 3 and OLMoE.
#pragma once
#include <bora/io/family.hpp>
#include <bora/io/families/llama.hpp>
#include <bora/io/sliding_layers.hpp>
#include <cstddef>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline ModelDescription olmo_prototype() {
  return prototype(norm_description("NonParametricLayerNorm", 1e-5, false, false), rotary_prototype(),
                   swiglu_prototype());
}
/// Defaults of transformers' OlmoConfig.
inline void olmo_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription& a = d.attention.front();
  llama_like_keys(c, d, a, {.vocab_size = 50'304});
  gated_keys(c, d.feed_forward.front(), 11'008);
  llama_theta_key(c, a);
  share_width(c, d, a);
  score_scale_keys(c, a);
  c.expect("use_sliding_window", false);
  c.option("attention_bias", a, "bias", description_of<Bias>(), false);
  c.expect("mlp_bias", false);
  c.clip("clip_qkv", a);
  c.write("pad_token_id", nullptr);  // its default may not exist here
  layer_types_key(c, d);
  scaling_keys(c, a);
}
inline constexpr Family olmo_family{"olmo", "OlmoForCausalLM", &llama_names, olmo_prototype, olmo_keys};

// ---- OLMo 2 and 3: norms on the outputs, and of queries and keys before the heads are cut

inline constexpr TensorNames olmo2_names = [] {
  TensorNames names = llama_names;
  names.attention_norm = names.feed_forward_norm = {};
  names.attention_output_norm = "post_attention_layernorm";
  names.feed_forward_output_norm = "post_feedforward_layernorm";
  names.experts_in_mlp = true;
  return names;
}();

/// Attention with norms of queries and keys, of whole rows or of each head.
inline PolicyDescription qk_normed_prototype(PolicyDescription scope, bool unit_offset = false) {
  return attention_description(
      any_heads, description_of<Causal>(), rope_description(2, 1, description_of<NoScaling>()),
      {.qk_norm = qk_norm_description(std::move(scope), norm_description("RmsNorm", 1, true, false, unit_offset))});
}
inline ModelDescription olmo2_prototype() {
  ModelDescription d = prototype(norm_description("RmsNorm", 1, true, false),
                                 qk_normed_prototype(description_of<WholeWidth>()), swiglu_prototype());
  d.residual = description_of<OutputNormResidual>();
  return d;
}
/// The keys that OLMo 2, 3 and OLMoE share.
inline void olmo2_like_keys(ConfigKeys& c, ModelDescription& d, PolicyDescription& a, const LlamaDefaults& defaults) {
  llama_like_keys(c, d, a, defaults);
  head_dim_key(c, d, a);
  score_scale_keys(c, a);
  eps_key(c, d, a, 1e-5);
  c.option("attention_bias", a, "bias", description_of<Bias>(), false);
  c.expect("mlp_bias", false);
  c.write("pad_token_id", nullptr);  // its default may not exist here
}
/// Defaults of transformers' Olmo2Config.
inline void olmo2_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription& a = d.attention.front();
  olmo2_like_keys(c, d, a, {.vocab_size = 50'304});
  gated_keys(c, d.feed_forward.front(), 11'008);
  llama_theta_key(c, a);
  c.expect("use_sliding_window", false);
  c.expect("clip_qkv", nullptr);
  layer_types_key(c, d);
  scaling_keys(c, a);
}
inline constexpr Family olmo2_family{"olmo2", "Olmo2ForCausalLM", &olmo2_names, olmo2_prototype, olmo2_keys};

/// Sliding layers rotate with the same base, without scaling. The base has no default: it was 10000 and is 500000.
inline void olmo3_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  olmo2_like_keys(c, d, kinds.full, {.vocab_size = 50'304});
  gated_keys(c, d.feed_forward.front(), 11'008);
  c.expect("clip_qkv", nullptr);
  c.compare(false);
  llama_theta_key(c, kinds.full, {});
  kinds.share(c);
  scaling_keys(c, kinds.full);
  c.window("sliding_window", kinds.sliding, 4096);
  c.enter(sliding_rotation);
  theta_key(c, "rope_theta", kinds.sliding, kinds.full.real("position.theta"));
  c.enter("");
  scaling_keys(c, kinds.sliding, sliding_rotation);
  c.compare(true);
  kinds.write_types(c, d);
  kinds.finish(c, d, 4, [](std::size_t layer) { return layer % 4 != 3; });
}
inline constexpr Family olmo3_family{"olmo3", "Olmo3ForCausalLM", &olmo2_names, olmo2_prototype, olmo3_keys,
                                     {},      "rope_theta"};

// ---- OLMoE: Llama's blocks, OLMo 2's norms of queries and keys, experts

inline constexpr TensorNames experts_in_mlp_names = [] {
  TensorNames names = llama_names;
  names.experts_in_mlp = true;
  return names;
}();

inline ModelDescription olmoe_prototype() {
  return prototype(norm_description("RmsNorm", 1, true, false), qk_normed_prototype(description_of<WholeWidth>()),
                   mixture_description(1, 1, router_description("SoftmaxTopKRouter", 1), swiglu_prototype()));
}
/// A mixture's keys but for the experts' own.
inline void experts_keys(ConfigKeys& c, PolicyDescription& mixture, std::size_t experts, std::size_t chosen) {
  std::size_t &all = c.size_at(mixture, "experts"), &few = c.size_at(mixture, "router.experts_per_token");
  c.size("num_experts|num_local_experts", all, experts);
  c.size("num_experts_per_tok", few, chosen);
  c.check(few <= all, "at most num_experts, ", all);
  PolicyDescription& router = c.policy(mixture, "router");
  bool renormalises = router.name == "TopKRouter";
  c.flag("norm_topk_prob", renormalises, false);
  if (c.reads()) router.name = renormalises ? "TopKRouter" : "SoftmaxTopKRouter";
}
/// Defaults of transformers' OlmoeConfig, which clips after the norms.
inline void olmoe_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  olmo2_like_keys(c, d, a, {.vocab_size = 50'304, .dim = 2048, .layers = 16, .heads = 16, .context = 4096});
  gated_keys(c, c.policy(f, "expert"), 2048);
  llama_theta_key(c, a);
  experts_keys(c, f, 64, 8);
  c.expect("use_sliding_window", false);
  c.clip("clip_qkv", a);
  layer_types_key(c, d);
  scaling_keys(c, a);
}
inline constexpr Family olmoe_family{"olmoe", "OlmoeForCausalLM", &experts_in_mlp_names, olmoe_prototype, olmoe_keys};

}}}  // namespace bora::BORA_ABI::detail
