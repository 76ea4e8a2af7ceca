/// Rotary keys of a config.json, wherever the file has them.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/json.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace detail {

template <class... Parts>
[[noreturn]] void refuse_config(const std::filesystem::path& file, const Parts&... parts) {
  throw ConfigError(message(file.string(), ": ", parts...));
}

/// A config.json with its rotary keys moved to where transformers 4 has them: base and fraction at the top, the rest in
/// `rope_scaling`. Files may have them there, all in `rope_scaling`, all in `rope_parameters` (transformers 5), or all
/// at the top. Throws ConfigError where two places contradict each other, naming both.
class RotaryConfig {
 public:
  RotaryConfig(Json config, const std::filesystem::path& file) : config_(std::move(config)), file_(file) {
    const Json parameters = object("rope_parameters");
    const Json scaling = object("rope_scaling");
    config_["rope_scaling"] = Json::object();
    move(scaling, "rope_scaling");
    move(parameters, "rope_parameters");
    for (const std::string_view key : scaling_keys)
      if (const Json* value = find_json(config_, key))
        put("rope_scaling", std::string(key), *value, json_path("", key));
    fill_original_context();
  }

  const Json& json() const noexcept { return config_; }
  /// A key as the file has it, quoted.
  std::string path(std::string_view within, std::string_view key) const {
    const auto moved = moved_.find(json_path(within, key));
    return moved == moved_.end() ? json_path(within, key) : moved->second;
  }

 private:
  /// Read at the top of the file, too.
  static constexpr std::string_view scaling_keys[]{
      "rope_type",        "factor",          "original_max_position_embeddings",
      "beta_fast",        "beta_slow",       "low_freq_factor",
      "high_freq_factor", "attention_factor"};
  static bool belongs_to_top(std::string_view key) {
    return key == "rope_theta" || key == "rotary_emb_base" || key == "partial_rotary_factor" || key == "rotary_pct";
  }

  Json object(const char* key) const {
    const Json* found = find_json(config_, key);
    if (found == nullptr) return Json::object();
    if (!found->is_object())
      refuse_config(file_, "key ", printable(key), " is ", json_kind(*found), ", expected an object");
    return *found;
  }

  void move(const Json& from, std::string_view place) {
    for (const auto& [key, value] : from.items()) {
      if (value.is_object())
        refuse_config(file_, "key ", json_path(place, key),
                      " is an object: layers with other rotations than their neighbours are not supported");
      put(belongs_to_top(key) ? "" : "rope_scaling", key, value, json_path(place, key));
    }
  }
  void put(std::string_view within, const std::string& key, const Json& value, const std::string& from) {
    Json& holder = within.empty() ? config_ : config_[std::string(within)];
    const Json* old = find_json(holder, key);
    if (value.is_null() && (old != nullptr || within.empty())) return;
    if (old != nullptr && *old != value)
      refuse_config(file_, "key ", path(within, key), " is ", json_kind(*old), ", but key ", from, " is ",
                    json_kind(value), ", expected the same");
    if (old == nullptr) moved_[json_path(within, key)] = from;
    holder[key] = value;
  }

  /// YaRN scales from the whole context if its config does not give the original one.
  void fill_original_context() {
    Json& scaling = config_["rope_scaling"];
    const Json* limit = find_json(config_, "max_position_embeddings");
    const auto is_yarn = [&](const char* key) {
      const Json* type = find_json(scaling, key);
      return type != nullptr && *type == "yarn";
    };
    if (limit != nullptr && (is_yarn("rope_type") || is_yarn("type")) &&
        find_json(scaling, "original_max_position_embeddings") == nullptr)
      scaling["original_max_position_embeddings"] = *limit;
  }

  Json config_;
  const std::filesystem::path& file_;
  std::map<std::string, std::string> moved_;  ///< original paths in the file of keys that were moved
};

}}}  // namespace bora::BORA_ABI::detail
