/// Policies in the library's own config.json: their descriptions as JSON.
///
///     {"policy": "Rope", "arguments": ["theta", "fraction", "scaling"], "theta": 10000.0, "fraction": 1.0, …}
///
/// `arguments` are in the order of the template's; a key that is not among them is a fact. "form" is present for
/// settings and for user-defined policies.
#pragma once
#include <bora/io/json.hpp>
#include <bora/io/rotary_config.hpp>
#include <bora/layers/policy_description.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline Json policy_json(const PolicyDescription& d) {
  Json json = json_object({{"policy", d.name}});
  if (d.form == PolicyDescription::Form::settings) json["form"] = json_text("settings");
  if (d.form == PolicyDescription::Form::foreign) json["form"] = json_text("foreign");
  for (const PolicyArgument& argument : d.arguments) {
    if (!argument.is_fact) json["arguments"].push_back(argument.key);
    Json& value = json[argument.key];
    if (argument.kind == PolicyArgument::Kind::whole) value = argument.whole;
    if (argument.kind == PolicyArgument::Kind::real) value = argument.real;
    if (argument.kind == PolicyArgument::Kind::policy) value = policy_json(argument.policy.front());
  }
  return json;
}

inline bool is_argument(const Json& policy, const std::string& key) {
  const Json* arguments = find_json(policy, "arguments");
  return arguments != nullptr && std::find(arguments->begin(), arguments->end(), key) != arguments->end();
}

inline PolicyDescription policy_of(const Json& json, const std::string& path, const std::filesystem::path& file);

inline void read_argument(PolicyDescription& d, const std::string& key, const Json& value, bool is_fact,
                          const std::string& path, const std::filesystem::path& file) {
  if (value.is_object())
    d.add(key, policy_of(value, path, file));
  else if (value.is_number_float())
    d.add(key, value.get<double>());
  else if (is_fact && is_whole_number(value))
    d.add_fact(key, value.get<std::size_t>());
  else if (is_whole_number(value))
    d.add(key, value.get<std::size_t>());
  else
    refuse_config(file, "key ", printable(path), " is ", json_kind(value), ", expected a number or a policy");
}

/// Throws ConfigError if the object describes no policy. `path` is the object's.
inline PolicyDescription policy_of(const Json& json, const std::string& path, const std::filesystem::path& file) {
  if (!json.is_object()) refuse_config(file, "key ", printable(path), " is ", json_kind(json), ", expected an object");
  PolicyDescription d(require_string(json, "policy", file, path));
  const std::string form = optional_string(json, "form", file, path).value_or("");
  if (form == "settings") d.form = PolicyDescription::Form::settings;
  if (form == "foreign") d.form = PolicyDescription::Form::foreign;
  if (const Json* arguments = optional_array(json, "arguments", file, path))
    for (const Json& argument : *arguments) {
      const std::string key = argument.is_string() ? argument.get<std::string>() : "";
      if (find_json(json, key) == nullptr)
        refuse_config(file, "has no key ", json_path(path, key), ", which key ", json_path(path, "arguments"),
                      " lists, expected it");
      read_argument(d, key, json.at(key), false, message(path, ".", key), file);
    }
  for (const auto& [key, value] : json.items())
    if (key != "policy" && key != "form" && key != "arguments" && !value.is_null() && !is_argument(json, key))
      read_argument(d, key, value, true, message(path, ".", key), file);
  return d;
}

}}}  // namespace bora::BORA_ABI::detail
