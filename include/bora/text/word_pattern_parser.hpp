/// Reads a regular expression into alternatives of repeated classes of characters.
#pragma once
#include <bora/text/character_class.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// One step of an alternative.
struct PatternItem {
  enum class Kind : std::uint8_t {
    take,       ///< takes `least` to `most` characters of a class
    ahead,      ///< a character of the class follows
    not_ahead,  ///< none does
  };
  std::uint32_t bit = 0;  ///< the class
  std::uint32_t least = 1, most = 1;
  Kind kind = Kind::take;
  bool keeps = false;  ///< gives nothing back
};

/// Alternatives in order, and their classes.
struct ParsedPattern {
  ClassTable classes;
  std::vector<std::vector<PatternItem>> alternatives;
};

/// A recursive-descent parser. Groups are multiplied out, so that an alternative is a plain sequence.
class WordPatternParser {
 public:
  WordPatternParser(std::string_view pattern, ParsedPattern& out) : rest_(pattern), out_(out) {}

  /// Whether the whole pattern was understood.
  bool parse() {
    Sequences all = alternatives(0);
    if (failed_ || !rest_.empty()) return false;
    for (const Sequence& sequence : all)
      if (may_be_empty(sequence)) return false;
    out_.alternatives = std::move(all);
    return true;
  }

 private:
  using Sequence = std::vector<PatternItem>;
  using Sequences = std::vector<Sequence>;
  static constexpr std::size_t most_sequences = 64, most_items = 64, most_depth = 8;

  static bool may_be_empty(const Sequence& sequence) noexcept {
    for (const PatternItem& item : sequence)
      if (item.kind == PatternItem::Kind::take && item.least > 0) return false;
    return true;
  }

  Sequences fail() {
    failed_ = true;
    return {};
  }
  bool next_is(std::string_view text) const noexcept { return rest_.starts_with(text); }
  bool skip(std::string_view text) noexcept {
    if (!next_is(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  Sequences alternatives(std::size_t depth) {
    if (depth > most_depth) return fail();
    Sequences all;
    do {
      Sequences branch = sequence(depth);
      if (failed_ || all.size() + branch.size() > most_sequences) return fail();
      all.insert(all.end(), branch.begin(), branch.end());
    } while (skip("|"));
    return all;
  }

  Sequences sequence(std::size_t depth) {
    Sequences all(1);
    while (!failed_ && !rest_.empty() && !next_is("|") && !next_is(")")) {
      Sequences next = part(depth);
      Sequences joined;
      for (const Sequence& front : all)
        for (const Sequence& back : next) {
          joined.push_back(front);
          joined.back().insert(joined.back().end(), back.begin(), back.end());
          if (joined.size() > most_sequences || joined.back().size() > most_items) return fail();
        }
      all = std::move(joined);
    }
    return all;
  }

  Sequences part(std::size_t depth) {
    if (next_is("(?!") || next_is("(?=")) return look_ahead(depth);
    if (next_is("(")) return group(depth);
    const std::optional<CharacterClass> found = character_class();
    if (!found) return fail();
    PatternItem item{.bit = bit_of(*found)};
    if (!repetition(item)) return fail();
    return {{item}};
  }
  Sequences look_ahead(std::size_t depth) {
    const auto kind = next_is("(?!") ? PatternItem::Kind::not_ahead : PatternItem::Kind::ahead;
    rest_.remove_prefix(3);
    Sequences inside = alternatives(depth + 1);
    if (failed_ || !skip(")") || inside.size() != 1 || inside[0].size() != 1) return fail();
    PatternItem item = inside[0][0];
    if (item.kind != PatternItem::Kind::take || item.least != 1 || item.most != 1) return fail();
    item.kind = kind;
    return {{item}};
  }
  Sequences group(std::size_t depth) {
    const bool outer = caseless_;
    if (skip("(?i:"))
      caseless_ = true;
    else if (!skip("(?:") && (next_is("(?") || next_is("(*") || !skip("(")))
      return fail();
    Sequences inside = alternatives(depth + 1);
    caseless_ = outer;
    if (failed_ || !skip(")")) return fail();
    if (skip("?")) {
      if (next_is("+") || next_is("?")) return fail();
      inside.emplace_back();
    } else if (next_is("*") || next_is("+") || next_is("{")) {
      return fail();
    }
    return inside;
  }

  /// Reads what follows a class; false where it is another kind of repetition.
  bool repetition(PatternItem& item) {
    constexpr std::uint32_t unbounded = std::numeric_limits<std::uint32_t>::max();
    if (skip("?"))
      item.least = 0;
    else if (skip("*"))
      item.least = 0, item.most = unbounded;
    else if (skip("+"))
      item.most = unbounded;
    else if (skip("{"))
      return counted(item, unbounded);
    else
      return true;
    if (next_is("?")) return false;
    item.keeps = skip("+");
    return true;
  }
  bool counted(PatternItem& item, std::uint32_t unbounded) {
    const std::optional<std::uint32_t> least = number();
    if (!least) return false;
    item.least = item.most = *least;
    if (skip(",")) item.most = next_is("}") ? unbounded : number().value_or(0);
    return skip("}") && item.most >= item.least && item.most > 0 && !next_is("?") && !next_is("+");
  }
  std::optional<std::uint32_t> number() {
    std::optional<std::uint32_t> value;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      value = value.value_or(0) * 10 + static_cast<std::uint32_t>(rest_[0] - '0');
      if (*value > 10'000) return std::nullopt;
      rest_.remove_prefix(1);
    }
    return value;
  }

  std::uint32_t bit_of(const CharacterClass& wanted) {
    const std::uint32_t bit = out_.classes.add(wanted);
    if (bit == 0) failed_ = true;
    return bit;
  }

  /// A set, an escape or a character; nothing for what is none of these.
  std::optional<CharacterClass> character_class() {
    if (skip("[")) return set();
    if (skip(".")) return CharacterClass{.parts = {{.first = '\n', .last = '\n'}}, .negated = true};
    if (skip("\\")) return escape();
    constexpr std::string_view meaning = "*+?{}^$)|";
    if (rest_.empty() || meaning.find(rest_[0]) != meaning.npos) return std::nullopt;
    return one(literal());
  }
  char32_t literal() {
    const TextCharacter c = first_character(rest_);
    rest_.remove_prefix(c.length);
    return c.code;
  }
  std::optional<CharacterClass> one(char32_t code) const {
    if (code >= invalid_byte || (caseless_ && code >= 0x80)) return std::nullopt;
    CharacterClass found{.parts = {{.first = code, .last = code}}};
    const char32_t lower = code | 0x20;
    if (caseless_ && lower >= 'a' && lower <= 'z') {
      found.parts = {{.first = lower, .last = lower}, {.first = lower - 0x20, .last = lower - 0x20}};
      if (lower == 's') found.parts.push_back({.first = 0x17f, .last = 0x17f});    // long s
      if (lower == 'k') found.parts.push_back({.first = 0x212a, .last = 0x212a});  // Kelvin
    }
    return found;
  }

  /// What follows a backslash.
  std::optional<CharacterClass> escape() {
    if (rest_.empty()) return std::nullopt;
    const char letter = rest_[0];
    if (letter == 'p' || letter == 'P') return property();
    if (const auto named = class_of_escape(letter)) {
      rest_.remove_prefix(1);
      return named;
    }
    const std::optional<char32_t> code = escaped_code();
    return code ? one(*code) : std::nullopt;
  }
  std::optional<CharacterClass> property() {
    const bool complement = rest_[0] == 'P';
    if (rest_.size() < 2) return std::nullopt;
    std::string_view name = rest_.substr(1, 1);
    if (name == "{") {
      const std::size_t end = rest_.find('}');
      if (end == rest_.npos) return std::nullopt;
      name = rest_.substr(2, end - 2);
      rest_.remove_prefix(end + 1);
    } else {
      rest_.remove_prefix(2);
    }
    const std::optional<std::uint32_t> bits = categories_named(name);
    if (!bits) return std::nullopt;
    return CharacterClass{.parts = {{.categories = *bits, .negated = complement}}};
  }
  std::optional<char32_t> escaped_code() {
    const char letter = rest_[0];
    rest_.remove_prefix(1);
    switch (letter) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'f':
        return '\f';
      case 'u':
        return hexadecimal(4);
      case 'x':
        return hexadecimal(2);
      default:
        break;
    }
    const bool word = (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
    if (word || static_cast<unsigned char>(letter) >= 0x80) return std::nullopt;
    return static_cast<char32_t>(letter);
  }
  std::optional<char32_t> hexadecimal(std::size_t digits) {
    std::size_t begin = 0, end = digits;
    if (next_is("{")) {
      begin = 1;
      end = rest_.find('}');
      if (end == rest_.npos || end > 7) return std::nullopt;
    }
    if (end > rest_.size() || begin == end) return std::nullopt;
    char32_t code = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const char c = rest_[i];
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9')
        code = code * 16 + static_cast<char32_t>(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        code = code * 16 + static_cast<char32_t>(lower - 'a' + 10);
      else
        return std::nullopt;
    }
    rest_.remove_prefix(end + begin);
    return code < invalid_byte ? std::optional(code) : std::nullopt;
  }

  /// What follows "[".
  std::optional<CharacterClass> set() {
    CharacterClass found;
    found.negated = skip("^");
    if (next_is("]")) return std::nullopt;
    while (!skip("]")) {
      if (rest_.empty() || next_is("[") || next_is("&&")) return std::nullopt;
      const std::optional<CharacterClass> member = set_member();
      if (!member) return std::nullopt;
      if (!add_member(found, *member)) return std::nullopt;
    }
    return found;
  }
  std::optional<CharacterClass> set_member() {
    if (skip("\\")) return escape();
    return one(literal());
  }
  /// Adds a member, or the range that it begins.
  bool add_member(CharacterClass& found, const CharacterClass& member) {
    const bool single = member.parts.size() == 1 && member.parts[0].first == member.parts[0].last && !member.negated &&
                        member.parts[0].categories == 0;
    if (next_is("-") && !next_is("-]")) {
      if (!single || caseless_) return false;
      rest_.remove_prefix(1);
      const std::optional<CharacterClass> last = rest_.empty() || next_is("[") ? std::nullopt : set_member();
      if (!last || last->parts.size() != 1 || last->parts[0].first != last->parts[0].last ||
          last->parts[0].first < member.parts[0].first || last->negated)
        return false;
      found.parts.push_back({.first = member.parts[0].first, .last = last->parts[0].last});
      return true;
    }
    for (CharacterClass::Part part : member.parts) {
      if (member.negated && member.parts.size() > 1) return add_complement(found, member);
      part.negated = part.negated != member.negated;
      found.parts.push_back(part);
    }
    return true;
  }
  /// \S in a set: the complement of a union is one part only where that is written out.
  static bool add_complement(CharacterClass& found, const CharacterClass& member) {
    std::uint32_t named = 0;
    for (const CharacterClass::Part& part : member.parts) named |= part.categories;
    if (named != space_categories) return false;
    constexpr std::uint32_t all = (std::uint32_t{1} << categories) - 1;
    found.parts.push_back({.categories = all & ~space_categories & ~category_bit(Category::Cc)});
    found.parts.push_back({.first = 0, .last = 8});
    found.parts.push_back({.first = 14, .last = 31});
    found.parts.push_back({.first = 127, .last = 0x84});
    found.parts.push_back({.first = 0x86, .last = 0x9f});
    return true;
  }

  std::string_view rest_;
  ParsedPattern& out_;
  bool caseless_ = false, failed_ = false;
};

}}}  // namespace bora::BORA_ABI::detail
