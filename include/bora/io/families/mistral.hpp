/// Mistral 7B and Mixtral: Llama's kind with a sliding window, and with experts.
#pragma once
#include <bora/io/family.hpp>
#include <bora/io/families/llama.hpp>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Defaults of transformers' MistralConfig.
inline void mistral_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription& a = d.attention.front();
  llama_like_keys(c, d, d.feed_forward.front(), {.hidden = 14'336, .context = 131'072, .kv_heads = 8});
  head_dim_key(c, d);
  score_scale_keys(c, d);
  c.real("rms_norm_eps", c.real_at(d.norm, "eps"), 1e-6);
  c.window("sliding_window", a, 4096);
  c.expect("use_sliding_window", c.policy(a, "mask").name == "SlidingWindow");
  c.expect("attention_bias", false);
  c.expect("mlp_bias", false);
  c.expect("clip_qkv", nullptr);
  layer_types_key(c, d);
  scaling_keys(c, a);
}
inline constexpr Family mistral_family{"mistral", "MistralForCausalLM", &llama_names, llama_prototype, mistral_keys};

inline ModelDescription mixtral_prototype() {
  return prototype(norm_description("RmsNorm", 1, true, false), rotary_prototype(),
                   mixture_description(1, 1, router_description("TopKRouter", 1), swiglu_prototype()));
}
/// Defaults of transformers' MixtralConfig.
inline void mixtral_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  llama_like_keys(c, d, c.policy(f, "expert"), {.hidden = 14'336, .context = 131'072, .kv_heads = 8, .theta = 1e6});
  head_dim_key(c, d);
  score_scale_keys(c, d);
  c.real("rms_norm_eps", c.real_at(d.norm, "eps"), 1e-5);
  c.window("sliding_window", a, nullptr);
  c.expect("use_sliding_window", c.policy(a, "mask").name == "SlidingWindow");
  std::size_t &experts = c.size_at(f, "experts"), &chosen = c.size_at(f, "router.experts_per_token");
  c.size("num_local_experts|num_experts", experts, 8);
  c.size("num_experts_per_tok", chosen, 2);
  c.check(chosen <= experts, "at most num_local_experts, ", experts);
  c.expect("norm_topk_prob", true);
  c.expect("attention_bias", false);
  c.expect("mlp_bias", false);
  c.expect("clip_qkv", nullptr);
  layer_types_key(c, d);
  scaling_keys(c, a);
}
inline constexpr Family mixtral_family{"mixtral", "MixtralForCausalLM", &llama_names, mixtral_prototype, mixtral_keys};

}}}  // namespace bora::BORA_ABI::detail
