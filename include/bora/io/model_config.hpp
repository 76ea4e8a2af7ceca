/// Hugging Face's config.json, checked against a model and written for one.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/config_keys.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/io/rotary_config.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace bora::inline BORA_ABI {

namespace detail {

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

/// The object of the config that holds a key, or null.
inline const Json* holder_of(const Json& config, std::string_view within) {
  return within.empty() ? &config : find_json(config, within);
}

/// Whether one spelling of a key is there. Throws where it is and is not as the model has it.
inline bool check_spelling(const RotaryConfig& config, const Json& holder, const std::filesystem::path& file,
                           const ConfigKey& key, std::string_view spelling) {
  using Kind = ConfigValue::Kind;
  const auto found = holder.find(std::string(spelling));
  if (found == holder.end()) return false;
  // What transformers asks of true or false, null does not pass.
  const ConfigValue null = key.model.kind == Kind::boolean ? ConfigValue(false) : key.if_null;
  if (found->is_null() && null.kind == Kind::absent) return false;
  const Json value = found->is_null() ? to_json(null) : *found;
  if (!same_value(value, key.model))
    refuse_config(file, "key ", config.path(key.within, spelling), " is ", json_kind(*found), ", the model's type has ",
                  text_of(key.model));
  return true;
}

inline void check_key(const RotaryConfig& config, const std::filesystem::path& file, const ConfigKey& key) {
  if (key.use == ConfigKey::Use::write) return;
  const std::string_view first = key.key.substr(0, key.key.find('|'));
  bool is_there = false, is_null = false;
  if (const Json* holder = holder_of(config.json(), key.within)) {
    if (!holder->is_object())
      refuse_config(file, "key ", printable(key.within), " is ", json_kind(*holder), ", expected an object");
    for (std::string_view rest = key.key; !rest.empty();) {
      const std::size_t bar = std::min(rest.find('|'), rest.size());
      is_there |= check_spelling(config, *holder, file, key, rest.substr(0, bar));
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
    is_null = holder->contains(first);
  }
  if (is_there) return;
  const bool has_default = key.missing.kind != ConfigValue::Kind::absent;
  if (!has_default || !same_value(to_json(key.missing), key.model))
    refuse_config(file, is_null ? "key " : "has no key ", json_path(key.within, first), is_null ? " is null" : "",
                  has_default ? ", which means " + text_of(key.missing) : "", ", the model's type has ",
                  text_of(key.model));
}

inline void refuse_dynamic_scaling(const RotaryConfig& config, const std::filesystem::path& file) {
  for (const char* key : {"rope_type", "type"})
    if (const Json* type = find_json(config.json().at("rope_scaling"), key); type != nullptr && *type == "dynamic")
      refuse_config(file, "key ", config.path("rope_scaling", key),
                    " is 'dynamic': a base that grows with the text would change keys already cached; expected "
                    "default, linear, yarn or llama3");
}

/// Refuses keys that no table lists in the objects whose keys decide a formula: they may decide one, too.
inline void refuse_unknown_keys(const RotaryConfig& config, const std::filesystem::path& file, const ConfigKeys& keys) {
  const auto lists = [&](std::string_view within, std::string_view name) {
    return std::ranges::any_of(keys, [&](const ConfigKey& key) {
      return key.within == within && message("|", key.key, "|").find(message("|", name, "|")) != std::string::npos;
    });
  };
  std::string_view last;
  for (const ConfigKey& key : keys) {
    const Json* holder = key.within.empty() || key.within == last ? nullptr : holder_of(config.json(), key.within);
    last = key.within;
    if (holder == nullptr) continue;
    for (const auto& [name, value] : holder->items())
      if (!value.is_null() && !lists(key.within, name) && !is_harmless(key.within, name))
        refuse_config(file, "key ", config.path(key.within, name), " is ", json_kind(value),
                      ", which the model's type cannot express, expected no such key here");
  }
}

/// Refuses weights that were quantised by another tool, by the tool's name.
inline void refuse_quantised(const Json& config, const std::filesystem::path& file) {
  for (const char* key : {"quantization_config", "compression_config", "quantization"}) {
    const Json* found = find_json(config, key);
    if (found == nullptr || (found->is_object() && found->empty())) continue;
    const Json* method = find_json(*found, "quant_method");
    refuse_config(file, "key ", method == nullptr ? printable(key) : json_path(key, "quant_method"), " is ",
                  json_kind(method == nullptr ? *found : *method),
                  ": the weights are quantised by another tool, expected F32, F16, BF16 or F64; take the checkpoint "
                  "they were made from");
  }
}

/// All layers of a family are alike: `layer_types` must say so where it is there.
inline void check_layer_types(const Json& config, const std::filesystem::path& file, const ModelDescription& d) {
  const Json* types = find_json(config, "layer_types");
  if (types == nullptr) return;
  if (!types->is_array()) refuse_config(file, "key 'layer_types' is ", json_kind(*types), ", expected an array");
  const std::string_view expected = d.attention.front().window == 0 ? "full_attention" : "sliding_attention";
  for (std::size_t layer = 0; layer < types->size(); ++layer)
    if ((*types)[layer] != expected)
      refuse_config(file, "key 'layer_types[", layer, "]' is ", json_kind((*types)[layer]),
                    ", the model's type has the string '", expected, "'");
}

inline std::string known_types() {
  std::string known;
  for (const ModelType& type : model_types) known += message(known.empty() ? "" : ", ", type.name);
  return known;
}

/// The entry for a `model_type`, old spellings of Falcon's included.
inline const ModelType& known_type(std::string_view spelling, const std::filesystem::path& file) {
  const std::string_view name = spelling == "RefinedWebModel" || spelling == "RefinedWeb" ? "falcon" : spelling;
  for (const ModelType& type : model_types)
    if (type.name == name) return type;
  refuse_config(file, "key 'model_type' is ", printable(spelling), ", expected one of ", known_types());
}

}  // namespace detail

/// Compares everything in a config.json that decides a tensor's shape or a formula with the model, and answers its
/// model type. Throws ConfigError naming file, key, the value found and the model's. Keys that are missing mean what
/// they mean to transformers. A context may differ, unless positions are learned or a mask has no name.
inline const ModelType& check_config(Json config, const std::filesystem::path& file, const ModelDescription& d) {
  if (!config.is_object()) detail::refuse_config(file, "is ", detail::json_kind(config), ", expected an object");
  const auto spelling = config.find("model_type");
  if (spelling == config.end())
    detail::refuse_config(file, "has no key 'model_type', expected one of ", detail::known_types());
  if (!spelling->is_string())
    detail::refuse_config(file, "key 'model_type' is ", detail::json_kind(*spelling), ", expected a string");
  const std::string name = spelling->get<std::string>();
  const ModelType& type = detail::known_type(name, file);
  detail::refuse_quantised(config, file);
  for (const FamilyFact& fact : family_facts(type.name, d))
    if (!fact.holds())
      detail::refuse_config(file, "key 'model_type' is '", name, "', which has as ", fact.what, ": ", fact.family,
                            "; the model's type has: ", fact.model);
  if (type.name != "bora") detail::check_layer_types(config, file, d);
  const detail::RotaryConfig unfolded(std::move(config), file);
  const detail::ConfigKeys keys = detail::config_keys(name, type, d);
  detail::refuse_dynamic_scaling(unfolded, file);
  for (const ConfigKey& key : keys) detail::check_key(unfolded, file, key);
  detail::refuse_unknown_keys(unfolded, file, keys);
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
