/// GPT-2 and models of its kind: learned positions, matrices stored [in, out].
#pragma once
#include <bora/io/family.hpp>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline constexpr TensorNames gpt2_names{
    .prefix = "transformer.",
    .embedding = "wte",
    .positions = "wpe",
    .final_norm = "ln_f",
    .head = "lm_head",
    .layer = "h.",
    .attention_norm = "ln_1",
    .query = "attn.c_attn",
    .key = "attn.c_attn",
    .value = "attn.c_attn",
    .output = "attn.c_proj",
    .feed_forward_norm = "ln_2",
    .gate = "",
    .up = "mlp.c_fc",
    .down = "mlp.c_proj",
    .fused = TensorNames::Fused::stacked,
    .transposed = true,
};

inline ModelDescription gpt2_prototype() {
  return prototype(
      norm_description("LayerNorm", 1, true, true),
      attention_description(any_heads, description_of<Causal>(), description_of<NoPosition>(), {.bias = true}),
      mlp_prototype(true), description_of<LearnedPositions>());
}
/// Defaults of GPT2Config. The two scale_attn keys select other formulas, which no policy implements.
inline void gpt2_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  c.size("vocab_size", d.vocab_size, 50'257);
  c.size("n_embd|hidden_size", d.dim, 768);
  c.size("n_layer|num_hidden_layers", d.layers, 12);
  c.size("n_head|num_attention_heads", c.size_at(a, "heads"), 12);
  share_width(c, d, a);
  c.size_at(a, "kv_heads") = c.size_at(a, "heads");
  c.size("n_positions|max_position_embeddings", d.context, 1024);  // learned: rows of a tensor
  c.size("n_inner", c.size_at(f, "hidden"), 4 * d.dim);
  c.choose("activation_function", c.policy(f, "activation"), activation_words, "gelu_new");
  c.real("layer_norm_epsilon", c.real_at(d.norm, "eps"), 1e-5);
  c.flag("tie_word_embeddings", d.tie_embeddings, true);
  c.expect_and_write("scale_attn_weights", true, true);
  c.expect_and_write("scale_attn_by_inverse_layer_idx", false, false);
  c.expect("add_cross_attention", false);
}
inline constexpr Family gpt2_family{"gpt2", "GPT2LMHeadModel", &gpt2_names, gpt2_prototype, gpt2_keys};

}}}  // namespace bora::BORA_ABI::detail
