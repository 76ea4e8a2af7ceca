/// The keys of Hugging Face's config.json, family by family: one table, by which files are checked and written.
#pragma once
#include <bora/io/families.hpp>
#include <bora/io/neutral_keys.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace bora::inline BORA_ABI {

/// What a key of config.json holds, as far as models go: null, true or false, a number or a word.
struct ConfigValue {
  /// What stands at the key.
  enum class Kind { absent, null, boolean, whole, fraction, word };

  constexpr ConfigValue() = default;  ///< absent
  /// JSON's null.
  constexpr ConfigValue(std::nullptr_t) : kind(Kind::null) {}
  /// True or false, or a whole number.
  constexpr ConfigValue(std::integral auto value)
      : kind(std::is_same_v<decltype(value), bool> ? Kind::boolean : Kind::whole), number(static_cast<double>(value)) {}
  /// A number.
  constexpr ConfigValue(double value) : kind(Kind::fraction), number(value) {}
  /// A word, which must outlive it.
  constexpr ConfigValue(std::string_view value) : kind(Kind::word), word(value) {}
  /// A word, which must outlive it.
  constexpr ConfigValue(const char* value) : kind(Kind::word), word(value) {}

  Kind kind = Kind::absent;  ///< which of the others counts, if any
  double number = 0;         ///< of a whole one too: sizes are far below 2^53
  std::string_view word;     ///< where kind is word; a view
};

/// A key of config.json and what the model has there.
struct ConfigKey {
  /// Whether the key is looked at, written, or both.
  enum class Use { check_and_write, check, write };

  std::string_view key;            ///< "n_embd|hidden_size" for two spellings; the first is written
  ConfigValue model;               ///< what the model has: expected in files, and written
  ConfigValue missing = {};        ///< what transformers takes a missing key for; where absent, the key must be there
  ConfigValue if_null = {};        ///< what it takes null for; where absent, the same as missing, or false of a boolean
  Use use = Use::check_and_write;  ///< whether files are checked for it, get it, or both
  std::string_view within = {};    ///< the object that holds the key
};

namespace detail {

using ConfigKeys = std::vector<ConfigKey>;

inline void append_within(ConfigKeys& keys, std::string_view within, std::initializer_list<ConfigKey> more) {
  for (ConfigKey key : more) {
    key.within = within;
    keys.push_back(key);
  }
}

/// Zero stands for "none" in descriptions, null in files.
template <class Number>
ConfigValue or_null(Number value) {
  return value == Number{} ? ConfigValue(nullptr) : value;
}

/// Whole where it is: some keys are integers to transformers, and it insists.
inline ConfigValue whole_if_whole(double value) {
  return value == std::floor(value) && std::abs(value) < 0x1p53 ? ConfigValue(static_cast<std::int64_t>(value))
                                                                : ConfigValue(value);
}

/// Rotary scaling (transformers, modeling_rope_utils.py). Its numbers have no defaults but those of YaRN.
inline void append_scaling(ConfigKeys& keys, const ScalingDescription& s) {
  using Use = ConfigKey::Use;
  constexpr std::string_view type = "rope_type|type", within = "rope_scaling";
  const ConfigKey plain{"attention_factor", 1, 1, {}, Use::check};  // of a kind that leaves the scores as they are
  if (s.kind == ScalingKind::none) {
    append_within(keys, within,
                  {{type, "default", "default", {}, Use::check}, {"factor", 1, 1, {}, Use::check}, plain});
    keys.push_back({"rope_scaling", nullptr, {}, {}, Use::write});
    return;
  }
  append_within(keys, within, {{type, name_of(s.kind), "default"}, {"factor", s.factor}});
  const ConfigKey original{"original_max_position_embeddings", whole_if_whole(s.original_context)};
  if (s.kind == ScalingKind::llama3)
    append_within(keys, within,
                  {original, {"low_freq_factor", s.low_frequency}, {"high_freq_factor", s.high_frequency}});
  if (s.kind != ScalingKind::yarn) append_within(keys, within, {plain});
  const double amplitude = 0.1 * std::log(s.factor) + 1;
  if (s.kind == ScalingKind::yarn)
    append_within(keys, within,
                  {original,
                   {"beta_fast", s.beta_fast, 32},
                   {"beta_slow", s.beta_slow, 1},
                   {"attention_factor", amplitude, amplitude, {}, Use::check},
                   {"mscale", nullptr, nullptr, {}, Use::check},
                   {"mscale_all_dim", nullptr, nullptr, {}, Use::check},
                   {"truncate", true, true, {}, Use::check}});
}

/// Defaults of transformers' LlamaConfig, MistralConfig, MixtralConfig and OlmoConfig.
inline ConfigKeys llama_keys(std::string_view type, const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  const FeedForwardDescription& f = d.feed_forward.front();
  const bool mistral = type == "mistral", mixtral = type == "mixtral", olmo = type == "olmo";
  const bool grouped = mistral || mixtral;  // by default
  ConfigKeys keys{
      {"vocab_size", d.vocab_size, olmo ? 50'304 : 32'000},
      {"hidden_size", d.dim, 4096},
      {"num_hidden_layers", d.layers, 32},
      {"num_attention_heads", a.heads, 32},
      {"num_key_value_heads", a.kv_heads, grouped ? 8 : a.heads, a.heads},
      {"intermediate_size", f.hidden, grouped ? 14'336 : 11'008},
      {"hidden_act|hidden_activation", name_of(f.activation), "silu"},
      {"tie_word_embeddings", d.tie_embeddings, false},
      {"rope_theta|rotary_emb_base", a.theta, mixtral ? 1e6 : 1e4},
      {"partial_rotary_factor|rotary_pct", 1, 1, {}, ConfigKey::Use::check},
      {"parallel_attn|use_parallel_residual", false, false, {}, ConfigKey::Use::check},
      {"attention_multiplier", 1 / std::sqrt(a.head_dim), 1 / std::sqrt(a.head_dim), {}, ConfigKey::Use::check},
      {"query_pre_attn_scalar", a.head_dim, a.head_dim, {}, ConfigKey::Use::check},
      {"use_sliding_window", a.window != 0, a.window != 0, a.window != 0, ConfigKey::Use::check},
      {"max_position_embeddings", d.context, {}, {}, ConfigKey::Use::write},
  };
  if (!olmo) keys.push_back({"head_dim", a.head_dim, d.dim / a.heads});
  if (!olmo) keys.push_back({"rms_norm_eps", d.norm.eps, mixtral ? 1e-5 : 1e-6});
  if (mistral) keys.push_back({"sliding_window", or_null(a.window), 4096, nullptr});
  if (mixtral) {
    keys.push_back({"sliding_window", or_null(a.window), nullptr});
    keys.push_back({"num_local_experts|num_experts", f.experts, 8});
    keys.push_back({"num_experts_per_tok", f.choices, 2});
  }
  if (mixtral) keys.push_back({"norm_topk_prob", true, true, true, ConfigKey::Use::check});
  // Where a family has none, transformers does not look: a file that has one is still another model.
  using Use = ConfigKey::Use;
  keys.push_back({"attention_bias", a.bias, false, {}, grouped ? Use::check : Use::check_and_write});
  keys.push_back({"mlp_bias", f.bias, false, {}, type == "llama" ? Use::check_and_write : Use::check});
  if (!olmo) keys.push_back({"clip_qkv", nullptr, nullptr, {}, Use::check});
  if (olmo) keys.push_back({"clip_qkv", or_null(a.clip), nullptr});
  if (olmo) keys.push_back({"pad_token_id", nullptr, {}, {}, ConfigKey::Use::write});  // its default may not exist here
  return keys;
}

/// Defaults of GPT2Config. The two scale_attn keys are other formulas, which no policy has.
inline ConfigKeys gpt2_keys(const ModelDescription& d) {
  const FeedForwardDescription& f = d.feed_forward.front();
  return {
      {"vocab_size", d.vocab_size, 50'257},
      {"n_embd|hidden_size", d.dim, 768},
      {"n_layer|num_hidden_layers", d.layers, 12},
      {"n_head|num_attention_heads", d.attention.front().heads, 12},
      {"n_positions|max_position_embeddings", d.context, 1024},  // learned: rows of a tensor
      {"n_inner", f.hidden, 4 * d.dim},
      {"activation_function", name_of(f.activation), "gelu_new"},
      {"layer_norm_epsilon", d.norm.eps, 1e-5},
      {"tie_word_embeddings", d.tie_embeddings, true},
      {"scale_attn_weights", true, true},
      {"scale_attn_by_inverse_layer_idx", false, false},
      {"add_cross_attention", false, false, {}, ConfigKey::Use::check},
  };
}

/// Defaults of FalconConfig; the second spellings are those of its files from before transformers had it. Its ALiBi is
/// scaled with the scores, unlike the paper's: no policy has it.
inline ConfigKeys falcon_keys(std::string_view spelling, const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  const FeedForwardDescription& f = d.feed_forward.front();
  const bool is_new = is_new_falcon(d);
  ConfigKeys keys{
      {"vocab_size", d.vocab_size, 65'024},
      {"hidden_size|n_embed", d.dim, 4544},
      {"num_hidden_layers|n_layer", d.layers, 32},
      {"num_attention_heads|n_head", a.heads, 71},
      {"new_decoder_architecture", is_new, spelling == "RefinedWeb"},
      {"parallel_attn", d.residual != ResidualKind::sequential, true},
      {"bias", a.bias, false},
      {"alibi", false, false},
      {"apply_residual_connection_post_layernorm", false, false, {}, ConfigKey::Use::check},  // BLOOM's
      {"ffn_hidden_size", f.hidden, 4 * d.dim},
      {"activation", name_of(f.activation), "gelu"},
      {"layer_norm_epsilon", d.norm.eps, 1e-5},
      {"rope_theta|rotary_emb_base", a.theta, 1e4},
      {"partial_rotary_factor|rotary_pct", 1, 1, {}, ConfigKey::Use::check},
      {"tie_word_embeddings", d.tie_embeddings, true},
      {"max_position_embeddings", d.context, {}, {}, ConfigKey::Use::write},
  };
  if (is_new) {
    keys.push_back({"num_kv_heads|n_head_kv", a.kv_heads, a.heads});
    keys.push_back({"num_ln_in_parallel_attn", d.residual == ResidualKind::parallel_shared_norm ? 1 : 2, 2});
  } else {
    keys.push_back({"multi_query", a.kv_heads == 1, true});
  }
  return keys;
}

/// Defaults of MptConfig and MptAttentionConfig. `learned_pos_emb` is not looked at: with ALiBi there are none.
inline ConfigKeys mpt_keys(const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  ConfigKeys keys{
      {"vocab_size", d.vocab_size, 50'368},
      {"d_model|hidden_size", d.dim, 2048},
      {"n_layers|num_hidden_layers", d.layers, 24},
      {"n_heads|num_attention_heads", a.heads, 16},
      {"expansion_ratio", d.feed_forward.front().hidden / d.dim, 4},
      {"layer_norm_epsilon", d.norm.eps, 1e-5},
      {"tie_word_embeddings", d.tie_embeddings, true},
      {"no_bias", true, true},
      {"logit_scale", nullptr, nullptr},
      {"norm_type", "low_precision_layernorm", "low_precision_layernorm"},
      {"learned_pos_emb", false, {}, {}, ConfigKey::Use::write},
      {"max_seq_len", d.context, {}, {}, ConfigKey::Use::write},
  };
  append_within(keys, "attn_config",
                {{"alibi", true, true},
                 {"alibi_bias_max", whole_if_whole(a.alibi_max_bias), 8},
                 {"attn_type", "multihead_attention", "multihead_attention"},
                 {"clip_qkv", or_null(a.clip), nullptr},
                 {"prefix_lm", false, false},
                 {"qk_ln", false, false},
                 {"qk_gn", false, false, {}, ConfigKey::Use::check},
                 {"rope", false, false, {}, ConfigKey::Use::check},
                 {"kv_n_heads", a.kv_heads, a.kv_heads, {}, ConfigKey::Use::check},
                 {"sliding_window_size", -1.0, -1.0, {}, ConfigKey::Use::check},
                 {"attn_logit_softcapping", nullptr, nullptr, {}, ConfigKey::Use::check},
                 {"softmax_scale", nullptr, nullptr}});
  append_within(keys, "ffn_config", {{"ffn_type", "mptmlp", "mptmlp", {}, ConfigKey::Use::check}});
  return keys;
}

/// Defaults of GPTNeoXConfig.
inline ConfigKeys gpt_neox_keys(const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  const FeedForwardDescription& f = d.feed_forward.front();
  return {
      {"vocab_size", d.vocab_size, 50'432},
      {"hidden_size", d.dim, 6144},
      {"num_hidden_layers", d.layers, 44},
      {"num_attention_heads", a.heads, 64},
      {"intermediate_size", f.hidden, 24'576},
      {"hidden_act", name_of(f.activation), "gelu"},
      {"rotary_pct|partial_rotary_factor", a.rotary_fraction, 0.25},
      {"rotary_emb_base|rope_theta", a.theta, 10'000},
      {"layer_norm_eps", d.norm.eps, 1e-5},
      {"use_parallel_residual", d.residual != ResidualKind::sequential, true},
      {"attention_bias", a.bias, true},
      {"tie_word_embeddings", d.tie_embeddings, false},
      {"max_position_embeddings", d.context, {}, {}, ConfigKey::Use::write},
  };
}

/// The name of a policy that is not the library's; folders of earlier versions do not have it.
inline void append_name(ConfigKeys& keys, std::string_view within, std::string_view key, std::string_view name) {
  if (!name.empty()) append_within(keys, within, {{key, name, name}});
}

/// `relative_attention_...` are T5's own keys. `mask_hash` is there for masks that have no name.
inline void append_attention(ConfigKeys& keys, std::string_view within, const AttentionDescription& a) {
  append_within(keys, within,
                {{"heads", a.heads},
                 {"kv_heads", a.kv_heads},
                 {"head_dim", a.head_dim},
                 {"mask", name_of(a.mask)},
                 {"sliding_window", or_null(a.window), {}, nullptr},
                 {"position", name_of(a.position)},
                 {"rope_theta", or_null(a.theta), {}, nullptr},
                 {"rotary_fraction", or_null(a.rotary_fraction), {}, nullptr},
                 {"alibi_max_bias", or_null(a.alibi_max_bias), {}, nullptr},
                 {"scaling", name_of(a.scaling.kind)},
                 {"scaling_factor", a.scaling.factor},
                 {"scaling_original_context", or_null(a.scaling.original_context), {}, nullptr},
                 {"scaling_beta_fast", or_null(a.scaling.beta_fast), {}, nullptr},
                 {"scaling_beta_slow", or_null(a.scaling.beta_slow), {}, nullptr},
                 {"scaling_low_frequency", or_null(a.scaling.low_frequency), {}, nullptr},
                 {"scaling_high_frequency", or_null(a.scaling.high_frequency), {}, nullptr},
                 {"bias", a.bias},
                 {"clip_qkv", or_null(a.clip), {}, nullptr}});
  if (a.mask == MaskKind::other) append_within(keys, within, {{"mask_hash", a.mask_hash}});
  append_name(keys, within, "scaling_name", a.scaling.name);
  if (a.position == PositionKind::t5_bias)
    append_within(keys, within,
                  {{"relative_attention_num_buckets", a.relative_buckets},
                   {"relative_attention_max_distance", a.relative_max_distance}});
}
inline void append_feed_forward(ConfigKeys& keys, std::string_view within, const FeedForwardDescription& f) {
  append_within(keys, within,
                {{"hidden", f.hidden},
                 {"gated", f.gated},
                 {"bias", f.bias},
                 {"activation", name_of(f.activation)},
                 {"experts", or_null(f.experts), {}, nullptr},
                 {"experts_per_token", or_null(f.choices), {}, nullptr},
                 {"router", f.experts == 0 ? ConfigValue(nullptr) : name_of(f.router), {}, nullptr}});
  append_name(keys, within, "activation_name", f.activation_name);
  append_name(keys, within, "router_name", f.router_name);
}

/// The library's own, for models that no family can hold: everything a description says, and no defaults.
inline ConfigKeys bora_keys(const ModelDescription& d) {
  const auto is_summed = [](const AttentionDescription& a) { return a.mask == MaskKind::other; };  // over the context
  const bool bounded = d.position == EmbeddingPositionKind::learned || std::ranges::any_of(d.attention, is_summed);
  ConfigKeys keys{
      {"vocab_size", d.vocab_size},
      {"hidden_size", d.dim},
      {"num_hidden_layers", d.layers},
      {"max_position_embeddings", d.context, {}, {}, bounded ? ConfigKey::Use::check_and_write : ConfigKey::Use::write},
      {"tie_word_embeddings", d.tie_embeddings},
      {"position", name_of(d.position)},
      {"norm", name_of(d.norm)},
      {"norm_eps", d.norm.eps},
      {"residual", name_of(d.residual)},
      {"alternating_layers", d.attention.size() > 1},
  };
  append_attention(keys, "attention", d.attention.front());
  append_feed_forward(keys, "feed_forward", d.feed_forward.front());
  if (d.attention.size() > 1) {
    append_attention(keys, "attention_of_odd_layers", d.attention[1]);
    append_feed_forward(keys, "feed_forward_of_odd_layers", d.feed_forward[1]);
  }
  return keys;
}

/// Keys of other families, at values that change nothing; those that the family has itself are left alone.
inline void append_neutral(ConfigKeys& keys) {
  const auto append = [&](std::span<const std::string_view> names, const ConfigValue& neutral) {
    for (const std::string_view name : names)
      if (std::ranges::none_of(keys, [&](const ConfigKey& key) { return key.within.empty() && key.key == name; }))
        keys.push_back({name, neutral, neutral, {}, ConfigKey::Use::check});
  };
  append(switches_off, false);
  append(factors_of_one, 1.0);
  append(only_null, nullptr);
}

/// All keys of a model as `spelling`, a model_type, has them.
inline ConfigKeys config_keys(std::string_view spelling, const ModelType& type, const ModelDescription& d) {
  if (type.name == "bora") return bora_keys(d);
  ConfigKeys keys = type.name == "gpt2"       ? gpt2_keys(d)
                    : type.name == "mpt"      ? mpt_keys(d)
                    : type.name == "gpt_neox" ? gpt_neox_keys(d)
                    : type.name == "falcon"   ? falcon_keys(spelling, d)
                                              : llama_keys(type.name, d);
  if (d.attention.front().position == PositionKind::rope) append_scaling(keys, d.attention.front().scaling);
  append_neutral(keys);
  return keys;
}

}  // namespace detail
}  // namespace bora::inline BORA_ABI
