/// Hugging Face's config.json, checked against a model and written for one.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/config_keys.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/model/description.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

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

/// A key as the file has it: some were unfolded from `rope_parameters`.
inline std::string path_in(const Json& config, std::string_view within, std::string_view spelling) {
  const Json* folded = find_json(config, "rope_parameters");
  const bool from_there =
      folded != nullptr && (within.empty() || within == "rope_scaling") && find_json(*folded, spelling) != nullptr;
  return json_path(from_there ? "rope_parameters" : within, spelling);
}

/// Whether one spelling of a key is there. Throws where it is and is not as the model has it.
inline bool check_spelling(const Json& config, const Json& holder, const std::filesystem::path& file,
                           const ConfigKey& key, std::string_view spelling) {
  using Kind = ConfigValue::Kind;
  const auto found = holder.find(std::string(spelling));
  if (found == holder.end()) return false;
  // What transformers asks of true or false, null does not pass.
  const ConfigValue null = key.model.kind == Kind::boolean ? ConfigValue(false) : key.if_null;
  if (found->is_null() && null.kind == Kind::absent) return false;
  const Json value = found->is_null() ? to_json(null) : *found;
  if (!same_value(value, key.model))
    refuse_config(file, "key ", path_in(config, key.within, spelling), " is ", json_kind(*found),
                  ", the model's type has ", text_of(key.model));
  return true;
}

inline void check_key(const Json& config, const std::filesystem::path& file, const ConfigKey& key) {
  if (key.use == ConfigKey::Use::write) return;
  const std::string_view first = key.key.substr(0, key.key.find('|'));
  bool is_there = false, is_null = false;
  if (const Json* holder = holder_of(config, key.within)) {
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
  for (const FamilyFact& fact : family_facts(type.name, d))
    if (!fact.holds())
      detail::refuse_config(file, "key 'model_type' is '", name, "', which has as ", fact.what, ": ", fact.family,
                            "; the model's type has: ", fact.model);
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
