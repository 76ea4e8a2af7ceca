/// Qwen 2, 2.5 and 3, dense and with experts: Llama's kind with biases of q, k and v, then with norms of q and k.
#pragma once
#include <bora/io/families/llama.hpp>
#include <bora/io/families/olmo.hpp>
#include <bora/io/family.hpp>
#include <bora/io/sliding_layers.hpp>
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// The window, which counts only if `use_sliding_window` is true. Where `layer_types` is missing, layers from
/// `max_window_layers` on are sliding; of a mixture all are.
inline void qwen_window_keys(ConfigKeys& c, ModelDescription& d, SlidingLayers& kinds, bool all_layers) {
  bool uses = kinds.has_windows();
  c.compare(false);
  c.flag("use_sliding_window", uses, false);
  kinds.share(c);
  if (uses)
    c.window("sliding_window", kinds.sliding, 4096);
  else
    c.write("sliding_window", nullptr);
  c.compare(true);
  if (c.reads() && !uses) {
    d.attention.assign(1, kinds.full);
    return;
  }
  std::size_t first = 0;
  while (!c.reads() && first < d.layers && !kinds.slides(d.attention_of(first))) ++first;
  if (!all_layers) c.index("max_window_layers", first, 28);
  if (uses) kinds.write_types(c, d);
  const bool never = first >= d.layers;
  kinds.finish(c, d, all_layers || first == 0 || never ? 1 : 0,
               [&](std::size_t layer) { return all_layers || (!never && layer >= first); });
}

inline ModelDescription qwen2_prototype() {
  return prototype(norm_description("RmsNorm", 1, true, false),
                   attention_description(any_heads, description_of<Causal>(),
                                         rope_description(2, 1, description_of<NoScaling>()), {.qkv_bias = true}),
                   swiglu_prototype());
}
/// The keys that all of these share.
inline void qwen_keys(ConfigKeys& c, ModelDescription& d, PolicyDescription& a, const LlamaDefaults& defaults,
                      std::size_t head_dim) {
  llama_like_keys(c, d, a, defaults);
  llama_theta_key(c, a);
  head_dim_key(c, d, a, head_dim);
  score_scale_keys(c, a);
  eps_key(c, d, a, 1e-6);
  c.expect("mlp_bias", false);
  c.expect("clip_qkv", nullptr);
  scaling_keys(c, a);
}
inline constexpr LlamaDefaults qwen_defaults{.vocab_size = 151'936, .context = 32'768};

/// Defaults of transformers' Qwen2Config.
inline void qwen2_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  qwen_keys(c, d, kinds.full, qwen_defaults, 0);
  gated_keys(c, d.feed_forward.front(), 22'016);
  qwen_window_keys(c, d, kinds, false);
}
inline constexpr Family qwen2_family{"qwen2", "Qwen2ForCausalLM", &llama_names, qwen2_prototype, qwen2_keys};

inline ModelDescription qwen3_prototype() {
  return prototype(norm_description("RmsNorm", 1, true, false), qk_normed_prototype(description_of<PerHead>()),
                   swiglu_prototype());
}
/// Defaults of transformers' Qwen3Config.
inline void qwen3_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  qwen_keys(c, d, kinds.full, qwen_defaults, 128);
  gated_keys(c, d.feed_forward.front(), 22'016);
  c.option("attention_bias", kinds.full, "bias", description_of<Bias>(), false);
  qwen_window_keys(c, d, kinds, false);
}
inline constexpr Family qwen3_family{"qwen3", "Qwen3ForCausalLM", &llama_names, qwen3_prototype, qwen3_keys};

inline ModelDescription qwen3_moe_prototype() {
  ModelDescription d = qwen3_prototype();
  d.feed_forward.front() = mixture_description(1, 1, router_description("SoftmaxTopKRouter", 1), swiglu_prototype());
  return d;
}
/// Which layers have experts: those that `mlp_only_layers` does not name and whose number, from 1, is a multiple of
/// `decoder_sparse_step`.
inline void sparse_layer_keys(ConfigKeys& c, ModelDescription& d, const PolicyDescription& dense,
                              const PolicyDescription& mixture) {
  Json written = Json::array();
  if (!c.reads())
    for (std::size_t l = 0; l < d.layers; ++l)
      if (!d.feed_forward_of(l).has("experts")) written.push_back(l);
  c.write_array("mlp_only_layers", std::move(written));
  std::size_t step = 1;
  c.compare(false);
  c.size("decoder_sparse_step", step, 1);
  c.compare(true);
  if (!c.reads()) return;
  const Json* dense_layers = c.array("mlp_only_layers");
  const bool listed = dense_layers != nullptr && !dense_layers->empty();
  if (listed) check_layer_list(c, d.layers);
  std::vector<bool> sparse(listed ? d.layers : std::min(step, d.layers));
  for (std::size_t l = 0; l < sparse.size(); ++l) sparse[l] = (l + 1) % step == 0;
  for (std::size_t i = 0; listed && i < dense_layers->size(); ++i) {
    const Json& layer = (*dense_layers)[i];
    if (!is_whole_number(layer))
      c.refuse({"key 'mlp_only_layers[", i, "]' is ", json_kind(layer), ", expected the number of a layer"});
    if (layer.get<std::size_t>() < d.layers) sparse[layer.get<std::size_t>()] = false;
  }
  d.feed_forward.clear();
  for (std::size_t l = 0, end = shortest_period(sparse); l < end; ++l)
    d.feed_forward.push_back(sparse[l] ? mixture : dense);
}
/// Defaults of transformers' Qwen3MoeConfig.
inline void qwen3_moe_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  PolicyDescription mixture = qwen3_moe_prototype().feed_forward.front(), dense = swiglu_prototype();
  for (const PolicyDescription& f : d.feed_forward) (f.has("experts") ? mixture : dense) = f;
  const bool has_experts = std::ranges::any_of(d.feed_forward, [](const auto& f) { return f.has("experts"); });
  qwen_keys(c, d, kinds.full, {.vocab_size = 151'936, .dim = 2048, .layers = 24, .context = 32'768}, 0);
  c.option("attention_bias", kinds.full, "bias", description_of<Bias>(), false);
  c.compare(false);  // one of the two widths may be of no layer
  gated_keys(c, dense, 6144);
  PolicyDescription& expert = c.policy(mixture, "expert");
  if (c.reads()) expert = dense;  // hidden_act is of both
  c.size("moe_intermediate_size", c.size_at(expert, "hidden"), 768);
  c.compare(has_experts);
  experts_keys(c, mixture, 128, 8);
  c.compare(true);
  sparse_layer_keys(c, d, dense, mixture);
  qwen_window_keys(c, d, kinds, true);
}
inline constexpr Family qwen3_moe_family{"qwen3_moe", "Qwen3MoeForCausalLM", &experts_in_mlp_names, qwen3_moe_prototype,
                                         qwen3_moe_keys};

}}}  // namespace bora::BORA_ABI::detail
