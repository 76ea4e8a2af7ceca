/// JSON, strictly: the one header that includes nlohmann's. What it answers names the file and the key.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace bora::inline BORA_ABI {

/// A JSON value.
using Json = nlohmann::json;

namespace detail {

/// Arrays and objects within each other; no file of this library's formats comes near.
inline constexpr std::size_t json_depth = 64;

/// Of a file; the header of a safetensors file has the same limit.
inline constexpr std::size_t json_bytes_limit = 100'000'000;

/// "line 3, column 14": where byte `at` stands.
inline std::string json_place(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, std::min(at, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return message("line ", line, ", column ", before.size() - start + 1);
}

/// What nlohmann says, without its numbering and without a copy of the file's bytes.
inline std::string json_complaint(std::string_view what) {
  if (const std::size_t dash = what.find(" - "); dash != what.npos)
    what.remove_prefix(dash + 3);
  else if (const std::size_t bracket = what.find("] "); bracket != what.npos)
    what.remove_prefix(bracket + 2);
  what = what.substr(0, what.find("; last read"));
  constexpr std::size_t longest = 200;  // a number that overflows is quoted whole
  return what.size() <= longest ? std::string(what) : std::string(what.substr(0, longest)) + "…";
}

/// Refuses duplicate keys and depth while the text is read: a parsed value would show neither.
class JsonRules {
 public:
  explicit JsonRules(const std::filesystem::path& file) : file_(file) {}

  bool operator()(Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) open();
    if (event == Event::object_end || event == Event::array_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(value.get_ref<const std::string&>()).second)
      refuse_file(file_, "key ", printable(value.get_ref<const std::string&>()), " occurs twice in one JSON object");
    return true;
  }

 private:
  void open() {
    if (keys_.size() == json_depth)
      refuse_file(file_, "JSON values are nested deeper than ", json_depth, ", expected no more");
    keys_.emplace_back();
  }
  const std::filesystem::path& file_;
  std::vector<std::unordered_set<std::string>> keys_;  ///< of each object that is open; arrays have none
};

/// A parsed one is unsigned, one that a program put there may be an int.
inline bool is_whole_number(const Json& value) {
  return value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
}

inline std::string json_kind(const Json& value) {
  if (value.is_number_float()) return message("the number ", value.dump());
  if (value.is_number()) return value.dump();
  if (value.is_boolean()) return value.dump();
  if (value.is_string()) return message("the string ", printable(value.get_ref<const std::string&>()));
  return value.is_null() ? "null" : value.is_array() ? "an array" : "an object";
}

inline std::string json_path(std::string_view parent, std::string_view key) {
  return parent.empty() ? printable(key) : printable(message(parent, ".", key));
}

/// Null counts as absent: that is how Hugging Face writes "none".
inline const Json* find_json(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(std::string(key));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

/// The value at `key`, or nothing; where it is not what `fits` wants, a sentence with `expected`.
template <class Fits>
const Json* json_value(const Json& object, std::string_view key, const std::filesystem::path& file,
                       std::string_view parent, std::string_view expected, Fits fits) {
  const Json* value = find_json(object, key);
  if (value != nullptr && !fits(*value))
    refuse_file(file, "key ", json_path(parent, key), " is ", json_kind(*value), ", expected ", expected);
  return value;
}

template <class T>
T require_json(std::optional<T> value, std::string_view key, const std::filesystem::path& file, std::string_view parent,
               std::string_view expected) {
  if (!value) refuse_file(file, "has no key ", json_path(parent, key), ", expected ", expected);
  return *std::move(value);
}

}  // namespace detail

namespace detail {

/// \param line  where `text` is a line of a file of many values: its number, from 1; else 0
[[noreturn]] inline void refuse_json(const std::filesystem::path& file, std::size_t line, std::string_view text,
                                     std::size_t at, std::string_view complaint) {
  if (line == 0) refuse_file(file, "is not valid JSON: ", json_place(text, at), ": ", complaint);
  refuse_file(message(file.string(), ", line ", line, ", column ", std::min(at, text.size()) + 1),
              "is not valid JSON: ", complaint);
}

}  // namespace detail

/// Parses a whole text as one JSON value. Throws FileError, naming `file`, for what is not JSON (comments, trailing
/// commas, NaN and bytes that are no UTF-8 included), for a key that occurs twice in an object, and for values nested
/// deeper than 64.
/// \param line  where `text` is a line of a file of JSON lines: its number, from 1, which errors name
inline Json parse_json(std::string_view text, const std::filesystem::path& file, std::size_t line = 0) {
  // nlohmann takes a zero byte for the end and would not look at what follows.
  if (const std::size_t zero = text.find('\0'); zero != text.npos)
    detail::refuse_json(file, line, text, zero, "a zero byte");
  const std::filesystem::path place =
      line == 0 ? file : std::filesystem::path(detail::message(file.string(), ", line ", line));
  detail::JsonRules rules(place);
  try {
    return Json::parse(text.begin(), text.end(),
                       [&](int, Json::parse_event_t event, Json& value) { return rules(event, value); });
  } catch (const Json::parse_error& error) {
    detail::refuse_json(file, line, text, error.byte == 0 ? 0 : error.byte - 1, detail::json_complaint(error.what()));
  } catch (const Json::exception& error) {
    detail::refuse_file(place, "is not valid JSON: ", detail::json_complaint(error.what()));
  }
}

/// Parses a file. Throws as parse_json does, and for a file of more than 100 MB: parsed, it would take many times as
/// much.
inline Json read_json(const MappedFile& file) {
  detail::refuse_foreign_kind(file.path(), file.text(), "no JSON");
  if (file.size() > detail::json_bytes_limit)
    detail::refuse_file(file.path(), "is ", file.size(), " bytes long, expected at most ", detail::json_bytes_limit,
                        " of JSON");
  return parse_json(file.text(), file.path());
}
/// Opens and parses a file.
inline Json read_json(const std::filesystem::path& file) { return read_json(MappedFile(file)); }

/// `text` as a JSON string, quotation marks included. Throws ConfigError where it is no UTF-8.
inline std::string json_string(std::string_view text) {
  try {
    return Json(std::string(text)).dump();
  } catch (const Json::exception&) {
    throw ConfigError(detail::message(detail::printable(text), " is no UTF-8 and cannot be written to a file"));
  }
}

// Members of an object. `optional_...` gives nothing for an absent key or null; `require_...` throws FileError for it;
// both throw FileError for a value of another kind. `parent` is the path to the object, for the sentence only.

/// A string.
inline std::optional<std::string> optional_string(const Json& object, std::string_view key,
                                                  const std::filesystem::path& file, std::string_view parent = "") {
  const Json* value =
      detail::json_value(object, key, file, parent, "a string", [](const Json& v) { return v.is_string(); });
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

/// An integer from 0.
inline std::optional<std::size_t> optional_size(const Json& object, std::string_view key,
                                                const std::filesystem::path& file, std::string_view parent = "") {
  const Json* value = detail::json_value(object, key, file, parent, "a whole number from 0",
                                         [](const Json& v) { return detail::is_whole_number(v); });
  return value == nullptr ? std::nullopt : std::optional(value->get<std::size_t>());
}

/// Any number, whole or not; JSON has none that is not finite.
inline std::optional<double> optional_number(const Json& object, std::string_view key,
                                             const std::filesystem::path& file, std::string_view parent = "") {
  const Json* value =
      detail::json_value(object, key, file, parent, "a number", [](const Json& v) { return v.is_number(); });
  return value == nullptr ? std::nullopt : std::optional(value->get<double>());
}

/// True or false.
inline std::optional<bool> optional_bool(const Json& object, std::string_view key, const std::filesystem::path& file,
                                         std::string_view parent = "") {
  const Json* value =
      detail::json_value(object, key, file, parent, "true or false", [](const Json& v) { return v.is_boolean(); });
  return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
}

/// Null for an absent one; points into `object`.
inline const Json* optional_object(const Json& object, std::string_view key, const std::filesystem::path& file,
                                   std::string_view parent = "") {
  return detail::json_value(object, key, file, parent, "an object", [](const Json& v) { return v.is_object(); });
}

/// Null for an absent one; points into `object`.
inline const Json* optional_array(const Json& object, std::string_view key, const std::filesystem::path& file,
                                  std::string_view parent = "") {
  return detail::json_value(object, key, file, parent, "an array", [](const Json& v) { return v.is_array(); });
}

/// A string.
inline std::string require_string(const Json& object, std::string_view key, const std::filesystem::path& file,
                                  std::string_view parent = "") {
  return detail::require_json(optional_string(object, key, file, parent), key, file, parent, "a string");
}
/// An integer from 0.
inline std::size_t require_size(const Json& object, std::string_view key, const std::filesystem::path& file,
                                std::string_view parent = "") {
  return detail::require_json(optional_size(object, key, file, parent), key, file, parent, "a whole number from 0");
}
/// Any number, whole or not.
inline double require_number(const Json& object, std::string_view key, const std::filesystem::path& file,
                             std::string_view parent = "") {
  return detail::require_json(optional_number(object, key, file, parent), key, file, parent, "a number");
}
/// True or false.
inline bool require_bool(const Json& object, std::string_view key, const std::filesystem::path& file,
                         std::string_view parent = "") {
  return detail::require_json(optional_bool(object, key, file, parent), key, file, parent, "true or false");
}
/// An object; points into `object`.
inline const Json& require_object(const Json& object, std::string_view key, const std::filesystem::path& file,
                                  std::string_view parent = "") {
  const Json* value = optional_object(object, key, file, parent);
  return *detail::require_json(value == nullptr ? std::nullopt : std::optional(value), key, file, parent, "an object");
}
/// An array; points into `object`.
inline const Json& require_array(const Json& object, std::string_view key, const std::filesystem::path& file,
                                 std::string_view parent = "") {
  const Json* value = optional_array(object, key, file, parent);
  return *detail::require_json(value == nullptr ? std::nullopt : std::optional(value), key, file, parent, "an array");
}

}  // namespace bora::inline BORA_ABI
