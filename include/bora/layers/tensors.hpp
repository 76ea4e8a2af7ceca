/// How layers name their tensors, and the two places a tensor can be: packed weights and flat parameters.
///
/// A layer lists its tensors once, in a static `visit(f, places...)` that calls
/// `f(TensorId, TensorShape, place.member...)` for each. Without places it is the accounting; with the packed
/// tensors and the flat ones side by side it is `pack` and `unpack`; with gradients it is the optimizer's loop.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/simd/matmul.hpp>
#include <bora/simd/panels.hpp>
#include <bora/simd/rows.hpp>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// Which tensor of a model. Names are the library's own ("query", "gate", "final_norm_bias"); file formats
/// translate them.
struct TensorId {
  std::string_view name;
  std::size_t layer = 0, expert = 0;
};

/// A matrix is [rows, cols], row-major [out, in]; a vector has cols 0.
struct TensorShape {
  std::size_t rows, cols = 0;
  /// Whether it has two dimensions.
  constexpr bool matrix() const noexcept { return cols != 0; }
  /// Numbers in it.
  constexpr std::size_t size() const noexcept { return cols == 0 ? rows : rows * cols; }
};

/// The tensors as forward and backward read them: matrices in panels, vectors in the number type.
template <WeightFormat Format>
struct Packed {
  using Number = typename Format::Number;
  using Matrix = simd::Panels<Format>;
  using Vector = const Number*;
};

/// The tensors as they are stepped, clipped and saved: row-major in one flat array (parameters or gradients).
template <class T>
struct Flat {
  using Number = T;
  /// Row-major [rows, cols]; a view.
  struct Matrix {
    T* data = nullptr;
    std::size_t rows = 0, cols = 0;
  };
  using Vector = T*;
};

/// Stands where a policy has no such tensor. Visiting skips it.
struct Absent {};

/// T, or `Absent`: a tensor that a policy does not have takes no memory and no name.
template <bool present, class T>
using PresentIf = std::conditional_t<present, T, Absent>;

/// Rows that one forward works on: where each stands in its sequence.
struct RowPlace {
  std::size_t sequence, position;
};

/// A bump allocator over memory that was sized by a dry run of the same carving.
class Arena {
 public:
  Arena() = default;  ///< dry: counts, and hands out null
  /// Cuts from `memory`, as large as a dry run said.
  explicit Arena(std::byte* memory) : memory_(memory) {}

  /// Room for `count` numbers on a boundary of `alignment`; null while dry.
  template <class T>
  T* take(std::size_t count) noexcept {
    used_ = round_up(used_, alignment);
    T* block = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + used_);
    used_ += count * sizeof(T);
    return block;
  }
  /// Bytes handed out so far.
  std::size_t used() const noexcept { return round_up(used_, alignment); }
  /// Gives back what was taken since `used()` said so.
  void rewind(std::size_t used) noexcept { used_ = used; }

 private:
  std::byte* memory_ = nullptr;
  std::size_t used_ = 0;
};

/// Elements between rows of an activation buffer: whole blocks, the padding stays zero. Strides that are a multiple of
/// a page would send all rows of a tile to the same sets of the first-level cache; they get a cache line more.
constexpr std::size_t row_stride(std::size_t n) noexcept {
  const std::size_t blocks = round_up(n, simd::block_lanes);
  return blocks % 1024 == 0 ? blocks + 2 * simd::block_lanes : blocks;
}

/// A buffer of rows; a view.
template <class T>
struct Rows {
  T* data = nullptr;
  std::size_t stride = 0;
  /// Where a row begins.
  T* row(std::size_t r) const noexcept { return data + r * stride; }
  /// The rows from r on.
  Rows from(std::size_t r) const noexcept { return {data + r * stride, stride}; }
  /// Read-only.
  operator Rows<const T>() const noexcept  // NOLINT: reading is always allowed
    requires(!std::is_const_v<T>)
  {
    return {data, stride};
  }
};

/// Memory for `rows` rows of `width` numbers, each padded to `row_stride(width)`.
template <class T>
Rows<T> take_rows(Arena& arena, std::size_t rows, std::size_t width) noexcept {
  return {arena.take<T>(rows * row_stride(width)), row_stride(width)};
}

/// The columns [begin, end) of y that a lane computes in `linear`, of `width` in all.
inline Range lane_columns(const Lane& lane, std::size_t width) noexcept { return lane.share(width, simd::block_lanes); }

/// y = x Wᵀ + b on this lane's share of the outputs, returned; no barrier.
template <WeightFormat Format, class Vector>
Range linear(const Lane& lane, const simd::Panels<Format>& w, const Vector& bias,
             Rows<const typename Format::Activation> x, std::size_t rows, Rows<typename Format::Number> y) noexcept {
  const Range panels = lane.share(w.count());
  const Range columns{std::min(w.rows, panels.begin * simd::block_lanes),
                      std::min(w.rows, panels.end * simd::block_lanes)};
  simd::matmul(w, panels, x.data, x.stride, rows, y.data, y.stride);
  if constexpr (!std::is_same_v<Vector, Absent>)
    for (std::size_t r = 0; r < rows; ++r)
      simd::add(y.row(r) + columns.begin, bias + columns.begin, y.row(r) + columns.begin, columns.size());
  return columns;
}

/// dW += dyᵀ x, db += sum of dy, on this lane's share of the outputs.
template <class T, class Activation, class Vector>
void linear_gradient(const Lane& lane, const typename Flat<T>::Matrix& dw, const Vector& d_bias, Rows<const T> dy,
                     Rows<const Activation> x, std::size_t rows) noexcept {
  const Range share = lane.share(dw.rows, simd::block_lanes);
  simd::outer_product(share, dy.data, dy.stride, x.data, x.stride, rows, dw.data, dw.cols);
  if constexpr (!std::is_same_v<Vector, Absent>)
    for (std::size_t r = 0; r < rows; ++r)
      simd::add(d_bias + share.begin, dy.row(r) + share.begin, d_bias + share.begin, share.size());
}

/// dx += dy W on this lane's share of the inputs, returned.
template <WeightFormat Format>
Range linear_backward(const Lane& lane, const simd::Panels<Format>& w, Rows<const typename Format::Number> dy,
                      std::size_t rows, Rows<typename Format::Number> dx) noexcept {
  const Range share = lane.share(w.cols, simd::block_lanes);
  simd::matmul_transposed(w, share, dy.data, dy.stride, rows, dx.data, dx.stride);
  return share;
}

/// Zeroes this lane's share of the columns of `rows` rows.
template <class T>
void clear_columns(const Lane& lane, Rows<T> x, std::size_t rows, std::size_t width) noexcept {
  const Range share = lane_columns(lane, width);
  for (std::size_t r = 0; r < rows; ++r) std::fill(x.row(r) + share.begin, x.row(r) + share.end, T(0));
}

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
