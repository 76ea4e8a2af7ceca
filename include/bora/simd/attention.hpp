/// Attention over runs of keys: scores, softmax and weighted sum. Backward stands in attention_backward.hpp.
///
/// Keys are visited in runs of 16 aligned to absolute positions and gathered into absolute segments of 512.
/// A segment's result is a state (output, running maximum, running sum); states are merged left to right,
/// always, so a row's bits depend neither on the tile it shares nor on the chunk, the cache or the threads.
/// Slots a row does not see are dropped by select and never multiplied: a stale slot may hold NaN.
#pragma once
#include <bora/simd/key_runs.hpp>
#include <bora/simd/matmul.hpp>
#include <bora/simd/rows.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI::simd {

inline constexpr std::size_t segment_length = 512;
/// Query rows that one call of the kernels takes at most.
inline constexpr std::size_t query_tile = 8;

/// What is added to the scaled scores: nothing, ALiBi's slopes, or a table by distance. A view.
template <class T>
struct ScoreBias {
  const T* slopes = nullptr;       ///< [heads]: - slope * (query - key)
  const T* by_distance = nullptr;  ///< [heads, reach]: indexed by min(query - key, reach - 1)
  std::size_t reach = 0;

  bool any() const noexcept { return slopes != nullptr || by_distance != nullptr; }
  /// Adds the bias of head `head` to the scores of keys first .. first + 15; future keys get anything.
  void add(T* scores, std::size_t head, std::size_t query, std::size_t first) const noexcept {
    for (std::size_t i = 0; i < run_length; ++i) {
      const std::size_t key = first + i;
      if (key > query) return;
      if (slopes != nullptr)
        scores[i] = scores[i] - slopes[head] * static_cast<T>(query - key);
      else
        scores[i] = scores[i] + by_distance[head * reach + std::min(query - key, reach - 1)];
    }
  }
};

/// One query row: which keys it sees and where its numbers are.
template <class T>
struct QueryRow {
  std::size_t head, position, first_visible;  ///< sees first_visible .. position
  const T* query;                             ///< [head_dim], after the position encoding
  T* log_sum_exp;                             ///< of its scaled, biased scores; kept for backward
};

/// Memory of one lane of the kernels.
template <class T>
struct AttentionScratch {
  T* queries;          ///< [query_tile, stride]
  T* scores;           ///< [query_tile, segment_length]
  T* output;           ///< [query_tile, stride]: the state
  T* segment;          ///< [query_tile, stride]: one segment's output
  std::size_t stride;  ///< round_up(head_dim, 16)

  static constexpr std::size_t size(std::size_t head_dim) noexcept {
    return query_tile * (6 * round_up(head_dim, block_lanes) + segment_length);
  }
  AttentionScratch(T* memory, std::size_t head_dim) noexcept : stride(round_up(head_dim, block_lanes)) {
    queries = memory;
    output = queries + query_tile * stride;
    segment = output + query_tile * stride;
    scores = segment + 4 * query_tile * stride;
  }
};

namespace detail {

/// Scores of R runs for M queries, unscaled: each of the M x R blocks is one sum over head_dim, in order.
template <class B, std::size_t M, std::size_t R, CacheFormat E, class T>
BORA_INLINE void score_tile(const Run<E>* run, const T* queries, std::size_t stride, T* scores,
                            std::size_t score_stride) noexcept {
  B sum[M][R];
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t r = 0; r < R; ++r) sum[m][r] = B::zero();
  const typename E::Storage* keys[R];
  for (std::size_t r = 0; r < R; ++r) keys[r] = run[r].keys();
  const std::size_t n = run[0].head_dim;
  for (std::size_t c = 0; c < n; ++c) {
    B key[R];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < R; ++r) key[r] = B::load(keys[r] + c * run_length);
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m) {
      const B query = B::broadcast(queries[m * stride + c]);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < R; ++r) sum[m][r] = mul_add(key[r], query, sum[m][r]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t r = 0; r < R; ++r) {
      if constexpr (std::is_same_v<E, Q8>) sum[m][r] = sum[m][r] * B::load(run[r].key_scales());
      sum[m][r].store(scores + m * score_stride + r * run_length);
    }
}

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

/// Scores of the runs [begin, end) for `rows` queries: [rows, score_stride].
template <CacheFormat E, class T>
BORA_NOINLINE void run_scores(const KeyRuns<E>& keys, std::size_t kv_head, Range runs, const T* queries,
                              std::size_t stride, std::size_t rows, T* scores, std::size_t score_stride) noexcept {
  using B = Block<T>;
  const auto columns = [&](auto width, std::size_t r) {
    constexpr std::size_t R = decltype(width)::value;
    Run<E> run[R];
    for (std::size_t i = 0; i < R; ++i) run[i] = keys.run(r + i, kv_head);
    for_tiles<B::tile_rows>(rows, [&](auto height, std::size_t m) {
      score_tile<B, decltype(height)::value, R>(
          run, queries + m * stride, stride, scores + m * score_stride + (r - runs.begin) * run_length, score_stride);
    });
  };
  std::size_t r = runs.begin;
  if constexpr (B::tile_panels == 2)
    for (; r + 2 <= runs.end; r += 2) columns(std::integral_constant<std::size_t, 2>{}, r);
  for (; r < runs.end; ++r) columns(std::integral_constant<std::size_t, 1>{}, r);
}

/// The weighted sum of values runs in four chains, slot modulo 4, so that few rows still keep the multipliers busy; a
/// segment ends with (0 + 1) + (2 + 3).
inline constexpr std::size_t value_chains = 4;

/// sums[chain][m] += weights * values of `slots` of the runs, for M rows, P blocks of columns and C chains from `chain`
/// on.
template <class B, std::size_t M, std::size_t P, std::size_t C, CacheFormat E, class T>
BORA_INLINE void value_tile(const KeyRuns<E>& keys, std::size_t kv_head, Range runs, Range slots, std::size_t chain,
                            std::size_t column, const T* weights, std::size_t weight_stride, T* sums,
                            std::size_t stride) noexcept {
  const auto place = [&](std::size_t c, std::size_t m, std::size_t p) {
    return sums + ((chain + c) * query_tile + m) * stride + column + p * block_lanes;
  };
  B sum[C][M][P];
#pragma GCC unroll 4
  for (std::size_t c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (std::size_t p = 0; p < P; ++p) sum[c][m][p] = B::load(place(c, m, p));
  const bool whole = slots.size() == run_length;
  for (std::size_t r = runs.begin; r < runs.end; ++r, weights += run_length) {
    const auto* values = keys.run(r, kv_head).values() + column;
    for (std::size_t first = chain; first < run_length; first += value_chains) {
#pragma GCC unroll 4
      for (std::size_t c = 0; c < C; ++c) {
        const std::size_t i = first + c;
        if (!whole && (i < slots.begin || i >= slots.end)) continue;
        B value[P];
#pragma GCC unroll 2
        for (std::size_t p = 0; p < P; ++p) value[p] = B::load(values + i * stride + p * block_lanes);
#pragma GCC unroll 8
        for (std::size_t m = 0; m < M; ++m) {
          const B weight = B::broadcast(weights[m * weight_stride + i]);
#pragma GCC unroll 2
          for (std::size_t p = 0; p < P; ++p) sum[c][m][p] = mul_add(value[p], weight, sum[c][m][p]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (std::size_t c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (std::size_t p = 0; p < P; ++p) sum[c][m][p].store(place(c, m, p));
}

/// sums += weights * values of `slots` of each of the runs, for `rows` rows; keys ascend in each chain.
/// \param sums  [value_chains, query_tile, stride]
template <CacheFormat E, class T>
BORA_NOINLINE void run_values(const KeyRuns<E>& keys, std::size_t kv_head, Range runs, Range slots, const T* weights,
                              std::size_t weight_stride, std::size_t rows, T* sums, std::size_t stride) noexcept {
  using B = Block<T>;
  const auto columns = [&](auto width, std::size_t column) {
    for_tiles<B::tile_rows>(rows, [&](auto height, std::size_t m) {
      constexpr std::size_t M = decltype(height)::value, P = decltype(width)::value;
      constexpr std::size_t fit = B::tile_rows * B::tile_panels / (M * P);
      constexpr std::size_t C = fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
      for (std::size_t chain = 0; chain < value_chains; chain += C)
        value_tile<B, M, P, C>(keys, kv_head, runs, slots, chain, column, weights + m * weight_stride, weight_stride,
                               sums + m * stride, stride);
    });
  };
  std::size_t c = 0;
  if constexpr (B::tile_panels == 2)
    for (; c + 2 * block_lanes <= stride; c += 2 * block_lanes) columns(std::integral_constant<std::size_t, 2>{}, c);
  for (; c < stride; c += block_lanes) columns(std::integral_constant<std::size_t, 1>{}, c);
}

/// The chains of `rows` rows, added into the first.
template <class T>
void add_chains(T* sums, std::size_t rows, std::size_t stride) noexcept {
  using B = Block<T>;
  const std::size_t chain = query_tile * stride;
  for (std::size_t i = 0; i < rows * stride; i += block_lanes)
    ((B::load(sums + i) + B::load(sums + chain + i)) + (B::load(sums + 2 * chain + i) + B::load(sums + 3 * chain + i)))
        .store(sums + i);
}

/// The keys of a run that a row sees, as slots [begin, end).
struct Slots {
  std::size_t begin, end;
  bool whole() const noexcept { return begin == 0 && end == run_length; }
};
inline Slots visible_slots(std::size_t run, std::size_t first_visible, std::size_t position) noexcept {
  const std::size_t start = run * run_length;
  const std::size_t begin = std::min(run_length, first_visible > start ? first_visible - start : 0);
  const std::size_t end = position < start ? 0 : std::min(run_length, position - start + 1);
  return {begin, std::max(begin, end)};
}

template <class T>
struct SegmentSum {
  T largest, sum;
};

/// Scores become weights exp(score - largest) in place; returns the segment's maximum and sum.
template <class T>
SegmentSum<T> segment_softmax(const QueryRow<T>& row, std::size_t first_run, std::size_t last_run, T scale,
                              const ScoreBias<T>& bias, T* scores) noexcept {
  using B = Block<T>;
  const B nothing = B::broadcast(-std::numeric_limits<T>::infinity());
  const auto visible = [&](Slots slots, B inside, B outside) {
    return slots.whole() ? inside
                         : B::keep(static_cast<int>(slots.begin), static_cast<int>(slots.end), inside, outside);
  };
  B largest = nothing;
  for (std::size_t r = first_run; r <= last_run; ++r) {
    T* at = scores + (r - first_run) * run_length;
    const Slots slots = visible_slots(r, row.first_visible, row.position);
    if (slots.begin == slots.end) continue;
    B s = B::load(at) * B::broadcast(scale);
    if (bias.any()) {
      s.store(at);
      bias.add(at, row.head, row.position, r * run_length);
      s = B::load(at);
    }
    s = visible(slots, s, nothing);
    s.store(at);
    largest = max(largest, s);
  }
  const T top = largest.largest();
  B sum = B::zero();
  for (std::size_t r = first_run; r <= last_run; ++r) {
    T* at = scores + (r - first_run) * run_length;
    const Slots slots = visible_slots(r, row.first_visible, row.position);
    if (slots.begin == slots.end) continue;
    const B weight = visible(slots, exp_nonpositive(B::load(at) - B::broadcast(top)), B::zero());
    weight.store(at);
    sum = sum + weight;
  }
  return {top, sum.sum()};
}

/// Q8: the weight of a slot carries the scale of its value.
template <CacheFormat E, class T>
BORA_INLINE void apply_value_scales(const Run<E>& run, Slots slots, T* weights) noexcept {
  if constexpr (std::is_same_v<E, Q8>) {
    for (std::size_t i = slots.begin; i < slots.end; ++i) weights[i] = weights[i] * run.value_scales()[i];
  }
}

/// The segment's output: weights * values. Runs that all rows see whole are taken together; at the edges of the window
/// each row takes its own slots, so that nothing invisible is ever multiplied.
template <CacheFormat E, class T>
BORA_INLINE void weigh_values(const KeyRuns<E>& keys, std::size_t kv_head, const QueryRow<T>* row, std::size_t rows,
                              Range runs, AttentionScratch<T>& scratch) noexcept {
  std::size_t all_from = 0, all_to = row[0].position;  // keys that every row sees
  bool one_view = true;
  for (std::size_t m = 0; m < rows; ++m) {
    all_from = std::max(all_from, row[m].first_visible);
    all_to = std::min(all_to, row[m].position);
    one_view = one_view && row[m].position == row[0].position;
  }
  for (std::size_t r = runs.begin, end; r < runs.end; r = end) {
    T* weights = scratch.scores + (r - runs.begin) * run_length;
    for (end = r; end < runs.end && visible_slots(end, all_from, all_to).whole();) ++end;
    if (end > r) {
      for (std::size_t i = r; i < end; ++i)
        for (std::size_t m = 0; m < rows; ++m)
          apply_value_scales(keys.run(i, kv_head), {0, run_length},
                             weights + m * segment_length + (i - r) * run_length);
      run_values(keys, kv_head, {r, end}, {0, run_length}, weights, segment_length, rows, scratch.segment,
                 scratch.stride);
      continue;
    }
    end = r + 1;
    if (const Slots all = visible_slots(r, all_from, all_to); one_view) {  // a step: the rows differ in heads only
      for (std::size_t m = 0; m < rows; ++m)
        apply_value_scales(keys.run(r, kv_head), all, weights + m * segment_length);
      run_values(keys, kv_head, {r, end}, {all.begin, all.end}, weights, segment_length, rows, scratch.segment,
                 scratch.stride);
      continue;
    }
    for (std::size_t m = 0; m < rows; ++m) {
      const Slots slots = visible_slots(r, row[m].first_visible, row[m].position);
      apply_value_scales(keys.run(r, kv_head), slots, weights + m * segment_length);
      run_values(keys, kv_head, {r, end}, {slots.begin, slots.end}, weights + m * segment_length, segment_length, 1,
                 scratch.segment + m * scratch.stride, scratch.stride);
    }
  }
}

}  // namespace detail

/// Attention of up to `query_tile` rows of one sequence and one key/value head; leaves their outputs in
/// scratch.output [rows, stride].
/// softmax(scale q.k + bias) v over the visible keys (Vaswani et al. 2017, eq. 1)
template <CacheFormat E, class T>
BORA_NOINLINE void attend(const KeyRuns<E>& keys, std::size_t kv_head, const QueryRow<T>* row, std::size_t rows,
                          T scale, const ScoreBias<T>& bias, AttentionScratch<T>& scratch) noexcept {
  const std::size_t n = keys.head_dim, stride = scratch.stride;
  std::size_t low = row[0].first_visible, high = row[0].position;
  for (std::size_t m = 0; m < rows; ++m) {
    std::copy_n(row[m].query, n, scratch.queries + m * stride);
    low = std::min(low, row[m].first_visible);
    high = std::max(high, row[m].position);
  }
  detail::SegmentSum<T> state[query_tile];
  bool started[query_tile] = {};
  for (std::size_t s = low / segment_length; s <= high / segment_length; ++s) {
    const std::size_t first = std::max(low, s * segment_length) / run_length;
    const std::size_t last = std::min(high, (s + 1) * segment_length - 1) / run_length;
    detail::run_scores(keys, kv_head, {first, last + 1}, scratch.queries, stride, rows, scratch.scores, segment_length);

    detail::SegmentSum<T> part[query_tile];
    bool visible[query_tile];
    for (std::size_t m = 0; m < rows; ++m) {
      visible[m] = row[m].first_visible < (last + 1) * run_length && row[m].position >= first * run_length;
      if (visible[m])
        part[m] = detail::segment_softmax(row[m], first, last, scale, bias, scratch.scores + m * segment_length);
    }
    std::fill_n(scratch.segment, detail::value_chains * query_tile * stride, T(0));
    detail::weigh_values(keys, kv_head, row, rows, {first, last + 1}, scratch);
    detail::add_chains(scratch.segment, rows, stride);
    for (std::size_t m = 0; m < rows; ++m) {
      if (!visible[m]) continue;
      T* out = scratch.output + m * stride;
      const T* add = scratch.segment + m * stride;
      if (!started[m]) {
        std::copy_n(add, stride, out);
        state[m] = part[m];
        started[m] = true;
        continue;
      }
      const T largest = std::max(state[m].largest, part[m].largest);
      const T keep = std::exp(state[m].largest - largest), take = std::exp(part[m].largest - largest);
      simd::scale(keep, out, stride);
      add_scaled(take, add, out, stride);
      state[m] = {largest, state[m].sum * keep + part[m].sum * take};
    }
  }
  for (std::size_t m = 0; m < rows; ++m) {
    simd::scale(T(1) / state[m].sum, scratch.output + m * stride, stride);
    *row[m].log_sum_exp = state[m].largest + std::log(state[m].sum);
  }
}

}  // namespace bora::inline BORA_ABI::simd
BORA_AFTER_NAMESPACE();
