/// Tables for byte-pair encoding: ids of characters, merges of pairs, and places where a text can be cut.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// The code point of a whole character.
constexpr char32_t code_point(std::string_view character) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(character[i])); };
  if (character.size() == 1) return byte(0);
  char32_t code = byte(0) & (0x7fu >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3f);
  return code;
}

/// The only character of `piece`; -1 where it holds none or more than one.
inline std::int64_t single_code_point(std::string_view piece) noexcept {
  if (piece.empty()) return -1;
  const Utf8Start start = utf8_start(piece);
  return start.kind == Utf8Kind::whole && start.length == piece.size() ? std::int64_t{code_point(piece)} : -1;
}

/// Ids of single characters, in pages of 256 code points; pages without any take no memory.
class CharacterTable {
 public:
  void set(char32_t code, TokenId id) {
    std::uint16_t& page = pages_[code >> 8];
    if (page == 0) {
      page = static_cast<std::uint16_t>(ids_.size() / 256 + 1);
      ids_.resize(ids_.size() + 256, -1);
    }
    ids_[(page - std::size_t{1}) * 256 + (code & 255)] = id;
  }
  /// -1 where the character has no id.
  TokenId find(char32_t code) const noexcept {
    const std::size_t page = pages_[code >> 8];
    return page == 0 ? -1 : ids_[(page - 1) * 256 + (code & 255)];
  }

 private:
  std::vector<std::uint16_t> pages_ = std::vector<std::uint16_t>(0x1100);  ///< one more than the page's index; 0: none
  std::vector<TokenId> ids_;
};

/// The token that two adjacent tokens join to, and its rank: lower ranks are merged first.
struct PairMerge {
  std::uint32_t rank;
  TokenId joined;
};

/// A merge before it is in a table.
struct Merge {
  TokenId left, right;
  PairMerge merge;
};

/// All merges, as a sparse matrix: a row for each left token, sorted by the right one. A look-up is a binary search in
/// one row, so no choice of merges makes it slow.
class PairTable {
 public:
  PairTable() = default;
  /// Of a pair that comes twice, the first merge counts.
  PairTable(std::size_t vocab_size, std::span<const Merge> merges) : rows_(vocab_size + 1) {
    for (const Merge& m : merges) ++rows_[static_cast<std::size_t>(m.left) + 1];
    for (std::size_t i = 1; i < rows_.size(); ++i) rows_[i] += rows_[i - 1];
    std::vector<std::uint32_t> next(rows_.begin(), rows_.end() - 1), order(merges.size());
    for (std::size_t i = 0; i < merges.size(); ++i)
      order[next[static_cast<std::size_t>(merges[i].left)]++] = static_cast<std::uint32_t>(i);
    for (std::size_t left = 0; left < vocab_size; ++left)
      std::sort(order.begin() + rows_[left], order.begin() + rows_[left + 1], [&](std::uint32_t a, std::uint32_t b) {
        return merges[a].right != merges[b].right ? merges[a].right < merges[b].right : a < b;
      });
    rights_.reserve(merges.size());
    merges_.reserve(merges.size());
    for (const std::uint32_t i : order) {
      rights_.push_back(merges[i].right);
      merges_.push_back(merges[i].merge);
    }
  }

  /// Null where the two do not join.
  const PairMerge* find(TokenId left, TokenId right) const noexcept {
    std::uint32_t first = rows_[static_cast<std::size_t>(left)],
                  count = rows_[static_cast<std::size_t>(left) + 1] - first;
    if (count == 0) return nullptr;
    while (count > 1) {  // branchless: a branch would be mispredicted every second time
      const std::uint32_t half = count / 2;
      first += rights_[first + half] <= right ? half : 0;
      count -= half;
    }
    return rights_[first] == right ? &merges_[first] : nullptr;
  }

  /// A merge of a pair that has an earlier one; null where each pair comes once.
  const PairMerge* duplicate() const noexcept {
    for (std::size_t row = 0; row + 1 < rows_.size(); ++row)
      for (std::size_t i = rows_[row] + std::size_t{1}; i < rows_[row + 1]; ++i)
        if (rights_[i] == rights_[i - 1]) return &merges_[i];
    return nullptr;
  }

 private:
  std::vector<std::uint32_t> rows_;  ///< where the row of each left token begins, and where the last one ends
  std::vector<TokenId> rights_;
  std::vector<PairMerge> merges_;
};

/// Pairs of neighbouring characters that a merge may join. A merge of two tokens joins the last character of the left
/// one and the first of the right one, so a text can be cut between two characters that no merge joins: each part then
/// merges to the same ids by itself. In Llama's vocabularies, that is in front of nearly every word.
///
/// A Bloom filter of one bit: a pair may be taken for one that joins, which only makes a stretch longer.
class Seams {
 public:
  Seams() = default;
  /// \param count  pairs that will be added
  explicit Seams(std::size_t count)
      : shift_(32 -
               static_cast<int>(std::bit_width(std::clamp<std::size_t>(count * 32, 1024, std::size_t{1} << 20) - 1))),
        bits_((std::size_t{1} << (32 - shift_)) / 64) {}

  void add(TokenId left, TokenId right) noexcept { bits_[place(left, right) / 64] |= bit(left, right); }
  bool may_join(TokenId left, TokenId right) const noexcept {
    return (bits_[place(left, right) / 64] & bit(left, right)) != 0;
  }

 private:
  std::size_t place(TokenId left, TokenId right) const noexcept {
    const std::uint32_t mixed =
        (static_cast<std::uint32_t>(left) * 0x9e3779b1u ^ static_cast<std::uint32_t>(right) * 0x85ebca6bu) *
        0xc2b2ae35u;
    return mixed >> shift_;
  }
  std::uint64_t bit(TokenId left, TokenId right) const noexcept { return std::uint64_t{1} << place(left, right) % 64; }

  int shift_ = 22;
  std::vector<std::uint64_t> bits_ = std::vector<std::uint64_t>(16);
};

/// The part of a vocabulary that decides ids.
struct MergeVocabulary {
  CharacterTable characters;
  std::array<TokenId, 256> bytes{};  ///< for characters without an id, and for bytes that are no UTF-8
  TokenId unknown = -1;              ///< for a run of characters without an id and bytes; -1: all bytes have ids
  TokenId space = -1;                ///< of a space, or -1 where it is a byte
  TokenId cut_before = -1;           ///< no merge reaches across the beginning of this token
  PairTable pairs;
  Seams seams;

  /// \param texts  of each id, for the characters at its ends
  void set_merges(std::span<const std::string> texts, std::span<const Merge> merges) {
    pairs = PairTable(texts.size(), merges);
    seams = Seams(std::min(merges.size(), std::size_t{1} << 16));
    for (const Merge& m : merges) {
      const TokenId left = last_character(texts[static_cast<std::size_t>(m.left)]);
      const TokenId right = first_character(texts[static_cast<std::size_t>(m.right)]);
      if (left >= 0 && right >= 0) seams.add(left, right);  // otherwise one of the two tokens cannot occur in a text
    }
  }

 private:
  TokenId first_character(std::string_view text) const noexcept {
    if (text.empty()) return -1;
    const Utf8Start start = utf8_start(text);
    return start.kind == Utf8Kind::whole ? characters.find(code_point(text.substr(0, start.length))) : -1;
  }
  TokenId last_character(std::string_view text) const noexcept {
    for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length)
      if (const auto code = single_code_point(text.substr(text.size() - length)); code >= 0)
        return characters.find(static_cast<char32_t>(code));
    return -1;
  }
};

}}}  // namespace bora::BORA_ABI::detail
