/// Sets of characters as regular expressions write them.
#pragma once
#include <bora/text/unicode.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A set of characters: general categories, code points, complements of these.
struct CharacterClass {
  struct Part {
    std::uint32_t categories = 0;  ///< bits by Category
    char32_t first = 1, last = 0;  ///< and code points first .. last
    bool negated = false;
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts;
  bool negated = false;
  friend bool operator==(const CharacterClass&, const CharacterClass&) = default;

  bool contains(char32_t code, Category category) const noexcept {
    bool any = false;
    for (const Part& part : parts)
      any = any || ((((part.categories & category_bit(category)) != 0) || (part.first <= code && code <= part.last)) !=
                    part.negated);
    return any != negated;
  }
  /// Whether code points beyond ASCII are told apart within a category.
  bool names_wide() const noexcept {
    for (const Part& part : parts)
      if (part.first <= part.last && part.last >= 0x80) return true;
    return false;
  }
};

inline constexpr std::uint32_t letter_categories = category_bit(Category::Lu) | category_bit(Category::Ll) |
                                                   category_bit(Category::Lt) | category_bit(Category::Lm) |
                                                   category_bit(Category::Lo);
inline constexpr std::uint32_t mark_categories =
    category_bit(Category::Mn) | category_bit(Category::Mc) | category_bit(Category::Me);
inline constexpr std::uint32_t separator_categories =
    category_bit(Category::Zs) | category_bit(Category::Zl) | category_bit(Category::Zp);
inline constexpr std::uint32_t space_categories = separator_categories | category_bit(Category::next_line);

/// The categories of \p{name}; nothing where that names a script or another property.
inline std::optional<std::uint32_t> categories_named(std::string_view name) {
  constexpr std::string_view all = "LuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCoCn";
  if (name.empty() || name.size() > 2) return std::nullopt;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < all.size(); i += 2)
    if (all.substr(i, name.size()) == name) bits |= std::uint32_t{1} << (i / 2);
  if ((bits & category_bit(Category::Cc)) != 0) bits |= category_bit(Category::next_line);
  return bits == 0 ? std::nullopt : std::optional(bits);
}

/// \s, \d, \w; a capital letter is the complement. Nothing for other letter_categories.
inline std::optional<CharacterClass> class_of_escape(char letter) {
  CharacterClass found;
  switch (letter | 0x20) {
    case 's':
      found.parts = {{.categories = space_categories}, {.first = 9, .last = 13}};
      break;
    case 'd':
      found.parts = {{.categories = category_bit(Category::Nd)}};
      break;
    case 'w':
      found.parts = {{.categories = letter_categories | mark_categories | category_bit(Category::Nd) |
                                    category_bit(Category::Pc)}};
      break;
    default:
      return std::nullopt;
  }
  found.negated = letter >= 'A' && letter <= 'Z';
  return found;
}

/// Up to 32 classes as bits of one word, to ask which of them a character is in.
class ClassTable {
 public:
  static constexpr std::size_t most = 32;

  /// The bit of a class; 0 where there are too many.
  std::uint32_t add(const CharacterClass& added) {
    for (std::size_t i = 0; i < classes_.size(); ++i)
      if (classes_[i] == added) return std::uint32_t{1} << i;
    if (classes_.size() == most) return 0;
    const std::uint32_t bit = std::uint32_t{1} << classes_.size();
    classes_.push_back(added);
    for (char32_t code = 0; code < ascii_.size(); ++code)
      if (added.contains(code, category_of(code))) ascii_[code] |= bit;
    for (std::size_t c = 0; c < categories; ++c)
      if (added.contains(0x10ffff + 2, static_cast<Category>(c))) by_category_[c] |= bit;
    if (added.names_wide()) wide_.push_back(static_cast<std::uint32_t>(classes_.size() - 1));
    return bit;
  }

  /// The classes of a character and its bytes.
  struct Classes {
    std::uint32_t bits;
    std::uint32_t length;
  };
  /// \param text  at least one byte
  Classes first(std::string_view text) const noexcept {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {ascii_[lead], 1};
    const TextCharacter c = first_character(text);
    return {beyond_ascii(c.code), static_cast<std::uint32_t>(c.length)};
  }
  std::uint32_t ascii(unsigned char code) const noexcept { return ascii_[code]; }
  std::uint32_t category(std::size_t c) const noexcept { return by_category_[c]; }
  /// Whether a class may hold a character beyond ASCII that its categories do not show.
  std::uint32_t wide_bits() const noexcept {
    std::uint32_t bits = 0;
    for (const std::uint32_t i : wide_) bits |= std::uint32_t{1} << i;
    return bits;
  }
  /// Whether no character is in both.
  bool disjoint(std::uint32_t a, std::uint32_t b) const noexcept {
    if (((a | b) & wide_bits()) != 0) return false;
    for (const std::uint32_t bits : ascii_)
      if ((bits & a) != 0 && (bits & b) != 0) return false;
    for (const std::uint32_t bits : by_category_)
      if ((bits & a) != 0 && (bits & b) != 0) return false;
    return true;
  }

 private:
  std::uint32_t beyond_ascii(char32_t code) const noexcept {
    // A byte that is no UTF-8 counts as U+FFFD does.
    const Category category = code < invalid_byte ? category_of(code) : Category::So;
    std::uint32_t bits = by_category_[static_cast<std::size_t>(category)];
    for (const std::uint32_t i : wide_) {
      const std::uint32_t bit = std::uint32_t{1} << i;
      bits = classes_[i].contains(code, category) ? bits | bit : bits & ~bit;
    }
    return bits;
  }

  std::array<std::uint32_t, 128> ascii_{};
  std::array<std::uint32_t, categories> by_category_{};
  std::vector<CharacterClass> classes_;
  std::vector<std::uint32_t> wide_;  ///< classes that name code points beyond ASCII
};

}}}  // namespace bora::BORA_ABI::detail
