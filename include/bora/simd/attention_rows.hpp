/// Shared parts of the attention kernels: their query rows, their memory, and which keys of a run a row sees.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/simd/key_runs.hpp>
#include <algorithm>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Keys in a segment: a segment's output is summed on its own, then merged with the other segments.
inline constexpr std::size_t segment_length = 512;
/// Query rows that one call of the kernels takes at most.
inline constexpr std::size_t query_tile = 8;

/// What happens to the scaled scores: a bias is added, none, ALiBi's slopes, or a table by distance; then they may be
/// capped. A view.
template <class T>
struct ScoreBias {
  const T* slopes = nullptr;       ///< [heads]: - slope * (query - key)
  const T* by_distance = nullptr;  ///< [heads, reach]: indexed by min(query - key, reach - 1)
  std::size_t reach = 0;           ///< distances in the table; 0 without one
  T cap = T(0);                    ///< scores become cap * tanh(score / cap); 0: they do not

  /// Whether a bias is added.
  bool adds() const noexcept { return slopes != nullptr || by_distance != nullptr; }
  /// Whether anything happens to the scores.
  bool any() const noexcept { return adds() || cap != 0; }
  /// Adds the bias of head `head` to the scores of keys first .. first + 15, up to the query's own position.
  void add(T* scores, std::size_t head, std::size_t first_visible, std::size_t query,
           std::size_t first) const noexcept {
    const std::size_t end = std::min(first + run_length, query + 1);
    for (std::size_t key = std::max(first, first_visible); key < end; ++key) {
      T& score = scores[key - first];
      if (slopes != nullptr)
        score = score - slopes[head] * static_cast<T>(query - key);
      else
        score = score + by_distance[head * reach + std::min(query - key, reach - 1)];
    }
  }
};

/// One query row: the keys it sees and its query vector.
template <class T>
struct QueryRow {
  std::size_t head;           ///< query head, which decides the bias
  std::size_t position;       ///< of the query, and the last key that it sees
  std::size_t first_visible;  ///< the first key that it sees
  const T* query;             ///< [head_dim], after the position encoding
};

namespace detail {

/// The weighted sum of values uses four accumulators (chains), by slot modulo 4, so that a few rows still keep the
/// multipliers busy; at a segment's end they are added as (0 + 1) + (2 + 3).
inline constexpr std::size_t value_chains = 4;

}  // namespace detail

/// Scratch memory of one lane.
template <class T>
struct AttentionScratch {
  T* queries;          ///< [query_tile, stride]
  T* scores;           ///< [query_tile, segment_length]
  T* output;           ///< [query_tile, stride]: the state
  T* segment;          ///< [value_chains, query_tile, stride]: one segment's output, in chains
  std::size_t stride;  ///< round_up(head_dim, 16)

  /// Elements of scratch memory that a lane needs.
  static constexpr std::size_t size(std::size_t head_dim) noexcept {
    return query_tile * ((2 + detail::value_chains) * round_up(head_dim, block_lanes) + segment_length);
  }
  /// Uses memory of `size` elements.
  AttentionScratch(T* memory, std::size_t head_dim) noexcept : stride(round_up(head_dim, block_lanes)) {
    queries = memory;
    output = queries + query_tile * stride;
    segment = output + query_tile * stride;
    scores = segment + detail::value_chains * query_tile * stride;
  }
};

namespace detail {

/// f(height, m) for rows 0 .. rows - 1 in tiles of at most `tall` rows.
template <std::size_t tall, class F>
BORA_INLINE void for_tiles(std::size_t rows, F&& f) noexcept {
  std::size_t m = 0;
  const auto sweep = [&](auto height) {
    constexpr std::size_t M = decltype(height)::value;
    if constexpr (M <= tall)
      for (; m + M <= rows; m += M) f(height, m);
  };
  sweep(std::integral_constant<std::size_t, 8>{});
  sweep(std::integral_constant<std::size_t, 4>{});
  sweep(std::integral_constant<std::size_t, 2>{});
  sweep(std::integral_constant<std::size_t, 1>{});
}

/// The keys of a run that a row sees, as slots [begin, end).
struct Slots {
  std::size_t begin, end;
  bool whole() const noexcept { return begin == 0 && end == run_length; }
  bool empty() const noexcept { return begin == end; }
};

/// The keys that a row sees, or that all rows of a tile see: first .. last.
struct View {
  std::size_t first, last;
  Slots slots(std::size_t run) const noexcept {
    const std::size_t start = run * run_length;
    const std::size_t begin = std::min(run_length, first > start ? first - start : 0);
    const std::size_t end = last < start ? 0 : std::min(run_length, last - start + 1);
    return {begin, std::max(begin, end)};
  }
  /// The runs, among `runs`, that are fully visible; runs before and after them are partly visible or not at all.
  Range whole(Range runs) const noexcept {
    const std::size_t begin = std::clamp((first + run_length - 1) / run_length, runs.begin, runs.end);
    return {begin, std::clamp((last + 1) / run_length, begin, runs.end)};
  }
  bool operator==(const View&) const = default;
};
template <class T>
View view_of(const QueryRow<T>& row) noexcept {
  return {row.first_visible, row.position};
}
/// Union of the keys that `rows` rows see, from the first to the last.
template <class T>
View joint_view(const QueryRow<T>* row, std::size_t rows) noexcept {
  View all = view_of(row[0]);
  for (std::size_t m = 1; m < rows; ++m)
    all = {std::min(all.first, row[m].first_visible), std::max(all.last, row[m].position)};
  return all;
}
/// Keys that all of `rows` rows see.
template <class T>
View common_view(const QueryRow<T>* row, std::size_t rows) noexcept {
  View all = view_of(row[0]);
  for (std::size_t m = 1; m < rows; ++m)
    all = {std::max(all.first, row[m].first_visible), std::min(all.last, row[m].position)};
  return all;
}

}  // namespace detail

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
