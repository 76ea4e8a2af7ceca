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

/// Object for the rotation of sliding layers, where it differs from that of the others.
inline constexpr std::string_view sliding_rotation = "sliding_rotation";

/// A config.json with its rotary keys moved to where transformers 4 has them: base and fraction at the top, the rest in
/// `rope_scaling`. Files may have them there, all in `rope_scaling`, all in `rope_parameters` (transformers 5), or all
/// at the top. Of families whose sliding layers rotate in their own way, those of the sliding layers go to
/// `sliding_rotation`. Throws ConfigError where two places contradict each other, naming both.
class RotaryConfig {
 public:
  /// \param sliding_theta  key of the sliding layers' base at the top of a file; empty: all layers rotate alike
  RotaryConfig(Json config, const std::filesystem::path& file, std::string_view sliding_theta = {})
      : config_(std::move(config)), file_(file), by_kind_(!sliding_theta.empty()) {
    const Json parameters = object("rope_parameters");
    const Json scaling = object("rope_scaling");
    config_["rope_scaling"] = Json::object();
    if (by_kind_) config_[std::string(sliding_rotation)] = Json::object();
    if (by_kind_ && sliding_theta != "rope_theta") move_sliding_theta(std::string(sliding_theta));
    move(scaling, "rope_scaling");
    move(parameters, "rope_parameters");
    for (const std::string_view key : scaling_keys)
      if (const Json* value = find_json(config_, key))
        put("rope_scaling", std::string(key), *value, json_path("", key));
    for (const std::string_view within : {std::string_view("rope_scaling"), sliding_rotation})
      if (config_.contains(std::string(within))) {
        fill_original_context(config_[std::string(within)]);
        forget_neutral_scaling(config_[std::string(within)]);
      }
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
      if (value.is_object() && by_kind_ && key == "full_attention") {
        move(value, message(place, ".", key));
      } else if (value.is_object() && by_kind_ && key == "sliding_attention") {
        for (const auto& [inner, its] : value.items())
          put(sliding_rotation, inner, its, json_path(message(place, ".", key), inner));
      } else if (value.is_object()) {
        refuse_config(file_, "key ", json_path(place, key),
                      " is an object: layers with other rotations than their neighbours are not supported");
      } else {
        put(belongs_to_top(key) ? "" : "rope_scaling", key, value, json_path(place, key));
      }
    }
  }
  void move_sliding_theta(const std::string& key) {
    const Json* theta = find_json(config_, key);
    if (theta != nullptr) put(sliding_rotation, "rope_theta", *theta, json_path("", key));
    config_.erase(key);
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
  void fill_original_context(Json& scaling) const {
    const Json* limit = find_json(config_, "max_position_embeddings");
    const auto is_yarn = [&](const char* key) {
      const Json* type = find_json(scaling, key);
      return type != nullptr && *type == "yarn";
    };
    if (limit != nullptr && (is_yarn("rope_type") || is_yarn("type")) &&
        find_json(scaling, "original_max_position_embeddings") == nullptr)
      scaling["original_max_position_embeddings"] = *limit;
  }

  /// Positions divided by 1 are not scaled.
  static void forget_neutral_scaling(Json& scaling) {
    const Json* factor = find_json(scaling, "factor");
    for (const char* key : {"rope_type", "type"})
      if (const Json* type = find_json(scaling, key);
          type != nullptr && *type == "linear" && factor != nullptr && factor->is_number() && *factor == 1)
        scaling[key] = json_text("default");
  }

  Json config_;
  const std::filesystem::path& file_;
  bool by_kind_;
  std::map<std::string, std::string> moved_;  ///< original paths in the file of keys that were moved
};

/// Puts the rotation of sliding layers where transformers reads it: in its key at the top if it is not scaled (or
/// nowhere, if it has the base of the other layers), else both rotations into `rope_parameters`.
inline void place_sliding_rotation(Json& config, std::string_view sliding_theta) {
  const auto found = config.find(std::string(sliding_rotation));
  if (found == config.end()) return;
  Json sliding = *found;
  config.erase(found);
  const bool plain = sliding.value("rope_type", "default") == "default";
  if (plain && sliding_theta != "rope_theta") {
    config[std::string(sliding_theta)] = sliding["rope_theta"];
  } else if (!plain || sliding["rope_theta"] != config["rope_theta"]) {
    Json full = config["rope_scaling"].is_object() ? config["rope_scaling"] : json_object({{"rope_type", "default"}});
    full["rope_theta"] = config["rope_theta"];
    config.erase("rope_scaling");
    config.erase("rope_theta");
    config["rope_parameters"] =
        json_object({{"full_attention", std::move(full)}, {"sliding_attention", std::move(sliding)}});
  }
}

}}}  // namespace bora::BORA_ABI::detail
