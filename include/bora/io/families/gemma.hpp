/// Gemma 2 and 3 (text): four norms a layer around a residual stream that begins with scaled embeddings, soft caps,
/// then norms of queries and keys.
#pragma once
#include <bora/io/families/llama.hpp>
#include <bora/io/families/olmo.hpp>
#include <bora/io/family.hpp>
#include <bora/io/sliding_layers.hpp>
#include <cstddef>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline constexpr TensorNames gemma_names = [] {
  TensorNames names = llama_names;
  names.feed_forward_norm = "pre_feedforward_layernorm";
  names.attention_output_norm = "post_attention_layernorm";
  names.feed_forward_output_norm = "post_feedforward_layernorm";
  names.experts_in_mlp = true;
  return names;
}();

inline ModelDescription gemma_prototype(PolicyDescription attention) {
  ModelDescription d = prototype(norm_description("RmsNorm", 1, true, false, true), std::move(attention),
                                 feed_forward_description("GeGluTanh", 1, true, {}, false));
  d.residual = description_of<SandwichResidual>();
  d.embedding_scale = description_of<RootOfWidth>();
  return d;
}
inline ModelDescription gemma2_prototype() { return gemma_prototype(rotary_prototype()); }
inline ModelDescription gemma3_prototype() {
  return gemma_prototype(qk_normed_prototype(description_of<PerHead>(), true));
}

/// The cap of scores or logits, or null for none.
inline void cap_key(ConfigKeys& c, std::string_view name, double& cap, ConfigValue missing) {
  const ConfigValue value = c.real_or_null(name, cap == 0 ? ConfigValue(nullptr) : ConfigValue(cap), missing);
  c.check(value.kind == ConfigValue::Kind::null || value.number > 0, "a number above 0, or null");
  cap = value.kind == ConfigValue::Kind::null ? 0 : value.number;
}
/// Caps, and the width whose root divides the scores.
inline void gemma_score_keys(ConfigKeys& c, ModelDescription& d, PolicyDescription& a, ConfigValue score_cap,
                             ConfigValue logit_cap) {
  const double head_dim = static_cast<double>(c.size_at(a, "head_dim"));
  double width = a.has("score_width") ? a.real("score_width.width") : head_dim, cap = a.real("soft_cap.cap"),
         last_cap = d.logit_cap.real("cap");
  c.whole_real("query_pre_attn_scalar", width, 256);
  c.check(width > 0, "a number above 0");
  cap_key(c, "attn_logit_softcapping", cap, score_cap);
  cap_key(c, "final_logit_softcapping", last_cap, logit_cap);
  if (!c.reads()) return;
  a.remove("score_width");
  a.remove("soft_cap");
  if (width != head_dim) a.add("score_width", number_description("ScoreWidth", "width", width));
  if (cap != 0) a.add("soft_cap", number_description("SoftCap", "cap", cap));
  d.logit_cap = last_cap == 0 ? description_of<NoSoftCap>() : number_description("SoftCap", "cap", last_cap);
}
/// The keys that Gemma 2 and 3 share.
inline void gemma_keys(ConfigKeys& c, ModelDescription& d, PolicyDescription& a, const LlamaDefaults& defaults,
                       ConfigValue score_cap, ConfigValue logit_cap) {
  const bool has_newer = c.raw("hidden_activation") != nullptr;  // it wins
  llama_like_keys(c, d, a, defaults);
  gated_keys(c, d.feed_forward.front(), 9216, has_newer ? "hidden_activation" : "hidden_activation|hidden_act",
             "gelu_pytorch_tanh");
  head_dim_key(c, d, a, 256);
  gemma_score_keys(c, d, a, score_cap, logit_cap);
  eps_key(c, d, a, 1e-6);
  c.option("attention_bias", a, "bias", description_of<Bias>(), false);
  c.expect("mlp_bias", false);
  c.expect("clip_qkv", nullptr);
  c.expect("use_bidirectional_attention", false);
}

/// Defaults of transformers' Gemma2Config.
inline void gemma2_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  gemma_keys(c, d, kinds.full,
             {.vocab_size = 256'000, .dim = 2304, .layers = 26, .heads = 8, .context = 8192, .tied = true}, 50.0, 30.0);
  llama_theta_key(c, kinds.full);
  scaling_keys(c, kinds.full);
  kinds.share(c);
  c.compare(false);
  c.window("sliding_window", kinds.sliding, 4096);
  c.compare(true);
  kinds.write_types(c, d);
  kinds.finish(c, d, 2, [](std::size_t layer) { return layer % 2 == 0; });
}
inline constexpr Family gemma2_family{"gemma2", "Gemma2ForCausalLM", &gemma_names, gemma2_prototype, gemma2_keys};

/// Defaults of transformers' Gemma3TextConfig. Sliding layers rotate with a base of their own.
inline void gemma3_keys(ConfigKeys& c, ModelDescription& d) {
  SlidingLayers kinds(c, d);
  gemma_keys(c, d, kinds.full,
             {.vocab_size = 262'208, .dim = 2304, .layers = 26, .heads = 8, .context = 131'072, .tied = true}, nullptr,
             nullptr);
  c.compare(false);
  llama_theta_key(c, kinds.full, 1e6);
  kinds.share(c);
  scaling_keys(c, kinds.full);
  c.window("sliding_window", kinds.sliding, 4096);
  c.enter(sliding_rotation);
  theta_key(c, "rope_theta", kinds.sliding, 1e4);
  c.enter("");
  scaling_keys(c, kinds.sliding, sliding_rotation);
  c.compare(true);
  std::size_t period = 6;
  if (c.reads()) c.size("sliding_window_pattern|_sliding_window_pattern", period, 6);
  kinds.write_types(c, d);
  kinds.finish(c, d, period, [&](std::size_t layer) { return (layer + 1) % period != 0; });
}
inline constexpr Family gemma3_family{
    "gemma3_text", "Gemma3ForCausalLM", &gemma_names, gemma3_prototype, gemma3_keys, {}, "rope_local_base_freq"};

}}}  // namespace bora::BORA_ABI::detail
