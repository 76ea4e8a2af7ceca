/// Linear layers on one lane's share: forward, the gradient of the weights, the gradient of the input.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/layers/matrix.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/simd/rows.hpp>
#include <algorithm>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// The columns [begin, end) of y that a lane computes in `linear`, of `width` in all.
inline Range lane_columns(const Lane& lane, std::size_t width) noexcept { return lane.share(width, simd::block_lanes); }

/// Some columns of x Wᵀ + b: whole panels of 16, except at the end. Rows of y begin with the first of these columns.
template <Matrix M, class Vector>
void linear(const M& w, const Vector& bias, Range columns, const typename M::Input& x, std::size_t rows,
            Rows<typename M::Number> y) noexcept {
  w.multiply({columns.begin / simd::block_lanes, (columns.end + simd::block_lanes - 1) / simd::block_lanes}, x, rows,
             y);
  if constexpr (!std::is_same_v<Vector, Absent>)
    for (std::size_t r = 0; r < rows; ++r) simd::add(y.row(r), bias + columns.begin, y.row(r), columns.size());
}

/// y = x Wᵀ + b on this lane's share of the outputs, returned; no barrier.
template <Matrix M, class Vector>
Range linear(const Lane& lane, const M& w, const Vector& bias, const typename M::Input& x, std::size_t rows,
             Rows<typename M::Number> y) noexcept {
  const Range columns = lane_columns(lane, w.rows);
  linear(w, bias, columns, x, rows, y.columns(columns.begin));
  return columns;
}

/// dW += dyᵀ x, db += sum of dy, on this lane's share of the outputs; x is the input that W was multiplied with.
template <Matrix M, class Vector>
void linear_gradient(const Lane& lane, const M& w, const typename Flat<typename M::Number>::Matrix& dw,
                     const Vector& d_bias, Rows<const typename M::Number> dy, const typename M::Input& x,
                     std::size_t rows) noexcept {
  const Range share = lane.share(dw.rows, simd::block_lanes);
  w.add_gradient(share, dy, x, rows, dw);
  if constexpr (!std::is_same_v<Vector, Absent>)
    for (std::size_t r = 0; r < rows; ++r)
      simd::add(d_bias + share.begin, dy.row(r) + share.begin, d_bias + share.begin, share.size());
}

/// dx += dy W on this lane's share of the inputs, returned.
template <Matrix M>
Range linear_backward(const Lane& lane, const M& w, Rows<const typename M::Number> dy, std::size_t rows,
                      Rows<typename M::Number> dx) noexcept {
  const Range share = lane.share(w.cols, simd::block_lanes);
  w.multiply_transposed(share, dy, rows, dx);
  return share;
}

/// Zeroes this lane's share of the columns of `rows` rows.
template <class T>
void clear_columns(const Lane& lane, Rows<T> x, std::size_t rows, std::size_t width) noexcept {
  const Range share = lane_columns(lane, width);
  for (std::size_t r = 0; r < rows; ++r) std::fill(x.row(r) + share.begin, x.row(r) + share.end, T(0));
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
