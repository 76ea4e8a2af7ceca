/// Hugging Face's config.json: one table of its keys for every family, by which files are checked and written.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/model/description.hpp>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// A key of config.json and what the model has there.
struct ConfigKey {
  enum class Use { check_and_write, check, write };

  std::string key;                   ///< "attn_config.alibi" inside an object; "n_embd|hidden_size" for two spellings
  Json model;                        ///< what the model has: expected in files, and written
  std::optional<Json> missing = {};  ///< what transformers takes a missing key for; without one it must be there
  std::optional<Json> if_null = {};  ///< what it takes null for, where that is not as if missing
  Use use = Use::check_and_write;
};

namespace detail {

using ConfigKeys = std::vector<ConfigKey>;

/// Zero stands for "none" in descriptions, null in files.
template <class Number> Json or_null(Number value) { return value == Number{} ? Json(nullptr) : Json(value); }

/// Rotary scaling (transformers, modeling_rope_utils.py). Its numbers have no defaults but those of YaRN.
inline ConfigKeys scaling_keys(const ScalingDescription& s, const Json& max_positions) {
  using Use = ConfigKey::Use;
  const std::string type = "rope_scaling.rope_type|rope_scaling.type", name(name_of(s.kind));
  if (s.kind == ScalingKind::none)
    return {{type, name, "default", {}, Use::check},
            {"rope_scaling.factor", nullptr, nullptr, {}, Use::check},
            {"rope_scaling", nullptr, {}, {}, Use::write}};
  ConfigKeys keys{{type, name, "default"}, {"rope_scaling.factor", s.factor}};
  if (s.kind == ScalingKind::yarn) {
    keys.push_back({"rope_scaling.original_max_position_embeddings", s.original_context, max_positions});
    keys.push_back({"rope_scaling.beta_fast", s.beta_fast, 32});
    keys.push_back({"rope_scaling.beta_slow", s.beta_slow, 1});
    const double amplitude = 0.1 * std::log(s.factor) + 1;
    keys.push_back({"rope_scaling.attention_factor", amplitude, amplitude, {}, Use::check});
    keys.push_back({"rope_scaling.mscale", nullptr, nullptr, {}, Use::check});
    keys.push_back({"rope_scaling.mscale_all_dim", nullptr, nullptr, {}, Use::check});
    keys.push_back({"rope_scaling.truncate", true, true, {}, Use::check});
  }
  if (s.kind == ScalingKind::llama3) {
    keys.push_back({"rope_scaling.original_max_position_embeddings", s.original_context});
    keys.push_back({"rope_scaling.low_freq_factor", s.low_frequency});
    keys.push_back({"rope_scaling.high_freq_factor", s.high_frequency});
  }
  return keys;
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
      {"num_key_value_heads", a.kv_heads, grouped ? Json(8) : Json(a.heads), Json(a.heads)},
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
  return {
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
      {"attn_config.alibi", true, true},
      {"attn_config.alibi_bias_max", a.alibi_max_bias, 8},
      {"attn_config.attn_type", "multihead_attention", "multihead_attention"},
      {"attn_config.clip_qkv", or_null(a.clip), nullptr},
      {"attn_config.prefix_lm", false, false},
      {"attn_config.qk_ln", false, false},
      {"attn_config.rope", false, false, {}, ConfigKey::Use::check},
      {"attn_config.softmax_scale", nullptr, nullptr},
      {"learned_pos_emb", false, {}, {}, ConfigKey::Use::write},
      {"max_seq_len", d.context, {}, {}, ConfigKey::Use::write},
  };
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

/// The library's own, for models that no family can hold: everything a description says, and nothing left out.
inline ConfigKeys bora_keys(const ModelDescription& d) {
  const bool bounded = d.position == EmbeddingPositionKind::learned;
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
      {"layer_kinds", d.attention.size()},
  };
  for (std::size_t kind = 0; kind < d.attention.size(); ++kind) {
    const AttentionDescription& a = d.attention[kind];
    const auto add = [&](std::string_view key, Json value) {
      keys.push_back({message("attention.", kind, ".", key), std::move(value), {}, nullptr});
    };
    add("heads", a.heads);
    add("kv_heads", a.kv_heads);
    add("head_dim", a.head_dim);
    add("sliding_window", or_null(a.window));
    add("position", name_of(a.position));
    add("rope_theta", or_null(a.theta));
    add("rotary_fraction", or_null(a.rotary_fraction));
    add("alibi_max_bias", or_null(a.alibi_max_bias));
    add("scaling", name_of(a.scaling.kind));
    add("scaling_factor", a.scaling.factor);
    add("scaling_original_context", or_null(a.scaling.original_context));
    add("scaling_beta_fast", or_null(a.scaling.beta_fast));
    add("scaling_beta_slow", or_null(a.scaling.beta_slow));
    add("scaling_low_frequency", or_null(a.scaling.low_frequency));
    add("scaling_high_frequency", or_null(a.scaling.high_frequency));
    add("bias", a.bias);
    add("clip_qkv", or_null(a.clip));
  }
  for (std::size_t kind = 0; kind < d.feed_forward.size(); ++kind) {
    const FeedForwardDescription& f = d.feed_forward[kind];
    const auto add = [&](std::string_view key, Json value) {
      keys.push_back({message("feed_forward.", kind, ".", key), std::move(value), {}, nullptr});
    };
    add("hidden", f.hidden);
    add("gated", f.gated);
    add("bias", f.bias);
    add("activation", name_of(f.activation));
    add("experts", or_null(f.experts));
    add("experts_per_token", or_null(f.choices));
    add("router", f.experts == 0 ? Json(nullptr) : Json(name_of(f.router)));
  }
  return keys;
}

/// All keys of a model as `spelling`, a model_type, has them. \param max_positions  the file's, for YaRN's default
inline ConfigKeys config_keys(std::string_view spelling, const ModelType& type, const ModelDescription& d,
                              const Json& max_positions) {
  ConfigKeys keys = type.name == "gpt2"       ? gpt2_keys(d)
                    : type.name == "mpt"      ? mpt_keys(d)
                    : type.name == "gpt_neox" ? gpt_neox_keys(d)
                    : type.name == "falcon"   ? falcon_keys(spelling, d)
                    : type.name == "bora"     ? bora_keys(d)
                                              : llama_keys(type.name, d);
  if (type.name != "bora" && d.attention.front().position == PositionKind::rope)
    for (ConfigKey& key : scaling_keys(d.attention.front().scaling, max_positions)) keys.push_back(std::move(key));
  return keys;
}

/// The pieces of `text` between `separator`s.
inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}
inline bool is_index(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == word.npos;
}

/// The value at a path of keys, or null where there is none.
inline const Json* value_at(const Json& config, std::string_view path) {
  const Json* at = &config;
  for (const std::string& word : split(path, '.')) {
    if (at->is_array() && is_index(word) && word.size() < 4 && std::stoul(word) < at->size())
      at = &(*at)[std::stoul(word)];
    else if (at->is_object() && at->contains(word))
      at = &(*at)[word];
    else
      return nullptr;
  }
  return at;
}
inline void set_value(Json& config, std::string_view path, const Json& value) {
  Json* at = &config;
  for (const std::string& word : split(path, '.')) at = is_index(word) ? &(*at)[std::stoul(word)] : &(*at)[word];
  *at = value;
}

/// One word for what has several. gelu_fast is the tanh formula too.
inline std::string_view plain_word(std::string_view word) {
  if (word == "swish") return "silu";
  if (word == "gelu_pytorch_tanh" || word == "gelu_fast") return "gelu_new";
  if (word == "gelu_python") return "gelu";
  if (word == "layernorm") return "low_precision_layernorm";  // MPT: a matter of speed there
  return word;
}

/// Whether a file's value is the model's. Fractions are compared as floats: files hold 1e-5 as 9.999999747378752e-06.
inline bool same_value(const Json& found, const Json& model) {
  if (found.is_number() && model.is_number_float()) {
    const double a = found.get<double>(), b = model.get<double>();
    return std::abs(a - b) <= 1e-7 * std::abs(b);
  }
  if (found.is_string() && model.is_string())
    return plain_word(found.get_ref<const std::string&>()) == plain_word(model.get_ref<const std::string&>());
  return found == model;
}

template <class... Parts> [[noreturn]] void refuse_config(const std::filesystem::path& file, const Parts&... parts) {
  throw ConfigError(message(file.string(), ": ", parts...));
}

/// transformers 5 keeps base, fraction and scaling together in `rope_parameters`; they are put where older files have
/// them.
inline void unfold_rope_parameters(Json& config, const std::filesystem::path& file) {
  const auto found = config.find("rope_parameters");
  if (found == config.end() || found->is_null()) return;
  if (!found->is_object()) refuse_config(file, "key 'rope_parameters' is ", json_kind(*found), ", expected an object");
  Json scaling = *found;
  const auto put = [&](const std::string& key, const Json& value) {
    if (value.is_object() && key != "rope_scaling")
      refuse_config(file, "key 'rope_parameters.", key,
                    "' is an object: layers that turn differently are not supported");
    if (config.contains(key) && !config[key].is_null() && config[key] != value)
      refuse_config(file, "key '", key, "' and 'rope_parameters' disagree: ", json_kind(config[key]), " and ",
                    json_kind(value));
    config[key] = value;
  };
  for (const char* key : {"rope_theta", "partial_rotary_factor"})
    if (const auto at = scaling.find(key); at != scaling.end()) {
      put(key, *at);
      scaling.erase(key);
    }
  for (const auto& [key, value] : scaling.items())
    if (value.is_object()) put(key, value);
  put("rope_scaling", scaling);
}

inline void check_key(const Json& config, const std::filesystem::path& file, const ConfigKey& key) {
  if (key.use == ConfigKey::Use::write) return;
  const std::vector<std::string> spellings = split(key.key, '|');
  bool is_there = false;
  for (const std::string& spelling : spellings) {
    const Json* found = value_at(config, spelling);
    if (found != nullptr && found->is_null()) found = key.if_null ? &*key.if_null : nullptr;
    if (found == nullptr) continue;
    is_there = true;
    if (!same_value(*found, key.model))
      refuse_config(file, "key '", spelling, "' is ", json_kind(*found), ", the model's type has ",
                    json_kind(key.model));
  }
  if (is_there) return;
  if (!key.missing)
    refuse_config(file, "has no key '", spellings.front(), "', the model's type has ", json_kind(key.model));
  if (!same_value(*key.missing, key.model))
    refuse_config(file, "has no key '", spellings.front(), "', which means ", json_kind(*key.missing),
                  ", the model's type has ", json_kind(key.model));
}

inline void refuse_dynamic_scaling(const Json& config, const std::filesystem::path& file) {
  for (const char* key : {"rope_scaling.rope_type", "rope_scaling.type"})
    if (const Json* type = value_at(config, key); type != nullptr && *type == "dynamic")
      refuse_config(file, "key '", key, "' is 'dynamic': a base that grows with the text would change keys already ",
                    "cached; expected default, linear, yarn or llama3");
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
/// they mean to transformers. A context may differ where positions are not learned.
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
  const Json* positions = detail::value_at(config, "max_position_embeddings");
  for (const ConfigKey& key : detail::config_keys(name, type, d, positions == nullptr ? Json(nullptr) : *positions))
    detail::check_key(config, file, key);
  return type;
}

/// The config.json of a model, as transformers reads it; of a model that no family can hold, the library's own.
/// \param numbers  "float32" or "bfloat16"
inline Json config_of(const ModelType& type, const ModelDescription& d, std::string_view numbers) {
  Json config{{"model_type", type.name}, {"torch_dtype", numbers}};
  if (!type.architecture.empty()) config["architectures"] = Json::array({type.architecture});
  for (const ConfigKey& key : detail::config_keys(type.name, type, d, nullptr))
    if (key.use != ConfigKey::Use::check) detail::set_value(config, detail::split(key.key, '|').front(), key.model);
  return config;
}

}  // namespace bora::inline BORA_ABI
