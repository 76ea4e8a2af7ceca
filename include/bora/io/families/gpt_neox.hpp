/// GPT-NeoX and Pythia: rotation of a part of each head, parallel residual with two norms.
#pragma once
#include <bora/io/family.hpp>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline constexpr TensorNames gpt_neox_names{
    .prefix = "gpt_neox.",
    .embedding = "embed_in",
    .positions = "",
    .final_norm = "final_layer_norm",
    .head = "embed_out",
    .layer = "layers.",
    .attention_norm = "input_layernorm",
    .query = "attention.query_key_value",
    .key = "attention.query_key_value",
    .value = "attention.query_key_value",
    .output = "attention.dense",
    .feed_forward_norm = "post_attention_layernorm",
    .gate = "",
    .up = "mlp.dense_h_to_4h",
    .down = "mlp.dense_4h_to_h",
    .fused = TensorNames::Fused::grouped,
};

inline ModelDescription gpt_neox_prototype() {
  return prototype(norm_description("LayerNorm", 1, true, true), rotary_prototype(), mlp_prototype(true));
}
/// Defaults of GPTNeoXConfig.
inline void gpt_neox_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  double& fraction = c.real_at(a, "position.fraction");
  bool parallel = d.residual.name != "SequentialResidual";
  c.size("vocab_size", d.vocab_size, 50'432);
  c.size("hidden_size", d.dim, 6144);
  c.size("num_hidden_layers", d.layers, 44);
  c.size("num_attention_heads", c.size_at(a, "heads"), 64);
  share_width(c, d, a);
  c.size_at(a, "kv_heads") = c.size_at(a, "heads");
  c.choose("hidden_act", c.policy(f, "activation"), activation_words, "gelu");
  c.size("intermediate_size", c.size_at(f, "hidden"), 24'576);
  c.real("rotary_pct|partial_rotary_factor", fraction, 0.25);
  const bool is_share = fraction > 0 && fraction <= 1;
  const double width = static_cast<double>(c.size_at(a, "head_dim"));
  const std::size_t turned = is_share ? static_cast<std::size_t>(fraction * width) : 0;
  c.check(turned > 0 && turned % 2 == 0, "a share of the head's width that is an even number of components, of ",
          c.size_at(a, "head_dim"));
  theta_key(c, "rotary_emb_base|rope_theta", a, 10'000.0);
  c.real("layer_norm_eps", c.real_at(d.norm, "eps"), 1e-5);
  c.flag("use_parallel_residual", parallel, true);
  c.option("attention_bias", a, "bias", description_of<Bias>(), true);
  c.flag("tie_word_embeddings", d.tie_embeddings, false);
  c.context("max_position_embeddings", d.context, 2048);
  scaling_keys(c, a);
  if (c.reads() && parallel) d.residual = description_of<ParallelResidual<SeparateNorms>>();
}
inline constexpr Family gpt_neox_family{"gpt_neox", "GPTNeoXForCausalLM", &gpt_neox_names, gpt_neox_prototype,
                                        gpt_neox_keys};

}}}  // namespace bora::BORA_ABI::detail
