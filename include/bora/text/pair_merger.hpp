/// The merging that byte-pair tokenizers share.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/merge_table.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Joins adjacent tokens, the lowest rank first, leftmost first among equals, until no two join. Short stretches are
/// searched from left to right for each merge; in long ones tokens are a linked list and possible merges a heap, so
/// that n tokens cost O(n log n). Keeps its buffers between stretches.
class PairMerger {
 public:
  /// Joins the tokens of `ids` and appends the results to `out`.
  void merge(const PairTable& table, std::vector<TokenId>& ids, std::vector<TokenId>& out) {
    if (ids.size() <= short_stretch)
      merge_short(table, ids);
    else
      merge_long(table, ids);
    out.insert(out.end(), ids.begin(), ids.end());
  }

 private:
  static constexpr std::size_t short_stretch = 24;
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  void merge_short(const PairTable& table, std::vector<TokenId>& ids) {
    if (ids.size() < 2) return;
    const PairMerge* found[short_stretch];  // the merge of token i and the one behind it
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) found[i] = table.find(ids[i], ids[i + 1]);
    for (std::size_t pairs = ids.size() - 1;; --pairs) {
      std::size_t best = pairs;
      for (std::size_t i = 0; i < pairs; ++i)
        if (found[i] != nullptr && (best == pairs || found[i]->rank < found[best]->rank)) best = i;
      if (best == pairs) return;
      ids[best] = found[best]->joined;
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      std::copy(found + best + 1, found + pairs, found + best);
      if (best > 0) found[best - 1] = table.find(ids[best - 1], ids[best]);
      if (best + 1 < ids.size()) found[best] = table.find(ids[best], ids[best + 1]);
    }
  }

  void merge_long(const PairTable& table, std::vector<TokenId>& ids) {
    if (ids.size() >= none)
      throw ConfigError(message("a stretch of ", ids.size(),
                                " characters has no place where it can be cut, expected "
                                "fewer than ",
                                none));
    link(table, ids);
    while (!candidates_.empty()) {
      const std::uint64_t next = candidates_.front();
      std::pop_heap(candidates_.begin(), candidates_.end(), std::greater<>());
      candidates_.pop_back();
      const auto left = static_cast<std::uint32_t>(next);
      const PairMerge* merge = merge_at(table, ids, left);
      if (merge != nullptr && merge->rank == next >> 32) apply(table, ids, left, merge->joined);
    }
    ids.erase(std::remove(ids.begin(), ids.end(), TokenId{-1}), ids.end());
  }

  struct Link {
    std::uint32_t left, right;
  };

  void link(const PairTable& table, const std::vector<TokenId>& ids) {
    const auto count = static_cast<std::uint32_t>(ids.size());
    links_.resize(count);
    candidates_.clear();
    for (std::uint32_t i = 0; i < count; ++i) links_[i] = {i > 0 ? i - 1 : none, i + 1 < count ? i + 1 : none};
    for (std::uint32_t i = 0; i + 1 < count; ++i)
      if (const PairMerge* merge = table.find(ids[i], ids[i + 1])) candidates_.push_back(candidate(*merge, i));
    std::make_heap(candidates_.begin(), candidates_.end(), std::greater<>());
  }
  /// Ordered by rank, then from left to right.
  static std::uint64_t candidate(const PairMerge& merge, std::uint32_t left) noexcept {
    return std::uint64_t{merge.rank} << 32 | left;
  }
  const PairMerge* merge_at(const PairTable& table, const std::vector<TokenId>& ids,
                            std::uint32_t left) const noexcept {
    const std::uint32_t right = links_[left].right;
    return ids[left] < 0 || right == none ? nullptr : table.find(ids[left], ids[right]);
  }
  void propose(const PairTable& table, const std::vector<TokenId>& ids, std::uint32_t left) {
    if (left == none) return;
    if (const PairMerge* merge = merge_at(table, ids, left)) {
      candidates_.push_back(candidate(*merge, left));
      std::push_heap(candidates_.begin(), candidates_.end(), std::greater<>());
    }
  }
  void apply(const PairTable& table, std::vector<TokenId>& ids, std::uint32_t left, TokenId joined) {
    const std::uint32_t gone = links_[left].right, right = links_[gone].right;
    ids[left] = joined;
    ids[gone] = -1;
    links_[left].right = right;
    if (right != none) links_[right].left = left;
    propose(table, ids, links_[left].left);
    propose(table, ids, left);
  }

  std::vector<Link> links_;
  std::vector<std::uint64_t> candidates_;
};

/// Whether a space goes in front of a stretch of text.
enum class Prefix { always, if_missing, none };

/// Encodes stretches of text that arrive in parts: characters become ids, those are merged, and ids come out as soon as
/// no later character can change them. It holds no more than what lies between two cuts; see Seams.
class StretchEncoder {
 public:
  /// The vocabulary must outlive it.
  explicit StretchEncoder(const MergeVocabulary& vocabulary) noexcept : vocabulary_(&vocabulary) {}

  /// Begins a stretch.
  void begin(Prefix prefix) noexcept { prefix_ = prefix; }

  /// Appends to the stretch; the bytes may end within a character.
  void add(std::string_view bytes, std::vector<TokenId>& out) {
    if (!cut_.empty()) bytes = joined_cut(bytes, out);
    while (!bytes.empty()) {
      const Utf8Start start = utf8_start(bytes);
      if (start.kind == Utf8Kind::unfinished) break;
      add_character(bytes.substr(0, start.length), start.kind == Utf8Kind::whole, out);
      bytes.remove_prefix(start.length);
    }
    cut_ += bytes;
  }

  /// Ends the stretch: its last ids.
  void end(std::vector<TokenId>& out) {
    if (!cut_.empty()) add_character(cut_, false, out);
    cut_.clear();
    flush(out);
    prefix_ = Prefix::none;
    unknown_ = false;
  }
  /// A stretch of a space alone.
  void space(std::vector<TokenId>& out) {
    add_space(out);
    end(out);
  }

 private:
  /// Consumes bytes until the cut character is complete; returns the rest.
  std::string_view joined_cut(std::string_view bytes, std::vector<TokenId>& out) {
    while (!bytes.empty()) {
      cut_ += bytes[0];
      const Utf8Start start = utf8_start(cut_);
      if (start.kind == Utf8Kind::invalid && start.length < cut_.size()) {  // the new byte starts another character
        cut_.pop_back();
        add_character(cut_, false, out);
        cut_.clear();
        return bytes;
      }
      bytes.remove_prefix(1);
      if (start.kind == Utf8Kind::unfinished) continue;
      add_character(cut_, start.kind == Utf8Kind::whole, out);
      cut_.clear();
      return bytes;
    }
    return bytes;
  }

  void add_character(std::string_view character, bool whole, std::vector<TokenId>& out) {
    const TokenId id = whole ? vocabulary_->characters.find(code_point(character)) : -1;
    if (prefix_ != Prefix::none) add_prefix(id, character == " ", out);
    if (id < 0 && vocabulary_->unknown >= 0 && !has_bytes(character)) return add_unknown(out);
    unknown_ = false;
    if (id >= 0) return add_symbol(id, out);
    for (const char byte : character) add_symbol(vocabulary_->bytes[static_cast<unsigned char>(byte)], out);
  }
  void add_prefix(TokenId first, bool is_space, std::vector<TokenId>& out) {
    const bool there = is_space || (first >= 0 && first == vocabulary_->space);
    if (prefix_ == Prefix::always || !there) add_space(out);
    prefix_ = Prefix::none;
  }
  bool has_bytes(std::string_view character) const noexcept {
    for (const char byte : character)
      if (vocabulary_->bytes[static_cast<unsigned char>(byte)] < 0) return false;
    return true;
  }
  void add_space(std::vector<TokenId>& out) {
    if (vocabulary_->space < 0 && vocabulary_->bytes[' '] < 0) return add_unknown(out);
    add_symbol(vocabulary_->space >= 0 ? vocabulary_->space : vocabulary_->bytes[' '], out);
  }
  void add_unknown(std::vector<TokenId>& out) {
    if (!std::exchange(unknown_, true)) add_symbol(vocabulary_->unknown, out);
  }
  void add_symbol(TokenId id, std::vector<TokenId>& out) {
    if (!symbols_.empty() && (!vocabulary_->seams.may_join(symbols_.back(), id) || id == vocabulary_->cut_before))
      flush(out);
    symbols_.push_back(id);
  }
  void flush(std::vector<TokenId>& out) {
    merger_.merge(vocabulary_->pairs, symbols_, out);
    symbols_.clear();
  }

  const MergeVocabulary* vocabulary_;
  PairMerger merger_;
  std::vector<TokenId> symbols_;
  std::string cut_;  ///< the beginning of a character whose rest has not arrived: up to 3 bytes
  Prefix prefix_ = Prefix::none;
  bool unknown_ = false;  ///< the last character was the unknown token
};

}}}  // namespace bora::BORA_ABI::detail
