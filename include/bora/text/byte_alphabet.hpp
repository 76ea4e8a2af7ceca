/// The 256 characters that stand for bytes in the files of byte-level tokenizers.
#pragma once
#include <bora/text/unicode.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// GPT-2's alphabet: printable characters of Latin-1 stand for themselves, the other bytes for U+0100 and following, in
/// order.
class ByteAlphabet {
 public:
  ByteAlphabet() {
    bytes_.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
      bytes_[itself ? byte : next++] = static_cast<std::int16_t>(byte);
    }
  }
  static const ByteAlphabet& get() {
    static const ByteAlphabet alphabet;
    return alphabet;
  }

  /// The bytes that `text` spells; nothing where a character is none of the alphabet.
  std::optional<std::string> bytes(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      const TextCharacter c = first_character(text);
      if (c.code >= bytes_.size() || bytes_[c.code] < 0) return std::nullopt;
      out += static_cast<char>(bytes_[c.code]);
      text.remove_prefix(c.length);
    }
    return out;
  }

 private:
  std::array<std::int16_t, 0x100 + 68> bytes_;
};

}}}  // namespace bora::BORA_ABI::detail
