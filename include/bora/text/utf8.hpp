/// Assembles UTF-8 characters from bytes that arrive in parts: a token may end within a character.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// Treatment of bytes that are not valid UTF-8.
enum class InvalidBytes {
  replace,  ///< one U+FFFD for each longest beginning of a character (Unicode 15, §3.9, "maximal subpart")
  keep,     ///< passed on as they are, so that nothing is lost
};

namespace detail {

enum class Utf8Kind { whole, unfinished, invalid };

/// What a run of bytes begins with: a whole character, all there is of one that may still be finished, or
/// bytes that no further byte can turn into one.
struct Utf8Start {
  Utf8Kind kind;
  std::size_t length;
};

/// Bytes of a character by its first; 0 for a byte that begins none.
constexpr std::size_t utf8_length(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;  // C0 and C1 would be overlong ASCII; above F4 there are no code points
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/// Whether `byte` may stand at `index` (from 1) after `lead`. The second byte keeps out overlong forms,
/// surrogates and what lies above U+10FFFF (Unicode 15, Table 3-7).
constexpr bool utf8_continues(unsigned char lead, std::size_t index, unsigned char byte) noexcept {
  unsigned low = 0x80, high = 0xbf;
  if (index == 1) {
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  return low <= byte && byte <= high;
}

/// \param bytes  at least one
constexpr Utf8Start utf8_start(std::string_view bytes) noexcept {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  const std::size_t length = utf8_length(lead);
  if (length == 0) return {Utf8Kind::invalid, 1};
  for (std::size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) return {Utf8Kind::unfinished, i};
    if (!utf8_continues(lead, i, static_cast<unsigned char>(bytes[i]))) return {Utf8Kind::invalid, i};
  }
  return {Utf8Kind::whole, length};
}

}  // namespace detail

/// Receives bytes cut anywhere and releases whole characters: at most three bytes wait for the rest of
/// theirs. What comes out does not depend on where the bytes were cut.
class Utf8Stream {
 public:
  /// Starts with no bytes held back.
  explicit Utf8Stream(InvalidBytes invalid = InvalidBytes::replace) noexcept : invalid_(invalid) {}

  /// The characters that are whole now. Invalid bytes come out (see InvalidBytes) once no further byte can
  /// make a character of them.
  std::string push(std::string_view bytes) {
    waiting_ += bytes;
    std::string text;
    std::size_t at = 0;
    while (at < waiting_.size()) {
      const std::string_view rest = std::string_view(waiting_).substr(at);
      const detail::Utf8Start start = detail::utf8_start(rest);
      if (start.kind == detail::Utf8Kind::unfinished) break;
      text += start.kind == detail::Utf8Kind::whole ? rest.substr(0, start.length) : spelled(rest, start.length);
      at += start.length;
    }
    waiting_.erase(0, at);
    return text;
  }

  /// Ends the text: bytes still held back are an incomplete character, hence invalid. The stream can then be reused.
  std::string finish() {
    std::string text;
    if (!waiting_.empty()) text = spelled(waiting_, waiting_.size());
    waiting_.clear();
    return text;
  }

  /// Bytes of a character whose rest has not arrived: 0 to 3.
  std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  std::string_view spelled(std::string_view bytes, std::size_t length) const noexcept {
    return invalid_ == InvalidBytes::keep ? bytes.substr(0, length) : std::string_view("\xef\xbf\xbd");
  }

  InvalidBytes invalid_;
  std::string waiting_;
};

}}  // namespace bora::BORA_ABI
