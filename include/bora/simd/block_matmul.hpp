/// Matrix products over panels of block formats: y = x Wᵀ with x rounded to 8 bits.
///
/// Within a group of 32 columns the products of codes are summed as integers, exactly; groups are added in F32 in
/// ascending order, whatever the number of rows, the tile or the thread. So a token's logits are independent of its
/// batch.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/simd/block.hpp>
#include <bora/simd/block_input.hpp>
#include <bora/simd/block_panels.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

namespace detail {

/// Operands of a tile: some groups of panels, and rows of x.
template <class F>
struct BlockTile {
  BlockPanels<F> w;      ///< from the tile's first panel on
  Range groups;          ///< to be added
  const InputBlock* x;   ///< the tile's first row
  std::size_t x_stride;  ///< blocks from one row to the next
  float* y;
  std::size_t y_stride;
};

/// Adds the products of one part of a group, for M rows and P panels.
template <class B, class F, std::size_t M, std::size_t P, std::size_t part, std::size_t... quad>
BORA_INLINE void add_part(const std::byte* const (&codes)[P], const GroupScales<B, BlockLayout<F>::parts> (&s)[P],
                          const InputBlock* x, std::size_t x_stride, B (&sum)[M][P],
                          std::index_sequence<quad...>) noexcept {
  using Layout = BlockLayout<F>;
  using Integers = typename B::Integers;
  constexpr std::size_t first = part * sizeof...(quad);
  const auto total = [&](std::size_t m) -> std::int32_t {
    const InputBlock& b = x[m * x_stride];
    return Layout::parts == 1 ? b.sum[0] + b.sum[1] : b.sum[part];
  };
  Integers products[M][P];
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p)
      products[m][p] = Integers::broadcast(-static_cast<std::int32_t>(Layout::zero) * total(m));
  const auto add_quad = [&]<std::size_t q>(std::integral_constant<std::size_t, q>) {
    typename B::Codes w[P];
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) w[p] = Layout::Codes::template load<B, q>(codes[p]);
#pragma GCC unroll 8
    for (std::size_t m = 0; m < M; ++m) {
      const auto input = B::Bytes::broadcast(x[m * x_stride].code + 4 * q);
#pragma GCC unroll 4
      for (std::size_t p = 0; p < P; ++p) products[m][p] = dot_codes(w[p], input, products[m][p]);
    }
  };
  (add_quad(std::integral_constant<std::size_t, first + quad>()), ...);
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m) {
    const float scale = x[m * x_stride].scale;
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) {
      sum[m][p] = mul_add(products[m][p].number(), s[p].scale[part] * B::broadcast(scale), sum[m][p]);
      if constexpr (Layout::has_least)
        sum[m][p] = mul_add(s[p].least[part], B::broadcast(scale * static_cast<float>(total(m))), sum[m][p]);
    }
  }
}

/// y[m][p * 16 ..] += products over the tile's groups, for M rows and P panels held in registers; from zero if they
/// begin with the first.
template <class B, class F, std::size_t M, std::size_t P>
BORA_INLINE void block_tile(const BlockTile<F>& a) noexcept {
  using Layout = BlockLayout<F>;
  constexpr std::size_t quads = 8 / Layout::parts;
  B sum[M][P];
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p)
      sum[m][p] = a.groups.begin == 0 ? B::zero() : B::load(a.y + m * a.y_stride + p * block_lanes);
  for (std::size_t g = a.groups.begin; g < a.groups.end; ++g) {
    const std::byte* codes[P];
    GroupScales<B, Layout::parts> scales[P];
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) {
      const std::byte* panel = a.w.panel(p);
      codes[p] = panel + a.w.codes_at(g);
      scales[p] = Layout::template scales<B>({panel + a.w.scales_at(g), panel + a.w.block_at(g)});
      if constexpr (M == 1)
        for (std::size_t line = 0; line < Layout::Codes::bytes; line += 64) __builtin_prefetch(codes[p] + line + 4096);
    }
    add_part<B, F, M, P, 0>(codes, scales, a.x + g, a.x_stride, sum, std::make_index_sequence<quads>());
    if constexpr (Layout::parts == 2)
      add_part<B, F, M, P, 1>(codes, scales, a.x + g, a.x_stride, sum, std::make_index_sequence<quads>());
  }
#pragma GCC unroll 8
  for (std::size_t m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (std::size_t p = 0; p < P; ++p) sum[m][p].store(a.y + m * a.y_stride + p * block_lanes);
}

/// `rows` rows against P panels.
template <class B, class F, std::size_t P>
BORA_NOINLINE void block_rows(BlockTile<F> a, std::size_t rows) noexcept {
  const auto sweep = [&](auto height) {
    constexpr std::size_t M = decltype(height)::value;
    for (; rows >= M; rows -= M, a.x += M * a.x_stride, a.y += M * a.y_stride) block_tile<B, F, M, P>(a);
  };
  if constexpr (P > 1) {  // a last, single panel stays in a cache
    if constexpr (B::tile_rows >= 8) sweep(std::integral_constant<std::size_t, 8>());
    sweep(std::integral_constant<std::size_t, 4>());
    sweep(std::integral_constant<std::size_t, 2>());
  }
  sweep(std::integral_constant<std::size_t, 1>());
}

/// Groups that are added at a time: the input of a tile stays in L1; a multiple of a block's groups. Panels: they stay
/// in L2.
inline constexpr std::size_t cached_groups = 64, cached_block_bytes = 384 * 1024;

}  // namespace detail

/// y = x Wᵀ for the outputs of panels [share.begin, share.end).
/// \param x  [rows, x_stride], x_stride of at least `input_blocks(w.cols)`
/// \param y  [rows, y_stride], y_stride a multiple of 16 that holds all panels: padded outputs are written as 0
template <class F>
void multiply_blocks(const BlockPanels<F>& w, Range share, const InputBlock* x, std::size_t x_stride, std::size_t rows,
                     float* y, std::size_t y_stride) noexcept {
  using B = Block<float>;
  const std::size_t groups = w.groups(), cut = rows <= 4 ? groups : detail::cached_groups;
  const std::size_t panels =
      rows <= 4 ? share.size()
                : std::max<std::size_t>(2, detail::cached_block_bytes / (cut * w.panel_bytes() / groups));
  for (std::size_t p = share.begin; p < share.end; p += panels)
    for (std::size_t g = 0; g < groups; g += cut)
      for (std::size_t q = p; q < std::min(p + panels, share.end);) {
        const detail::BlockTile<F> tile{w.from(q), {g, std::min(g + cut, groups)}, x, x_stride, y + q * block_lanes,
                                        y_stride};
        if (q + 2 <= share.end) {
          detail::block_rows<B, F, 2>(tile, rows);
          q += 2;
        } else {
          detail::block_rows<B, F, 1>(tile, rows);
          ++q;
        }
      }
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
