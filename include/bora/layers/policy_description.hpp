/// Descriptions of policies: a name and arguments, as a small tree that code compiled once for all models can read.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

struct PolicyArgument;

/// A policy as data: `Rope<1e4>` is "Rope" with theta, fraction and scaling, the last a policy itself.
///
/// Each of the library's policies has a static `describe(Described<Policy>)` in its header; for policies of other
/// programs it is optional. Fingerprints, config.json, comparisons and the C++ text of a spec walk this tree.
struct PolicyDescription {
  /// How it is written in C++.
  enum class Form {
    type,      ///< Name<arguments>, a type of the library
    settings,  ///< Name{.key = value, …}, a struct of named numbers that is an argument of a type
    foreign,   ///< a type that is not the library's, perhaps with no more than a name
  };

  std::string name;                       ///< the template's name; a foreign policy's `name`, or its type's name
  Form form = Form::type;                 ///< how it is written
  std::vector<PolicyArgument> arguments;  ///< in the order of the template's; derived facts last

  PolicyDescription();  ///< an empty description
  /// A policy of that name, without arguments at first.
  explicit PolicyDescription(std::string_view its_name, Form its_form = Form::type);

  /// Appends an argument, before the facts. An argument that equals its default may be omitted in C++.
  void add(std::string_view key, std::size_t value);
  void add(std::string_view key, double value);                                         ///< a real number
  void add(std::string_view key, double value, double otherwise);                       ///< with a default
  void add(std::string_view key, PolicyDescription value);                              ///< a policy
  void add(std::string_view key, PolicyDescription value, std::string_view otherwise);  ///< with a default, by its name
  /// Appends a fact: derived from the arguments and not part of the C++ text; facts are sorted by key.
  void add_fact(std::string_view key, std::size_t value);
  /// Removes an argument, if present.
  void remove(std::string_view key);

  /// The argument of this name, also inside settings or, as in "scaling.factor", inside a nested policy. Null if
  /// absent.
  const PolicyArgument* find(std::string_view path) const noexcept;
  /// The same, writable.
  PolicyArgument* find(std::string_view path) noexcept;
  /// Whether there is one.
  bool has(std::string_view path) const noexcept { return find(path) != nullptr; }
  /// A whole number; 0 if absent.
  std::size_t size(std::string_view path) const noexcept;
  /// A number; 0 if absent.
  double real(std::string_view path) const noexcept;
  /// A policy; one without a name if absent.
  const PolicyDescription& policy(std::string_view path) const noexcept;

  /// The same names and numbers.
  bool operator==(const PolicyDescription&) const;

 private:
  PolicyArgument& append(std::string_view key);
};

/// An argument of a policy, or a fact about it.
struct PolicyArgument {
  /// Type of its value.
  enum class Kind { whole, real, policy };

  std::string key;                        ///< its name: "theta"
  Kind kind = Kind::whole;                ///< which of the following it is
  bool is_fact = false;                   ///< it is derived from the others and does not appear in C++
  std::size_t whole = 0;                  ///< a size
  double real = 0;                        ///< a real number
  std::vector<PolicyDescription> policy;  ///< one, or none
  double real_default = 0;                ///< default of a real number, which C++ may omit; 0: no default
  std::string_view policy_default;        ///< name of the default policy, which C++ may omit; a view of a literal

  /// Whether C++ may omit it if all later arguments are omitted.
  bool is_default() const noexcept {
    if (kind == Kind::real) return real_default != 0 && real == real_default;
    return kind == Kind::policy && !policy_default.empty() && policy.front().name == policy_default;
  }

  /// Whether it is a struct of settings, whose numbers are found as if they were arguments.
  bool is_settings() const noexcept {
    return kind == Kind::policy && policy.front().form == PolicyDescription::Form::settings;
  }
  /// The same key and value; how C++ writes it does not count.
  bool operator==(const PolicyArgument& other) const {
    return key == other.key && kind == other.kind && whole == other.whole && real == other.real &&
           policy == other.policy;
  }
};

inline PolicyDescription::PolicyDescription() = default;
inline PolicyDescription::PolicyDescription(std::string_view its_name, Form its_form)
    : name(its_name), form(its_form) {}
inline bool PolicyDescription::operator==(const PolicyDescription& other) const {
  return name == other.name && form == other.form && arguments == other.arguments;
}

inline PolicyArgument& PolicyDescription::append(std::string_view key) {
  auto at = arguments.end();
  while (at != arguments.begin() && std::prev(at)->is_fact) --at;
  PolicyArgument& argument = *arguments.emplace(at);
  argument.key = key;
  return argument;
}
inline void PolicyDescription::add(std::string_view key, std::size_t value) { append(key).whole = value; }
inline void PolicyDescription::add(std::string_view key, double value) {
  PolicyArgument& argument = append(key);
  argument.kind = PolicyArgument::Kind::real;
  argument.real = value;
}
inline void PolicyDescription::add(std::string_view key, double value, double otherwise) {
  add(key, value);
  find(key)->real_default = otherwise;
}
inline void PolicyDescription::add(std::string_view key, PolicyDescription value) {
  PolicyArgument& argument = append(key);
  argument.kind = PolicyArgument::Kind::policy;
  argument.policy.push_back(std::move(value));
}
inline void PolicyDescription::add(std::string_view key, PolicyDescription value, std::string_view otherwise) {
  add(key, std::move(value));
  find(key)->policy_default = otherwise;
}
inline void PolicyDescription::add_fact(std::string_view key, std::size_t value) {
  PolicyArgument& argument = arguments.emplace_back();
  argument.key = key;
  argument.whole = value;
  argument.is_fact = true;
}
inline void PolicyDescription::remove(std::string_view key) {
  for (std::size_t i = arguments.size(); i-- > 0;)
    if (arguments[i].key == key) arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i));
}

inline const PolicyArgument* PolicyDescription::find(std::string_view path) const noexcept {
  const std::string_view first = path.substr(0, path.find('.'));
  for (const PolicyArgument& argument : arguments) {
    if (argument.key == first) {
      if (first.size() == path.size()) return &argument;
      return argument.policy.empty() ? nullptr : argument.policy.front().find(path.substr(first.size() + 1));
    }
    if (argument.is_settings())
      if (const PolicyArgument* inside = argument.policy.front().find(path)) return inside;
  }
  return nullptr;
}
inline PolicyArgument* PolicyDescription::find(std::string_view path) noexcept {
  return const_cast<PolicyArgument*>(std::as_const(*this).find(path));
}
inline std::size_t PolicyDescription::size(std::string_view path) const noexcept {
  const PolicyArgument* found = find(path);
  return found == nullptr ? 0 : found->whole;
}
inline double PolicyDescription::real(std::string_view path) const noexcept {
  const PolicyArgument* found = find(path);
  return found == nullptr ? 0 : found->real;
}
inline const PolicyDescription& PolicyDescription::policy(std::string_view path) const noexcept {
  static const PolicyDescription none;
  const PolicyArgument* found = find(path);
  return found == nullptr || found->policy.empty() ? none : found->policy.front();
}

/// Tag that names the described policy, so that a type derived from a policy does not inherit its description.
template <class Policy>
struct Described {};

namespace detail {

#define BORA_TEXT_OF2(text) #text
#define BORA_TEXT_OF(text) BORA_TEXT_OF2(text)
inline constexpr std::string_view abi_prefix = BORA_TEXT_OF(BORA_ABI) "::";
#undef BORA_TEXT_OF
#undef BORA_TEXT_OF2

/// A type's name, extracted from __PRETTY_FUNCTION__; the same under g++ and clang and for all targets.
inline std::string type_name(std::string_view function) {
  const std::size_t begin = function.find("Named = ") + 8;
  std::string name(function.substr(begin, function.find_first_of(";]", begin) - begin));
  const auto replace_all = [&](std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = name.find(from, at)) != name.npos; at += to.size())
      name.replace(at, from.size(), to);
  };
  replace_all(abi_prefix, "");
  replace_all("{anonymous}", "(anonymous namespace)");
  return name;
}

/// Name of a policy without a description: its `name` if it has one, else its type's name.
template <class Named>
std::string policy_name() {
  if constexpr (requires { std::string_view(Named::name); })
    return std::string(std::string_view(Named::name));
  else
    return type_name(__PRETTY_FUNCTION__);
}

}  // namespace detail

/// The description of policy P; its name only if it has no `describe`.
template <class P>
PolicyDescription description_of() {
  if constexpr (requires { P::describe(Described<P>{}); })
    return P::describe(Described<P>{});
  else
    return PolicyDescription(detail::policy_name<P>(), PolicyDescription::Form::foreign);
}

}}  // namespace bora::BORA_ABI
