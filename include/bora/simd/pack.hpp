/// Packs the bytes of a file into panels, in one pass.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/stored_block.hpp>
#include <bora/simd/panels.hpp>
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// A row in a file.
struct StoredRow {
  const std::byte* data;  ///< its first element; it need not be aligned
  std::size_t step;       ///< elements from one column to the next; 1 for blocks

  /// From column c on; whole blocks.
  StoredRow after(ElementType type, std::size_t c) const noexcept {
    return {data + stored_bytes(type, c * step), step};
  }
};

namespace detail {

template <class Element>
inline constexpr ElementType element_type = ElementType::f32;
template <>
inline constexpr ElementType element_type<float16> = ElementType::f16;
template <>
inline constexpr ElementType element_type<bfloat16> = ElementType::bf16;
template <>
inline constexpr ElementType element_type<double> = ElementType::f64;

/// 1 for an infinity or a NaN.
constexpr std::uint32_t not_finite(float x) noexcept {
  return (std::bit_cast<std::uint32_t>(x) & 0x7f800000u) == 0x7f800000u ? 1 : 0;
}

template <class Element, class T>
bool widen_as(StoredRow from, std::size_t n, T* out) noexcept {
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Element e;
    std::memcpy(&e, from.data + i * from.step * sizeof e, sizeof e);
    out[i] = static_cast<T>(to_float(e));
    bad |= not_finite(static_cast<float>(out[i]));
  }
  return bad == 0;
}

/// Elements in whole blocks.
template <class T>
BORA_NOINLINE bool widen_whole_blocks(ElementType type, const std::byte* from, std::size_t n, T* out) noexcept {
  widen_blocks(type, from, n, out);
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) bad |= not_finite(static_cast<float>(out[i]));
  return bad == 0;
}

/// One row's part of a panel column: one element, or a pair of bfloat16 elements.
template <class Storage>
using PanelWord =
    std::conditional_t<sizeof(Storage) == 8, std::uint64_t,
                       std::conditional_t<std::is_same_v<Storage, float16>, std::uint16_t, std::uint32_t>>;

/// 1 where an element of the word is an infinity or a NaN.
template <class Storage>
constexpr std::uint32_t word_not_finite(PanelWord<Storage> w) noexcept {
  if constexpr (std::is_same_v<Storage, float16>) return (w & 0x7c00u) == 0x7c00u ? 1 : 0;
  if constexpr (std::is_same_v<Storage, bfloat16>)
    return ((w & 0x7f80u) == 0x7f80u ? 1 : 0) | ((w & 0x7f800000u) == 0x7f800000u ? 1 : 0);
  if constexpr (std::is_same_v<Storage, double>) return not_finite(static_cast<float>(std::bit_cast<double>(w)));
  return not_finite(std::bit_cast<float>(static_cast<std::uint32_t>(w)));
}

/// Packs the first `words` words of 16 rows into a panel; the file's element type is the panel's.
template <class Storage>
BORA_NOINLINE bool transpose_words(const StoredRow* rows, std::size_t words, Storage* panel) noexcept {
  using Word = PanelWord<Storage>;
  constexpr std::size_t wide = 4;
  std::uint32_t bad = 0;
  for (std::size_t w = 0; w < words; w += wide) {
    const std::size_t count = std::min(wide, words - w);
    Word tile[block_lanes][wide] = {}, turned[wide][block_lanes];
    for (std::size_t i = 0; i < block_lanes; ++i)
      std::memcpy(tile[i], rows[i].data + w * sizeof(Word), count == wide ? sizeof tile[i] : count * sizeof(Word));
    for (std::size_t k = 0; k < wide; ++k)
      for (std::size_t i = 0; i < block_lanes; ++i) {
        turned[k][i] = tile[i][k];
        bad |= word_not_finite<Storage>(turned[k][i]);
      }
    std::memcpy(reinterpret_cast<std::byte*>(panel) + w * block_lanes * sizeof(Word), turned,
                count == wide ? sizeof turned : count * block_lanes * sizeof(Word));
  }
  return bad == 0;
}

}  // namespace detail

/// out [n] = the first n elements of a row, whole blocks, widened; whether all are finite as floats.
template <class T>
bool widen_row(ElementType type, StoredRow from, std::size_t n, T* out) noexcept {
  switch (type) {
    case ElementType::f16:
      return detail::widen_as<float16>(from, n, out);
    case ElementType::bf16:
      return detail::widen_as<bfloat16>(from, n, out);
    case ElementType::f64:
      return detail::widen_as<double>(from, n, out);
    case ElementType::f32:
      return detail::widen_as<float>(from, n, out);
    default:
      return detail::widen_whole_blocks(type, from.data, n, out);
  }
}

/// Packs panel p of a matrix from `rows`, its rows in a file (as many as the panel has, at most 16); whether all
/// elements are finite as floats.
template <MatrixFormat Format>
bool pack_panel(ElementType type, const StoredRow* rows, std::size_t p, const WritablePanels<Format>& to) noexcept {
  using Storage = typename Format::Storage;
  constexpr std::size_t group = PanelLayout<Format>::group, strip = 256;  // the longest blocks
  const std::size_t count = std::min(block_lanes, to.rows - p * block_lanes);
  Storage* panel = to.memory + p * to.panel_size();
  std::size_t done = 0;
  bool finite = true;
  if (type == detail::element_type<Storage> && count == block_lanes && rows[0].step == 1) {
    finite = detail::transpose_words(rows, to.cols / group, panel);
    done = to.cols / group * group;
  }
  typename Format::Number wide[strip];
  for (std::size_t c = done; c < to.cols; c += strip)
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t n = std::min(strip, to.cols - c);
      finite &= widen_row(type, rows[r].after(type, c), n, wide);
      for (std::size_t i = 0; i < n; ++i)
        panel[PanelLayout<Format>::at(r, c + i, to.cols)] = to_storage<Format>(wide[i]);
    }
  return finite;
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
