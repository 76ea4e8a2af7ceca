/// Regular expressions of the kind that cut texts into words: alternatives of classes of characters, each repeated.
#pragma once
#include <bora/core/error.hpp>
#include <bora/text/character_class.hpp>
#include <bora/text/text_pattern.hpp>
#include <bora/text/word_pattern_parser.hpp>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Matches alternatives in order, each a sequence of classes that take as many characters as they can and give back as
/// few as they must. A set of alternatives by the first character leaves one or two to try.
class WordPattern : public TextPattern {
 public:
  /// Null where the pattern has a construct that is not one of these.
  static std::shared_ptr<const WordPattern> compile(std::string_view pattern) {
    ParsedPattern parsed;
    if (!WordPatternParser(pattern, parsed).parse()) return nullptr;
    return std::make_shared<const WordPattern>(std::move(parsed));
  }

  explicit WordPattern(ParsedPattern parsed)
      : classes_(std::move(parsed.classes)), alternatives_(std::move(parsed.alternatives)) {
    for (auto& items : alternatives_) keep_what_was_taken(items);
    for (std::size_t i = 0; i < alternatives_.size(); ++i) add_starts(i);
    covers_ = find_covers();
    ignores_space_ = find_ignores_space();
    begins_at_word_ = covers_ && find_begins_at_word();
  }

  bool covers_all() const noexcept override { return covers_; }
  bool ignores_space() const noexcept override { return ignores_space_; }
  bool begins_at_word() const noexcept override { return begins_at_word_; }

  TextMatch find(std::string_view text, std::size_t from) const override {
    Steps steps{text.size()};
    for (std::size_t at = from; at < text.size();) {
      if (const std::size_t end = match(text, at, steps); end != none) return {at, end};
      at += first_character(text.substr(at)).length;
    }
    return {text.size(), text.size()};
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  /// Characters that may be given back while searching in one text.
  struct Steps {
    explicit Steps(std::size_t bytes) : left(64 * bytes + 4096) {}
    std::size_t left;
  };
  using Set = std::uint64_t;

  std::size_t match(std::string_view text, std::size_t at, Steps& steps) const {
    const auto lead = static_cast<unsigned char>(text[at]);
    Set set = lead < 0x80 ? ascii_starts_[lead] : wide_starts(text.substr(at));
    for (; set != 0; set &= set - 1) {
      const auto& items = alternatives_[static_cast<std::size_t>(std::countr_zero(set))];
      const std::size_t end = match_items(items.data(), items.data() + items.size(), text, at, steps);
      if (end != none) return end;
    }
    return none;
  }
  Set wide_starts(std::string_view text) const noexcept {
    const TextCharacter c = first_character(text);
    return category_starts_[static_cast<std::size_t>(c.code < invalid_byte ? category_of(c.code) : Category::So)];
  }

  std::size_t match_items(const PatternItem* item, const PatternItem* end, std::string_view text, std::size_t at,
                          Steps& steps) const {
    for (; item != end; ++item) {
      if (item->kind != PatternItem::Kind::take) {
        const bool there = at < text.size() && (classes_.first(text.substr(at)).bits & item->bit) != 0;
        if (there != (item->kind == PatternItem::Kind::ahead)) return none;
        continue;
      }
      const auto [count, taken] = take(*item, text, at);
      if (count < item->least) return none;
      if (!item->keeps && count > item->least) return give_back(item, end, text, at, count, taken, steps);
      at = taken;
    }
    return at;
  }
  /// How many characters, and where they end.
  std::pair<std::size_t, std::size_t> take(const PatternItem& item, std::string_view text, std::size_t at) const {
    std::size_t count = 0;
    while (count < item.most && at < text.size()) {
      const auto lead = static_cast<unsigned char>(text[at]);
      const ClassTable::Classes c =
          lead < 0x80 ? ClassTable::Classes{classes_.ascii(lead), 1} : classes_.first(text.substr(at));
      if ((c.bits & item.bit) == 0) break;
      at += c.length;
      ++count;
    }
    return {count, at};
  }
  std::size_t give_back(const PatternItem* item, const PatternItem* end, std::string_view text, std::size_t begin,
                        std::size_t count, std::size_t at, Steps& steps) const {
    for (;;) {
      if (const std::size_t found = match_items(item + 1, end, text, at, steps); found != none) return found;
      if (count-- == item->least) return none;
      if (steps.left-- == 0)
        throw ConfigError("the pattern that cuts texts into words takes too many steps, expected one that is linear");
      at -= last_character_length(text.substr(begin, at - begin));
    }
  }

  /// A class need not give back what it took where that cannot help: what follows takes none of it, or cannot fail.
  void keep_what_was_taken(std::vector<PatternItem>& items) const {
    bool rest_cannot_fail = true;
    for (std::size_t i = items.size(); i-- > 0;) {
      PatternItem& item = items[i];
      const bool takes_next = i + 1 < items.size() && items[i + 1].kind == PatternItem::Kind::take;
      item.keeps = item.keeps || rest_cannot_fail ||
                   (takes_next && items[i + 1].least > 0 && classes_.disjoint(item.bit, items[i + 1].bit));
      rest_cannot_fail = rest_cannot_fail && item.kind == PatternItem::Kind::take && item.least == 0;
    }
  }

  void add_starts(std::size_t i) {
    std::uint32_t bits = 0;  // of all classes that may take the first character
    bool any = false;
    for (const PatternItem& item : alternatives_[i]) {
      any = any || item.kind != PatternItem::Kind::take;
      bits |= item.bit;
      if (item.kind == PatternItem::Kind::take && item.least > 0) break;
    }
    const Set set = Set{1} << i;
    for (std::size_t c = 0; c < ascii_starts_.size(); ++c)
      if (any || (classes_.ascii(static_cast<unsigned char>(c)) & bits) != 0) ascii_starts_[c] |= set;
    for (std::size_t c = 0; c < categories; ++c)
      if (any || (classes_.category(c) & bits) != 0 || (classes_.wide_bits() & bits) != 0) category_starts_[c] |= set;
  }

  /// Whether each character alone is enough for some alternative.
  bool find_covers() const noexcept {
    std::uint32_t enough = 0;
    for (const auto& items : alternatives_) {
      std::uint32_t needed = 0;
      std::size_t count = 0;
      for (const PatternItem& item : items)
        if (item.kind != PatternItem::Kind::take)
          count += 2;
        else if (item.least > 0)
          needed |= item.bit, count += item.least;
      if (count == 1) enough |= needed;
    }
    enough &= ~classes_.wide_bits();
    for (unsigned c = 0; c < 128; ++c)
      if ((classes_.ascii(static_cast<unsigned char>(c)) & enough) == 0) return false;
    for (std::size_t c = 0; c < categories; ++c)
      if ((classes_.category(c) & enough) == 0) return false;
    return true;
  }
  bool takes(const PatternItem& item, char c) const noexcept {
    return (classes_.ascii(static_cast<unsigned char>(c)) & item.bit) != 0;
  }
  bool takes_word(const PatternItem& item) const noexcept {
    for (unsigned c = 0; c < 128; ++c)
      if (((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) && takes(item, static_cast<char>(c)))
        return true;
    return false;
  }
  bool find_ignores_space() const noexcept {
    for (const auto& items : alternatives_)
      for (const PatternItem& item : items)
        if (item.kind != PatternItem::Kind::take || takes(item, ' ')) return false;
    return true;
  }
  /// Whether no alternative takes a letter or digit and then a space, or looks whether a space follows.
  bool find_begins_at_word() const noexcept {
    for (const auto& items : alternatives_) {
      bool word = false;
      for (const PatternItem& item : items) {
        if (item.kind == PatternItem::Kind::ahead) return false;
        if (takes(item, ' ') && (word || item.kind != PatternItem::Kind::take)) return false;
        word = word || (item.kind == PatternItem::Kind::take && takes_word(item));
        if (takes(item, ' ') && word && item.most > 1) return false;
      }
    }
    return true;
  }

  ClassTable classes_;
  std::vector<std::vector<PatternItem>> alternatives_;
  bool covers_ = false, ignores_space_ = false, begins_at_word_ = false;
  std::array<Set, 128> ascii_starts_{};
  std::array<Set, categories> category_starts_{};
};

}  // namespace detail

/// Compiles what the published byte-level tokenizers use: classes of characters (sets, white space, digits, general
/// categories) with ?, *, +, {m,n} and their possessive forms, groups of alternatives that are not repeated, (?i:…) for
/// ASCII, and looking ahead for one character. Null for any other construct: anchors, scripts, back references, lazy
/// repetition.
inline std::shared_ptr<const TextPattern> word_pattern(const std::string& pattern) {
  return detail::WordPattern::compile(pattern);
}

}}  // namespace bora::BORA_ABI
