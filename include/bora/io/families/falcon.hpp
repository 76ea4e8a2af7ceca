/// Falcon: the older layer (one key/value head, or as many as heads) and the newer (groups, two norms).
#pragma once
#include <bora/io/family.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline constexpr TensorNames falcon_names{
    .prefix = "transformer.",
    .embedding = "word_embeddings",
    .positions = "",
    .final_norm = "ln_f",
    .head = "lm_head",
    .layer = "h.",
    .attention_norm = "input_layernorm",
    .query = "self_attention.query_key_value",
    .key = "self_attention.query_key_value",
    .value = "self_attention.query_key_value",
    .output = "self_attention.dense",
    .feed_forward_norm = "post_attention_layernorm",
    .gate = "",
    .up = "mlp.dense_h_to_4h",
    .down = "mlp.dense_4h_to_h",
    .fused = TensorNames::Fused::grouped,
    .norms_of_parallel_layers = {"ln_attn", "ln_mlp"},
};

inline ModelDescription falcon_prototype() {
  return prototype(norm_description("LayerNorm", 1, true, true), rotary_prototype(), mlp_prototype(false));
}
inline constexpr std::string_view falcon_spellings[]{"RefinedWebModel", "RefinedWeb"};

/// Defaults of FalconConfig; the second spellings are those of its files from before transformers had it. Its ALiBi is
/// scaled together with the scores, unlike the paper's; no policy implements that.
inline void falcon_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  std::size_t &heads = c.size_at(a, "heads"), &kv_heads = c.size_at(a, "kv_heads");
  c.size("vocab_size", d.vocab_size, 65'024);
  c.size("hidden_size|n_embed", d.dim, 4544);
  c.size("num_hidden_layers|n_layer", d.layers, 32);
  c.size("num_attention_heads|n_head", heads, 71);
  share_width(c, d, a);
  c.check(c.size_at(a, "head_dim") % 2 == 0, "heads of an even width: rotary components turn in pairs");
  // A newer layer has groups of key/value heads, and two norms unless they are said to be one.
  const std::string_view norms = d.residual.policy("norms").name;
  bool is_new = norms == "SeparateNorms" || (norms == "SharedNorm" && kv_heads != 1 && kv_heads != heads);
  bool parallel = !norms.empty();
  c.flag("new_decoder_architecture", is_new, c.model_type() == "RefinedWeb");
  c.flag("parallel_attn", parallel, true);
  c.check(parallel || !is_new, "true beside new_decoder_architecture");
  c.option("bias", a, "bias", description_of<Bias>(), false);
  c.expect_and_write("alibi", false, false);
  c.expect("apply_residual_connection_post_layernorm", false);  // BLOOM's
  c.choose("activation", c.policy(f, "activation"), activation_words, "gelu");
  c.size("ffn_hidden_size", c.size_at(f, "hidden"), 4 * d.dim);
  c.real("layer_norm_epsilon", c.real_at(d.norm, "eps"), 1e-5);
  theta_key(c, "rope_theta|rotary_emb_base", a, 1e4);
  c.expect("partial_rotary_factor|rotary_pct", 1);
  c.flag("tie_word_embeddings", d.tie_embeddings, true);
  c.context("max_position_embeddings", d.context, 2048);
  std::size_t count = norms == "SharedNorm" ? 1 : 2;
  if (is_new) {
    c.size("num_kv_heads|n_head_kv", kv_heads, heads);
    c.check(heads % std::max<std::size_t>(kv_heads, 1) == 0, "a divisor of num_attention_heads, ", heads);
    c.size("num_ln_in_parallel_attn", count, 2);
    c.check(count <= 2, "1 or 2");
  } else {
    bool multi_query = kv_heads == 1;
    c.flag("multi_query", multi_query, true);
    kv_heads = multi_query ? 1 : heads;
    count = 1;
  }
  scaling_keys(c, a);
  if (!c.reads()) return;
  if (a.has("bias")) f.add("bias", description_of<Bias>());
  if (parallel)
    d.residual =
        count == 1 ? description_of<ParallelResidual<SharedNorm>>() : description_of<ParallelResidual<SeparateNorms>>();
}
inline constexpr Family falcon_family{"falcon",         "FalconForCausalLM", &falcon_names,
                                      falcon_prototype, falcon_keys,         falcon_spellings};

}}}  // namespace bora::BORA_ABI::detail
