/// Strict JSON; the only header that includes nlohmann's. Errors name the file and the key.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <bora/io/json_string.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A JSON value.
using Json = nlohmann::json;

/// How much JSON is accepted, and where it comes from.
struct JsonOptions {
  /// Longest file, in bytes; the header of a safetensors file has the same limit.
  std::size_t bytes = 100'000'000;
  /// Most memory for the parsed values, in bytes, estimated: `"",` takes twenty times its length. Twice what the
  /// largest published tokenizers need.
  std::size_t memory = 400'000'000;
  /// Number of the line that the text is, from 1, in a file of one value a line; 0 where the text is the whole file.
  std::size_t line = 0;
};

/// Limits for a file of settings, as config.json: published ones have a few kB, at most some hundreds.
inline constexpr JsonOptions json_settings{.bytes = 10'000'000, .memory = 50'000'000};

namespace detail {

/// A text as JSON. nlohmann's constructors are templates over the length of a literal: each would be instantiated.
inline Json json_text(std::string_view text) { return Json(std::string(text)); }

/// A member of an object that is written; see json_text.
struct JsonMember {
  JsonMember(const char* name, std::string_view text) : key(name), value(json_text(text)) {}  // NOLINT: for lists
  template <std::same_as<Json> J>
  JsonMember(const char* name, J json) : key(name), value(std::move(json)) {}  // NOLINT
  template <class T>
    requires(std::is_arithmetic_v<T> || std::is_null_pointer_v<T>)
  JsonMember(const char* name, T number) : key(name), value(number) {}  // NOLINT

  const char* key;
  Json value;
};
/// An object of these members.
inline Json json_object(std::initializer_list<JsonMember> members) {
  Json object = Json::object();
  for (const JsonMember& member : members) object[member.key] = member.value;
  return object;
}

/// Arrays and objects within each other; no file of this library's formats comes near.
inline constexpr std::size_t json_depth = 64;

/// "line 3, column 14": the position of byte `at`.
inline std::string json_place(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, std::min(at, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return message("line ", line, ", column ", before.size() - start + 1);
}

/// nlohmann's message without its error number and without bytes of the file.
inline std::string json_complaint(std::string_view what) {
  if (const std::size_t dash = what.find(" - "); dash != what.npos)
    what.remove_prefix(dash + 3);
  else if (const std::size_t bracket = what.find("] "); bracket != what.npos)
    what.remove_prefix(bracket + 2);
  what = what.substr(0, what.find("; last read"));
  constexpr std::size_t longest = 200;  // a number that overflows is quoted whole
  return what.size() <= longest ? std::string(what) : std::string(what.substr(0, longest)) + "…";
}

/// Builds the value while parsing, and refuses duplicate keys, deep nesting and large values meanwhile: afterwards
/// duplicates are lost, and the memory is already taken. nlohmann's callback could refuse them too, but 3.11 then
/// searches a container once for each object in it. Keys are ordered, not hashed, so a file cannot choose keys that
/// collide.
class JsonBuilder {
 public:
  JsonBuilder(std::string_view text, const std::filesystem::path& file, const JsonOptions& options)
      : text_(text), file_(file), options_(options) {}
  Json take() { return std::move(root_); }

  // Callbacks of nlohmann's parser.
  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) {
    take_memory(allocation + value.size());
    return add(std::move(value));
  }
  bool binary(Json::binary_t&) { return false; }  // JSON has none
  bool start_array(std::size_t) { return open(Json::value_t::array); }
  bool start_object(std::size_t) { return open(Json::value_t::object); }
  bool end_array() { return close(); }
  bool end_object() { return close(); }
  bool key(std::string& name) {
    take_memory(2 * allocation + name.size());
    const auto [at, added] = open_.back()->get_ref<Json::object_t&>().try_emplace(std::move(name));
    if (!added) refuse("key ", printable(name), " occurs twice in one JSON object");
    member_ = &at->second;
    return true;
  }
  bool parse_error(std::size_t bytes, const std::string&, const Json::exception& error) {
    const bool has_place =
        error.id < 200;  // 101 to 115 are parse errors; programs may have no run-time type information
    const std::size_t at = bytes == 0 ? 0 : bytes - 1;
    refuse_invalid(has_place ? std::optional(at) : std::nullopt, json_complaint(error.what()));
  }

  /// Throws FileError: the text is not JSON, as byte `at` shows.
  [[noreturn]] void refuse_invalid(std::optional<std::size_t> at, std::string_view why) const {
    if (options_.line != 0)
      refuse_file(message(place(), at ? message(", column ", *at + 1) : ""), "is not valid JSON: ", why);
    refuse_file(file_, "is not valid JSON: ", at ? json_place(text_, *at) + ": " : "", why);
  }

 private:
  static constexpr std::size_t allocation = 48;  ///< bytes of a string or container, heap overhead included

  std::string place() const {
    return options_.line == 0 ? file_.string() : message(file_.string(), ", line ", options_.line);
  }
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(place(), parts...);
  }
  void take_memory(std::size_t bytes) {
    if (bytes > options_.memory - taken_)
      refuse("holds JSON values that take more than ", options_.memory, " bytes of memory, expected no more");
    taken_ += bytes;
  }
  bool add(Json value) {
    take_memory(sizeof(Json));
    Json& at = open_.empty() ? root_ : open_.back()->is_array() ? append(*open_.back()) : *member_;
    at = std::move(value);
    last_ = &at;
    return true;
  }
  static Json& append(Json& array) { return array.get_ref<Json::array_t&>().emplace_back(); }
  bool open(Json::value_t container) {
    if (open_.size() == json_depth) refuse("JSON values are nested deeper than ", json_depth, ", expected no more");
    take_memory(allocation);
    add(container);
    open_.push_back(last_);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::filesystem::path& file_;
  const JsonOptions& options_;
  Json root_;
  std::vector<Json*> open_;  ///< enclosing arrays and objects; a parent does not grow while its child is open
  Json* last_ = nullptr;     ///< the value added last
  Json* member_ = nullptr;   ///< where the value of the last key goes
  std::size_t taken_ = 0;    ///< estimated bytes of memory so far
};

/// A parsed integer is unsigned; one that a program set may be signed.
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

/// The value at `key`, or nothing. Throws FileError, with `expected` in its message, if `fits` rejects the value.
template <class Fits>
const Json* json_value(const Json& object, std::string_view key, const std::filesystem::path& file,
                       std::string_view parent, std::string_view expected, Fits fits) {
  const Json* value = find_json(object, key);
  if (value != nullptr && !fits(*value))
    refuse_file(file, "key ", json_path(parent, key), " is ", json_kind(*value), ", expected ", expected);
  return value;
}

/// Throws FileError for a required member that is missing or null, and says which.
template <class T>
T require_json(std::optional<T> value, const Json& object, std::string_view key, const std::filesystem::path& file,
               std::string_view parent, std::string_view expected) {
  const bool is_null = object.is_object() && object.contains(std::string(key));
  if (!value)
    refuse_file(file, is_null ? "key " : "has no key ", json_path(parent, key), is_null ? " is null" : "",
                ", expected ", expected);
  return *std::move(value);
}

}  // namespace detail

/// Parses a whole text as one JSON value, in time linear in its length. Throws FileError, naming `file` and the line,
/// for what is not JSON (comments, trailing commas, NaN and bytes that are no UTF-8 included), for a key that occurs
/// twice in an object, for values nested deeper than 64, and for values that take more memory than the options allow.
inline Json parse_json(std::string_view text, const std::filesystem::path& file, const JsonOptions& options = {}) {
  const detail::FloatMode mode;  // parsing numbers depends on the rounding mode
  detail::JsonBuilder builder(text, file, options);
  // nlohmann takes a zero byte for the end and would ignore the rest.
  if (const std::size_t zero = text.find('\0'); zero != text.npos) builder.refuse_invalid(zero, "a zero byte");
  // Json::sax_parse would do, but also compile the readers of CBOR, BSON and the other binary formats.
  auto input = nlohmann::detail::input_adapter(text.begin(), text.end());
  nlohmann::detail::parser<Json, decltype(input)>(std::move(input)).sax_parse(&builder);
  return builder.take();
}

/// Parses a file. Throws as parse_json does, and for a file longer than the options allow.
inline Json read_json(const MappedFile& file, const JsonOptions& options = {}) {
  detail::refuse_foreign_kind(file.path(), file.text(), "no JSON");
  if (file.size() > options.bytes)
    detail::refuse_file(file.path(), "is ", file.size(), " bytes long, expected at most ", options.bytes, " of JSON");
  return parse_json(file.text(), file.path(), options);
}
/// Opens and parses a file.
inline Json read_json(const std::filesystem::path& file, const JsonOptions& options = {}) {
  return read_json(MappedFile(file), options);
}

BORA_FILE_DEFINITION std::string json_string(std::string_view text) {
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
  return detail::require_json(optional_string(object, key, file, parent), object, key, file, parent, "a string");
}
/// An integer from 0.
inline std::size_t require_size(const Json& object, std::string_view key, const std::filesystem::path& file,
                                std::string_view parent = "") {
  return detail::require_json(optional_size(object, key, file, parent), object, key, file, parent,
                              "a whole number from 0");
}
/// Any number, whole or not.
inline double require_number(const Json& object, std::string_view key, const std::filesystem::path& file,
                             std::string_view parent = "") {
  return detail::require_json(optional_number(object, key, file, parent), object, key, file, parent, "a number");
}
/// True or false.
inline bool require_bool(const Json& object, std::string_view key, const std::filesystem::path& file,
                         std::string_view parent = "") {
  return detail::require_json(optional_bool(object, key, file, parent), object, key, file, parent, "true or false");
}
/// An object; points into `object`.
inline const Json& require_object(const Json& object, std::string_view key, const std::filesystem::path& file,
                                  std::string_view parent = "") {
  const Json* value = optional_object(object, key, file, parent);
  return *detail::require_json(value == nullptr ? std::nullopt : std::optional(value), object, key, file, parent,
                               "an object");
}
/// An array; points into `object`.
inline const Json& require_array(const Json& object, std::string_view key, const std::filesystem::path& file,
                                 std::string_view parent = "") {
  const Json* value = optional_array(object, key, file, parent);
  return *detail::require_json(value == nullptr ? std::nullopt : std::optional(value), object, key, file, parent,
                               "an array");
}

}}  // namespace bora::BORA_ABI
