/// Weight matrices as layers use them, in any format.
#pragma once
#include <bora/core/lane.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/layers/stored_tensor.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/simd/matmul.hpp>
#include <bora/simd/pack.hpp>
#include <bora/simd/panels.hpp>
#include <bora/simd/rows.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#if defined(BORA_EXTERN_KERNELS)
#include <bora/simd/kernels.hpp>
#endif

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// A format that a matrix of a `Mixed` model has.
enum class MatrixKind : std::uint8_t { f32, f16, bf16 };

/// Which format each matrix of a `Mixed` model has, by its role. Vectors (norms, biases) are F32 in all models.
using Recipe = std::function<MatrixKind(TensorId, TensorShape)>;

/// A matrix in panels of one format; a view.
template <MatrixFormat F>
struct PackedMatrix : simd::Panels<F> {
  using Number = typename F::Number;
  using Input = Rows<typename F::Activation>;

  /// y = x Wᵀ for the outputs of panels [share.begin, share.end), of which a row of y begins with the first.
  void multiply(Range share, const Input& x, std::size_t n, Rows<Number> y) const noexcept {
    simd::matmul<F>(this->from(share.begin), {0, share.size()}, x.data, x.stride, n, y.data, y.stride);
  }
  /// dx += dy W for the inputs of `share`, which begins at a multiple of 16.
  void multiply_transposed(Range share, Rows<const Number> dy, std::size_t n, Rows<Number> dx) const noexcept {
    simd::matmul_transposed<F>(*this, share, dy.data, dy.stride, n, dx.data, dx.stride);
  }
  /// dw += dyᵀ x for the outputs of `share`, with x as `multiply` reads it.
  void add_gradient(Range share, Rows<const Number> dy, const Input& x, std::size_t n,
                    const typename Flat<Number>::Matrix& dw) const noexcept {
    simd::outer_product(share, dy.data, dy.stride, std::as_const(x).data, x.stride, n, dw.data, dw.cols);
  }
  /// Prepares row r of an input, whose columns were written, for `multiply`: nothing to do for this type.
  void prepare(const Input&, std::size_t, Range) const noexcept {}
  /// out [cols] = row `row`, widened.
  template <class T>
  void gather(std::size_t row, T* out) const noexcept {
    simd::unpack_row<F>(*this, row, out);
  }
  /// Rounds rows of a row-major matrix, `from` being the first of them, into `memory`, which is this matrix's.
  template <class T>
  void pack(const T* from, Range of_rows, std::byte* memory) const noexcept {
    simd::pack<F>(from, of_rows.begin, of_rows.size(), writable(memory));
  }
  /// Packs panels from a file; returns whether all their elements are finite.
  bool pack(const StoredTensor& from, Range panels, std::byte* memory) const noexcept {
    bool finite = true;
    for (std::size_t p = panels.begin; p < panels.end; ++p) {
      simd::StoredRow stored[simd::block_lanes];
      for (std::size_t i = 0, r = p * simd::block_lanes; i < simd::block_lanes && r < this->rows; ++i, ++r)
        stored[i] = from.row(r);
      finite &= simd::pack_panel<F>(from.type, stored, p, writable(memory));
    }
    return finite;
  }

 private:
  simd::WritablePanels<F> writable(std::byte* memory) const noexcept {
    return {reinterpret_cast<typename F::Storage*>(memory), this->rows, this->cols};
  }
};

/// The input of products of a `Mixed` model: layers write its rows as F32, and `MixedMatrix::prepare` converts them to
/// the other type that matrices read.
struct MixedInput {
  Rows<float> number;    ///< for F32 and F16 matrices
  Rows<bfloat16> pairs;  ///< for Bf16 matrices
  /// As F32 and F16 matrices read it.
  operator Rows<float>() const noexcept { return number; }  // NOLINT: a form of it
  /// As Bf16 matrices read it.
  operator Rows<bfloat16>() const noexcept { return pairs; }  // NOLINT: a form of it
  /// Where a row begins, to be written.
  float* row(std::size_t r) const noexcept { return number.row(r); }
  /// The rows from r on.
  MixedInput from(std::size_t r) const noexcept { return {number.from(r), pairs.from(r)}; }
  /// Rounds the columns of row r, after they were written, to bfloat16 pairs if any matrix reads them.
  void prepare(std::size_t r, Range columns, bool wants_pairs) const noexcept {
    if (wants_pairs) simd::round_row(row(r) + columns.begin, pairs.row(r) + columns.begin, columns.size());
  }
};

/// A matrix whose format is chosen at run time; a view. Each operation switches on the format once.
struct MixedMatrix {
  using Number = float;
  using Input = MixedInput;

  const std::byte* data = nullptr;    ///< its panels
  std::size_t rows = 0;               ///< outputs
  std::size_t cols = 0;               ///< inputs
  MatrixKind kind = MatrixKind::f32;  ///< format of the panels

  /// f(matrix) with the same matrix as a PackedMatrix.
  template <class Visit>
  decltype(auto) visit(Visit&& f) const {
    switch (kind) {
      case MatrixKind::f16:
        return f(as<F16>());
      case MatrixKind::bf16:
        return f(as<Bf16>());
      default:
        return f(as<F32>());
    }
  }
  /// Whether it reads the pairs of its input.
  bool wants_pairs() const noexcept { return kind == MatrixKind::bf16; }
  /// y = x Wᵀ, by the format's own kernel.
  void multiply(Range share, const Input& x, std::size_t n, Rows<float> y) const noexcept {
    visit([&](const auto& w) { w.multiply(share, x, n, y); });
  }
  /// dx += dy W.
  void multiply_transposed(Range share, Rows<const float> dy, std::size_t n, Rows<float> dx) const noexcept {
    visit([&](const auto& w) { w.multiply_transposed(share, dy, n, dx); });
  }
  /// dw += dyᵀ x.
  void add_gradient(Range share, Rows<const float> dy, const Input& x, std::size_t n,
                    const Flat<float>::Matrix& dw) const noexcept {
    visit([&](const auto& w) { w.add_gradient(share, dy, x, n, dw); });
  }
  /// Completes columns of row r of an input, if it reads pairs.
  void prepare(const Input& x, std::size_t r, Range columns) const noexcept { x.prepare(r, columns, wants_pairs()); }
  /// out [cols] = row `row`, widened.
  template <class T>
  void gather(std::size_t row, T* out) const noexcept {
    visit([&](const auto& w) { w.gather(row, out); });
  }
  /// Packs rows into `memory`, which is this matrix's.
  template <class T>
  void pack(const T* from, Range of_rows, std::byte* memory) const noexcept {
    visit([&](const auto& w) { w.pack(from, of_rows, memory); });
  }
  /// Packs panels from a file; returns whether all their elements are finite.
  bool pack(const StoredTensor& from, Range panels, std::byte* memory) const noexcept {
    return visit([&](const auto& w) { return w.pack(from, panels, memory); });
  }

 private:
  template <MatrixFormat F>
  PackedMatrix<F> as() const noexcept {
    return {{reinterpret_cast<const typename F::Storage*>(data), rows, cols}};
  }
};

/// A weight matrix [rows, cols] as layers use it. Write your own as `PackedMatrix` is: it multiplies an input of its
/// own type, whose rows `prepare` completes after they were written. All but `pack` run on the lanes of a thread team.
template <class M>
concept Matrix = requires(const M m, const typename M::Input x, Rows<typename M::Number> y,
                          Rows<const typename M::Number> dy, typename Flat<typename M::Number>::Matrix dw,
                          typename M::Number* out, StoredTensor from, std::byte* memory) {
  m.rows;
  m.cols;
  m.multiply(Range{}, x, std::size_t{}, y);
  m.multiply_transposed(Range{}, dy, std::size_t{}, y);
  m.add_gradient(Range{}, dy, x, std::size_t{}, dw);
  m.prepare(x, std::size_t{}, Range{});
  m.gather(std::size_t{}, out);
  m.pack(out, Range{}, memory);
  { m.pack(from, Range{}, memory) } -> std::same_as<bool>;
};

/// The tensors as forward and backward read them: matrices in the weight format, vectors in its number type.
template <WeightFormat F>
struct Packed {
  using Number = typename F::Number;
  using Matrix = PackedMatrix<F>;
  using Vector = const Number*;
  using Input = typename Matrix::Input;

  /// Memory for the input of products: `rows` rows of `width` elements.
  static Input take_input(Arena& arena, std::size_t rows, std::size_t width) noexcept {
    return take_rows<typename F::Activation>(arena, rows, width);
  }
  /// Whether a product reads the padding of an input of that width: it must be zero.
  static constexpr bool reads_padding(std::size_t width) noexcept {
    return simd::PanelLayout<F>::padded_cols(width) != width;
  }
  /// Memory for a matrix.
  static Matrix take_matrix(Arena& arena, TensorId, TensorShape shape, const Recipe&) noexcept {
    return {
        {arena.take<typename F::Storage>(simd::PanelLayout<F>::size(shape.rows, shape.cols)), shape.rows, shape.cols}};
  }
};
/// The same with a separate format for each matrix.
template <>
struct Packed<Mixed> {
  using Number = float;
  using Matrix = MixedMatrix;
  using Vector = const float*;
  using Input = MixedInput;

  /// Memory for the input of products.
  static Input take_input(Arena& arena, std::size_t rows, std::size_t width) noexcept {
    return {take_rows<float>(arena, rows, width), take_rows<bfloat16>(arena, rows, width)};
  }
  /// Whether a product reads the padding of an input of that width: it must be zero.
  static constexpr bool reads_padding(std::size_t width) noexcept { return Packed<Bf16>::reads_padding(width); }
  /// Memory for a matrix.
  static Matrix take_matrix(Arena& arena, TensorId id, TensorShape shape, const Recipe& recipe) {
    MixedMatrix m{nullptr, shape.rows, shape.cols, recipe ? recipe(id, shape) : MatrixKind::f32};
    m.visit([&]<class F>(const PackedMatrix<F>&) {
      m.data = reinterpret_cast<const std::byte*>(
          arena.take<typename F::Storage>(simd::PanelLayout<F>::size(shape.rows, shape.cols)));
    });
    return m;
  }
};

/// Row `to` of `into` = row `from` of x, in all its forms: for layers that gather the rows of a product.
template <class T>
void copy_input(const Rows<T>& x, std::size_t from, const Rows<T>& into, std::size_t to, std::size_t width) noexcept {
  std::copy_n(x.row(from), row_stride(width), into.row(to));
}
/// The same for an input in several forms.
inline void copy_input(const MixedInput& x, std::size_t from, const MixedInput& into, std::size_t to,
                       std::size_t width) noexcept {
  copy_input(x.number, from, into.number, to, width);
  copy_input(x.pairs, from, into.pairs, to, width);
}

/// Completes this lane's rows of x, which it has written, [rows, width]: the input of the matrices of a layer.
template <class Layer, class Tensors, class T>
void prepare_rows(const Lane&, const Tensors&, const Rows<T>&, std::size_t, std::size_t) noexcept {}
/// The same for an input in several forms.
template <class Layer, class Tensors>
void prepare_rows(const Lane& lane, const Tensors& w, const MixedInput& x, std::size_t rows,
                  std::size_t width) noexcept {
  bool wants_pairs = false;
  Layer::visit(
      [&](TensorId, TensorShape, const auto& tensor) {
        if constexpr (requires { tensor.wants_pairs(); }) wants_pairs |= tensor.wants_pairs();
      },
      w);
  const Range share = lane.share(rows);
  for (std::size_t r = share.begin; r < share.end; ++r) x.prepare(r, {0, width}, wants_pairs);
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
