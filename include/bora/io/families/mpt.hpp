/// MPT: ALiBi, LayerNorm without bias, no biases.
#pragma once
#include <bora/io/family.hpp>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline constexpr TensorNames mpt_names{
    .prefix = "transformer.",
    .embedding = "wte",
    .positions = "wpe",
    .final_norm = "norm_f",
    .head = "lm_head",
    .layer = "blocks.",
    .attention_norm = "norm_1",
    .query = "attn.Wqkv",
    .key = "attn.Wqkv",
    .value = "attn.Wqkv",
    .output = "attn.out_proj",
    .feed_forward_norm = "norm_2",
    .gate = "",
    .up = "ffn.up_proj",
    .down = "ffn.down_proj",
    .fused = TensorNames::Fused::stacked,
};

inline ModelDescription mpt_prototype() {
  return prototype(norm_description("LayerNorm", 1, true, false),
                   attention_description(any_heads, description_of<Causal>(), description_of<Alibi<1.0>>()),
                   mlp_prototype(false));
}
/// Defaults of MptConfig and MptAttentionConfig. `learned_pos_emb` is not looked at: with ALiBi there are none.
inline void mpt_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription& a = d.attention.front();
  std::size_t &heads = c.size_at(a, "heads"), &hidden = c.size_at(d.feed_forward.front(), "hidden");
  std::size_t ratio = d.dim == 0 ? 0 : hidden / d.dim;
  double& max_bias = c.real_at(a, "position.max_bias");
  c.size("vocab_size", d.vocab_size, 50'368);
  c.size("d_model|hidden_size", d.dim, 2048);
  c.size("n_layers|num_hidden_layers", d.layers, 24);
  c.size("n_heads|num_attention_heads", heads, 16);
  share_width(c, d, a);
  c.size("expansion_ratio", ratio, 4);
  hidden = ratio * d.dim;
  c.real("layer_norm_epsilon", c.real_at(d.norm, "eps"), 1e-5);
  c.flag("tie_word_embeddings", d.tie_embeddings, true);
  c.expect_and_write("no_bias", true, true);
  c.expect_and_write("logit_scale", nullptr, nullptr);
  c.expect_and_write("norm_type", "low_precision_layernorm", "low_precision_layernorm");
  c.write("learned_pos_emb", false);
  c.context("max_seq_len", d.context, 2048);
  c.enter("attn_config");
  c.expect_and_write("alibi", true, true);
  c.whole_real("alibi_bias_max", max_bias, 8);
  c.check(max_bias > 0, "a number above 0");
  c.expect_and_write("attn_type", "multihead_attention", "multihead_attention");
  c.clip("clip_qkv", a);
  c.expect_and_write("prefix_lm", false, false);
  c.expect_and_write("qk_ln", false, false);
  c.expect("qk_gn", false);
  c.expect("rope", false);
  c.expect("kv_n_heads", heads);
  c.expect("sliding_window_size", -1.0);
  c.expect("attn_logit_softcapping", nullptr);
  c.expect_and_write("softmax_scale", nullptr, nullptr);
  c.enter("ffn_config");
  c.expect("ffn_type", "mptmlp");
  c.enter("");
  c.size_at(a, "kv_heads") = heads;
}
inline constexpr Family mpt_family{"mpt", "MptForCausalLM", &mpt_names, mpt_prototype, mpt_keys};

}}}  // namespace bora::BORA_ABI::detail
