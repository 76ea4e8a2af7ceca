/// The merging that byte-pair tokenizers share.
#pragma once
#include <bora/core/tensor.hpp>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI::detail {

/// What two adjacent tokens join to, and when: lower ranks come first.
struct PairMerge {
  double rank;
  TokenId joined;
};

/// Joins adjacent tokens of one text, the lowest rank first, leftmost first among equals, until no two join. Tokens are
/// a linked list and possible merges a heap, so n tokens cost O(n log n).
/// \tparam Find  std::optional<PairMerge> of two ids
template <class Find>
class PairMerger {
 public:
  PairMerger(const std::vector<TokenId>& ids, Find find) : find_(std::move(find)) {
    symbols_.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      symbols_.push_back({ids[i], i > 0 ? i - 1 : none, i + 1 < ids.size() ? i + 1 : none});
    for (std::size_t i = 0; i < symbols_.size(); ++i) propose(i);
  }

  /// The ids from left to right, when all is merged.
  std::vector<TokenId> run() {
    while (!candidates_.empty()) {
      const Candidate next = candidates_.top();
      candidates_.pop();
      const auto merge = merge_at(next.left);
      if (merge && merge->rank == next.rank) apply(next.left, merge->joined);
    }
    std::vector<TokenId> ids;
    for (const Symbol& symbol : symbols_)
      if (symbol.id >= 0) ids.push_back(symbol.id);
    return ids;
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  struct Symbol {
    TokenId id;  ///< -1: merged into the symbol to the left
    std::size_t left, right;
  };
  struct Candidate {
    double rank;
    std::size_t left;
    bool operator>(const Candidate& other) const noexcept {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  std::optional<PairMerge> merge_at(std::size_t left) const {
    const Symbol& a = symbols_[left];
    if (a.id < 0 || a.right == none) return std::nullopt;
    return find_(a.id, symbols_[a.right].id);
  }
  void propose(std::size_t left) {
    if (left == none) return;
    if (const auto merge = merge_at(left)) candidates_.push({merge->rank, left});
  }
  void apply(std::size_t left, TokenId joined) {
    Symbol& a = symbols_[left];
    Symbol& b = symbols_[a.right];
    a.id = joined;
    a.right = b.right;
    b.id = -1;
    if (a.right != none) symbols_[a.right].left = left;
    propose(a.left);
    propose(left);
  }

  Find find_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates_;
};

}  // namespace bora::inline BORA_ABI::detail
