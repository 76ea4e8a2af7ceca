/// Llama 1 to 3, TinyLlama: rotary positions, RMSNorm, gated layers. Mistral, OLMo, Qwen and Gemma are like it.
#pragma once
#include <bora/io/family.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline constexpr TensorNames llama_names{
    .prefix = "model.",
    .embedding = "embed_tokens",
    .positions = "embed_positions",  // no published model of this family has any
    .final_norm = "norm",
    .head = "lm_head",
    .layer = "layers.",
    .attention_norm = "input_layernorm",
    .query = "self_attn.q_proj",
    .key = "self_attn.k_proj",
    .value = "self_attn.v_proj",
    .output = "self_attn.o_proj",
    .feed_forward_norm = "post_attention_layernorm",
    .gate = "mlp.gate_proj",
    .up = "mlp.up_proj",
    .down = "mlp.down_proj",
    .has_experts = true,
    .relative_bias = "relative_attention_bias",
    .query_norm = "self_attn.q_norm",
    .key_norm = "self_attn.k_norm",
    .attention_output_norm = "post_self_attn_layernorm",  // GLM-4's
    .feed_forward_output_norm = "post_mlp_layernorm",
    .own_tensors = true,
};

inline ModelDescription llama_prototype() {
  return prototype(norm_description("RmsNorm", 1, true, false), rotary_prototype(), swiglu_prototype());
}

/// Defaults that transformers assumes for missing keys, where the Llama-like families differ.
struct LlamaDefaults {
  std::size_t vocab_size = 32'000, dim = 4096, layers = 32, heads = 32, context = 2048;
  std::size_t kv_heads = 0;  ///< 0: as many as heads
  bool tied = false;
};

/// A gated feed-forward layer, or an expert.
/// \param activation  the key's spellings
/// \param usual       what a missing key means
inline void gated_keys(ConfigKeys& c, PolicyDescription& f, std::size_t hidden,
                       std::string_view activation = "hidden_act|hidden_activation", ConfigValue usual = "silu") {
  c.choose(activation, f, gated_words, usual);
  c.size("intermediate_size", c.size_at(f, "hidden"), hidden);
}
/// The base of the rotation.
inline void llama_theta_key(ConfigKeys& c, PolicyDescription& a, ConfigValue missing = 1e4) {
  theta_key(c, "rope_theta|rotary_emb_base", a, missing);
}
/// The keys that all Llama-like families share. `a` is the attention of one kind of layer.
inline void llama_like_keys(ConfigKeys& c, ModelDescription& d, PolicyDescription& a, const LlamaDefaults& defaults) {
  std::size_t &heads = c.size_at(a, "heads"), &kv_heads = c.size_at(a, "kv_heads");
  c.size("vocab_size", d.vocab_size, defaults.vocab_size);
  c.size("hidden_size", d.dim, defaults.dim);
  c.size("num_hidden_layers", d.layers, defaults.layers);
  c.size("num_attention_heads", heads, defaults.heads);
  c.size("num_key_value_heads", kv_heads, defaults.kv_heads == 0 ? heads : defaults.kv_heads, heads);
  c.check(heads % std::max<std::size_t>(kv_heads, 1) == 0, "a divisor of num_attention_heads, ", heads);
  c.flag("tie_word_embeddings", d.tie_embeddings, defaults.tied);
  c.expect("partial_rotary_factor|rotary_pct", 1);
  c.expect("parallel_attn|use_parallel_residual", false);
  c.context("max_position_embeddings", d.context, defaults.context);
}
/// The head's width.
/// \param missing  what a missing key means; 0: the same as null, dim / heads
inline void head_dim_key(ConfigKeys& c, const ModelDescription& d, PolicyDescription& a, std::size_t missing = 0) {
  const std::size_t heads = std::max<std::size_t>(c.size_at(a, "heads"), 1), share = d.dim / heads;
  std::size_t& head_dim = c.size_at(a, "head_dim");
  c.size("head_dim", head_dim, missing == 0 ? share : missing, share);
  c.check(head_dim % 2 == 0, "an even number: rotary components turn in pairs");
}
/// Keys that could change the scale of scores, which must be the usual one.
inline void score_scale_keys(ConfigKeys& c, PolicyDescription& a) {
  const std::size_t head_dim = c.size_at(a, "head_dim");
  c.expect("attention_multiplier", 1 / std::sqrt(static_cast<double>(head_dim)));
  c.expect("query_pre_attn_scalar", head_dim);
}
/// `layer_types` must say that all layers are alike, where it is there.
inline void layer_types_key(ConfigKeys& c, ModelDescription& d) {
  const Json* types = c.raw("layer_types");
  if (types == nullptr) return;
  if (!types->is_array()) c.refuse({"key 'layer_types' is ", json_kind(*types), ", expected an array"});
  const bool window = d.attention.front().policy("mask").name == "SlidingWindow";
  const std::string_view expected = window ? "sliding_attention" : "full_attention";
  for (std::size_t layer = 0; layer < types->size(); ++layer)
    if ((*types)[layer] != expected)
      c.refuse({"key 'layer_types[", layer, "]' is ", json_kind((*types)[layer]), ", expected the string '", expected,
                "': layers of this family are alike"});
}

/// The eps of the model's norms, which that of queries and keys shares.
inline void eps_key(ConfigKeys& c, ModelDescription& d, PolicyDescription& a, double missing) {
  double& eps = c.real_at(d.norm, "eps");
  c.real("rms_norm_eps", eps, missing);
  if (c.reads() && a.has("qk_norm")) c.real_at(a, "qk_norm.norm.eps") = eps;
}

/// Defaults of transformers' LlamaConfig.
inline void llama_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  llama_like_keys(c, d, a, {});
  gated_keys(c, f, 11'008);
  llama_theta_key(c, a);
  head_dim_key(c, d, a);
  score_scale_keys(c, a);
  c.real("rms_norm_eps", c.real_at(d.norm, "eps"), 1e-6);
  c.expect("use_sliding_window", false);
  c.option("attention_bias", a, "bias", description_of<Bias>(), false);
  c.option("mlp_bias", f, "bias", description_of<Bias>(), false);
  c.expect("clip_qkv", nullptr);
  layer_types_key(c, d);
  scaling_keys(c, a);
}

inline constexpr Family llama_family{"llama", "LlamaForCausalLM", &llama_names, llama_prototype, llama_keys};

}}}  // namespace bora::BORA_ABI::detail
