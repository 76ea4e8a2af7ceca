/// Recognises JSON (RFC 8259) byte by byte, so that a model can be made to write nothing else.
#pragma once
#include <bora/infer/byte_constraint.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// Which JSON texts are recognised.
struct JsonRules {
  bool object = true;           ///< an object only; false: any value
  std::size_t whitespace = 16;  ///< most whitespace between two tokens of JSON: a model could go on with it for ever
};

/// A pushdown automaton for one JSON text, as small as a few numbers: containers are nested at most 64 deep, and a bit
/// of a word says which each is. Strings are valid UTF-8; escaped surrogates are refused, alone or in pairs.
class JsonRecogniser {
 public:
  JsonRecogniser() = default;
  /// For texts by these rules.
  explicit JsonRecogniser(const JsonRules& rules)
      : most_whitespace_(static_cast<std::uint16_t>(rules.whitespace < 65'535 ? rules.whitespace : 65'535)),
        object_(rules.object) {}

  /// Takes the next byte; false if no JSON text begins so. Nothing may follow then.
  bool push(unsigned char byte) noexcept {
    switch (state_) {
      case State::string:
        return push_string(byte);
      case State::escape:
        return push_escape(byte);
      case State::hex:
        return push_hex(byte);
      case State::utf8:
        return push_utf8(byte);
      case State::literal:
        return push_literal(byte);
      case State::minus:
      case State::zero:
      case State::integer:
      case State::point:
      case State::fraction:
      case State::exponent:
      case State::exponent_sign:
      case State::exponent_digits:
        return push_number(byte);
      default:
        return push_structure(byte);
    }
  }
  /// Whether the text is complete.
  bool may_end() const noexcept { return state_ == State::done || (depth_ == 0 && number_ends()); }
  /// Whether it is complete and nothing may follow. A number alone may always be longer.
  bool must_end() const noexcept { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    value,        // a value comes
    first_value,  // a value, or the array's end
    first_key,    // a key, or the object's end
    key,          // a key comes
    colon,        // after a key
    after_value,  // a comma, or the container's end
    done,         // nothing
    string,
    escape,
    hex,
    utf8,     // in a string
    literal,  // in true, false or null
    minus,
    zero,
    integer,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits  // in a number
  };
  static constexpr std::uint8_t most_depth = 64;

  bool to(State state) noexcept {
    state_ = state;
    whitespace_ = 0;
    return true;
  }
  bool in_object() const noexcept { return (objects_ >> (depth_ - 1) & 1) != 0; }
  bool end_value() noexcept { return to(depth_ == 0 ? State::done : State::after_value); }

  bool open(bool object) noexcept {
    if (depth_ == most_depth) return false;
    const std::uint64_t bit = std::uint64_t{1} << depth_++;
    objects_ = object ? objects_ | bit : objects_ & ~bit;
    return to(object ? State::first_key : State::first_value);
  }
  bool close(bool object) noexcept {
    if (depth_ == 0 || in_object() != object) return false;
    --depth_;
    return end_value();
  }

  bool push_structure(unsigned char byte) noexcept {
    if (state_ == State::done) return false;
    if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r') return whitespace_++ < most_whitespace_;
    switch (state_) {
      case State::first_key:
        if (byte == '}') return close(true);
        [[fallthrough]];
      case State::key:
        key_ = true;
        return byte == '"' && to(State::string);
      case State::colon:
        return byte == ':' && to(State::value);
      case State::after_value:
        if (byte == ',') return to(in_object() ? State::key : State::value);
        return (byte == '}' && close(true)) || (byte == ']' && close(false));
      case State::first_value:
        if (byte == ']') return close(false);
        [[fallthrough]];
      default:
        return push_value(byte);
    }
  }
  bool push_value(unsigned char byte) noexcept {
    if (depth_ == 0 && object_ && byte != '{') return false;
    key_ = false;
    switch (byte) {
      case '{':
        return open(true);
      case '[':
        return open(false);
      case '"':
        return to(State::string);
      case '-':
        return to(State::minus);
      case '0':
        return to(State::zero);
      case 't':
        return begin_literal("true");
      case 'f':
        return begin_literal("false");
      case 'n':
        return begin_literal("null");
      default:
        return '1' <= byte && byte <= '9' && to(State::integer);
    }
  }

  bool begin_literal(const char* word) noexcept {
    literal_ = word + 1;
    return to(State::literal);
  }
  bool push_literal(unsigned char byte) noexcept {
    if (byte != static_cast<unsigned char>(*literal_)) return false;
    return *++literal_ != '\0' || end_value();
  }

  bool number_ends() const noexcept {
    return state_ == State::zero || state_ == State::integer || state_ == State::fraction ||
           state_ == State::exponent_digits;
  }
  bool push_number(unsigned char byte) noexcept {
    const bool digit = '0' <= byte && byte <= '9', e = byte == 'e' || byte == 'E';
    switch (state_) {
      case State::minus:
        return digit && to(byte == '0' ? State::zero : State::integer);
      case State::zero:
      case State::integer:
        if (digit && state_ == State::integer) return true;
        if (byte == '.') return to(State::point);
        if (e) return to(State::exponent);
        break;
      case State::point:
        return digit && to(State::fraction);
      case State::fraction:
        if (digit) return true;
        if (e) return to(State::exponent);
        break;
      case State::exponent:
        if (byte == '+' || byte == '-') return to(State::exponent_sign);
        [[fallthrough]];
      case State::exponent_sign:
        return digit && to(State::exponent_digits);
      default:
        if (digit) return true;
        break;
    }
    end_value();  // the byte comes after the number
    return push_structure(byte);
  }

  bool push_string(unsigned char byte) noexcept {
    if (byte == '"') return key_ ? to(State::colon) : end_value();
    if (byte == '\\') return to(State::escape);
    if (byte < 0x80) return byte >= 0x20;
    // What may follow a first byte of UTF-8 (Unicode 15, Table 3-7).
    low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    left_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    return 0xc2 <= byte && byte <= 0xf4 && to(State::utf8);
  }
  bool push_utf8(unsigned char byte) noexcept {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xbf;
    return --left_ != 0 || to(State::string);
  }
  bool push_escape(unsigned char byte) noexcept {
    left_ = 4;
    surrogate_ = false;
    if (byte == 'u') return to(State::hex);
    return std::string_view("\"\\/bfnrt").find(static_cast<char>(byte)) != std::string_view::npos && to(State::string);
  }
  bool push_hex(unsigned char byte) noexcept {
    const bool digit = '0' <= byte && byte <= '9';
    const unsigned char lower = byte | 0x20;
    if (!digit && !('a' <= lower && lower <= 'f')) return false;
    if (left_ == 3 && surrogate_ && !('0' <= byte && byte <= '7')) return false;  // D800 to DFFF
    surrogate_ = left_ == 4 && lower == 'd';
    return --left_ != 0 || to(State::string);
  }

  std::uint64_t objects_ = 0;      // bit d: whether the container at depth d is an object
  const char* literal_ = nullptr;  // what is left of a literal
  std::uint16_t whitespace_ = 0, most_whitespace_ = 16;
  State state_ = State::value;
  std::uint8_t depth_ = 0;
  std::uint8_t left_ = 0, low_ = 0, high_ = 0;  // bytes left of a character or an escape; bounds of the next one
  bool key_ = false, surrogate_ = false;
  bool object_ = true;
};

/// Makes a text one JSON object:
///
///     const auto bytes = bora::TokenBytes::of(words, session.vocab_size());
///     bora::JsonConstraint json(bytes, {words.eos()});
///     for (bora::TokenId t : bora::generate(session, prompt, {.stop = {words.eos()}, .constraint = &json})) …
using JsonConstraint = ByteConstraint<JsonRecogniser>;

}}  // namespace bora::BORA_ABI
