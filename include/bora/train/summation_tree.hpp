/// Sums in the order of one fixed binary tree, regardless of who computes which part, and when.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// The sum of items 0, 1, …, n - 1 as a tree: items 2i and 2i + 1 are added first, then pairs of pairs, and so on;
/// nodes left over at the right end are added from right to left.
///
///     n = 7      ((0 1)(2 3)) ((4 5) 6)
///
/// A node is the sum of the items [first, first + count), count a power of two and first a multiple of it. Nodes may
/// arrive in any order; siblings are added as soon as both are present. So n consecutive items take at most log2(n) + 1
/// nodes, and partial sums from elsewhere can be inserted without changing a bit.
///
/// `Node` has `first` and `count`; `add(left, right)` adds the node `right`, which is not needed after, to `left`.
template <class Node>
class SummationTree {
 public:
  /// Throws ConfigError for a range that is no node of the tree, or that overlaps one already inserted.
  template <class Add>
  void insert(Node node, Add&& add) {
    check(node);
    while (true) {
      const bool is_left = node.first % (2 * node.count) == 0;
      const auto sibling = nodes_.find(is_left ? node.first + node.count : node.first - node.count);
      if (sibling == nodes_.end() || sibling->second.count != node.count) break;
      Node other = std::move(nodes_.extract(sibling).mapped());
      if (is_left) {
        add(node, std::move(other));
      } else {
        add(other, std::move(node));
        node = std::move(other);
      }
      node.count *= 2;
    }
    const std::size_t first = node.first;
    nodes_.emplace(first, std::move(node));
  }

  /// Returns the sum of all items and empties the tree. Throws ConfigError if item 0 or one in between is missing.
  template <class Add>
  Node take(Add&& add) {
    std::size_t next = 0;
    for (const auto& [first, node] : nodes_) {
      if (first != next)
        throw ConfigError(
            message("micro-batch ", next, " is missing: expected the gradients of all before ", first + node.count));
      next += node.count;
    }
    if (nodes_.empty()) throw ConfigError("no micro-batch was given, expected the gradients of at least one");
    while (nodes_.size() > 1) {
      Node right = take_last();
      add(nodes_.rbegin()->second, std::move(right));
    }
    Node sum = take_last();
    sum.count = next;
    return sum;
  }

  /// How many nodes there are.
  std::size_t size() const noexcept { return nodes_.size(); }
  /// Returns the nodes in order and empties the tree.
  std::vector<Node> release() {
    std::vector<Node> all;
    all.reserve(nodes_.size());
    for (auto& [first, node] : nodes_) all.push_back(std::move(node));
    nodes_.clear();
    return all;
  }

 private:
  void check(const Node& node) const {
    const auto [first, count] = std::pair(node.first, node.count);
    if (count == 0 || (count & (count - 1)) != 0 || first % count != 0)
      throw ConfigError(message("micro-batches ", first, " to ", first + count,
                                " are no node of the tree, expected a power of two, from a multiple of it on"));
    auto after = nodes_.lower_bound(first + count);
    if (after != nodes_.begin() && (--after)->first + after->second.count > first)
      throw ConfigError(message("micro-batch ", std::max(first, after->first), " was given twice"));
  }
  Node take_last() { return std::move(nodes_.extract(std::prev(nodes_.end())).mapped()); }

  std::map<std::size_t, Node> nodes_;  // by their first item
};

}}}  // namespace bora::BORA_ABI::detail
