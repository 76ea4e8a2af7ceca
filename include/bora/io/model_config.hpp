/// Hugging Face's config.json: one table of its keys for every family, by which files are checked and written.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

  Kind kind = Kind::absent;
  double number = 0;  ///< of a whole one too: sizes are far below 2^53
  std::string_view word;
};

/// A key of config.json and what the model has there.
struct ConfigKey {
  /// Whether the key is looked at, written, or both.
  enum class Use { check_and_write, check, write };

  std::string_view key;      ///< "n_embd|hidden_size" for two spellings; the first is written
  ConfigValue model;         ///< what the model has: expected in files, and written
  ConfigValue missing = {};  ///< what transformers takes a missing key for; where absent, the key must be there
  ConfigValue if_null = {};  ///< what it takes null for; where absent, the same as missing
  Use use = Use::check_and_write;
  std::string_view within = {};  ///< the object that holds the key
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

/// Rotary scaling (transformers, modeling_rope_utils.py). Its numbers have no defaults but those of YaRN.
inline void append_scaling(ConfigKeys& keys, const ScalingDescription& s) {
  using Use = ConfigKey::Use;
  constexpr std::string_view type = "rope_type|type", within = "rope_scaling";
  if (s.kind == ScalingKind::none) {
    append_within(keys, within,
                  {{type, "default", "default", {}, Use::check}, {"factor", nullptr, nullptr, {}, Use::check}});
    keys.push_back({"rope_scaling", nullptr, {}, {}, Use::write});
    return;
  }
  append_within(keys, within, {{type, name_of(s.kind), "default"}, {"factor", s.factor}});
  const ConfigKey original{"original_max_position_embeddings", s.original_context};
  if (s.kind == ScalingKind::llama3)
    append_within(keys, within,
                  {original, {"low_freq_factor", s.low_frequency}, {"high_freq_factor", s.high_frequency}});
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
      {"hidden_act", name_of(f.activation), "silu"},
      {"tie_word_embeddings", d.tie_embeddings, false},
      {"rope_theta", a.theta, mixtral ? 1e6 : 1e4},
      {"partial_rotary_factor", 1, 1, {}, ConfigKey::Use::check},
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
  if (!grouped) keys.push_back({"attention_bias", a.bias, false});
  if (type == "llama") keys.push_back({"mlp_bias", f.bias, false});
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
      {"rope_theta", a.theta, 1e4},
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
                 {"alibi_bias_max", a.alibi_max_bias, 8},
                 {"attn_type", "multihead_attention", "multihead_attention"},
                 {"clip_qkv", or_null(a.clip), nullptr},
                 {"prefix_lm", false, false},
                 {"qk_ln", false, false},
                 {"rope", false, false, {}, ConfigKey::Use::check},
                 {"softmax_scale", nullptr, nullptr}});
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

/// `relative_attention_...` are T5's own keys. `mask_sum` is there for masks that have no name.
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
  if (a.mask == MaskKind::other) append_within(keys, within, {{"mask_sum", a.mask_sum}});
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

/// All keys of a model as `spelling`, a model_type, has them.
inline ConfigKeys config_keys(std::string_view spelling, const ModelType& type, const ModelDescription& d) {
  if (type.name == "bora") return bora_keys(d);
  ConfigKeys keys = type.name == "gpt2"       ? gpt2_keys(d)
                    : type.name == "mpt"      ? mpt_keys(d)
                    : type.name == "gpt_neox" ? gpt_neox_keys(d)
                    : type.name == "falcon"   ? falcon_keys(spelling, d)
                                              : llama_keys(type.name, d);
  if (d.attention.front().position == PositionKind::rope) append_scaling(keys, d.attention.front().scaling);
  return keys;
}

inline Json to_json(const ConfigValue& value) {
  switch (value.kind) {
    case ConfigValue::Kind::boolean:
      return value.number != 0;
    case ConfigValue::Kind::whole:
      return static_cast<std::uint64_t>(value.number);
    case ConfigValue::Kind::fraction:
      return value.number;
    case ConfigValue::Kind::word:
      return std::string(value.word);
    case ConfigValue::Kind::absent:
    case ConfigValue::Kind::null:
      break;
  }
  return nullptr;
}
inline std::string text_of(const ConfigValue& value) { return json_kind(to_json(value)); }

/// One word for what has several. gelu_fast is the tanh formula too.
inline std::string_view plain_word(std::string_view word) {
  if (word == "swish") return "silu";
  if (word == "gelu_pytorch_tanh" || word == "gelu_fast") return "gelu_new";
  if (word == "gelu_python") return "gelu";
  if (word == "layernorm") return "low_precision_layernorm";  // MPT: a matter of speed there
  return word;
}

/// Whether a file's value is the model's. Fractions are compared as floats: files hold 1e-5 as 9.999999747378752e-06.
inline bool same_value(const Json& found, const ConfigValue& model) {
  using Kind = ConfigValue::Kind;
  if (model.kind == Kind::word)
    return found.is_string() && plain_word(found.get_ref<const std::string&>()) == plain_word(model.word);
  if (model.kind == Kind::boolean) return found.is_boolean() && found.get<bool>() == (model.number != 0);
  if (model.kind != Kind::whole && model.kind != Kind::fraction) return found.is_null();
  const double tolerance = model.kind == Kind::fraction ? 1e-7 : 0;
  return found.is_number() && std::abs(found.get<double>() - model.number) <= tolerance * std::abs(model.number);
}

template <class... Parts>
[[noreturn]] void refuse_config(const std::filesystem::path& file, const Parts&... parts) {
  throw ConfigError(message(file.string(), ": ", parts...));
}

/// transformers 5 keeps base, fraction and scaling together in `rope_parameters`; they are put where older files have
/// them.
inline void unfold_rope_parameters(Json& config, const std::filesystem::path& file) {
  const Json* found = find_json(config, "rope_parameters");
  if (found == nullptr) return;
  if (!found->is_object()) refuse_config(file, "key 'rope_parameters' is ", json_kind(*found), ", expected an object");
  Json rope = *found;
  for (const auto& [key, value] : rope.items())
    if (value.is_object())
      refuse_config(file, "key ", json_path("rope_parameters", key),
                    " is an object: layers with other rotations than their neighbours are not supported");
  const auto put = [&](const std::string& key, const Json& value) {
    const Json* old = find_json(config, key);
    if (old != nullptr && *old != value)
      refuse_config(file, "key ", printable(key), " is ", json_kind(*old), ", but 'rope_parameters' has ",
                    json_kind(value), ", expected the same");
    config[key] = value;
  };
  for (const char* key : {"rope_theta", "partial_rotary_factor"})
    if (rope.contains(key)) {
      put(key, rope[key]);
      rope.erase(key);
    }
  put("rope_scaling", rope);
}

/// The object of the config that holds a key, or null.
inline const Json* holder_of(const Json& config, std::string_view within) {
  return within.empty() ? &config : find_json(config, within);
}

/// Whether one spelling of a key is there. Throws where it is and is not as the model has it.
inline bool check_spelling(const Json& holder, const std::filesystem::path& file, const ConfigKey& key,
                           std::string_view spelling) {
  const auto found = holder.find(std::string(spelling));
  if (found == holder.end()) return false;
  const bool null_has_meaning = key.if_null.kind != ConfigValue::Kind::absent;
  if (found->is_null() && !null_has_meaning) return false;
  const Json value = found->is_null() ? to_json(key.if_null) : *found;
  if (!same_value(value, key.model))
    refuse_config(file, "key ", json_path(key.within, spelling), " is ", json_kind(*found), ", the model's type has ",
                  text_of(key.model));
  return true;
}

inline void check_key(const Json& config, const std::filesystem::path& file, const ConfigKey& key) {
  if (key.use == ConfigKey::Use::write) return;
  const std::string_view first = key.key.substr(0, key.key.find('|'));
  bool is_there = false;
  if (const Json* holder = holder_of(config, key.within)) {
    if (!holder->is_object())
      refuse_config(file, "key ", printable(key.within), " is ", json_kind(*holder), ", expected an object");
    for (std::string_view rest = key.key; !rest.empty();) {
      const std::size_t bar = std::min(rest.find('|'), rest.size());
      is_there |= check_spelling(*holder, file, key, rest.substr(0, bar));
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
  }
  if (is_there) return;
  const bool has_default = key.missing.kind != ConfigValue::Kind::absent;
  if (!has_default || !same_value(to_json(key.missing), key.model))
    refuse_config(file, "has no key ", json_path(key.within, first),
                  has_default ? ", which means " + text_of(key.missing) : "", ", the model's type has ",
                  text_of(key.model));
}

inline void refuse_dynamic_scaling(const Json& config, const std::filesystem::path& file) {
  const Json* scaling = find_json(config, "rope_scaling");
  for (const char* key : {"rope_type", "type"})
    if (const Json* type = scaling == nullptr ? nullptr : find_json(*scaling, key);
        type != nullptr && *type == "dynamic")
      refuse_config(file, "key ", json_path("rope_scaling", key),
                    " is 'dynamic': a base that grows with the text would change keys already cached; expected "
                    "default, linear, yarn or llama3");
}

/// YaRN stretches the whole context where its config does not say which.
inline void fill_original_context(Json& config) {
  const Json* limit = find_json(config, "max_position_embeddings");
  const auto scaling = config.find("rope_scaling");
  if (limit == nullptr || scaling == config.end() || !scaling->is_object()) return;
  const Json* type = find_json(*scaling, "rope_type");
  if (type == nullptr) type = find_json(*scaling, "type");
  if (type != nullptr && *type == "yarn" && find_json(*scaling, "original_max_position_embeddings") == nullptr)
    (*scaling)["original_max_position_embeddings"] = *limit;
}

/// The entry for a `model_type`, old spellings of Falcon's included.
inline const ModelType& known_type(std::string_view spelling, const std::filesystem::path& file) {
  const std::string_view name = spelling == "RefinedWebModel" || spelling == "RefinedWeb" ? "falcon" : spelling;
  std::string known;
  for (const ModelType& type : model_types) {
    if (type.name == name) return type;
    known += message(known.empty() ? "" : ", ", type.name);
  }
  refuse_config(file, "key 'model_type' is ", printable(spelling), ", expected one of ", known);
}

}  // namespace detail

/// Compares everything in a config.json that decides a tensor's shape or a formula with the model, and answers its
/// model type. Throws ConfigError naming file, key, the value found and the model's. Keys that are missing mean what
/// they mean to transformers. A context may differ, unless positions are learned or a mask has no name.
inline const ModelType& check_config(Json config, const std::filesystem::path& file, const ModelDescription& d) {
  if (!config.is_object()) detail::refuse_config(file, "is ", detail::json_kind(config), ", expected an object");
  const auto spelling = config.find("model_type");
  if (spelling == config.end()) detail::refuse_config(file, "has no key 'model_type'");
  if (!spelling->is_string())
    detail::refuse_config(file, "key 'model_type' is ", detail::json_kind(*spelling), ", expected a string");
  const std::string name = spelling->get<std::string>();
  const ModelType& type = detail::known_type(name, file);
  for (const FamilyFact& fact : family_facts(type.name, d))
    if (!fact.holds())
      detail::refuse_config(file, "key 'model_type' is '", name, "', whose ", fact.what, " is ", fact.family,
                            "; the model's type has ", fact.model);
  detail::unfold_rope_parameters(config, file);
  detail::refuse_dynamic_scaling(config, file);
  detail::fill_original_context(config);
  for (const ConfigKey& key : detail::config_keys(name, type, d)) detail::check_key(config, file, key);
  return type;
}

/// The config.json of a model, as transformers reads it; of a model that no family can hold, the library's own.
/// \param numbers  "float32" or "bfloat16"
inline Json config_of(const ModelType& type, const ModelDescription& d, std::string_view numbers) {
  Json config{{"model_type", type.name}, {"torch_dtype", numbers}};
  if (!type.architecture.empty()) config["architectures"] = Json::array({type.architecture});
  for (const ConfigKey& key : detail::config_keys(type.name, type, d)) {
    if (key.use == ConfigKey::Use::check) continue;
    Json& holder = key.within.empty() ? config : config[std::string(key.within)];
    holder[std::string(key.key.substr(0, key.key.find('|')))] = detail::to_json(key.model);
  }
  return config;
}

}  // namespace bora::inline BORA_ABI
