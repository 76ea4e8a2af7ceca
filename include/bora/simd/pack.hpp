/// Packs the bytes of a file into panels, in one pass.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/stored_block.hpp>
#include <bora/simd/panels.hpp>
#include <bora/simd/transpose.hpp>
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

/// 1 for an infinity or a NaN, as a float.
constexpr std::uint32_t not_finite(float x) noexcept {
  return (std::bit_cast<std::uint32_t>(x) & 0x7f800000u) == 0x7f800000u ? 1 : 0;
}
constexpr std::uint32_t not_finite(double x) noexcept { return not_finite(static_cast<float>(x)); }
constexpr std::uint16_t not_finite(bfloat16 x) noexcept { return (x.bits & 0x7f80u) == 0x7f80u ? 1 : 0; }
constexpr std::uint16_t not_finite(float16 x) noexcept { return (x.bits & 0x7c00u) == 0x7c00u ? 1 : 0; }

/// Copies the first n elements of a row; whether all are finite as floats.
template <class Element>
BORA_INLINE bool copy_row(StoredRow from, std::size_t n, Element* out) noexcept {
  if (from.step == 1)
    std::memcpy(out, from.data, n * sizeof *out);
  else
    for (std::size_t i = 0; i < n; ++i) std::memcpy(out + i, from.data + i * from.step * sizeof *out, sizeof *out);
  decltype(not_finite(*out)) bad = 0;  // of the element's size, so that compilers vectorise it
  for (std::size_t i = 0; i < n; ++i) bad |= not_finite(out[i]);
  return bad == 0;
}

/// Elements in whole blocks.
template <class T>
BORA_NOINLINE bool widen_whole_blocks(ElementType type, const std::byte* from, std::size_t n, T* out) noexcept {
  widen_blocks(type, from, n, out);
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) bad |= not_finite(out[i]);
  return bad == 0;
}

/// Elements of a row that are converted at a time: the longest blocks of a file.
inline constexpr std::size_t pack_strip = 256;

/// to [n] = the elements in another type, rounded; n <= pack_strip, and whole blocks of both have room.
template <MatrixFormat Format, class Element>
BORA_INLINE void convert_row(const Element* from, std::size_t n, typename Format::Storage* to) noexcept {
  using Storage = typename Format::Storage;
  using Number = typename Format::Number;
  if constexpr (std::is_same_v<Element, double> || std::is_same_v<Number, double>) {
    for (std::size_t i = 0; i < n; ++i) to[i] = to_storage<Format>(static_cast<Number>(to_float(from[i])));
  } else if constexpr (std::is_same_v<Storage, float16>) {
    float wide[pack_strip];
    for (std::size_t i = 0; i < n; i += block_lanes) FloatBlock::load(from + i).store(wide + i);
    for (std::size_t i = 0; i < n; ++i) to[i] = to_float16(wide[i]);
  } else {
    for (std::size_t i = 0; i < n; i += block_lanes) FloatBlock::load(from + i).store(to + i);
  }
}

/// One row's part of a panel column: one element, or a pair of bfloat16 elements.
template <class Storage>
using PanelWord =
    std::conditional_t<sizeof(Storage) == 8, std::uint64_t,
                       std::conditional_t<std::is_same_v<Storage, float16>, std::uint16_t, std::uint32_t>>;

/// Elements of a file that are read as numbers only: blocks of integers with scales.
struct InBlocks {};

/// `pack_panel` from elements of one type.
template <class Element, MatrixFormat Format>
class PanelPacker {
  using Storage = typename Format::Storage;
  using Word = PanelWord<Storage>;
  static constexpr bool in_blocks = std::is_same_v<Element, InBlocks>;
  using Read = std::conditional_t<in_blocks, typename Format::Number, Element>;
  static constexpr std::size_t group = PanelLayout<Format>::group;

 public:
  bool pack(ElementType type, const StoredRow* rows, std::size_t count, std::size_t cols, Storage* panel) noexcept {
    std::size_t wrong = 0;
    for (std::size_t c = 0; c < cols; c += pack_strip) {
      const std::size_t n = std::min(pack_strip, cols - c), padded = round_up(n, group);
      for (std::size_t r = 0; r < count; ++r) {
        const StoredRow from = rows[r].after(type, c);
        // The constant lets the compiler write the loops of a whole strip as a few vectors without branches.
        const bool finite =
            n == pack_strip ? pack_row(type, from, pack_strip, tile_[r]) : pack_row(type, from, n, tile_[r]);
        wrong += finite ? 0 : 1;
        if (padded != n) tile_[r][n] = Storage{};
      }
      transpose_rows(reinterpret_cast<const Word*>(tile_), pack_strip / group, padded / group,
                     reinterpret_cast<Word*>(panel + c * block_lanes));
    }
    return wrong == 0;
  }

 private:
  /// to [n] = the elements of a row in the format's storage, rounded; whether all are finite as floats.
  BORA_INLINE bool pack_row([[maybe_unused]] ElementType type, StoredRow from, std::size_t n, Storage* to) noexcept {
    if constexpr (std::is_same_v<Element, Storage>) {
      return copy_row(from, n, to);
    } else {
      bool finite;
      if constexpr (in_blocks)
        finite = widen_whole_blocks(type, from.data, n, read_);
      else
        finite = copy_row(from, n, read_);
      convert_row<Format>(read_, n, to);
      return finite;
    }
  }

  Storage tile_[block_lanes][pack_strip] = {};  // rows that the panel does not have stay zero
  Read read_[pack_strip] = {};
};

template <class Element, class T>
bool widen_as(StoredRow from, std::size_t n, T* out) noexcept {
  bool finite = true;
  for (std::size_t i = 0; i < n; ++i) {
    Element e;
    finite &= copy_row({from.data + i * from.step * sizeof e, 1}, 1, &e);
    out[i] = static_cast<T>(to_float(e));
  }
  return finite;
}

/// f(Element{}) for the type of a file's elements.
template <class F>
BORA_INLINE bool with_element(ElementType type, F&& f) noexcept {
  switch (type) {
    case ElementType::f16:
      return f(float16{});
    case ElementType::bf16:
      return f(bfloat16{});
    case ElementType::f64:
      return f(double{});
    case ElementType::f32:
      return f(float{});
    default:
      return f(InBlocks{});
  }
}

}  // namespace detail

/// out [n] = the first n elements of a row, whole blocks, widened; whether all are finite as floats.
template <class T>
bool widen_row(ElementType type, StoredRow from, std::size_t n, T* out) noexcept {
  return detail::with_element(type, [&]<class E>(E) {
    if constexpr (std::is_same_v<E, detail::InBlocks>)
      return detail::widen_whole_blocks(type, from.data, n, out);
    else
      return detail::widen_as<E>(from, n, out);
  });
}

/// Packs panel p of a matrix from `rows`, its rows in a file (as many as the panel has, at most 16); whether all
/// elements are finite as floats.
template <MatrixFormat Format>
bool pack_panel(ElementType type, const StoredRow* rows, std::size_t p, const WritablePanels<Format>& to) noexcept {
  const std::size_t count = std::min(block_lanes, to.rows - p * block_lanes);
  return detail::with_element(type, [&]<class E>(E) {
    return detail::PanelPacker<E, Format>().pack(type, rows, count, to.cols, to.memory + p * to.panel_size());
  });
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
