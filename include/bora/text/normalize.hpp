/// Canonical normalisation of texts: NFC and NFD (Unicode Standard Annex 15).
#pragma once
#include <bora/text/unicode.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// The two canonical forms.
enum class CanonicalForm {
  composed,    ///< NFC
  decomposed,  ///< NFD
};

namespace detail {

/// Normalises a text: stretches that no rule touches are copied, the others are decomposed, ordered and, for NFC,
/// composed again. Bytes that are no UTF-8 stay as they are.
class CanonicalNormalizer {
 public:
  explicit CanonicalNormalizer(CanonicalForm form) : composes_(form == CanonicalForm::composed) {}

  /// The normalised text: `text` itself where nothing changes, else in `out`.
  std::string_view normalize(std::string_view text, std::string& out) {
    out.clear();
    copied_ = 0;
    std::size_t starter = 0;  // the last character that a mark could join
    for (std::size_t at = 0; at < text.size();) {
      if (static_cast<unsigned char>(text[at]) < 0x80) {
        starter = at++;
        continue;
      }
      const TextCharacter c = first_character(text.substr(at));
      if (!touched(c.code)) {
        starter = at;
        at += c.length;
        continue;
      }
      const std::size_t begin = composes_ ? starter : at;
      out += text.substr(copied_, begin - copied_);
      at = take_segment(text, begin);
      write_segment(out);
      copied_ = starter = at;
    }
    if (copied_ == 0) return text;
    out += text.substr(copied_);
    return out;
  }

 private:
  bool touched(char32_t code) const noexcept {
    return composes_ ? tables_.may_compose(code) : tables_.may_decompose(code);
  }
  /// Decomposes the characters from `begin` to the next that is not touched, and orders marks.
  std::size_t take_segment(std::string_view text, std::size_t begin) {
    segment_.clear();
    std::size_t at = begin;
    do {
      const TextCharacter c = first_character(text.substr(at));
      if (at != begin && !touched(c.code)) break;
      tables_.decompose(c.code, segment_);
      at += c.length;
    } while (at < text.size());
    for (std::size_t i = 0; i < segment_.size(); ++i) {
      std::size_t end = i;
      while (end < segment_.size() && tables_.combining_class(segment_[end]) != 0) ++end;
      if (end - i > 1) order_marks(i, end);
      i = end;
    }
    return at;
  }
  /// By class, and of one class in the order they have.
  void order_marks(std::size_t begin, std::size_t end) {
    marks_.clear();
    for (std::size_t i = begin; i < end; ++i)
      marks_.push_back({std::uint64_t{tables_.combining_class(segment_[i])} << 56 | i, segment_[i]});
    std::sort(marks_.begin(), marks_.end());
    for (std::size_t i = begin; i < end; ++i) segment_[i] = marks_[i - begin].second;
  }
  void write_segment(std::string& out) {
    if (composes_) compose_segment();
    for (const char32_t code : segment_) append_utf8(out, code);
  }
  /// Joins each character to the last starter, unless one of the same or a higher class, or another starter, stands
  /// between (D117).
  void compose_segment() {
    std::size_t size = 0, starter = none;
    int last_class = -1;  // of the character before that was not joined; -1 directly behind the starter
    for (const char32_t code : segment_) {
      const int combining = tables_.combining_class(code);
      const bool reaches = starter != none && (last_class == -1 || last_class < combining);
      if (const char32_t joined = reaches ? tables_.compose(segment_[starter], code) : 0; joined != 0) {
        segment_[starter] = joined;
        continue;
      }
      last_class = combining;
      if (combining == 0) {
        starter = size;
        last_class = -1;
      }
      segment_[size++] = code;
    }
    segment_.resize(size);
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  const CanonicalTables& tables_ = CanonicalTables::get();
  bool composes_;
  std::u32string segment_;
  std::vector<std::pair<std::uint64_t, char32_t>> marks_;
  std::size_t copied_ = 0;
};

}  // namespace detail

/// `text` in a canonical form. Bytes that are no UTF-8 stay as they are.
inline std::string normalize(std::string_view text, CanonicalForm form) {
  std::string out;
  return std::string(detail::CanonicalNormalizer(form).normalize(text, out));
}

}}  // namespace bora::BORA_ABI
