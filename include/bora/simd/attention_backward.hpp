/// Attention's backward over runs of keys, for whole sequences.
#pragma once
#include <bora/simd/attention.hpp>
#include <bora/simd/matmul.hpp>
#include <algorithm>
#include <cstddef>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Memory of one lane of attention's backward: keys and values of one sequence and head in the layouts that
/// the forward cache does not have, and their gradients.
template <class T>
struct AttentionGradients {
  std::size_t time;    ///< tokens of the sequence
  std::size_t stride;  ///< round_up(head_dim, 16)
  std::size_t length;  ///< round_up(time, 16)
  T* key_rows;         ///< [length, stride]: keys, zeros beyond the text
  T* value_panels;     ///< [length / 16, head_dim, 16]: values, zeros beyond the text
  T* d_key;            ///< [length, stride]: sums over the query rows so far
  T* d_value;          ///< [length, stride]: sums over the query rows so far
  T* queries;          ///< [query_tile, stride]: as in forward; attend_backward scales them
  T* d_output;         ///< [query_tile, stride]: gradients of the head's outputs
  T* d_query;          ///< [query_tile, stride]: gradients of the queries
  T* weights;          ///< [query_tile, length]: scores, then their softmax
  T* d_scores;         ///< [query_tile, length]: gradients of the weights, then of the biased scores
  T* cap_slopes;       ///< [query_tile, length]: derivatives of the capped scores; null if scores are not capped

  /// Elements of memory that a lane needs.
  static constexpr std::size_t size(std::size_t head_dim, std::size_t time, bool capped = false) noexcept {
    const std::size_t s = round_up(head_dim, block_lanes), n = round_up(time, run_length);
    return 4 * n * s + query_tile * (3 * s + (capped ? 3 : 2) * n);
  }
  /// Uses memory of `size` elements.
  AttentionGradients(T* memory, std::size_t head_dim, std::size_t tokens, bool capped = false) noexcept
      : time(tokens), stride(round_up(head_dim, block_lanes)), length(round_up(tokens, run_length)) {
    const auto take = [&](std::size_t n) { return std::exchange(memory, memory + n); };
    key_rows = take(length * stride);
    value_panels = take(length * stride);
    d_key = take(length * stride);
    d_value = take(length * stride);
    queries = take(query_tile * stride);
    d_output = take(query_tile * stride);
    d_query = take(query_tile * stride);
    weights = take(query_tile * length);
    d_scores = take(query_tile * length);
    cap_slopes = capped ? take(query_tile * length) : nullptr;
  }

  /// Transposes the cached keys into rows and the values into panels, with zeros beyond the text, where the cache is
  /// uninitialised or stale; zeroes the gradients.
  template <CacheFormat E>
  void begin(const KeyRuns<E>& keys, std::size_t kv_head) noexcept {
    const std::size_t n = keys.head_dim;
    std::fill_n(d_key, length * stride, T(0));
    std::fill_n(d_value, length * stride, T(0));
    for (std::size_t r = 0; r < length / run_length; ++r) {
      const Run<E> run = keys.run(r, kv_head);
      for (std::size_t i = 0; i < run_length; ++i)
        for (std::size_t c = 0; c < n; ++c) {
          const bool written = r * run_length + i < time;
          key_rows[(r * run_length + i) * stride + c] = written ? run.keys()[c * run_length + i] : T(0);
          value_panels[r * n * run_length + c * run_length + i] = written ? run.values()[i * n + c] : T(0);
        }
    }
  }
};

namespace detail {

/// One row: its scores become weights P = exp(S - largest) / sum, 0 where it does not see, and the gradients dP of the
/// weights become those of the biased scores, P (dP - sum of P dP), times the derivatives of the cap, if there is one.
/// The sum is computed again: S - log(sum) would lose precision where scores are large.
template <class T>
BORA_INLINE void score_gradients(const QueryRow<T>& row, Range runs, T largest, T* scores, T* gradients,
                                 const T* cap_slopes) noexcept {
  using B = Block<T>;
  const B top = B::broadcast(largest);
  B sum = B::zero(), projection = B::zero();
  for (std::size_t r = runs.begin; r < runs.end; ++r) {
    const Slots slots = view_of(row).slots(r);
    T* at = scores + r * run_length;
    const B p = B::keep(static_cast<int>(slots.begin), static_cast<int>(slots.end), exp_nonpositive(B::load(at) - top),
                        B::zero());
    p.store(at);
    sum = sum + p;
    projection = mul_add(p, B::load(gradients + r * run_length), projection);
  }
  const T share = T(1) / sum.sum();
  const B factor = B::broadcast(share), mean = B::broadcast(projection.sum() * share);
  for (std::size_t r = runs.begin; r < runs.end; ++r) {
    T* weight = scores + r * run_length;
    T* at = gradients + r * run_length;
    const B p = B::load(weight) * factor;
    p.store(weight);
    const B d = p * (B::load(at) - mean);
    (cap_slopes == nullptr ? d : d * B::load(cap_slopes + r * run_length)).store(at);
  }
}

}  // namespace detail

/// Backward of up to `query_tile` rows of one head. Reads queries and d_output; leaves d_query, adds to d_key and
/// d_value, and leaves the gradients of the biased scores in d_scores [rows, length] for keys low .. high, returned.
///     P = softmax(S),  dP = dO Vᵀ,  dS = P (dP - sum P dP),  dQ = scale dS K,  dK += scale dSᵀ Q,  dV += Pᵀ dO
template <CacheFormat E, class T>
BORA_NOINLINE Range attend_backward(const KeyRuns<E>& keys, std::size_t kv_head, const QueryRow<T>* row,
                                    std::size_t rows, T scale, const ScoreBias<T>& bias,
                                    AttentionGradients<T>& g) noexcept {
  using B = Block<T>;
  using S = detail::Step<B, T>;
  const std::size_t n = keys.head_dim, stride = g.stride;
  const auto [low, high] = detail::joint_view(row, rows);
  const std::size_t first = low / run_length, last = high / run_length;
  T largest[query_tile];
  detail::row_scores(keys, kv_head, {first, last + 1}, row, rows, scale, bias, g.queries, stride,
                     g.weights + first * run_length, g.length, largest);
  for (std::size_t r = first; r <= last; ++r) {
    detail::tile_rows<B, S, 1>(
        detail::TileArguments<T, T, T>{g.value_panels + r * n * run_length, run_length, 0, g.d_output, stride, n,
                                       g.d_scores + r * run_length, g.length, false},
        rows);
  }
  const bool capped = bias.cap != 0;
  for (std::size_t m = 0; m < rows; ++m) {
    const T* scores = g.weights + m * g.length;
    for (std::size_t j = first * run_length; capped && j < (last + 1) * run_length; j += block_lanes)
      detail::soft_cap_slope(B::load(scores + j), bias.cap).store(g.cap_slopes + m * g.length + j);
    detail::score_gradients(row[m], {first, last + 1}, largest[m], g.weights + m * g.length, g.d_scores + m * g.length,
                            capped ? g.cap_slopes + m * g.length : nullptr);
  }
  const Range range{first * run_length, (last + 1) * run_length};
  outer_product(range, g.weights, g.length, g.d_output, stride, rows, g.d_value, stride);
  for (std::size_t c = 0; c < stride; c += block_lanes)
    detail::tile_rows<B, S, 1>(
        detail::TileArguments<T, T, T>{g.key_rows + range.begin * stride + c, stride, 0, g.d_scores + range.begin,
                                       g.length, range.size(), g.d_query + c, stride, false},
        rows);
  simd::scale(scale, g.d_query, rows * stride);
  simd::scale(scale, g.queries, rows * stride);  // the scale of dK
  outer_product(range, g.d_scores, g.length, g.queries, stride, rows, g.d_key, stride);
  return range;
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
