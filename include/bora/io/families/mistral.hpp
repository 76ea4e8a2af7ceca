/// Mistral 7B, Nemo, Ministral and Mixtral: Llama's kind with a sliding window, in some layers, and with experts.
#pragma once
#include <bora/io/family.hpp>
#include <bora/io/families/llama.hpp>
#include <bora/io/sliding_layers.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Whether some layers have a window and some have none.
inline bool mixes_windows(const ModelDescription& d) {
  const auto window = [](const PolicyDescription& a) { return a.policy("mask").name == "SlidingWindow"; };
  return std::ranges::any_of(d.attention, window) && !std::ranges::all_of(d.attention, window);
}

/// Whether the file's `layer_types` leave the window to no layer.
inline bool no_layer_slides(const ConfigKeys& c) {
  const Json* types = c.raw("layer_types");
  return types != nullptr && types->is_array() &&
         std::ranges::none_of(*types, [](const Json& type) { return type == "sliding_attention"; });
}

/// Defaults of transformers' MistralConfig and MinistralConfig.
inline void mistral_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  PolicyDescription& a = kinds.full;
  llama_like_keys(c, d, a, {.context = 131'072, .kv_heads = 8});
  gated_keys(c, d.feed_forward.front(), 14'336);
  llama_theta_key(c, a);
  head_dim_key(c, d, a);
  score_scale_keys(c, a);
  eps_key(c, d, a, 1e-6);
  c.expect("attention_bias", false);
  c.expect("mlp_bias", false);
  c.expect("clip_qkv", nullptr);
  scaling_keys(c, a);
  kinds.share(c);
  c.compare(!no_layer_slides(c));
  c.window("sliding_window", kinds.sliding, 4096);
  c.expect("use_sliding_window", c.policy(kinds.sliding, "mask").name == "SlidingWindow");
  c.compare(true);
  if (mixes_windows(d)) kinds.write_types(c, d);
  kinds.finish(c, d, 1, [](std::size_t) { return true; });
}
inline constexpr Family mistral_family{"mistral",    "MistralForCausalLM",
                                       &llama_names, llama_prototype,
                                       mistral_keys, {},
                                       {},           [](const ModelDescription& d) { return !mixes_windows(d); }};
inline constexpr Family ministral_family{
    "ministral", "MinistralForCausalLM", &llama_names, llama_prototype, mistral_keys, {}, {}, mixes_windows};

inline ModelDescription mixtral_prototype() {
  return prototype(norm_description("RmsNorm", 1, true, false), rotary_prototype(),
                   mixture_description(1, 1, router_description("TopKRouter", 1), swiglu_prototype()));
}
/// Defaults of transformers' MixtralConfig.
inline void mixtral_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  llama_like_keys(c, d, a, {.context = 131'072, .kv_heads = 8});
  gated_keys(c, c.policy(f, "expert"), 14'336);
  llama_theta_key(c, a, 1e6);
  head_dim_key(c, d, a);
  score_scale_keys(c, a);
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
