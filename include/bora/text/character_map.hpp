/// SentencePiece's normalisation rules: the longest text in a table is replaced by another.
#pragma once
#include <bora/core/error.hpp>
#include <bora/text/unicode.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A `precompiled_charsmap`: u32 bytes of a trie, the trie as a double array (Aoe 1989; the layout of Darts-clone),
/// then texts that end with a zero byte. Every offset is checked when it is followed.
class CharacterMap {
 public:
  /// Throws ConfigError where the sizes contradict.
  explicit CharacterMap(std::string_view bytes) {
    if (bytes.size() < 4) refuse(bytes.size(), " bytes long, expected at least 4");
    const std::size_t trie = number(bytes);
    if (trie > bytes.size() - 4 || trie % 4 != 0)
      refuse(bytes.size(), " bytes long with a trie of ", trie, ", expected a multiple of 4 that fits");
    for (std::size_t at = 4; at < 4 + trie; at += 4) units_.push_back(number(bytes.substr(at)));
    texts_ = bytes.substr(4 + trie);
    if (!texts_.empty() && texts_.back() != '\0') refuse("without a zero byte at its end");
  }

  /// A rule that applies to the beginning of a text.
  struct Rule {
    std::string_view text;  ///< what replaces it
    std::size_t length;     ///< bytes that are replaced
  };
  /// The longest rule that applies to the beginning of `text`.
  std::optional<Rule> find(std::string_view text) const noexcept {
    if (units_.empty()) return std::nullopt;
    std::optional<Rule> longest;
    std::size_t node = offset(units_[0]);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      node ^= byte;
      if (node >= units_.size() || (units_[node] & 0x800000ffu) != byte) break;
      const bool has_leaf = (units_[node] >> 8 & 1) != 0;
      node ^= offset(units_[node]);
      if (node >= units_.size()) break;
      const std::size_t value = units_[node] & 0x7fffffffu;
      if (has_leaf && value < texts_.size()) longest = {std::string_view(texts_.c_str() + value), i + 1};
    }
    return longest;
  }

  /// Applies rules from left to right. Bytes that are no UTF-8 become U+FFFD, as in SentencePiece.
  std::string apply(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      if (const std::optional<Rule> rule = find(text)) {
        out += rule->text;
        text.remove_prefix(rule->length);
        continue;
      }
      const TextCharacterLength c = length(text);
      out += c.valid ? text.substr(0, c.bytes) : std::string_view("\xef\xbf\xbd");
      text.remove_prefix(c.bytes);
    }
    return out;
  }

 private:
  struct TextCharacterLength {
    std::size_t bytes;
    bool valid;
  };
  static TextCharacterLength length(std::string_view text) noexcept {
    const detail::TextCharacter c = detail::first_character(text);
    return {c.length, c.code < detail::invalid_byte};
  }
  template <class... Parts>
  [[noreturn]] static void refuse(const Parts&... parts) {
    throw ConfigError(detail::message("the table of normalisation rules is ", parts...));
  }
  static std::uint32_t number(std::string_view bytes) noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return value;
  }
  static std::size_t offset(std::uint32_t unit) noexcept {
    return static_cast<std::size_t>(unit >> 10) << ((unit & (1u << 9)) >> 6);
  }

  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}}  // namespace bora::BORA_ABI
