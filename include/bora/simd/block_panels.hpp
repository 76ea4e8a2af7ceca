/// Weight matrices of integers with scales, in panels of 16 rows.
///
/// As in panels.hpp, the 16 rows of a panel lie side by side. Columns are cut into groups of 32, as the input of
/// products is (block_input.hpp). A panel holds the codes of all its groups, then their scales, then what the blocks of
/// 256 add:
///
///     codes   [group][quad][row][4]     four columns of a row together, as dot products of bytes take them; codes of 4
///                                       bits: quads 0 to 3 in the low halves, 4 to 7 in the high ones; of 6 bits:
///                                       their low four bits likewise, then two bits of each
///     scales  [group][row]              Q8, Q4: d, a float16;  Q4K: scale and minimum, a byte each, [2][row];  Q6K:
///     two
///                                       signed bytes, [2][row];  Codes8: two F32 scales and two minima, [4][row]
///     blocks  [block][row]              Q4K: d and m, float16, [2][row];  Q6K: d
///
/// Rows and columns are padded with zeros. The layout does not depend on the target.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/format.hpp>
#include <bora/core/load_number.hpp>
#include <bora/core/memory.hpp>
#include <bora/core/stored_block.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Matrix format only: 8-bit codes with an F32 scale and minimum for each 16 elements. Holds every other block type
/// exactly.
struct Codes8 {};

/// Columns of a group.
inline constexpr std::size_t group_columns = 32;

namespace detail {

/// The codes of a group: 32 columns of 16 rows, `bits` each.
template <int bits>
struct GroupCodes {
  static_assert(bits == 8 || bits == 4 || bits == 6);
  static constexpr std::size_t bytes = group_columns * block_lanes * bits / 8;

  /// Sets a code, whose bits were zero.
  static void set(std::byte* group, std::size_t row, std::size_t column, unsigned code) noexcept {
    if constexpr (bits == 8) {
      group[at(column / 4, row, column)] = static_cast<std::byte>(code);
    } else {
      const std::size_t quad = column / 4;
      group[at(quad % 4, row, column)] |= static_cast<std::byte>((code & 15) << (quad < 4 ? 0 : 4));
      if constexpr (bits == 6)
        group[256 + at(quad / 4, row, column)] |= static_cast<std::byte>(code >> 4 << (2 * (quad % 4)));
    }
  }
  static unsigned get(const std::byte* group, std::size_t row, std::size_t column) noexcept {
    const std::size_t quad = column / 4;
    if constexpr (bits == 8) return static_cast<unsigned>(group[at(quad, row, column)]);
    const unsigned low = static_cast<unsigned>(group[at(quad % 4, row, column)]) >> (quad < 4 ? 0 : 4) & 15;
    if constexpr (bits == 4) return low;
    const unsigned high = static_cast<unsigned>(group[256 + at(quad / 4, row, column)]) >> (2 * (quad % 4)) & 3;
    return low | high << 4;
  }
  /// The codes of columns 4 * quad and following of 16 rows.
  template <class B, std::size_t quad>
  static BORA_INLINE typename B::Codes load(const std::byte* group) noexcept {
    using Codes = typename B::Codes;
    if constexpr (bits == 8) return Codes::load(group + quad * 64);
    const Codes both = Codes::load(group + quad % 4 * 64);
    const Codes low = quad < 4 ? both.template bits<15>() : both.template bits<240>().template down<4>();
    if constexpr (bits == 6) {
      const Codes four = Codes::load(group + 256 + quad / 4 * 64).template bits<3 << (2 * (quad % 4))>();
      if constexpr (quad % 4 < 2)
        return low | four.template up<4 - 2 * static_cast<int>(quad % 4)>();
      else if constexpr (quad % 4 == 2)
        return low | four;
      else
        return low | four.template down<2>();
    } else {
      return low;
    }
  }

 private:
  static constexpr std::size_t at(std::size_t vector, std::size_t row, std::size_t column) noexcept {
    return vector * 64 + row * 4 + column % 4;
  }
};

/// Scales of a group's parts, for 16 rows: a part has 32 / parts columns.
template <class B, std::size_t parts>
struct GroupScales {
  B scale[parts], least[parts];  ///< `least` where the format has minima
};

/// Where a panel holds a group's scales, and those of its block.
struct ScalePlace {
  const std::byte *group, *block;
};

inline void store_half(float x, std::byte* at) noexcept {
  const float16 half = to_float16(x);
  std::memcpy(at, &half, sizeof half);
}
template <class B>
BORA_INLINE B load_halves(const std::byte* at) noexcept {
  return B::load(reinterpret_cast<const float16*>(at));
}
template <class B>
BORA_INLINE B load_signed(const std::byte* at) noexcept {
  return B::load(reinterpret_cast<const std::int8_t*>(at));
}

/// Common facts: a block is a group, whose codes are `zero` above their value.
template <ElementType type, int bits, unsigned zero_, std::size_t scale_bytes_, std::size_t parts_>
struct BlockFacts {
  static constexpr ElementType stored = type;  ///< the block type that the format holds as it is
  using Codes = GroupCodes<bits>;
  static constexpr unsigned zero = zero_;       ///< the code of 0
  static constexpr std::size_t parts = parts_;  ///< of a group, each with a scale
  static constexpr bool has_least = false;      ///< whether parts have minima
  static constexpr std::size_t groups = 1;      ///< of a block
  static constexpr std::size_t scale_bytes = scale_bytes_, block_bytes = 0;
};

/// How a format holds a group and a block.
template <class F>
struct BlockLayout;

/// One float16 scale for a group, which is a block.
template <ElementType type, int bits, unsigned zero>
struct OneScale : BlockFacts<type, bits, zero, 2 * block_lanes, 1> {
  static void write_scales(const std::byte* stored, std::size_t, std::size_t row, std::byte* group,
                           std::byte*) noexcept {
    std::memcpy(group + 2 * row, stored, 2);
  }
  template <class B>
  static BORA_INLINE GroupScales<B, 1> scales(ScalePlace at) noexcept {
    return {{load_halves<B>(at.group)}, {}};
  }
};
template <>
struct BlockLayout<Q8> : OneScale<ElementType::q8_0, 8, 128> {};
template <>
struct BlockLayout<Q4> : OneScale<ElementType::q4_0, 4, 8> {};
template <>
struct BlockLayout<Q4K> : BlockFacts<ElementType::q4_k, 4, 0, 2 * block_lanes, 1> {
  static constexpr bool has_least = true;
  static constexpr std::size_t groups = 8, block_bytes = 4 * block_lanes;
  static void write_scales(const std::byte* stored, std::size_t g, std::size_t row, std::byte* group,
                           std::byte* block) noexcept {
    const bora::detail::RunScale s = bora::detail::run_scale(stored + 4, g);
    group[row] = std::byte{s.scale};
    group[block_lanes + row] = std::byte{s.least};
    std::memcpy(block + 2 * row, stored, 2);
    std::memcpy(block + 2 * (block_lanes + row), stored + 2, 2);
  }
  // The bytes are below 64, so that they are the same as signed ones.
  template <class B>
  static BORA_INLINE GroupScales<B, 1> scales(ScalePlace at) noexcept {
    const B d = load_halves<B>(at.block), m = load_halves<B>(at.block + 2 * block_lanes);
    return {{d * load_signed<B>(at.group)}, {B::zero() - m * load_signed<B>(at.group + block_lanes)}};
  }
};
template <>
struct BlockLayout<Q6K> : BlockFacts<ElementType::q6_k, 6, 32, 2 * block_lanes, 2> {
  static constexpr std::size_t groups = 8, block_bytes = 2 * block_lanes;
  static void write_scales(const std::byte* stored, std::size_t g, std::size_t row, std::byte* group,
                           std::byte* block) noexcept {
    for (std::size_t part = 0; part < 2; ++part) group[part * block_lanes + row] = stored[192 + 2 * g + part];
    std::memcpy(block + 2 * row, stored + 208, 2);
  }
  template <class B>
  static BORA_INLINE GroupScales<B, 2> scales(ScalePlace at) noexcept {
    const B d = load_halves<B>(at.block);
    return {{d * load_signed<B>(at.group), d * load_signed<B>(at.group + block_lanes)}, {}};
  }
};
template <>
struct BlockLayout<Codes8> : BlockFacts<ElementType::q8_0, 8, 128, 16 * block_lanes, 2> {
  static constexpr bool has_least = true;
  /// Of the values of group g of any block.
  static void write_scales(const BlockCodes& stored, std::size_t g, std::size_t row, std::byte* group) noexcept {
    for (std::size_t part = 0; part < 2; ++part) {
      std::memcpy(group + 4 * (part * block_lanes + row), &stored.scale[2 * g + part], 4);
      std::memcpy(group + 4 * ((2 + part) * block_lanes + row), &stored.least[2 * g + part], 4);
    }
  }
  template <class B>
  static BORA_INLINE GroupScales<B, 2> scales(ScalePlace at) noexcept {
    const auto* numbers = reinterpret_cast<const float*>(at.group);
    const auto load = [&](std::size_t i) { return B::load(numbers + i * block_lanes); };
    return {{load(0), load(1)}, {load(2), load(3)}};
  }
};

}  // namespace detail

/// A matrix [rows, cols] in panels of a block format; a view to read.
template <class F>
struct BlockPanels {
  using Layout = detail::BlockLayout<F>;
  using Codes = typename Layout::Codes;
  const std::byte* data = nullptr;  ///< [count(), panel_bytes()]
  std::size_t rows = 0;             ///< of the matrix, padding not counted
  std::size_t cols = 0;             ///< of the matrix, padding not counted

  /// Number of panels.
  std::size_t count() const noexcept { return (rows + block_lanes - 1) / block_lanes; }
  /// Groups of a panel, those of a last, incomplete block included.
  std::size_t groups() const noexcept { return groups_of(cols); }
  /// Bytes of a panel.
  std::size_t panel_bytes() const noexcept { return panel_bytes(cols); }
  /// Where a panel begins.
  const std::byte* panel(std::size_t p) const noexcept { return data + p * panel_bytes(); }
  /// The panels from p on.
  BlockPanels from(std::size_t p) const noexcept {
    return {data + p * panel_bytes(), rows - std::min(rows, p * block_lanes), cols};
  }
  /// Where a panel holds the codes of group g, from its beginning.
  static constexpr std::size_t codes_at(std::size_t g) noexcept { return g * Codes::bytes; }
  /// Where it holds the scales of group g.
  std::size_t scales_at(std::size_t g) const noexcept { return groups() * Codes::bytes + g * Layout::scale_bytes; }
  /// Where it holds what the block of group g adds.
  std::size_t block_at(std::size_t g) const noexcept {
    return groups() * (Codes::bytes + Layout::scale_bytes) + g / Layout::groups * Layout::block_bytes;
  }

  /// Bytes of all panels of a matrix.
  static constexpr std::size_t bytes(std::size_t rows, std::size_t cols) noexcept {
    return (rows + block_lanes - 1) / block_lanes * panel_bytes(cols);
  }

 private:
  static constexpr std::size_t groups_of(std::size_t cols) noexcept {
    return round_up(cols, group_columns * Layout::groups) / group_columns;
  }
  static constexpr std::size_t panel_bytes(std::size_t cols) noexcept {
    const std::size_t g = groups_of(cols);
    return round_up(g * (Codes::bytes + Layout::scale_bytes) + g / Layout::groups * Layout::block_bytes, alignment);
  }
};

/// out [columns.size()] = columns of row `row`, widened; exact.
template <class F, class T>
void unpack_row(const BlockPanels<F>& from, std::size_t row, Range columns, T* out) noexcept {
  using Panels = BlockPanels<F>;
  using Layout = typename Panels::Layout;
  const std::byte* panel = from.panel(row / block_lanes);
  const std::size_t r = row % block_lanes;
  for (std::size_t c = columns.begin; c < columns.end;) {
    const std::size_t g = c / group_columns, end = std::min(columns.end, (g + 1) * group_columns);
    const auto s = Layout::template scales<ScalarBlock<float>>({panel + from.scales_at(g), panel + from.block_at(g)});
    for (; c < end; ++c, ++out) {
      const std::size_t part = c % group_columns * Layout::parts / group_columns;
      const int code = static_cast<int>(Panels::Codes::get(panel + Panels::codes_at(g), r, c % group_columns)) -
                       static_cast<int>(Layout::zero);
      const float value = static_cast<float>(code) * s.scale[part].lane[r];
      *out = static_cast<T>(Layout::has_least ? value + s.least[part].lane[r] : value);
    }
  }
}

/// Writes a stored block of row `row` into the panel that holds it: the block that begins with group `first`. The
/// panel's codes there are zero before. Q8, Q4, Q4K and Q6K take blocks of their own type, Codes8 any.
template <class F>
void write_block(const BlockPanels<F>& to, std::byte* memory, std::size_t row, std::size_t first, ElementType type,
                 const std::byte* stored) noexcept {
  using Panels = BlockPanels<F>;
  using Layout = typename Panels::Layout;
  BlockCodes codes;
  read_block(type, stored, codes);
  std::byte* panel = memory + row / block_lanes * to.panel_bytes();
  const std::size_t r = row % block_lanes;
  for (std::size_t i = 0; i < facts_of(type).block / group_columns && first + i < to.groups(); ++i) {
    const std::size_t g = first + i;
    for (std::size_t c = 0; c < group_columns; ++c)
      Panels::Codes::set(panel + Panels::codes_at(g), r, c,
                         static_cast<unsigned>(codes.code[i * group_columns + c] + static_cast<int>(Layout::zero)));
    if constexpr (std::is_same_v<F, Codes8>)
      Layout::write_scales(codes, i, r, panel + to.scales_at(g));
    else
      Layout::write_scales(stored, i, r, panel + to.scales_at(g), panel + to.block_at(g));
  }
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
