/// OLMo 1: Llama's kind with a norm without parameters.
#pragma once
#include <bora/io/family.hpp>
#include <bora/io/families/llama.hpp>
#include <cstddef>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline ModelDescription olmo_prototype() {
  return prototype(norm_description("NonParametricLayerNorm", 1e-5, false, false), rotary_prototype(),
                   swiglu_prototype());
}
/// Defaults of transformers' OlmoConfig.
inline void olmo_keys(ConfigKeys& c, ModelDescription& d) {
  PolicyDescription& a = d.attention.front();
  llama_like_keys(c, d, d.feed_forward.front(), {.vocab_size = 50'304});
  share_width(c, d, a);
  score_scale_keys(c, d);
  c.expect("use_sliding_window", false);
  c.option("attention_bias", a, "bias", description_of<Bias>(), false);
  c.expect("mlp_bias", false);
  c.clip("clip_qkv", a);
  c.write("pad_token_id", nullptr);  // its default may not exist here
  layer_types_key(c, d);
  scaling_keys(c, a);
}
inline constexpr Family olmo_family{"olmo", "OlmoForCausalLM", &llama_names, olmo_prototype, olmo_keys};

}}}  // namespace bora::BORA_ABI::detail
