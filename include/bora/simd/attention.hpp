/// Attention over runs of keys: scores, softmax and weighted sum. Backward is in attention_backward.hpp.
///
/// Keys are visited in runs of 16 aligned to absolute positions and gathered into absolute segments of 512.
/// A segment's result is a state (output, running maximum, running sum); states are merged left to right,
/// always, so a row's bits depend neither on the tile it shares nor on the chunk, the cache or the threads.
/// Slots a row does not see are dropped by select and never multiplied: a stale slot may hold NaN. Output elements
/// beyond head_dim are garbage, from the last block of each value reading beyond it; nothing reads them.
#pragma once
#include <bora/simd/attention_rows.hpp>
#include <bora/simd/rows.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

namespace detail {

/// sum[m][r] = query m times the 16 keys of run r, unscaled: one sum over head_dim, in order.
template <std::size_t M, std::size_t R, class B, CacheFormat E, class T>
BORA_INLINE void score_tile(const Run<E> (&run)[R], const T* queries, std::size_t stride, B (&sum)[M][R]) noexcept {
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
  if constexpr (std::is_same_v<E, Q8>)
    for (std::size_t r = 0; r < R; ++r)
      for (std::size_t m = 0; m < M; ++m) sum[m][r] = sum[m][r] * B::load(run[r].key_scales());
}

/// Scaled scores of the runs for M rows, -infinity where a row does not see: scores [M, score_stride]. largest[m] is
/// the largest of row m.
template <std::size_t M, CacheFormat E, class T>
BORA_NOINLINE void tile_scores(const KeyRuns<E>& keys, std::size_t kv_head, Range runs, const QueryRow<T>* row, T scale,
                               const T* queries, std::size_t stride, T* scores, std::size_t score_stride,
                               T* largest) noexcept {
  using B = Block<T>;
  const B nothing = B::broadcast(-std::numeric_limits<T>::infinity()), factor = B::broadcast(scale);
  B most[M];
  for (std::size_t m = 0; m < M; ++m) most[m] = nothing;
  const auto take = [&](auto width, auto masked, std::size_t r) {
    constexpr std::size_t R = decltype(width)::value;
    Run<E> run[R];
    for (std::size_t i = 0; i < R; ++i) run[i] = keys.run(r + i, kv_head);
    B sum[M][R];
    score_tile(run, queries, stride, sum);
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (std::size_t i = 0; i < R; ++i) {
        T* at = scores + m * score_stride + (r + i - runs.begin) * run_length;
        B s = sum[m][i] * factor;
        if constexpr (decltype(masked)::value) {
          const Slots slots = view_of(row[m]).slots(r + i);
          s = B::keep(static_cast<int>(slots.begin), static_cast<int>(slots.end), s, nothing);
        }
        s.store(at);
        most[m] = max(most[m], s);
      }
  };
  const Range whole = common_view(row, M).whole(runs);
  std::size_t r = runs.begin;
  const auto several = [&](auto width) {
    constexpr std::size_t R = decltype(width)::value;
    if constexpr (M * R <= B::tile_rows * B::tile_panels && R <= 2 * B::tile_panels)
      for (; r + R <= whole.end; r += R) take(width, std::false_type{}, r);
  };
  constexpr std::integral_constant<std::size_t, 1> one;
  for (; r < whole.begin; ++r) take(one, std::true_type{}, r);
  several(std::integral_constant<std::size_t, 4>{});
  several(std::integral_constant<std::size_t, 2>{});
  several(one);
  for (; r < runs.end; ++r) take(one, std::true_type{}, r);
  for (std::size_t m = 0; m < M; ++m) largest[m] = most[m].largest();
}

/// Adds the bias to the scores of a row and caps them; masked scores stay -infinity. Returns the largest score.
template <class T>
BORA_NOINLINE T add_bias(const ScoreBias<T>& bias, const QueryRow<T>& row, Range runs, T* scores) noexcept {
  using B = Block<T>;
  const B nothing = B::broadcast(-std::numeric_limits<T>::infinity());
  B most = nothing;
  for (std::size_t r = runs.begin; r < runs.end; ++r, scores += run_length) {
    if (bias.adds()) bias.add(scores, row.head, row.first_visible, row.position, r * run_length);
    if (bias.cap != 0) {
      const Slots slots = view_of(row).slots(r);
      B::keep(static_cast<int>(slots.begin), static_cast<int>(slots.end), capped(B::load(scores), bias.cap), nothing)
          .store(scores);
    }
    most = max(most, B::load(scores));
  }
  return most.largest();
}

/// Scaled, biased and capped scores of any number of rows up to `query_tile`, and the largest of each.
template <CacheFormat E, class T>
BORA_INLINE void row_scores(const KeyRuns<E>& keys, std::size_t kv_head, Range runs, const QueryRow<T>* row,
                            std::size_t rows, T scale, const ScoreBias<T>& bias, const T* queries, std::size_t stride,
                            T* scores, std::size_t score_stride, T* largest) noexcept {
  for_tiles<Block<T>::tile_rows>(rows, [&](auto height, std::size_t m) {
    tile_scores<decltype(height)::value>(keys, kv_head, runs, row + m, scale, queries + m * stride, stride,
                                         scores + m * score_stride, score_stride, largest + m);
  });
  if (bias.any())
    for (std::size_t m = 0; m < rows; ++m) largest[m] = add_bias(bias, row[m], runs, scores + m * score_stride);
}

/// Scores [M, score_stride] become weights exp(score - largest) in place, 0 where a row does not see; sum[m] is the sum
/// of row m's weights.
template <std::size_t M, class T>
BORA_NOINLINE void tile_weights(const QueryRow<T>* row, Range runs, const T* largest, T* scores,
                                std::size_t score_stride, T* sum) noexcept {
  using B = Block<T>;
  B top[M], total[M];
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m) {
    top[m] = B::broadcast(largest[m]);
    total[m] = B::zero();
  }
  const auto take = [&](std::size_t r, auto masked) {
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m) {
      T* at = scores + m * score_stride + (r - runs.begin) * run_length;
      B weight = exp_nonpositive(B::load(at) - top[m]);
      if constexpr (decltype(masked)::value) {
        const Slots slots = view_of(row[m]).slots(r);
        weight = B::keep(static_cast<int>(slots.begin), static_cast<int>(slots.end), weight, B::zero());
      }
      weight.store(at);
      total[m] = total[m] + weight;
    }
  };
  const Range whole = common_view(row, M).whole(runs);
  for (std::size_t r = runs.begin; r < whole.begin; ++r) take(r, std::true_type{});
  for (std::size_t r = whole.begin; r < whole.end; ++r) take(r, std::false_type{});
  for (std::size_t r = whole.end; r < runs.end; ++r) take(r, std::true_type{});
  for (std::size_t m = 0; m < M; ++m) sum[m] = total[m].sum();
}

/// Q8: the weight of a slot carries the scale of its value.
template <CacheFormat E, class T>
BORA_INLINE void apply_value_scales(const KeyRuns<E>& keys, std::size_t kv_head, View view, Range runs,
                                    T* weights) noexcept {
  if constexpr (std::is_same_v<E, Q8>)
    for (std::size_t r = runs.begin; r < runs.end; ++r, weights += run_length) {
      const Slots slots = view.slots(r);
      const float* scales = keys.run(r, kv_head).value_scales();
      for (std::size_t i = slots.begin; i < slots.end; ++i) weights[i] = weights[i] * scales[i];
    }
}

/// The values of the runs that `view` holds, weighted: M rows, P blocks of columns and C chains from `chain` on.
template <std::size_t M, std::size_t P, std::size_t C>
struct ValueTile {
  static constexpr std::size_t rows = M, panels = P, chains = C;
};
template <class Tile, CacheFormat E, class T>
BORA_INLINE void value_tile(const KeyRuns<E>& keys, std::size_t kv_head, View view, Range runs, bool resume,
                            std::size_t chain, std::size_t column, const T* weights, T* sums,
                            std::size_t stride) noexcept {
  using B = Block<T>;
  constexpr std::size_t M = Tile::rows, P = Tile::panels, C = Tile::chains;
  const auto place = [&](std::size_t c, std::size_t m, std::size_t p) {
    return sums + ((chain + c) * query_tile + m) * stride + column + p * block_lanes;
  };
  B sum[C][M][P];
#pragma GCC unroll 4
  for (std::size_t c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 2
      for (std::size_t p = 0; p < P; ++p) sum[c][m][p] = resume ? B::load(place(c, m, p)) : B::zero();
  for (std::size_t r = runs.begin; r < runs.end; ++r, weights += run_length) {
    const auto* values = keys.run(r, kv_head).values() + column;
    const Slots slots = view.slots(r);
    const bool whole = slots.whole();
    for (std::size_t first = chain; first < run_length; first += value_chains) {
#pragma GCC unroll 4
      for (std::size_t c = 0; c < C; ++c) {
        const std::size_t i = first + c;
        if (!whole && (i < slots.begin || i >= slots.end)) continue;
        B value[P];
#pragma GCC unroll 2
        for (std::size_t p = 0; p < P; ++p) value[p] = B::load(values + i * keys.head_dim + p * block_lanes);
#pragma GCC unroll 8
        for (std::size_t m = 0; m < M; ++m) {
          const B weight = B::broadcast(weights[m * segment_length + i]);
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

/// sums (+)= weights [rows, segment_length] times the values of the runs that `view` holds; keys ascend in each chain.
/// \param resume  add to sums rather than to zero
/// \param sums    [value_chains, query_tile, stride]
template <CacheFormat E, class T>
BORA_NOINLINE void run_values(const KeyRuns<E>& keys, std::size_t kv_head, View view, Range runs, bool resume,
                              T* weights, std::size_t rows, T* sums, std::size_t stride) noexcept {
  using B = Block<T>;
  for (std::size_t m = 0; m < rows; ++m) apply_value_scales(keys, kv_head, view, runs, weights + m * segment_length);
  const auto columns = [&](auto width, std::size_t column) {
    for_tiles<B::tile_rows>(rows, [&](auto height, std::size_t m) {
      constexpr std::size_t M = decltype(height)::value, P = decltype(width)::value;
      constexpr std::size_t fit = B::tile_rows * B::tile_panels / (M * P);
      constexpr std::size_t C = fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
      for (std::size_t chain = 0; chain < value_chains; chain += C)
        value_tile<ValueTile<M, P, C>>(keys, kv_head, view, runs, resume, chain, column, weights + m * segment_length,
                                       sums + m * stride, stride);
    });
  };
  std::size_t c = 0;
  if constexpr (B::tile_panels == 2)
    for (; c + 2 * block_lanes <= stride; c += 2 * block_lanes) columns(std::integral_constant<std::size_t, 2>{}, c);
  for (; c < stride; c += block_lanes) columns(std::integral_constant<std::size_t, 1>{}, c);
}

/// The segment's output, in four chains: weights times values. Rows that see the same keys, such as the heads of one
/// token, are computed together. Otherwise only runs that are fully visible to all rows are computed together; at the
/// edges of the window each row reads its own slots, so that no masked value is ever multiplied.
template <CacheFormat E, class T>
BORA_INLINE void weigh_values(const KeyRuns<E>& keys, std::size_t kv_head, const QueryRow<T>* row, std::size_t rows,
                              Range runs, const AttentionScratch<T>& scratch) noexcept {
  const View all = common_view(row, rows);
  bool same = true;
  for (std::size_t m = 0; m < rows; ++m) same = same && view_of(row[m]) == all;
  if (same) return run_values(keys, kv_head, all, runs, false, scratch.scores, rows, scratch.segment, scratch.stride);
  std::fill_n(scratch.segment, value_chains * query_tile * scratch.stride, T(0));
  for (std::size_t r = runs.begin, end; r < runs.end; r = end) {
    T* weights = scratch.scores + (r - runs.begin) * run_length;
    for (end = r; end < runs.end && all.slots(end).whole();) ++end;
    if (end > r) {
      run_values(keys, kv_head, all, {r, end}, true, weights, rows, scratch.segment, scratch.stride);
      continue;
    }
    end = r + 1;
    for (std::size_t m = 0; m < rows; ++m)
      run_values(keys, kv_head, view_of(row[m]), {r, end}, true, weights + m * segment_length, 1,
                 scratch.segment + m * scratch.stride, scratch.stride);
  }
}

/// A row's online-softmax state: its output so far is relative to `largest` and not yet divided by `sum`.
template <class T>
struct RowState {
  bool started = false;
  T largest = 0, sum = 0;
};

/// Merges a segment's chains, whose maximum and sum are given, into the state and its output.
template <class T>
BORA_INLINE void merge_segment(const T* chains, T largest, T sum, std::size_t stride, RowState<T>& state,
                               T* output) noexcept {
  using B = Block<T>;
  const std::size_t chain = query_tile * stride;
  const T top = state.started ? std::max(state.largest, largest) : largest;
  const T keep = state.started ? std::exp(state.largest - top) : T(0);
  const T take = state.started ? std::exp(largest - top) : T(1);
  for (std::size_t i = 0; i < stride; i += block_lanes) {
    const B add = (B::load(chains + i) + B::load(chains + chain + i)) +
                  (B::load(chains + 2 * chain + i) + B::load(chains + 3 * chain + i));
    if (!state.started)
      add.store(output + i);
    else
      mul_add(add, B::broadcast(take), B::load(output + i) * B::broadcast(keep)).store(output + i);
  }
  state = {true, top, state.started ? state.sum * keep + sum * take : sum};
}

}  // namespace detail

/// Attention of up to `query_tile` rows of one sequence and one key/value head; leaves their outputs in
/// scratch.output [rows, stride].
/// softmax(scale q.k + bias) v over the visible keys (Vaswani et al. 2017, eq. 1)
template <CacheFormat E, class T>
BORA_NOINLINE void attend(const KeyRuns<E>& keys, std::size_t kv_head, const QueryRow<T>* row, std::size_t rows,
                          T scale, const ScoreBias<T>& bias, const AttentionScratch<T>& scratch) noexcept {
  using B = Block<T>;
  const std::size_t stride = scratch.stride;
  for (std::size_t m = 0; m < rows; ++m) copy_row(row[m].query, scratch.queries + m * stride, keys.head_dim);
  const auto [low, high] = detail::joint_view(row, rows);
  detail::RowState<T> state[query_tile];
  for (std::size_t s = low / segment_length; s <= high / segment_length; ++s) {
    const std::size_t first = std::max(low, s * segment_length), last = std::min(high, (s + 1) * segment_length - 1);
    const Range runs{first / run_length, last / run_length + 1};
    T largest[query_tile], sum[query_tile];
    detail::row_scores(keys, kv_head, runs, row, rows, scale, bias, scratch.queries, stride, scratch.scores,
                       segment_length, largest);
    const auto sees_any = [&](std::size_t m) { return row[m].first_visible <= last && row[m].position >= first; };
    detail::for_tiles<2>(rows, [&](auto height, std::size_t m) {
      detail::tile_weights<decltype(height)::value>(row + m, runs, largest + m, scratch.scores + m * segment_length,
                                                    segment_length, sum + m);
    });
    detail::weigh_values(keys, kv_head, row, rows, runs, scratch);
    for (std::size_t m = 0; m < rows; ++m)
      if (sees_any(m))
        detail::merge_segment(scratch.segment + m * stride, largest[m], sum[m], stride, state[m],
                              scratch.output + m * stride);
  }
  for (std::size_t m = 0; m < rows; ++m) {
    T* output = scratch.output + m * stride;
    const B factor = B::broadcast(T(1) / state[m].sum);
    for (std::size_t i = 0; i < stride; i += block_lanes) (B::load(output + i) * factor).store(output + i);
  }
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
