/// The keys of Hugging Face's config.json: a family lists each once, for reading a description and for writing one.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/json.hpp>
#include <bora/io/neutral_keys.hpp>
#include <bora/io/policy_json.hpp>
#include <bora/io/rotary_config.hpp>
#include <bora/layers/attention.hpp>
#include <bora/model/description.hpp>
#include <bora/model/description_difference.hpp>
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Scalar value of a config.json key: absent, null, a boolean, a number or a string.
struct ConfigValue {
  /// Type of the value.
  enum class Kind { absent, null, boolean, whole, fraction, word };

  constexpr ConfigValue() = default;  ///< absent
  /// JSON's null.
  constexpr ConfigValue(std::nullptr_t) : kind(Kind::null) {}
  /// True or false, or a whole number.
  constexpr ConfigValue(std::integral auto value)
      : kind(std::is_same_v<decltype(value), bool> ? Kind::boolean : Kind::whole), number(static_cast<double>(value)) {}
  /// A number.
  constexpr ConfigValue(double value) : kind(Kind::fraction), number(value) {}
  /// A string; only a view of it is stored, so it must outlive this object.
  constexpr ConfigValue(std::string_view value) : kind(Kind::word), word(value) {}
  /// A string; only a view of it is stored, so it must outlive this object.
  constexpr ConfigValue(const char* value) : kind(Kind::word), word(value) {}

  Kind kind = Kind::absent;  ///< says which of the other members is valid, if any
  double number = 0;         ///< integers too: sizes are far below 2^53
  std::string_view word;     ///< a view; valid if kind is word
};

/// A key of config.json and its value.
struct ConfigEntry {
  /// Whether the key is compared and written, only compared (no policy implements another value), only written, or
  /// neither: absent from what is written.
  enum class Use { compare_and_write, compare, write, neither };

  std::string_view within;  ///< the object that holds the key; empty: the config itself
  std::string_view names;   ///< "n_embd|hidden_size" for two spellings; the first is written
  ConfigValue value;        ///< the value that a description gives it
  Use use;                  ///< whether it is compared, written or both
};

/// A string value in config.json and the policy that it names.
struct PolicyWord {
  std::string_view word;               ///< in the file
  PolicyDescription (*description)();  ///< describes the policy; arguments read from other keys are placeholders
};

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

/// Canonical spelling of a name that has several. gelu_fast is the tanh formula too.
inline std::string_view plain_word(std::string_view word) {
  if (word == "swish") return "silu";
  if (word == "gelu_pytorch_tanh" || word == "gelu_fast") return "gelu_new";
  if (word == "gelu_python") return "gelu";
  if (word == "layernorm") return "low_precision_layernorm";  // MPT: the two differ in speed only
  return word;
}

inline bool same_value(const ConfigValue& a, const ConfigValue& b) {
  using Kind = ConfigValue::Kind;
  const auto is_number = [](Kind kind) { return kind == Kind::whole || kind == Kind::fraction; };
  if (is_number(a.kind) && is_number(b.kind))
    return a.kind == Kind::whole && b.kind == Kind::whole ? a.number == b.number : same_real(a.number, b.number);
  return a.kind == b.kind && a.number == b.number && plain_word(a.word) == plain_word(b.word);
}

/// A file's value if it is of the given kind, otherwise absent.
inline ConfigValue value_of(const Json& json, ConfigValue::Kind kind) {
  using Kind = ConfigValue::Kind;
  if (kind == Kind::word && json.is_string()) return std::string_view(json.get_ref<const std::string&>());
  if (kind == Kind::boolean && json.is_boolean()) return json.get<bool>();
  if ((kind != Kind::whole && kind != Kind::fraction) || !json.is_number()) return {};
  ConfigValue value(json.get<double>());
  if (kind == Kind::fraction) return value;
  value.kind = Kind::whole;
  const bool is_size = value.number >= 0 && value.number < 0x1p53 && value.number == std::floor(value.number);
  return is_size ? value : ConfigValue();
}

/// Written as an integer if it is one: transformers requires integers for some keys.
inline ConfigValue whole_if_whole(double value) {
  return value == std::floor(value) && std::abs(value) < 0x1p53 ? ConfigValue(static_cast<std::int64_t>(value))
                                                                : ConfigValue(value);
}

inline std::string_view kind_text(ConfigValue::Kind kind) {
  using Kind = ConfigValue::Kind;
  return kind == Kind::boolean ? "true or false"
         : kind == Kind::whole ? "a whole number from 1"
         : kind == Kind::word  ? "a string"
                               : "a number";
}

}  // namespace detail

/// The keys of one config.json, as a family lists them. A family names each key once, together with the field of the
/// description that it sets; the constructor decides whether fields are read from keys or written to them.
class ConfigKeys {
 public:
  /// Writes a description.
  ConfigKeys() = default;
  /// Reads a description back from written keys, which must outlive this object.
  static ConfigKeys read_back(const ConfigKeys& written) {
    ConfigKeys keys;
    keys.written_ = &written;
    return keys;
  }
  /// Reads a description from a file. Throws ConfigError, naming the key, for a value that is of the wrong kind or that
  /// no policy implements; and, if `expected` (the keys of a model's type) is given, for the first key that differs
  /// from it.
  ConfigKeys(const detail::RotaryConfig& config, const std::filesystem::path& file, std::string_view model_type,
             const ConfigKeys* expected)
      : config_(&config), file_(&file), model_type_(model_type), expected_(expected) {}

  /// All keys so far.
  const std::vector<ConfigEntry>& entries() const noexcept { return entries_; }
  /// The file's spelling, which decides some defaults; empty if no file is read.
  std::string_view model_type() const noexcept { return model_type_; }
  /// Whether the values of the keys that follow are compared with a model's one by one. Not where a key may matter to
  /// no layer, which the model says as its keys are written, or the file as they are read: then only the descriptions
  /// are.
  void compare(bool by_key) noexcept { compares_ = by_key; }
  /// The keys that follow are in an object of this name; empty: at the top level.
  void enter(std::string_view within) noexcept { within_ = within; }

  // Each takes the key's spellings, the field it sets, the default that transformers assumes for a missing key (if
  // unset, the key is required) and the meaning of null (if unset, the same default).

  /// A size, from 1.
  void size(std::string_view names, std::size_t& value, ConfigValue missing = {}, ConfigValue null = {}) {
    value = to_size(take(names, ConfigValue::Kind::whole, value, missing, null));
    check_size(value);
  }
  /// A size that matters only to learned positions: models that have them compare it.
  void context(std::string_view names, std::size_t& value, std::size_t missing) {
    value = to_size(take(names, ConfigValue::Kind::whole, value, missing, {}, ConfigEntry::Use::write));
    check_size(value);
  }
  /// A number.
  void real(std::string_view names, double& value, ConfigValue missing = {}, ConfigValue null = {}) {
    value = take(names, ConfigValue::Kind::fraction, value, missing, null).number;
  }
  /// A number, written as an integer if it is one.
  void whole_real(std::string_view names, double& value, ConfigValue missing = {}) {
    value = take(names, ConfigValue::Kind::fraction, detail::whole_if_whole(value), missing, {}).number;
  }
  /// True or false; null is false.
  void flag(std::string_view names, bool& value, ConfigValue missing = {}) {
    value = take(names, ConfigValue::Kind::boolean, value, missing, false).number != 0;
  }
  /// A string that selects a policy.
  void choose(std::string_view names, PolicyDescription& policy, std::span<const PolicyWord> words,
              ConfigValue missing = {}) {
    ConfigValue value = missing;
    for (const PolicyWord& word : words)
      if (word.description().name == policy.name) value = word.word;
    value = take(names, ConfigValue::Kind::word, value, missing, {});
    const auto found = std::ranges::find_if(
        words, [&](const PolicyWord& word) { return detail::plain_word(word.word) == detail::plain_word(value.word); });
    std::string known;
    for (const PolicyWord& word : words) known += (known.empty() ? "" : ", ") + std::string(word.word);
    check(found != words.end(), "a policy's word: ", known);
    if (reads() && found != words.end()) policy = found->description();
  }
  /// True if a policy has the option among its arguments.
  void option(std::string_view names, PolicyDescription& policy, std::string_view key,
              const PolicyDescription& description, ConfigValue missing = {}) {
    bool value = policy.has(key);
    flag(names, value, missing);
    if (!reads()) return;
    policy.remove(key);
    if (value) policy.add(key, description);
  }
  /// A window, or null for none.
  void window(std::string_view names, PolicyDescription& attention, ConfigValue missing) {
    PolicyDescription& mask = policy(attention, "mask");
    const bool has_window = mask.name == "SlidingWindow";
    const ConfigValue value =
        take(names, ConfigValue::Kind::whole, has_window ? ConfigValue(mask.size("window")) : ConfigValue(nullptr),
             missing, nullptr);
    check(value.kind == ConfigValue::Kind::null || value.number >= 1, "a whole number from 1, or null");
    if (!reads()) return;
    mask = value.kind == ConfigValue::Kind::null ? description_of<Causal>() : description_of<SlidingWindow<1>>();
    size_at(mask, "window") = to_size(value);
  }
  /// The limit of q, k and v, or null for none.
  void clip(std::string_view names, PolicyDescription& attention) {
    const bool clips = attention.has("clip");
    const ConfigValue value =
        take(names, ConfigValue::Kind::fraction,
             clips ? ConfigValue(attention.real("clip.limit")) : ConfigValue(nullptr), nullptr, nullptr);
    check(value.kind == ConfigValue::Kind::null || value.number > 0, "a number above 0, or null");
    if (!reads()) return;
    attention.remove("clip");
    if (value.kind == ConfigValue::Kind::null) return;
    attention.add("clip", description_of<ClipQkv<1.0>>());
    real_at(attention, "clip.limit") = value.number;
  }
  /// A number, or nothing (null) if the key is missing. It is compared as part of the description only, and not written
  /// if there is none.
  ConfigValue optional_real(std::string_view names, ConfigValue value) {
    const bool none = value.kind == ConfigValue::Kind::null;
    return take(names, ConfigValue::Kind::fraction, value, nullptr, nullptr,
                none && !reads() ? ConfigEntry::Use::neither : ConfigEntry::Use::write);
  }
  /// A number, or null for none.
  ConfigValue real_or_null(std::string_view names, ConfigValue value, ConfigValue missing) {
    return take(names, ConfigValue::Kind::fraction, value, missing, nullptr);
  }
  /// The number of a layer, from 0; it may be beyond the last. It is part of a pattern, and so is not compared.
  void index(std::string_view names, std::size_t& value, std::size_t missing) {
    value = to_size(take(names, ConfigValue::Kind::whole, value, missing, {}, ConfigEntry::Use::write));
  }
  /// True or false, written only if it is not `usual`, which a missing key means.
  bool optional_flag(std::string_view names, bool value, bool usual) {
    return take(names, ConfigValue::Kind::boolean, value, usual, usual,
                value == usual && !reads() ? ConfigEntry::Use::compare : ConfigEntry::Use::compare_and_write)
               .number != 0;
  }
  /// The value of a key that is an array, in the file or as it was written; null if the key is missing. Throws
  /// ConfigError for a value of another kind.
  const Json* array(std::string_view key) const {
    const Json* found = written_ != nullptr ? detail::find_json(written_->policies_, key) : raw(key);
    if (found != nullptr && !found->is_array())
      refuse({"key ", detail::printable(key), " is ", detail::json_kind(*found), ", expected an array"});
    return found;
  }
  /// Writes a key that is an array; does nothing when keys are read.
  void write_array(std::string_view key, Json values) {
    if (!reads()) policies_[std::string(key)] = std::move(values);
  }
  /// A key for which only one value is supported; missing and null mean that value.
  void expect(std::string_view names, ConfigValue only) {
    take(names, only.kind, only, only, only, ConfigEntry::Use::compare);
  }
  /// A key for which only one value is supported, and which is written.
  void expect_and_write(std::string_view names, ConfigValue only, ConfigValue missing) {
    const ConfigValue value = take(names, only.kind, only, missing, {});
    check(detail::same_value(value, only), detail::text_of(only), ", as no policy expresses another");
  }
  /// A policy as it describes itself, in the library's own files.
  void described(std::string_view name, PolicyDescription& policy) {
    const std::string key(name);
    if (!reads()) policies_[key] = detail::policy_json(policy);
    if (reads()) policy = detail::policy_of(policies_at(key), key, file());
  }
  /// The same of a policy that is absent where it is `usual`.
  void described(std::string_view name, PolicyDescription& policy, const PolicyDescription& usual) {
    const std::string key(name);
    if (!reads() && policy != usual) policies_[key] = detail::policy_json(policy);
    if (!reads()) return;
    const Json& holder = config_ == nullptr ? written_->policies_ : config_->json();
    policy = detail::find_json(holder, key) == nullptr ? usual : detail::policy_of(holder.at(key), key, file());
  }
  /// A pattern of layers: one policy, or an array.
  void pattern(std::string_view name, std::vector<PolicyDescription>& kinds) {
    const std::string key(name);
    if (!reads() || !policies_at(key).is_array()) {
      if (kinds.size() != 1 && !reads()) return describe_each(policies_[key], kinds);
      kinds.resize(1);
      return described(name, kinds.front());
    }
    const Json& array = policies_at(key);
    if (array.empty()) refuse({"key ", detail::printable(key), " is an empty array, expected one policy or more"});
    for (const Json& kind : array)
      kinds.push_back(detail::policy_of(kind, detail::message(key, "[", kinds.size(), "]"), file()));
  }
  /// A key that is written but never read.
  void write(std::string_view names, ConfigValue value) {
    entries_.push_back({within_, names, value, ConfigEntry::Use::write});
  }

  /// Throws ConfigError if the value of the last key, given or implied, breaks a rule of its policy.
  void check(bool holds, detail::Part expected, detail::Part more = "") const {
    if (config_ != nullptr && !holds) refuse({last_, ", expected ", expected, more});
  }

  // Fields of a policy. A model of another family lacks some; its keys, once written, then read back as a different
  // model.

  /// A whole number.
  std::size_t& size_at(PolicyDescription& d, std::string_view path) { return at(d, path).whole; }
  /// A number.
  double& real_at(PolicyDescription& d, std::string_view path) { return at(d, path).real; }
  /// A policy.
  PolicyDescription& policy(PolicyDescription& d, std::string_view path) {
    PolicyArgument& argument = at(d, path);
    if (argument.policy.empty()) argument.policy.emplace_back();
    return argument.policy.front();
  }
  /// Whether fields are set from keys, rather than keys from fields.
  bool reads() const noexcept { return config_ != nullptr || written_ != nullptr; }
  /// The file's value of a key that this class has no function for; null if the key is missing or no file is read.
  const Json* raw(std::string_view key) const {
    return config_ == nullptr ? nullptr : detail::find_json(config_->json(), key);
  }
  /// Throws ConfigError, after the file's name.
  [[noreturn]] void refuse(std::initializer_list<detail::Part> parts) const {
    throw ConfigError(detail::message(file().string(), ": ", detail::join(parts)));
  }
  /// A key as the file has it, quoted.
  std::string path(std::string_view key) const { return config_->path(within_, key); }

  /// Requires keys of other families to be missing or to have neutral values; skips keys that this family lists itself.
  void expect_neutral() {
    enter("");
    const auto expect_all = [&](std::span<const std::string_view> names, const ConfigValue& neutral) {
      for (const std::string_view name : names)
        if (!lists("", name)) expect(name, neutral);
    };
    expect_all(detail::switches_off, false);
    expect_all(detail::factors_of_one, 1.0);
    expect_all(detail::only_null, nullptr);
  }
  /// Refuses unlisted keys in objects whose keys decide a formula (`rope_scaling`): an unknown key may decide one too.
  void refuse_unknown() const {
    std::string_view last;
    for (const ConfigEntry& entry : entries_) {
      const Json* holder = entry.within.empty() || entry.within == last ? nullptr : holder_of(entry.within);
      last = entry.within;
      if (holder == nullptr) continue;
      for (const auto& [name, value] : holder->items())
        if (!value.is_null() && !lists(entry.within, name) && !detail::is_harmless(entry.within, name))
          refuse({"key ", config_->path(entry.within, name), " is ", detail::json_kind(value), ", which ",
                  expected_ != nullptr ? "the model's type cannot express" : "no policy expresses",
                  ", expected no such key here"});
    }
  }
  /// The written keys, as JSON.
  Json json() const {
    Json config = policies_;
    for (const ConfigEntry& entry : entries_) {
      if (entry.use == ConfigEntry::Use::compare || entry.use == ConfigEntry::Use::neither) continue;
      Json& holder = entry.within.empty() ? config : config[std::string(entry.within)];
      holder[std::string(first_of(entry.names))] = detail::to_json(entry.value);
    }
    return config;
  }

 private:
  void check_size(std::size_t value) const {
    check(value >= 1, "a whole number from 1");
    check(value < std::size_t{1} << 31, "a whole number up to 2147483647");
  }
  const std::filesystem::path& file() const {
    static const std::filesystem::path none;
    return file_ == nullptr ? none : *file_;
  }
  static void describe_each(Json& array, const std::vector<PolicyDescription>& kinds) {
    for (const PolicyDescription& kind : kinds) array.push_back(detail::policy_json(kind));
  }
  const Json& policies_at(const std::string& key) const {
    const Json& holder = config_ == nullptr ? written_->policies_ : config_->json();
    const auto found = holder.find(key);
    if (found == holder.end()) refuse({"has no key ", detail::printable(key), ", expected a policy"});
    return *found;
  }
  static std::string_view first_of(std::string_view names) { return names.substr(0, names.find('|')); }
  static std::size_t to_size(const ConfigValue& value) { return static_cast<std::size_t>(value.number); }
  bool lists(std::string_view within, std::string_view name) const {
    return std::ranges::any_of(entries_, [&](const ConfigEntry& entry) {
      return entry.within == within &&
             detail::message("|", entry.names, "|").find(detail::message("|", name, "|")) != std::string::npos;
    });
  }
  PolicyArgument& at(PolicyDescription& d, std::string_view path) {
    PolicyArgument* found = d.find(path);
    return found != nullptr ? *found : absent_.emplace_back();
  }
  const Json* holder_of(std::string_view within) const {
    if (within.empty()) return &config_->json();
    const Json* holder = detail::find_json(config_->json(), within);
    if (holder != nullptr && !holder->is_object())
      refuse({"key ", detail::printable(within), " is ", detail::json_kind(*holder), ", expected an object"});
    return holder;
  }

  /// The value of the key: as read, or `value` itself when keys are written.
  ConfigValue take(std::string_view names, ConfigValue::Kind kind, ConfigValue value, const ConfigValue& missing,
                   const ConfigValue& null, ConfigEntry::Use use = ConfigEntry::Use::compare_and_write) {
    if (written_ != nullptr) value = written_value(names, missing);
    if (config_ != nullptr) value = read(names, kind, missing, null, use);
    if (!reads() && !compares_ && use == ConfigEntry::Use::compare) use = ConfigEntry::Use::neither;
    if (!reads() && !compares_ && use == ConfigEntry::Use::compare_and_write) use = ConfigEntry::Use::write;
    entries_.push_back({within_, names, value, use});
    return value;
  }

  ConfigValue written_value(std::string_view names, const ConfigValue& missing) const {
    const auto found = std::ranges::find_if(
        written_->entries_, [&](const ConfigEntry& entry) { return entry.within == within_ && entry.names == names; });
    return found == written_->entries_.end() ? missing : found->value;
  }
  /// The value that the model's type has for the next key; null if nothing is compared.
  const ConfigValue* expected_at(std::string_view names) const {
    if (!compares_ || expected_ == nullptr || entries_.size() >= expected_->entries_.size()) return nullptr;
    const ConfigEntry& entry = expected_->entries_[entries_.size()];
    const bool is_it = entry.names == names && entry.within == within_;
    const bool compares = entry.use == ConfigEntry::Use::compare || entry.use == ConfigEntry::Use::compare_and_write;
    return is_it && compares ? &entry.value : nullptr;
  }

  ConfigValue read(std::string_view names, ConfigValue::Kind kind, const ConfigValue& missing, const ConfigValue& null,
                   ConfigEntry::Use use) {
    const ConfigValue* expected = expected_at(names);
    const auto end_of = [&]() -> std::string {
      if (expected != nullptr) return ", the model's type has " + detail::text_of(*expected);
      if (use == ConfigEntry::Use::compare) return ", which no policy expresses, expected " + detail::text_of(missing);
      return ", expected " + std::string(detail::kind_text(kind));
    };
    const Json* holder = holder_of(within_);
    ConfigValue found;
    std::string found_at;
    for (std::string_view rest = holder == nullptr ? "" : names; !rest.empty();) {
      const std::string spelling(first_of(rest));
      rest.remove_prefix(std::min(spelling.size() + 1, rest.size()));
      const auto there = holder->find(spelling);
      if (there == holder->end() || (there->is_null() && null.kind == ConfigValue::Kind::absent)) continue;
      const ConfigValue value = there->is_null() ? null : detail::value_of(*there, kind);
      const bool has_meaning = there->is_null() && value.kind != ConfigValue::Kind::null;
      last_ = detail::message("key ", config_->path(within_, spelling), " is ", detail::json_kind(*there),
                              has_meaning ? ", which means " + detail::text_of(value) : "");
      const bool is_value = value.kind != ConfigValue::Kind::absent &&
                            (use != ConfigEntry::Use::compare || detail::same_value(value, missing));
      if (!is_value || (expected != nullptr && !detail::same_value(value, *expected))) refuse({last_, end_of()});
      if (found.kind != ConfigValue::Kind::absent && !detail::same_value(value, found))
        refuse({found_at, ", but ", last_, ", expected the same"});
      found = value;
      found_at = last_;
    }
    return found.kind == ConfigValue::Kind::absent ? read_missing(names, holder, missing, expected, end_of()) : found;
  }
  ConfigValue read_missing(std::string_view names, const Json* holder, const ConfigValue& missing,
                           const ConfigValue* expected, const std::string& end) {
    const std::string first(first_of(names));
    const bool is_null = holder != nullptr && holder->contains(first),
               has_default = missing.kind != ConfigValue::Kind::absent;
    last_ = detail::message(is_null ? "key " : "has no key ", detail::json_path(within_, first),
                            is_null ? " is null" : "", has_default ? ", which means " + detail::text_of(missing) : "");
    if (!has_default || (expected != nullptr && !detail::same_value(missing, *expected))) refuse({last_, end});
    return missing;
  }

  const detail::RotaryConfig* config_ = nullptr;  // set when a file is read
  const std::filesystem::path* file_ = nullptr;   // the same
  std::string_view model_type_;
  const ConfigKeys* expected_ = nullptr;  // set when comparing with a model's type
  const ConfigKeys* written_ = nullptr;   // set when reading written keys back
  Json policies_ = Json::object();        // written by `described` and `pattern`
  std::vector<ConfigEntry> entries_;
  bool compares_ = true;
  std::string_view within_;
  std::string last_;                  ///< the last key and its value: the beginning of an error message
  std::list<PolicyArgument> absent_;  ///< stand in for arguments that a description lacks
};

}}  // namespace bora::BORA_ABI
