/// The merges of a vocabulary that has scores instead.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/text/merge_table.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// All merges of two pieces into a third. For vocabularies that list scores instead: any two pieces join if their
/// concatenation is a piece, the highest score first. A piece of n bytes has at most n - 1 splits, so the merges take
/// at most a few times the file's size.
class JoinedPieces {
 public:
  /// \param is_text  of each id: whether it is a piece of text, which can join and be joined
  template <class IsText>
  JoinedPieces(const std::vector<std::string>& pieces, const std::vector<float>& scores, IsText is_text)
      : pieces_(pieces), ranks_(ranks_of(scores)) {
    for (std::size_t id = 0; id < pieces.size(); ++id)
      if (is_text(id) && !pieces[id].empty()) texts_.push_back(static_cast<TokenId>(id));
    const std::vector<TokenId> prefixes = nearest(pieces_);
    std::vector<std::string> reversed(pieces_.size());
    for (std::size_t id = 0; id < pieces_.size(); ++id) reversed[id].assign(pieces_[id].rbegin(), pieces_[id].rend());
    const std::vector<TokenId> suffixes = nearest(reversed);
    for (const TokenId id : texts_) add(id, prefixes, suffixes);
  }
  std::vector<Merge> merges;

 private:
  std::size_t size(TokenId id) const noexcept { return pieces_[static_cast<std::size_t>(id)].size(); }

  /// By score, from the highest; equal scores have equal ranks.
  static std::vector<std::uint32_t> ranks_of(const std::vector<float>& scores) {
    std::vector<float> ordered = scores;
    std::sort(ordered.begin(), ordered.end(), [](float a, float b) { return a > b; });
    std::vector<std::uint32_t> ranks;
    for (const float score : scores)
      ranks.push_back(static_cast<std::uint32_t>(
          std::lower_bound(ordered.begin(), ordered.end(), score, [](float a, float b) { return a > b; }) -
          ordered.begin()));
    return ranks;
  }

  /// For each piece of text, the longest other piece that is its prefix, or -1. In alphabetical order all prefixes of a
  /// piece precede it, each a prefix of the next.
  std::vector<TokenId> nearest(const std::vector<std::string>& pieces) const {
    std::vector<TokenId> order = texts_;
    const auto text = [&](TokenId id) -> const std::string& { return pieces[static_cast<std::size_t>(id)]; };
    std::sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return text(a) < text(b); });
    std::vector<TokenId> found(pieces.size(), -1);
    TokenId before = -1;
    for (const TokenId id : order) {
      while (before >= 0 && !text(id).starts_with(text(before))) before = found[static_cast<std::size_t>(before)];
      found[static_cast<std::size_t>(id)] = std::exchange(before, id);
    }
    return found;
  }

  /// Pairs the prefixes of `id`, longest first, with its suffixes, shortest first.
  void add(TokenId id, const std::vector<TokenId>& prefixes, const std::vector<TokenId>& suffixes) {
    ends_.clear();
    for (TokenId s = suffixes[static_cast<std::size_t>(id)]; s >= 0; s = suffixes[static_cast<std::size_t>(s)])
      ends_.push_back(s);
    for (TokenId p = prefixes[static_cast<std::size_t>(id)]; p >= 0; p = prefixes[static_cast<std::size_t>(p)]) {
      while (!ends_.empty() && size(p) + size(ends_.back()) < size(id)) ends_.pop_back();
      if (ends_.empty()) return;
      if (size(p) + size(ends_.back()) == size(id))
        merges.push_back({p, ends_.back(), {ranks_[static_cast<std::size_t>(id)], id}});
    }
  }

  const std::vector<std::string>& pieces_;
  std::vector<std::uint32_t> ranks_;
  std::vector<TokenId> texts_;
  std::vector<TokenId> ends_;
};

}}}  // namespace bora::BORA_ABI::detail
