/// One layout of a weight matrix for decoding, prefill and backward.
///
/// A matrix W [rows, cols] (a linear layer's [out, in]) is cut into panels of 16 rows. Inside a panel the
/// columns follow one another, and the 16 rows of a column lie side by side, so that one vector load reads a column of
/// 16 outputs and no sum ever crosses elements of a vector:
///
///     F32, F16, F64   panel[k][row]              k = 0 .. cols - 1
///     Bf16            panel[k / 2][row][k % 2]   pairs of k, as the bfloat16 dot product takes them
///
/// The last panel is padded with rows of zeros, an odd column of Bf16 with a zero. The layout does not depend
/// on the target. `unpack(pack(w)) == w` bit for bit for F32.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/memory.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// How a format lays out a panel: `group` columns are interleaved.
template <MatrixFormat Format>
struct PanelLayout {
  static constexpr std::size_t group = std::is_same_v<Format, Bf16> ? 2 : 1;  ///< columns interleaved; 1: none

  /// Number of columns, padding included.
  static constexpr std::size_t padded_cols(std::size_t cols) noexcept { return round_up(cols, group); }
  /// Number of panels for that many rows.
  static constexpr std::size_t panels(std::size_t rows) noexcept { return (rows + block_lanes - 1) / block_lanes; }
  /// Elements of a panel.
  static constexpr std::size_t panel_size(std::size_t cols) noexcept { return padded_cols(cols) * block_lanes; }
  /// Elements of all panels of a matrix.
  static constexpr std::size_t size(std::size_t rows, std::size_t cols) noexcept {
    return panels(rows) * panel_size(cols);
  }
  /// Index of element [row, col].
  static constexpr std::size_t at(std::size_t row, std::size_t col, std::size_t cols) noexcept {
    return row / block_lanes * panel_size(cols) + col / group * group * block_lanes + row % block_lanes * group +
           col % group;
  }
};

/// A matrix [rows, cols] in panels; a view to read.
template <MatrixFormat Format>
struct Panels {
  /// Layout of the elements.
  using Layout = PanelLayout<Format>;
  const typename Format::Storage* data = nullptr;  ///< [count(), panel_size()]
  std::size_t rows = 0;                            ///< of the matrix, padding not counted
  std::size_t cols = 0;                            ///< of the matrix, padding not counted

  /// Bytes of all panels of a matrix.
  static constexpr std::size_t bytes(std::size_t outputs, std::size_t inputs) noexcept {
    return Layout::size(outputs, inputs) * sizeof(typename Format::Storage);
  }
  /// Number of panels.
  std::size_t count() const noexcept { return Layout::panels(rows); }
  /// Elements of a panel.
  std::size_t panel_size() const noexcept { return Layout::panel_size(cols); }
  /// Where a panel begins.
  const typename Format::Storage* panel(std::size_t p) const noexcept { return data + p * panel_size(); }
  /// The panels from p on.
  Panels from(std::size_t p) const noexcept {
    return {data + p * panel_size(), rows - std::min(rows, p * block_lanes), cols};
  }
};

/// A writable view, for packing.
template <MatrixFormat Format>
struct WritablePanels : Panels<Format> {
  typename Format::Storage* memory;  ///< `data`, to write to
  /// \param to  `PanelLayout<Format>::size(outputs, inputs)` elements, zeros where nothing is packed
  WritablePanels(typename Format::Storage* to, std::size_t outputs, std::size_t inputs) noexcept
      : Panels<Format>{to, outputs, inputs}, memory(to) {}
};

/// Rounds a number to an element of the format.
template <MatrixFormat Format>
constexpr typename Format::Storage to_storage(typename Format::Number x) noexcept {
  if constexpr (std::is_same_v<Format, Bf16>)
    return to_bfloat16(x);
  else if constexpr (std::is_same_v<Format, F16>)
    return to_float16(x);
  else
    return x;
}

/// Packs `rows` rows of a row-major matrix, `w` being the first of them, into rows `first` and following.
template <MatrixFormat Format, class T>
void pack(const T* w, std::size_t first, std::size_t rows, const WritablePanels<Format>& to) noexcept {
  using Number = typename Format::Number;
  constexpr std::size_t group = PanelLayout<Format>::group;
  for (std::size_t r = 0; r < rows; ++r) {
    auto* at = to.memory + PanelLayout<Format>::at(first + r, 0, to.cols);
    const T* from = w + r * to.cols;
    for (std::size_t c = 0; c < to.cols; ++c)
      at[c / group * group * block_lanes + c % group] = to_storage<Format>(static_cast<Number>(from[c]));
  }
}

/// Row `row` of a packed matrix, widened: [cols].
template <MatrixFormat Format, class T>
void unpack_row(const Panels<Format>& from, std::size_t row, T* out) noexcept {
  for (std::size_t c = 0; c < from.cols; ++c)
    out[c] = static_cast<T>(to_float(from.data[Panels<Format>::Layout::at(row, c, from.cols)]));
}

/// A whole packed matrix, widened to row-major [rows, cols].
template <MatrixFormat Format, class T>
void unpack(const Panels<Format>& from, T* out) noexcept {
  for (std::size_t r = 0; r < from.rows; ++r) unpack_row(from, r, out + r * from.cols);
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
