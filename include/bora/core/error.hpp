/// What the library throws. Every message says what is wrong, where, and what was expected.
#pragma once
#include <bora/core/abi.hpp>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bora::inline BORA_ABI {

/// Base of everything this library throws on purpose.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A file is missing, unreadable, truncated, malformed, or does not hold what its name promises.
struct FileError : Error {
  using Error::Error;
};

/// A configuration (config.json, options, command line) is impossible or does not fit the model's type.
struct ConfigError : Error {
  using Error::Error;
};

/// A session, cache or context is asked for more than it was made for.
struct CapacityError : Error {
  using Error::Error;
};

/// A token id outside the vocabulary, or an empty prompt.
struct TokenError : Error {
  using Error::Error;
};

namespace detail {

inline void append(std::string& text, std::string_view part) { text += part; }
inline void append(std::string& text, char part) { text += part; }
template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
void append(std::string& text, Number part) {
  text += std::to_string(part);
}

/// Joins its arguments into one sentence: message("found ", 3, " rows").
template <class... Parts>
std::string message(const Parts&... parts) {
  std::string text;
  (append(text, parts), ...);
  return text;
}

/// "[3, 5]": a shape as it is written in messages.
template <class Range>
std::string shape_text(const Range& shape) {
  std::string text = "[";
  for (const auto extent : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + "]";
}

}  // namespace detail
}  // namespace bora::inline BORA_ABI
