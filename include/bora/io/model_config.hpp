/// Hugging Face's config.json: read into a description, compared with a model's, and written for one.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/config_keys.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/io/rotary_config.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/description_difference.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI {

/// A parsed config.json: the family and the model.
struct ConfigDescription {
  const Family* family;    ///< of `model_type`
  ModelDescription model;  ///< its parameters are not counted
};

namespace detail {

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

inline std::string known_types() {
  std::string known;
  for (const Family& family : families) known += message(known.empty() ? "" : ", ", family.model_type);
  return known;
}

/// The family that a config names.
inline const Family& named_family(const Json& config, const std::filesystem::path& file) {
  if (!config.is_object()) refuse_config(file, "is ", json_kind(config), ", expected an object");
  const auto type = config.find("model_type");
  if (type == config.end()) refuse_config(file, "has no key 'model_type', expected one of ", known_types());
  if (!type->is_string()) refuse_config(file, "key 'model_type' is ", json_kind(*type), ", expected a string");
  const Family* family = find_family(type->get_ref<const std::string&>());
  if (family == nullptr)
    refuse_config(file, "key 'model_type' is ", printable(type->get_ref<const std::string&>()), ", expected one of ",
                  known_types());
  // Version 0.1 had words for policies.
  const Json* norm = find_json(config, "norm");
  return family->architecture.empty() && norm != nullptr && norm->is_string() ? old_own_family : *family;
}

/// \param type  compared with what the file says, key by key; null: the file alone is read
inline ConfigDescription read_config(Json config, const std::filesystem::path& file, const ModelDescription* type) {
  const Family& family = named_family(config, file);
  refuse_quantised(config, file);
  const std::string name = config.at("model_type").get<std::string>();
  std::optional<ConfigKeys> expected;
  if (type != nullptr && &family != &old_own_family) {
    expected = written_keys(family, *type);
    if (const auto difference = first_difference(family, *type, *expected))
      refuse_config(file, "key 'model_type' is '", name, "', which has as ", difference->place, ": ", difference->first,
                    "; the model's type has: ", difference->second);
  }
  const RotaryConfig unfolded(std::move(config), file, family.sliding_theta);
  ConfigKeys keys(unfolded, file, name, expected ? &*expected : nullptr);
  ConfigDescription found{&family, family.prototype()};
  family.keys(keys, found.model);
  if (!family.architecture.empty()) keys.expect_neutral();
  if (&family != &own_family) keys.refuse_unknown();
  if (type != nullptr)
    if (const auto difference = bora::first_difference(found.model, *type))
      refuse_config(file, family.architecture.empty() ? "key " : "is of a model whose ", printable(difference->place),
                    " is ", difference->first, ", the model's type has ", difference->second);
  return found;
}

}  // namespace detail

/// The model that a config.json describes. Missing keys have transformers' defaults. Throws ConfigError, naming file
/// and key, for a required key that is missing, a value of the wrong kind, or one that no policy expresses.
inline ModelDescription describe_config(Json config, const std::filesystem::path& file) {
  ModelDescription model = detail::read_config(std::move(config), file, nullptr).model;
  detail::count_parameters(model);
  return model;
}

/// Compares everything in a config.json that decides a tensor's shape or a formula with the model, and returns its
/// family. Throws ConfigError naming file, key, the value found and the model's. Missing keys have transformers'
/// defaults. A context may differ, unless positions are learned or a mask has no name.
inline const Family& check_config(Json config, const std::filesystem::path& file, const ModelDescription& d) {
  return *detail::read_config(std::move(config), file, &d).family;
}

/// The config.json of a model, as transformers reads it; of a model that no family can hold, the library's own.
/// \param numbers  "float32" or "bfloat16"
inline Json config_of(const Family& family, const ModelDescription& d, std::string_view numbers) {
  Json config = detail::written_keys(family, d).json();
  detail::place_sliding_rotation(config, family.sliding_theta);
  config["model_type"] = family.model_type;
  config["torch_dtype"] = numbers;
  if (!family.architecture.empty()) config["architectures"] = Json::array({family.architecture});
  return config;
}

}}  // namespace bora::BORA_ABI
