/// Finds the id of a piece by its text.
#pragma once
#include <bora/core/tensor.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// "<0x0A>": how vocabularies spell a byte.
inline std::string byte_piece(std::size_t byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte / 16], digits[byte % 16], '>'};
}

/// A piece as messages show it: short, and printable whatever it holds.
inline std::string legible_piece(std::string_view piece) {
  std::string text = "'";
  for (const char c : piece.substr(0, 24)) {
    if (c >= ' ' && c <= '~')
      text += c;
    else
      text += byte_piece(static_cast<unsigned char>(c));
  }
  return text + (piece.size() > 24 ? "…'" : "'");
}

/// The pieces of a vocabulary in alphabetical order. Sorted rather than hashed: a file cannot choose pieces that
/// collide. Entries hold their first eight bytes, which decide most comparisons, so a look-up rarely reads the pieces
/// themselves.
class PieceIndex {
 public:
  /// \param pieces  by id; an empty one stands for an id without text. They must outlive the index.
  explicit PieceIndex(std::span<const std::string> pieces) : pieces_(pieces) {
    entries_.reserve(pieces.size());
    for (std::size_t id = 0; id < pieces.size(); ++id)
      if (!pieces[id].empty()) entries_.push_back({beginning(pieces[id]), static_cast<TokenId>(id)});
    std::sort(entries_.begin(), entries_.end(), [this](const Entry& a, const Entry& b) {
      if (a.beginning != b.beginning) return a.beginning < b.beginning;
      const int order = text(a).compare(text(b));
      return order != 0 ? order < 0 : a.id < b.id;
    });
  }

  /// The id of a piece, or -1.
  TokenId find(std::string_view piece) const noexcept {
    const std::uint64_t start = beginning(piece);
    const auto found = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
      return e.beginning != start ? e.beginning < start : text(e) < piece;
    });
    return found != entries_.end() && found->beginning == start && text(*found) == piece ? found->id : -1;
  }

  /// Two ids with the same text, the smaller one first; {-1, -1} where all differ.
  std::pair<TokenId, TokenId> duplicate() const noexcept {
    for (std::size_t i = 1; i < entries_.size(); ++i)
      if (text(entries_[i - 1]) == text(entries_[i])) return {entries_[i - 1].id, entries_[i].id};
    return {-1, -1};
  }

 private:
  struct Entry {
    std::uint64_t beginning;
    TokenId id;
  };
  std::string_view text(const Entry& e) const noexcept { return pieces_[static_cast<std::size_t>(e.id)]; }
  /// The first eight bytes as an integer that compares in the same order.
  static std::uint64_t beginning(std::string_view piece) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i)
      number = number << 8 | (i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0u);
    return number;
  }

  std::span<const std::string> pieces_;
  std::vector<Entry> entries_;
};

}}}  // namespace bora::BORA_ABI::detail
