/// Sums in the order of one fixed binary tree, whoever computes which part, and when.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI::detail {

/// The sum of items 0, 1, …, n - 1 as a tree: items 2i and 2i + 1 are added first, then pairs of pairs, and so on; what
/// is left over at the right end is added from right to left.
///
///     n = 7      ((0 1)(2 3)) ((4 5) 6)
///
/// A node is the sum of the items [first, first + count), count a power of two and first a multiple of it. Nodes come
/// in any order; two that are siblings are added at once. So n items that come one after the other are held as at most
/// log2(n) + 1 nodes, and parts that were summed elsewhere fit in without changing a bit.
///
/// `Node` has `first` and `count`; `add(left, right)` adds the node `right`, which is not needed after, to `left`.
template <class Node>
class SummationTree {
 public:
  /// Throws ConfigError for what is no node, or holds an item that is there already.
  template <class Add>
  void insert(Node node, Add&& add) {
    check(node);
    for (auto sibling = find_sibling(node); sibling != nodes_.end(); sibling = find_sibling(node)) {
      if (sibling->first < node.first) std::swap(*sibling, node);
      add(node, std::move(*sibling));
      node.count *= 2;
      nodes_.erase(sibling);
    }
    nodes_.push_back(std::move(node));
  }

  /// The sum of all, which leaves the tree empty. Throws ConfigError where the items do not begin with 0 or lack one in
  /// between.
  template <class Add>
  Node take(Add&& add) {
    std::ranges::sort(nodes_, {}, &Node::first);
    std::size_t next = 0;
    for (const Node& node : nodes_) {
      if (node.first != next)
        throw ConfigError(message("micro-batch ", next, " is missing: expected the gradients of all before ",
                                  node.first + node.count));
      next += node.count;
    }
    if (nodes_.empty()) throw ConfigError("no micro-batch was given, expected the gradients of at least one");
    while (nodes_.size() > 1) {
      Node right = std::move(nodes_.back());
      nodes_.pop_back();
      add(nodes_.back(), std::move(right));
    }
    Node sum = std::move(nodes_.back());
    sum.count = next;
    nodes_.clear();
    return sum;
  }

  /// What is there so far.
  std::vector<Node>& nodes() noexcept { return nodes_; }

 private:
  void check(const Node& node) const {
    const auto [first, count] = std::pair(node.first, node.count);
    if (count == 0 || (count & (count - 1)) != 0 || first % count != 0)
      throw ConfigError(message("micro-batches ", first, " to ", first + count,
                                " are no node of the tree, expected a power of two, from a multiple of it on"));
    for (const Node& other : nodes_)
      if (first < other.first + other.count && other.first < first + count)
        throw ConfigError(message("micro-batch ", std::max(first, other.first), " was given twice"));
  }
  auto find_sibling(const Node& node) {
    const std::size_t first = node.first % (2 * node.count) == 0 ? node.first + node.count : node.first - node.count;
    return std::ranges::find_if(nodes_,
                                [&](const Node& other) { return other.first == first && other.count == node.count; });
  }

  std::vector<Node> nodes_;
};

}  // namespace bora::inline BORA_ABI::detail
