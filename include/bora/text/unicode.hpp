/// Properties of characters: general categories, and the tables of canonical normalisation.
#pragma once
#include <bora/core/abi.hpp>
#include <bora/text/merge_table.hpp>
#include <bora/text/unicode_data.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

// clang-format off
/// General categories in the order of unicode_data.hpp; `next_line` is U+0085 alone, a control that is white space.
enum class Category : std::uint8_t {
  Lu, Ll, Lt, Lm, Lo, Mn, Mc, Me, Nd, Nl, No, Pc, Pd, Ps, Pe, Pi, Pf, Po, Sm, Sc, Sk, So, Zs, Zl, Zp, Cc, Cf, Cs, Co, Cn,
  next_line
};
// clang-format on
inline constexpr std::size_t categories = 31;

constexpr std::uint32_t category_bit(Category c) noexcept { return std::uint32_t{1} << static_cast<unsigned>(c); }

/// A small value for each code point, in pages of 256; equal pages are stored once.
class CodePointTable {
 public:
  static constexpr std::size_t code_points = 0x110000;

  /// \param values  of all code points
  explicit CodePointTable(const std::vector<std::uint8_t>& values) {
    std::map<std::string_view, std::uint16_t> known;
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      const std::string_view bytes(reinterpret_cast<const char*>(values.data()) + page * 256, 256);
      const auto [at, added] = known.try_emplace(bytes, static_cast<std::uint16_t>(known.size()));
      if (added) values_.insert(values_.end(), bytes.begin(), bytes.end());
      pages_[page] = at->second;
    }
  }
  /// \param code  below 0x110000
  std::uint8_t operator[](char32_t code) const noexcept {
    return values_[pages_[code >> 8] * std::size_t{256} + (code & 255)];
  }

 private:
  std::array<std::uint16_t, 0x1100> pages_{};
  std::vector<std::uint8_t> values_;
};

/// Reads the numbers of unicode_data.hpp.
class UnicodeText {
 public:
  explicit constexpr UnicodeText(std::string_view text) noexcept : rest_(text) {}
  constexpr bool done() const noexcept { return rest_.empty(); }
  constexpr char next() noexcept { return done() ? '\0' : rest_[0]; }
  constexpr char take() noexcept {
    const char c = next();
    rest_.remove_prefix(1);
    return c;
  }
  constexpr std::uint32_t number(std::uint32_t base) noexcept {
    std::uint32_t value = 0;
    for (; digit(next()) < base; take()) value = value * base + digit(next());
    return value;
  }

 private:
  static constexpr std::uint32_t digit(char c) noexcept {
    return c >= '0' && c <= '9'   ? static_cast<std::uint32_t>(c - '0')
           : c >= 'a' && c <= 'f' ? static_cast<std::uint32_t>(c - 'a' + 10)
                                  : 99;
  }
  std::string_view rest_;
};

inline CodePointTable read_categories() {
  std::vector<std::uint8_t> values;
  values.reserve(CodePointTable::code_points);
  for (UnicodeText text(unicode_categories); !text.done();) {
    const char letter = text.take();
    const std::uint32_t length = std::max<std::uint32_t>(text.number(10), 1);
    values.insert(values.end(), length, static_cast<std::uint8_t>(letter >= 'a' ? letter - 'a' : letter - 'A' + 26));
  }
  values[0x85] = static_cast<std::uint8_t>(Category::next_line);
  return CodePointTable(values);
}

/// \param code  below 0x110000
inline Category category_of(char32_t code) noexcept {
  static const CodePointTable table = read_categories();
  return static_cast<Category>(table[code]);
}

/// What a text holds at one place.
struct TextCharacter {
  char32_t code;       ///< the code point; 0x110000 + byte for a byte that is no UTF-8
  std::size_t length;  ///< its bytes
};
inline constexpr char32_t invalid_byte = 0x110000;

/// The character that `text`, at least one byte, begins with.
constexpr TextCharacter first_character(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const Utf8Start start = utf8_start(text);
  if (start.kind != Utf8Kind::whole) return {invalid_byte + lead, 1};
  return {code_point(text.substr(0, start.length)), start.length};
}
/// Bytes of the character that `text`, at least one byte, ends with.
constexpr std::size_t last_character_length(std::string_view text) noexcept {
  for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length)
    if (const Utf8Start start = utf8_start(text.substr(text.size() - length));
        start.kind == Utf8Kind::whole && start.length == length)
      return length;
  return 1;
}

inline void append_utf8(std::string& text, char32_t code) {
  if (code >= invalid_byte) {
    text += static_cast<char>(code - invalid_byte);
  } else if (code < 0x80) {
    text += static_cast<char>(code);
  } else {
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned leads[] = {0, 0xc0, 0xe0, 0xf0};
    text += static_cast<char>(leads[more] | (code >> (6 * more)));
    for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
  }
}

/// Canonical decompositions, compositions and combining classes (Unicode Standard Annex 15), Hangul left out.
class CanonicalTables {
 public:
  static const CanonicalTables& get() {
    static const CanonicalTables tables;
    return tables;
  }

  std::uint8_t combining_class(char32_t code) const noexcept { return code < invalid_byte ? classes_[code] : 0; }
  /// Whether NFC may change the character or join it to the one before.
  bool may_compose(char32_t code) const noexcept { return code < invalid_byte && (kinds_[code] & moves) != 0; }
  /// Whether NFD may change the character or its place.
  bool may_decompose(char32_t code) const noexcept { return code < invalid_byte && (kinds_[code] & splits) != 0; }

  /// Appends the full decomposition.
  void decompose(char32_t code, std::u32string& out) const {
    if (code >= hangul && code < hangul + hangul_count) {
      const char32_t index = code - hangul;
      out += 0x1100 + index / (21 * 28);
      out += 0x1161 + index % (21 * 28) / 28;
      if (index % 28 != 0) out += 0x11a7 + index % 28;
      return;
    }
    const auto at = std::lower_bound(decompositions_.begin(), decompositions_.end(), code,
                                     [](const Decomposition& d, char32_t c) { return d.code < c; });
    if (at == decompositions_.end() || at->code != code) {
      out += code;
      return;
    }
    decompose(at->first, out);
    if (at->second != 0) out += at->second;
  }
  /// The composite of two characters, or 0.
  char32_t compose(char32_t first, char32_t second) const noexcept {
    if (first >= 0x1100 && first < 0x1113 && second >= 0x1161 && second < 0x1176)
      return hangul + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
    if (first >= hangul && first < hangul + hangul_count && (first - hangul) % 28 == 0 && second > 0x11a7 &&
        second < 0x11c3)
      return first + (second - 0x11a7);
    const auto at = std::lower_bound(compositions_.begin(), compositions_.end(), std::pair(first, second),
                                     [](const Composition& c, const auto& pair) { return c.pair < pair; });
    return at != compositions_.end() && at->pair == std::pair(first, second) ? at->code : 0;
  }

 private:
  static constexpr char32_t hangul = 0xac00, hangul_count = 11172;
  static constexpr std::uint8_t splits = 1, moves = 2;  // NFD changes it or its place; NFC may, too
  struct Decomposition {
    char32_t code, first, second;
  };
  struct Composition {
    std::pair<char32_t, char32_t> pair;
    char32_t code;
  };

  CanonicalTables() : classes_(read_classes()), kinds_(read_decompositions()) {
    std::sort(compositions_.begin(), compositions_.end(),
              [](const Composition& a, const Composition& b) { return a.pair < b.pair; });
  }
  static CodePointTable read_classes() { return CodePointTable(classes()); }
  static std::vector<std::uint8_t> classes() {
    std::vector<std::uint8_t> values(CodePointTable::code_points);
    std::uint32_t at = 0;
    for (UnicodeText text(unicode_combining_classes); !text.done(); text.done() ? '\0' : text.take()) {
      at += text.number(16);
      text.take();
      const std::uint32_t length = text.number(16);
      text.take();
      const auto value = static_cast<std::uint8_t>(text.number(16));
      std::fill_n(values.begin() + at, length, value);
      at += length;
    }
    return values;
  }
  CodePointTable read_decompositions() {
    std::vector<std::uint8_t> kinds(CodePointTable::code_points);
    const std::vector<std::uint8_t> marks = classes();
    for (std::size_t code = 0; code < kinds.size(); ++code)
      if (marks[code] != 0) kinds[code] = splits | moves;
    std::uint32_t code = 0;
    for (UnicodeText text(unicode_decompositions); !text.done(); text.done() ? '\0' : text.take()) {
      code += text.number(16);
      const bool composes = text.take() == '=';
      Decomposition d{code, text.number(16), 0};
      if (text.next() == '+') {
        text.take();
        d.second = text.number(16);
      }
      decompositions_.push_back(d);
      kinds[code] |= splits;
      if (!composes) kinds[code] |= moves;
      if (composes) compositions_.push_back({{d.first, d.second}, code});
      if (composes) kinds[d.second] |= moves;
    }
    for (char32_t h = hangul; h < hangul + hangul_count; ++h) kinds[h] |= splits;
    for (char32_t jamo = 0x1161; jamo < 0x1176; ++jamo) kinds[jamo] |= moves;
    for (char32_t jamo = 0x11a8; jamo < 0x11c3; ++jamo) kinds[jamo] |= moves;
    return CodePointTable(kinds);
  }

  std::vector<Decomposition> decompositions_;
  std::vector<Composition> compositions_;
  CodePointTable classes_, kinds_;
};

}}}  // namespace bora::BORA_ABI::detail
