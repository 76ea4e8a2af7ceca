/// The exceptions that the library throws. Every message says what is wrong, where, and what was expected.
///
/// Error types are outside the ABI namespace and visible to other shared objects, so that a program can catch an error
/// thrown by a library compiled for another target. They hold only the message and compute nothing, so it does not
/// matter whose copy of their functions the linker keeps.
#pragma once
#include <bora/core/abi.hpp>
#include <charconv>
#include <concepts>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bora {

/// Base of everything this library throws on purpose.
struct BORA_VISIBLE Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A file is missing, unreadable, truncated, malformed, or does not hold what its name promises.
struct BORA_VISIBLE FileError : Error {
  using Error::Error;
};

/// A configuration (config.json, options, command line) is impossible or does not fit the model's type.
struct BORA_VISIBLE ConfigError : Error {
  using Error::Error;
};

/// A session, cache or context is asked for more than it was made for.
struct BORA_VISIBLE CapacityError : Error {
  using Error::Error;
};

/// The system does not have the memory that a model, a session or a training step needs.
struct BORA_VISIBLE MemoryError : Error {
  using Error::Error;
};

/// The caller cancelled the operation, for example by a progress function that returned false.
struct BORA_VISIBLE Cancelled : Error {
  using Error::Error;
};

/// A token id outside the vocabulary, or an empty prompt.
struct BORA_VISIBLE TokenError : Error {
  using Error::Error;
};

inline namespace BORA_ABI { namespace detail {

/// The shortest text that parses to the same number, whole numbers written out in full: "0.01", "1e-50", "1000000";
/// "NaN".
inline std::string number_text(double number) {
  if (number != number) return "NaN";
  if (number > -1e15 && number < 1e15 && number == static_cast<double>(static_cast<long long>(number)))
    return std::to_string(static_cast<long long>(number));
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

/// A part of a sentence: text or a number. A view. One type for all, so that hundreds of
/// sentences are hundreds of lists and not hundreds of functions to compile.
class Part {
 public:
  Part(std::string_view text) : text_(text) {}
  Part(const std::string& text) : text_(text) {}
  Part(const char* text) : text_(text) {}
  Part(char character) : kind_(Kind::character), character_(character) {}
  Part(std::signed_integral auto number) : kind_(Kind::whole), whole_(number) {}
  Part(std::unsigned_integral auto number) : kind_(Kind::natural), natural_(number) {}
  Part(std::floating_point auto number) : kind_(Kind::fraction), fraction_(number) {}

  void append_to(std::string& sentence) const {
    switch (kind_) {
      case Kind::text:
        sentence += text_;
        break;
      case Kind::character:
        sentence += character_;
        break;
      case Kind::whole:
        sentence += std::to_string(whole_);
        break;
      case Kind::natural:
        sentence += std::to_string(natural_);
        break;
      case Kind::fraction:
        sentence += number_text(fraction_);
        break;
    }
  }

 private:
  enum class Kind { text, character, whole, natural, fraction } kind_ = Kind::text;
  union {
    std::string_view text_;
    char character_;
    long long whole_;
    unsigned long long natural_;
    double fraction_;
  };
};

inline std::string join(std::initializer_list<Part> parts) {
  std::string sentence;
  for (const Part& part : parts) part.append_to(sentence);
  return sentence;
}

/// Joins its arguments into one sentence: message("found ", 3, " rows").
template <class... Parts>
std::string message(const Parts&... parts) {
  return join({Part(parts)...});
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

}}  // namespace BORA_ABI::detail
}  // namespace bora
