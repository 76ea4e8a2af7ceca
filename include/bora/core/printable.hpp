/// Text from outside the program, escaped so that it is safe to print in a message.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Length in bytes of the UTF-8 character that `text` begins with; 0 if it does not begin with a valid one (overlong
/// forms and surrogates are invalid).
inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xbf) {
    return i < text.size() && byte(i) >= least && byte(i) <= most;
  };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef)
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}
/// Whether a character steers a terminal or the order of the text around it instead of being seen: C0 and C1 controls,
/// DEL, line and paragraph separators, marks of direction, the byte order mark.
inline bool is_control(std::string_view character) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  if (character.size() == 2) return (byte(0) == 0xc2 && byte(1) < 0xa0) || character == "\xd8\x9c";
  if (character.size() != 3) return false;
  const unsigned last = byte(2);
  if (character.starts_with("\xe2\x80")) return last == 0x8e || last == 0x8f || (last >= 0xa8 && last <= 0xae);
  if (character.starts_with("\xe2\x81")) return last >= 0xa6 && last <= 0xa9;
  return character == "\xef\xbb\xbf";
}
/// Text from a file, safe to print in a message: control characters and invalid UTF-8 are escaped as "\x1b".
inline std::string escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    if (length != 0 && !is_control(character))
      out += character;
    else
      for (const char c : character) {
        const auto byte = static_cast<unsigned char>(c);
        out += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
      }
    text.remove_prefix(character.size());
  }
  return out;
}
/// A name from a file, safe to print in a message: shortened, and escaped where it is not printable.
inline std::string printable(std::string_view name) {
  constexpr std::size_t longest = 120;
  std::size_t shown = std::min(name.size(), longest);
  while (shown < name.size() && shown > 0 && (static_cast<unsigned char>(name[shown]) & 0xc0) == 0x80)
    --shown;  // not half of a character
  return message("'", escaped(name.substr(0, shown)), name.size() > longest ? "…'" : "'");
}

}}}  // namespace bora::BORA_ABI::detail
