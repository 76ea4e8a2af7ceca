/// Matrix products over panels: y = x Wᵀ (forward), dx = dy W and dW = dyᵀ x (backward).
///
/// The sum over K of one output is computed in one fixed order (k ascending, one accumulator), whatever the number of
/// rows, the tile or the thread. K may be split only by storing and reloading that accumulator. This makes a token's
/// logits independent of its batch.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/simd/block.hpp>
#include <bora/simd/panels.hpp>
#include <algorithm>
#include <cstddef>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

namespace detail {

/// How a format multiplies: one call consumes `group` columns of 16 rows.
template <class B, class W>
struct Step {
  static constexpr std::size_t group = 1;
  static BORA_INLINE B weight(const W* w) noexcept { return B::load(w); }
  static BORA_INLINE B input(const typename B::Number* x) noexcept { return B::broadcast(*x); }
  static BORA_INLINE B add(B w, B x, B sum) noexcept { return mul_add(w, x, sum); }
};
/// Pairs of bfloat16 times pairs of bfloat16, summed in F32.
template <class B>
struct PairStep {
  static constexpr std::size_t group = 2;
  static BORA_INLINE typename B::Pairs weight(const bfloat16* w) noexcept { return B::Pairs::load(w); }
  template <class X>
  static BORA_INLINE typename B::Pairs input(const X* x) noexcept {
    return B::Pairs::broadcast(x);
  }
  static BORA_INLINE B add(const typename B::Pairs& w, const typename B::Pairs& x, B sum) noexcept {
    return dot_pairs(w, x, sum);
  }
};
template <class B, MatrixFormat Format>
using StepOf = std::conditional_t<std::is_same_v<Format, Bf16>, PairStep<B>, Step<B, typename Format::Storage>>;

/// For weights streamed from memory: prefetches well ahead, since the processor's own prefetching stops at each page.
/// Products of a single row rise from 82 to 98 % of the read bandwidth (benchmarks/speed.cpp); for weights in a cache
/// it would cost 15 %.
template <class S>
struct Streamed : S {};
template <class S>
inline constexpr bool is_streamed = false;
template <class S>
inline constexpr bool is_streamed<Streamed<S>> = true;
inline constexpr std::size_t prefetch_distance = 2048, streamed_bytes = 1024 * 1024;

/// Operands of a tile: `steps` groups of columns of panels that lie `panel` elements apart, and rows of x.
template <class W, class X, class T>
struct TileArguments {
  const W* w;
  std::size_t w_step, panel;  // elements between steps, between panels
  const X* x;
  std::size_t x_stride;
  std::size_t steps;
  T* y;
  std::size_t y_stride;
  bool resume;  // add to y instead of starting from zero
};

/// y[m][p * 16 ..] (+)= sum over k of x[m][k] * w[p][k][0 .. 15], for M rows and P panels held in registers.
template <class B, class S, std::size_t M, std::size_t P, class W, class X, class T>
BORA_INLINE void tile(const TileArguments<W, X, T>& a) noexcept {
  B sum[M][P];
#pragma GCC unroll 16
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) sum[m][p] = B::zero();
  if (a.resume)
#pragma GCC unroll 16
    for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (std::size_t p = 0; p < P; ++p) sum[m][p] = B::load(a.y + m * a.y_stride + p * block_lanes);
  const W* BORA_RESTRICT w = a.w;
  const X* BORA_RESTRICT x = a.x;
  for (std::size_t k = 0; k < a.steps; ++k, w += a.w_step, x += S::group) {
    decltype(S::weight(w)) column[P];
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) {
      column[p] = S::weight(w + p * a.panel);
      if constexpr (is_streamed<S>)
        __builtin_prefetch(reinterpret_cast<const std::byte*>(w + p * a.panel) + prefetch_distance);
    }
#pragma GCC unroll 16
    for (std::size_t m = 0; m < M; ++m) {
      const auto input = S::input(x + m * a.x_stride);
#pragma GCC unroll 4
      for (std::size_t p = 0; p < P; ++p) sum[m][p] = S::add(column[p], input, sum[m][p]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) sum[m][p].store(a.y + m * a.y_stride + p * block_lanes);
}

/// All `rows` rows of x against P panels, in the tallest tiles that fit the registers.
template <class B, class S, std::size_t P, class W, class X, class T>
BORA_NOINLINE void tile_rows(TileArguments<W, X, T> a, std::size_t rows) noexcept {
  std::size_t m = 0;
  const auto sweep = [&](auto height) {
    constexpr std::size_t M = decltype(height)::value;
    if constexpr (M <= B::tile_rows)
      for (; m + M <= rows; m += M, a.x += M * a.x_stride, a.y += M * a.y_stride) tile<B, S, M, P>(a);
  };
  sweep(std::integral_constant<std::size_t, 8>{});
  sweep(std::integral_constant<std::size_t, 4>{});
  sweep(std::integral_constant<std::size_t, 2>{});
  sweep(std::integral_constant<std::size_t, 1>{});
}

/// Cache-blocking sizes: a tile's rows of x stay in L1, a group of panels in L2.
inline constexpr std::size_t cached_input_bytes = 16 * 1024, cached_group_bytes = 384 * 1024;

/// Several rows times `panels` panels, P panels at a time, then the remaining ones in smaller groups.
template <class B, class S, std::size_t P, class W, class X, class T>
BORA_INLINE void panel_sweep(TileArguments<W, X, T> a, std::size_t rows, std::size_t panels) noexcept {
  for (; panels >= P; panels -= P, a.w += P * a.panel, a.y += P * block_lanes) tile_rows<B, S, P>(a, rows);
  if constexpr (P > 1) panel_sweep<B, S, P - 1>(a, rows, panels);
}

/// One row over `panels` panels: it streams the weights, four panels at a time to keep enough loads in flight.
template <class B, class S, std::size_t P = 4, class W, class X, class T>
BORA_INLINE void row_sweep(TileArguments<W, X, T>& a, std::size_t panels) noexcept {
  for (; panels >= P; panels -= P, a.w += P * a.panel, a.y += P * block_lanes) tile<B, S, 1, P>(a);
  if constexpr (P > 1) row_sweep<B, S, P - 1>(a, panels);
}
template <class B, class S, class W, class X, class T>
BORA_NOINLINE void sweep_row(TileArguments<W, X, T> a, std::size_t panels) noexcept {
  if (panels * a.panel * sizeof(W) < streamed_bytes)
    row_sweep<B, S>(a, panels);
  else
    row_sweep<B, Streamed<S>>(a, panels);
}

/// Any number of rows.
template <class B, class S, class W, class X, class T>
BORA_INLINE void sweep_rows(const TileArguments<W, X, T>& a, std::size_t rows, std::size_t panels) noexcept {
  if (rows == 1)
    sweep_row<B, S>(a, panels);
  else
    panel_sweep<B, S, B::tile_panels>(a, rows, panels);
}

/// The same with the rows of x widened once, on the stack, so that a tile can broadcast them directly: for targets
/// without a dot product of bfloat16 pairs. The sums are the same, bit for bit.
template <class B, class S, class W>
BORA_NOINLINE void sweep_widened(const TileArguments<W, bfloat16, float>& a, std::size_t rows,
                                 std::size_t panels) noexcept {
  alignas(alignment) float x[cached_input_bytes / sizeof(float)];
  const std::size_t stride = a.steps * S::group;
  for (std::size_t m = 0; m < rows; ++m)
    for (std::size_t c = 0; c < stride; ++c) x[m * stride + c] = to_float(a.x[m * a.x_stride + c]);
  sweep_rows<B, S>(
      TileArguments<W, float, float>{a.w, a.w_step, a.panel, x, stride, a.steps, a.y, a.y_stride, a.resume}, rows,
      panels);
}

}  // namespace detail

/// y = x Wᵀ for the outputs of panels [share.begin, share.end): y[m][n] = sum over k of x[m][k] W[n][k].
/// \param x  [rows, x_stride], x_stride a multiple of the format's group and the padding zero
/// \param y  [rows, y_stride], y_stride a multiple of 16 that holds all panels: padded outputs are written as 0
template <MatrixFormat Format>
void matmul(const Panels<Format>& w, Range share, const typename Format::Activation* x, std::size_t x_stride,
            std::size_t rows, typename Format::Number* y, std::size_t y_stride) noexcept {
  using Number = typename Format::Number;
  using B = Block<Number>;
  using S = detail::StepOf<B, Format>;
  constexpr bool widens = std::is_same_v<Format, Bf16> && !B::native_pairs;
  constexpr std::size_t tall = B::tile_rows, w_step = S::group * block_lanes;
  if (rows == 0) return;
  const std::size_t steps = PanelLayout<Format>::padded_cols(w.cols) / S::group;
  const auto arguments = [&](std::size_t panel, std::size_t k, std::size_t m, std::size_t count) {
    return detail::TileArguments<typename Format::Storage, typename Format::Activation, Number>{
        w.panel(panel) + k * w_step,
        w_step,
        w.panel_size(),
        x + m * x_stride + k * S::group,
        x_stride,
        count,
        y + m * y_stride + panel * block_lanes,
        y_stride,
        k != 0};
  };
  if (rows == 1 && !widens) return detail::sweep_row<B, S>(arguments(share.begin, 0, 0, steps), share.size());
  // A single tile of rows reads the weights once: nothing needs to stay in L2.
  const bool once = rows <= tall;
  const std::size_t input_bytes = std::min(rows, tall) * S::group * (widens ? sizeof(Number) : sizeof(*x));
  const std::size_t cut = once && !widens ? steps : detail::cached_input_bytes / input_bytes;
  const std::size_t group = once ? share.size() : detail::cached_group_bytes / (cut * w_step * sizeof(*w.data));
  for (std::size_t p = share.begin; p < share.end; p += group)
    for (std::size_t k = 0; k < steps; k += cut)
      for (std::size_t m = 0; m < rows; m += tall) {
        const auto a = arguments(p, k, m, std::min(cut, steps - k));
        const std::size_t height = std::min(tall, rows - m), panels = std::min(group, share.end - p);
        if constexpr (widens)
          detail::sweep_widened<B, S>(a, height, panels);
        else
          detail::sweep_rows<B, S>(a, height, panels);
      }
}

namespace detail {

/// Part of W that `matmul_transposed` transposes at a time, on the stack: columns by rows.
inline constexpr std::size_t turned_panels = 4, turned_rows = 256;

/// Rows [first, first + rows) of columns 16 p .. 16 p + 15 of W, as a panel of Wᵀ: turned[row - first][column].
template <MatrixFormat Format>
BORA_NOINLINE void turn_panel(const Panels<Format>& w, std::size_t p, std::size_t first, std::size_t rows,
                              typename Format::Number* turned) noexcept {
  constexpr std::size_t group = PanelLayout<Format>::group;
  const std::size_t columns = std::min(block_lanes, w.cols - p * block_lanes);
  for (std::size_t r = 0; r < rows; r += block_lanes) {
    const auto* from = w.panel((first + r) / block_lanes) + p * block_lanes * block_lanes;
    const std::size_t valid = std::min(block_lanes, rows - r);
    for (std::size_t i = 0; i < valid; ++i)
      for (std::size_t c = 0; c < block_lanes; ++c)
        turned[(r + i) * block_lanes + c] =
            c < columns ? to_float(from[c / group * group * block_lanes + i * group + c % group]) : 0;
  }
}

}  // namespace detail

/// dx += dy W for columns [share.begin, share.end) of W, share.begin a multiple of 16. The sum over rows of W ascends.
/// \param dy  [rows, dy_stride], w.rows used
/// \param dx  [rows, dx_stride], dx_stride a multiple of 16: the padding of the last columns is left as it is
template <MatrixFormat Format>
void matmul_transposed(const Panels<Format>& w, Range share, const typename Format::Number* dy, std::size_t dy_stride,
                       std::size_t rows, typename Format::Number* dx, std::size_t dx_stride) noexcept {
  using T = typename Format::Number;
  using B = Block<T>;
  using S = detail::Step<B, T>;
  constexpr std::size_t panel = detail::turned_rows * block_lanes;
  alignas(alignment) T turned[detail::turned_panels * panel];
  const std::size_t last = (share.end + block_lanes - 1) / block_lanes;
  for (std::size_t p = share.begin / block_lanes; p < last; p += detail::turned_panels) {
    const std::size_t panels = std::min(detail::turned_panels, last - p);
    for (std::size_t n = 0; n < w.rows; n += detail::turned_rows) {
      const std::size_t count = std::min(detail::turned_rows, w.rows - n);
      for (std::size_t i = 0; i < panels; ++i) detail::turn_panel(w, p + i, n, count, turned + i * panel);
      for (std::size_t m = 0; m < rows; m += B::tile_rows)
        detail::panel_sweep<B, S, B::tile_panels>(
            detail::TileArguments<T, T, T>{turned, block_lanes, panel, dy + m * dy_stride + n, dy_stride, count,
                                           dx + m * dx_stride + p * block_lanes, dx_stride, true},
            std::min(B::tile_rows, rows - m), panels);
    }
  }
}

namespace detail {

template <class B, std::size_t N, std::size_t P, class X, class T>
BORA_INLINE void outer_tile(const T* dy, std::size_t dy_stride, const X* x, std::size_t x_stride, std::size_t rows,
                            T* dw, std::size_t dw_stride, std::size_t valid) noexcept {
  B sum[N][P];
  const bool whole = valid == P * block_lanes;
  for (std::size_t n = 0; n < N; ++n)
    for (std::size_t p = 0; p < P; ++p) {
      T* at = dw + n * dw_stride + p * block_lanes;
      __builtin_prefetch(at + P * block_lanes, 1);  // the next stripe's sums, often from memory
      sum[n][p] = whole ? B::load(at) : B::load_first(at, valid);
    }
  for (std::size_t t = 0; t < rows; ++t) {
    B input[P];
#pragma GCC unroll 2
    for (std::size_t p = 0; p < P; ++p) {
      const X* at = x + t * x_stride + p * block_lanes;
      input[p] = whole ? B::load(at) : B::load_first(at, valid);
    }
#pragma GCC unroll 8
    for (std::size_t n = 0; n < N; ++n) {
      const B gradient = B::broadcast(dy[t * dy_stride + n]);
#pragma GCC unroll 2
      for (std::size_t p = 0; p < P; ++p) sum[n][p] = mul_add(input[p], gradient, sum[n][p]);
    }
  }
  for (std::size_t n = 0; n < N; ++n)
    for (std::size_t p = 0; p < P; ++p) {
      T* at = dw + n * dw_stride + p * block_lanes;
      whole ? sum[n][p].store(at) : sum[n][p].store_first(at, valid);
    }
}

/// Part of x that `outer_product` packs at a time, on the stack: rows by stripes, a stripe being as wide as a tile.
/// Without packing, a tile's elements would lie whole rows apart, and such strides map to few sets of a cache.
inline constexpr std::size_t packed_rows = 128, packed_stripes = 4, least_packed_rows = 32;

/// packed[r][c] = x[r * stride + c] for c < width, widened.
template <std::size_t width, class T, class X>
BORA_INLINE void pack_stripe(const X* x, std::size_t stride, std::size_t rows, T* packed) noexcept {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < width; c += block_lanes)
      Block<T>::load(x + r * stride + c).store(packed + r * width + c);
}

/// dW += dyᵀ x over at most `packed_rows` rows and `packed_stripes` stripes, both packed first.
template <class T, class X>
BORA_NOINLINE void outer_stripes(Range share, const T* dy, std::size_t dy_stride, const X* x, std::size_t x_stride,
                                 std::size_t rows, T* dw, std::size_t cols, std::size_t stripes) noexcept {
  using B = Block<T>;
  constexpr std::size_t tall = B::tile_rows, wide = B::tile_panels, width = wide * block_lanes;
  alignas(alignment) T packed_x[packed_stripes][packed_rows * width];
  alignas(alignment) T packed_dy[packed_rows * tall];
  for (std::size_t s = 0; s < stripes; ++s) pack_stripe<width>(x + s * width, x_stride, rows, packed_x[s]);
  std::size_t n = share.begin;
  for (; n + tall <= share.end; n += tall) {
    for (std::size_t r = 0; r < rows; ++r) std::copy_n(dy + r * dy_stride + n, tall, packed_dy + r * tall);
    for (std::size_t s = 0; s < stripes; ++s)
      outer_tile<B, tall, wide>(packed_dy, tall, packed_x[s], width, rows, dw + n * cols + s * width, cols, width);
  }
  for (; n < share.end; ++n)
    for (std::size_t s = 0; s < stripes; ++s)
      outer_tile<B, 1, wide>(dy + n, dy_stride, packed_x[s], width, rows, dw + n * cols + s * width, cols, width);
}

}  // namespace detail

/// dW += dyᵀ x for rows [share.begin, share.end) of dW; the sum over tokens ascends.
/// \param dy  [rows, dy_stride];  \param x  [rows, x_stride];  \param dw  row-major [.., cols]
template <class T, class X>
void outer_product(Range share, const T* dy, std::size_t dy_stride, const X* x, std::size_t x_stride, std::size_t rows,
                   T* dw, std::size_t cols) noexcept {
  using B = Block<T>;
  constexpr std::size_t tall = B::tile_rows, wide = B::tile_panels, width = wide * block_lanes;
  const auto stripe = [&](std::size_t k, auto panels, std::size_t valid) {
    constexpr std::size_t P = decltype(panels)::value;
    std::size_t n = share.begin;
    for (; n + tall <= share.end; n += tall)
      detail::outer_tile<B, tall, P>(dy + n, dy_stride, x + k, x_stride, rows, dw + n * cols + k, cols, valid);
    for (; n < share.end; ++n)
      detail::outer_tile<B, 1, P>(dy + n, dy_stride, x + k, x_stride, rows, dw + n * cols + k, cols, valid);
  };
  std::size_t k = 0;
  if (rows >= detail::least_packed_rows)
    for (std::size_t stripes; (stripes = std::min((cols - k) / width, detail::packed_stripes)) != 0;
         k += stripes * width)
      for (std::size_t t = 0; t < rows; t += detail::packed_rows)
        detail::outer_stripes(share, dy + t * dy_stride, dy_stride, x + t * x_stride + k, x_stride,
                              std::min(rows - t, detail::packed_rows), dw + k, cols, stripes);
  for (; k + width <= cols; k += width) stripe(k, std::integral_constant<std::size_t, wide>{}, width);
  for (; k < cols; k += block_lanes)
    stripe(k, std::integral_constant<std::size_t, 1>{}, std::min(block_lanes, cols - k));
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
