/// The library's own family, for models that no published family can hold. Policies are written as they describe
/// themselves.
#pragma once
#include <bora/io/families/llama.hpp>
#include <bora/io/family.hpp>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline ModelDescription own_prototype() { return {}; }
inline void own_keys(ConfigKeys& c, ModelDescription& d) {
  c.size("vocab_size", d.vocab_size);
  c.size("hidden_size", d.dim);
  c.size("num_hidden_layers", d.layers);
  c.flag("tie_word_embeddings", d.tie_embeddings);
  c.described("position", d.position);
  c.described("norm", d.norm);
  c.described("residual", d.residual);
  c.described("embedding_scale", d.embedding_scale, description_of<NoEmbeddingScale>());
  c.described("logit_cap", d.logit_cap, description_of<NoSoftCap>());
  c.pattern("attention", d.attention);
  c.pattern("feed_forward", d.feed_forward);
  is_bound_to_context(d) ? c.size("max_position_embeddings", d.context)
                         : c.context("max_position_embeddings", d.context, 2048);
}
inline constexpr Family own_family{"bora", "", &llama_names, own_prototype, own_keys};

// ---- files of version 0.1, which are read

inline constexpr PolicyWord old_positions[]{{"none", description_of<NoPosition>},
                                            {"learned", description_of<LearnedPositions>},
                                            {"sinusoidal", description_of<SinusoidalPositions>}};
inline constexpr PolicyWord old_norms[]{{"RMSNorm", description_of<RmsNorm<1.0>>},
                                        {"LayerNorm", description_of<LayerNorm<1.0>>},
                                        {"LayerNorm without bias", description_of<LayerNorm<1.0, NoBias>>},
                                        {"LayerNorm without parameters", description_of<NonParametricLayerNorm<1.0>>}};
inline constexpr PolicyWord old_residuals[]{{"sequential", description_of<SequentialResidual>},
                                            {"parallel, one norm", description_of<ParallelResidual<SharedNorm>>},
                                            {"parallel, two norms", description_of<ParallelResidual<SeparateNorms>>}};
/// A user-defined policy. One without a name matches any of its kind.
inline PolicyDescription old_other() { return PolicyDescription("", PolicyDescription::Form::foreign); }
inline constexpr PolicyWord old_masks[]{
    {"causal", description_of<Causal>}, {"sliding window", description_of<SlidingWindow<1>>}, {"other", old_other}};
inline constexpr PolicyWord old_attention_positions[]{{"none", description_of<NoPosition>},
                                                      {"rotary", description_of<Rope<2.0>>},
                                                      {"ALiBi", description_of<Alibi<1.0>>},
                                                      {"T5 bias", description_of<T5RelativeBias<>>}};
inline constexpr PolicyWord old_scalings[]{
    {"default", scaling_words[0].description}, {"linear", scaling_words[1].description},
    {"ntk", description_of<NtkScaling<1.0>>},  {"yarn", scaling_words[3].description},
    {"llama3", scaling_words[2].description},  {"other", old_other}};
inline constexpr PolicyWord old_activations[]{
    activation_words[0], activation_words[1], activation_words[2], activation_words[3], {"other", old_other}};
inline constexpr PolicyWord old_gated[]{gated_words[0], gated_words[1], {"other", old_other}};
inline constexpr PolicyWord old_routers[]{{"softmax over the chosen experts", description_of<TopKRouter<1>>},
                                          {"softmax over all experts", description_of<SoftmaxTopKRouter<1>>},
                                          {"other", old_other}};

/// The number if the policy has it, otherwise null.
inline void old_number(ConfigKeys& c, std::string_view key, PolicyDescription& d, std::string_view argument) {
  if (d.has(argument))
    c.real(key, c.real_at(d, argument));
  else
    c.write(key, nullptr);
}
inline void old_name(ConfigKeys& c, std::string_view within, std::string_view key, PolicyDescription& d) {
  const Json* object = c.raw(within);
  const Json* name = object == nullptr ? nullptr : find_json(*object, key);
  if (name != nullptr && name->is_string()) d.name = name->get<std::string>();
  c.write(key, nullptr);
}

inline void old_attention(ConfigKeys& c, std::string_view within, PolicyDescription& a) {
  a = attention_description(any_heads, description_of<Causal>(), description_of<NoPosition>());
  c.enter(within);
  c.size("heads", c.size_at(a, "heads"));
  c.size("kv_heads", c.size_at(a, "kv_heads"));
  c.size("head_dim", c.size_at(a, "head_dim"));
  PolicyDescription &mask = c.policy(a, "mask"), &position = c.policy(a, "position");
  c.choose("mask", mask, old_masks);
  std::size_t window = 0;
  double hash = 0;
  if (mask.form == PolicyDescription::Form::foreign) {
    const Json* there = c.raw(within);
    const Json* number = there == nullptr ? nullptr : find_json(*there, "sliding_window");
    if (number != nullptr && is_whole_number(*number)) window = number->get<std::size_t>();
    c.write("sliding_window", nullptr);
    c.real("mask_hash", hash);
    c.check(hash >= 0 && hash < 0x1p32, "a whole number of 32 bits");
    mask.add_fact("hash", static_cast<std::size_t>(hash));
    mask.add_fact("window", window);
  } else if (mask.has("window")) {
    c.size("sliding_window", c.size_at(mask, "window"));
  } else {
    c.write("sliding_window", nullptr);
  }
  c.choose("position", position, old_attention_positions);
  old_number(c, "rope_theta", position, "theta");
  old_number(c, "rotary_fraction", position, "fraction");
  old_number(c, "alibi_max_bias", position, "max_bias");
  if (position.has("buckets")) {
    c.size("relative_attention_num_buckets", c.size_at(position, "buckets"));
    c.size("relative_attention_max_distance", c.size_at(position, "max_distance"));
  }
  PolicyDescription& scaling = c.policy(position, "scaling");
  c.choose("scaling", scaling, old_scalings);
  old_name(c, within, "scaling_name", scaling);
  for (const auto& [key, argument] : {std::pair("scaling_factor", "factor"),
                                      {"scaling_original_context", "original_context"},
                                      {"scaling_beta_fast", "beta_fast"},
                                      {"scaling_beta_slow", "beta_slow"},
                                      {"scaling_low_frequency", "low_frequency"},
                                      {"scaling_high_frequency", "high_frequency"}})
    old_number(c, key, scaling, argument);
  c.option("bias", a, "bias", description_of<Bias>());
  c.clip("clip_qkv", a);
}
inline void old_feed_forward(ConfigKeys& c, std::string_view within, PolicyDescription& layer) {
  c.enter(within);
  std::size_t hidden = 1, experts = 0, chosen = 0;
  bool gated = false;
  c.size("hidden", hidden);
  c.flag("gated", gated);
  const Json* object = c.raw(within);
  const bool mixture = object != nullptr && find_json(*object, "experts") != nullptr;
  layer = mlp_prototype(false);
  if (mixture) layer = mixture_description(1, 1, router_description("TopKRouter", 1), std::move(layer));
  PolicyDescription& f = mixture ? c.policy(layer, "expert") : layer;
  PolicyDescription& activation = gated ? f : c.policy(f, "activation");
  c.choose("activation", activation, gated ? old_gated : std::span<const PolicyWord>(old_activations));
  if (gated)
    c.write("activation_name", nullptr);
  else
    old_name(c, within, "activation_name", activation);
  if (gated && f.form == PolicyDescription::Form::foreign) f.add_fact("hidden", hidden);
  c.size_at(f, "hidden") = hidden;
  c.option("bias", f, "bias", description_of<Bias>());
  c.write("experts", nullptr);
  c.write("experts_per_token", nullptr);
  c.write("router", nullptr);
  c.write("router_name", nullptr);
  if (!mixture) return;
  PolicyDescription& router = c.policy(layer, "router");
  c.size("experts", experts);
  c.size("experts_per_token", chosen);
  c.choose("router", router, old_routers);
  old_name(c, within, "router_name", router);
  if (router.form == PolicyDescription::Form::foreign) router.add_fact("experts_per_token", chosen);
  c.size_at(layer, "experts") = experts;
  c.size_at(router, "experts_per_token") = chosen;
}
/// Read only.
inline void old_own_keys(ConfigKeys& c, ModelDescription& d) {
  bool alternating = false;
  c.size("vocab_size", d.vocab_size);
  c.size("hidden_size", d.dim);
  c.size("num_hidden_layers", d.layers);
  c.context("max_position_embeddings", d.context, 2048);
  c.flag("tie_word_embeddings", d.tie_embeddings);
  c.choose("position", d.position, old_positions);
  c.choose("norm", d.norm, old_norms);
  c.real("norm_eps", c.real_at(d.norm, "eps"));
  c.choose("residual", d.residual, old_residuals);
  c.flag("alternating_layers", alternating);
  d.attention.resize(alternating ? 2 : 1);
  d.feed_forward.resize(alternating ? 2 : 1);
  old_attention(c, "attention", d.attention.front());
  old_feed_forward(c, "feed_forward", d.feed_forward.front());
  if (!alternating) return;
  old_attention(c, "attention_of_odd_layers", d.attention.back());
  old_feed_forward(c, "feed_forward_of_odd_layers", d.feed_forward.back());
}
inline constexpr Family old_own_family{"bora", "", &llama_names, own_prototype, old_own_keys};

}}}  // namespace bora::BORA_ABI::detail
