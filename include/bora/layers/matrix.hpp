/// Weight matrices as layers use them, in any format.
#pragma once
#include <bora/core/lane.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/layers/stored_tensor.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/core/quantise.hpp>
#include <bora/core/stored_block.hpp>
#include <bora/simd/block_input.hpp>
#include <bora/simd/block_matmul.hpp>
#include <bora/simd/block_panels.hpp>
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

/// A format that a matrix of a `Mixed` model has; `codes8` is `simd::Codes8`, for block types without a format of their
/// own.
enum class MatrixKind : std::uint8_t { f32, f16, bf16, q8, q4, q4k, q6k, codes8 };

/// Whether products with such a matrix read the blocks of their input.
constexpr bool is_block_kind(MatrixKind kind) noexcept { return kind >= MatrixKind::q8; }

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

/// The input of products of a `Mixed` model: layers write its rows as F32, and `MixedMatrix` converts them to the other
/// types that matrices read.
struct MixedInput {
  Rows<float> number;             ///< for F32 and F16 matrices
  Rows<bfloat16> pairs;           ///< for Bf16 matrices
  Rows<simd::InputBlock> blocks;  ///< for matrices of block formats
  /// As F32 and F16 matrices read it.
  operator Rows<float>() const noexcept { return number; }  // NOLINT: a form of it
  /// As Bf16 matrices read it.
  operator Rows<bfloat16>() const noexcept { return pairs; }  // NOLINT: a form of it
  /// Where a row begins, to be written.
  float* row(std::size_t r) const noexcept { return number.row(r); }
  /// The rows from r on.
  MixedInput from(std::size_t r) const noexcept { return {number.from(r), pairs.from(r), blocks.from(r)}; }
};

/// A matrix in panels of a block format; a view.
template <class F>
struct BlockMatrix : simd::BlockPanels<F> {
  using Number = float;
  using Input = MixedInput;

  /// y = x Wᵀ, with x rounded to 8 bits.
  void multiply(Range share, const Input& x, std::size_t n, Rows<float> y) const noexcept {
    simd::multiply_blocks<F>(this->from(share.begin), {0, share.size()}, x.blocks.data, x.blocks.stride, n, y.data,
                             y.stride);
  }
  /// dx += dy W, a part of a row of W at a time.
  void multiply_transposed(Range share, Rows<const float> dy, std::size_t n, Rows<float> dx) const noexcept {
    constexpr std::size_t strip = 256;
    float part[strip];
    for (std::size_t c = share.begin; c < share.end; c += strip)
      for (std::size_t r = 0; r < this->rows; ++r) {
        const std::size_t width = std::min(strip, share.end - c);
        simd::unpack_row(*this, r, {c, c + width}, part);
        for (std::size_t m = 0; m < n; ++m) simd::add_scaled(dy.row(m)[r], part, dx.row(m) + c, width);
      }
  }
  /// dw += dyᵀ x, with x before it was rounded.
  void add_gradient(Range share, Rows<const float> dy, const Input& x, std::size_t n,
                    const Flat<float>::Matrix& dw) const noexcept {
    simd::outer_product(share, dy.data, dy.stride, std::as_const(x.number).data, x.number.stride, n, dw.data, dw.cols);
  }
  /// out [cols] = row `row`, widened.
  template <class T>
  void gather(std::size_t row, T* out) const noexcept {
    simd::unpack_row(*this, row, {0, this->cols}, out);
  }
  /// Quantises rows of a row-major matrix, `from` being the first of them; the rows are whole panels.
  template <class T>
  void pack(const T* from, Range of_rows, std::byte* memory) const noexcept {
    clear(of_rows, memory);
    for (std::size_t r = of_rows.begin; r < of_rows.end; ++r, from += this->cols)
      pack_row(r, memory, [&](std::size_t c, std::size_t n, float* out) { std::copy_n(from + c, n, out); });
  }
  /// Packs panels from a file: blocks of this format as they are, other types quantised. Returns whether all elements
  /// are finite.
  bool pack(const StoredTensor& from, Range panels, std::byte* memory) const noexcept {
    const Range of_rows{panels.begin * simd::block_lanes, std::min(this->rows, panels.end * simd::block_lanes)};
    bool finite = true;
    clear(of_rows, memory);
    for (std::size_t r = of_rows.begin; r < of_rows.end; ++r) {
      const simd::StoredRow row = from.row(r);
      if (keeps(from.type))
        finite &= copy_blocks(r, from.type, row.data, memory);
      else
        pack_row(r, memory, [&](std::size_t c, std::size_t n, float* out) {
          finite &= simd::widen_row(from.type, row.after(from.type, c), n, out);
        });
    }
    return finite;
  }

 private:
  static constexpr bool keeps(ElementType type) noexcept {
    return std::is_same_v<F, simd::Codes8> ? is_block_type(type) : type == simd::detail::BlockLayout<F>::stored;
  }
  void clear(Range of_rows, std::byte* memory) const noexcept {
    const std::size_t begin = of_rows.begin / simd::block_lanes * this->panel_bytes();
    const std::size_t end = (of_rows.end + simd::block_lanes - 1) / simd::block_lanes * this->panel_bytes();
    std::fill(memory + begin, memory + end, std::byte{0});
  }
  bool copy_blocks(std::size_t r, ElementType type, const std::byte* stored, std::byte* memory) const noexcept {
    const ElementTypeFacts facts = facts_of(type);
    std::uint32_t bad = 0;
    BlockCodes codes;
    for (std::size_t c = 0; c < this->cols; c += facts.block, stored += facts.bytes) {
      read_block(type, stored, codes);
      for (std::size_t i = 0; i < facts.block; ++i) bad |= simd::detail::not_finite(codes.value(i));
      simd::write_block(*this, memory, r, c / simd::group_columns, type, stored);
    }
    return bad == 0;
  }
  /// Quantises row r: `read(c, n, out)` gives its elements from column c on.
  template <class Read>
  void pack_row(std::size_t r, std::byte* memory, Read&& read) const noexcept {
    constexpr ElementType type = simd::detail::BlockLayout<F>::stored;
    constexpr ElementTypeFacts facts = facts_of(type);
    float wide[facts.block];
    std::byte stored[facts.bytes];
    for (std::size_t c = 0; c < this->cols; c += facts.block) {
      const std::size_t n = std::min(facts.block, this->cols - c);
      read(c, n, wide);
      std::fill(wide + n, wide + facts.block, 0.0f);
      quantise_block(type, wide, stored);
      simd::write_block(*this, memory, r, c / simd::group_columns, type, stored);
    }
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

  /// f(matrix) with the same matrix as a PackedMatrix or a BlockMatrix.
  template <class Visit>
  decltype(auto) visit(Visit&& f) const {
    switch (kind) {
      case MatrixKind::f16:
        return f(as<F16>());
      case MatrixKind::bf16:
        return f(as<Bf16>());
      case MatrixKind::q8:
        return f(as_blocks<Q8>());
      case MatrixKind::q4:
        return f(as_blocks<Q4>());
      case MatrixKind::q4k:
        return f(as_blocks<Q4K>());
      case MatrixKind::q6k:
        return f(as_blocks<Q6K>());
      case MatrixKind::codes8:
        return f(as_blocks<simd::Codes8>());
      default:
        return f(as<F32>());
    }
  }
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
  /// Rounds columns of row r of an input, after they were written, to bfloat16 pairs if this matrix reads them.
  void prepare(const Input& x, std::size_t r, Range columns) const noexcept {
    if (kind == MatrixKind::bf16)
      simd::round_row(x.row(r) + columns.begin, x.pairs.row(r) + columns.begin, columns.size());
  }
  /// Rounds blocks of row r of an input, after all its columns were written, if this matrix reads them.
  void prepare_blocks(const Input& x, std::size_t r, Range blocks) const noexcept {
    if (is_block_kind(kind)) simd::round_blocks(x.row(r), cols, blocks, x.blocks.row(r));
  }
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
  /// Bytes of its panels.
  std::size_t bytes() const noexcept {
    return visit([&]<class M>(const M&) { return M::bytes(rows, cols); });
  }

 private:
  template <MatrixFormat F>
  PackedMatrix<F> as() const noexcept {
    return {{reinterpret_cast<const typename F::Storage*>(data), rows, cols}};
  }
  template <class F>
  BlockMatrix<F> as_blocks() const noexcept {
    return {{data, rows, cols}};
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
    const std::size_t blocks = simd::input_blocks(width);
    return {take_rows<float>(arena, rows, width),
            take_rows<bfloat16>(arena, rows, width),
            {arena.take<simd::InputBlock>(rows * blocks), blocks}};
  }
  /// Whether a product reads the padding of an input of that width: it must be zero.
  static constexpr bool reads_padding(std::size_t width) noexcept { return Packed<Bf16>::reads_padding(width); }
  /// Memory for a matrix.
  static Matrix take_matrix(Arena& arena, TensorId id, TensorShape shape, const Recipe& recipe) {
    return take_matrix(arena, shape, recipe ? recipe(id, shape) : MatrixKind::f32);
  }

 protected:
  /// Memory for a matrix of that kind.
  static Matrix take_matrix(Arena& arena, TensorShape shape, MatrixKind kind) {
    Matrix m{nullptr, shape.rows, shape.cols, kind};
    m.data = arena.take<std::byte>(m.bytes());
    return m;
  }
};
/// The same with all matrices in one block format, but for the tables of positions, which are F32.
template <BlockFormat F>
struct Packed<F> : Packed<Mixed> {
  /// The format of its matrices.
  static constexpr MatrixKind kind = std::is_same_v<F, Q8>    ? MatrixKind::q8
                                     : std::is_same_v<F, Q4>  ? MatrixKind::q4
                                     : std::is_same_v<F, Q4K> ? MatrixKind::q4k
                                                              : MatrixKind::q6k;
  /// Memory for a matrix.
  static Matrix take_matrix(Arena& arena, TensorId id, TensorShape shape, const Recipe&) {
    const bool table = id.name == "positions" || id.name == "relative_bias";
    return Packed<Mixed>::take_matrix(arena, shape, table || id.name == "router" ? MatrixKind::f32 : kind);
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
  std::copy_n(x.blocks.row(from), x.blocks.stride, into.blocks.row(to));
}

/// Completes this lane's rows of x, which it has written, [rows, width]: the input of the matrices of a layer.
template <class Layer, class Tensors, class T>
void prepare_rows(const Lane&, const Tensors&, const Rows<T>&, std::size_t, std::size_t) noexcept {}
/// The same for an input in several forms: each that any of the layer's matrices reads.
template <class Layer, class Tensors>
void prepare_rows(const Lane& lane, const Tensors& w, const MixedInput& x, std::size_t rows,
                  std::size_t width) noexcept {
  const MixedMatrix *reads_pairs = nullptr, *reads_blocks = nullptr;
  Layer::visit(
      [&](TensorId, TensorShape shape, const auto& tensor) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(tensor)>, MixedMatrix>) {
          if (shape.cols != width) return;
          if (tensor.kind == MatrixKind::bf16) reads_pairs = &tensor;
          if (is_block_kind(tensor.kind)) reads_blocks = &tensor;
        }
      },
      w);
  const Range share = lane.share(rows);
  for (std::size_t r = share.begin; r < share.end; ++r) {
    if (reads_pairs != nullptr) reads_pairs->prepare(x, r, {0, width});
    if (reads_blocks != nullptr) reads_blocks->prepare_blocks(x, r, {0, x.blocks.stride});
  }
}

/// Completes row r of an input, which one lane wrote, for a matrix: all its columns.
template <class M, class Input>
void prepare_row(const M& w, const Input& x, std::size_t r, std::size_t width) noexcept {
  w.prepare(x, r, {0, width});
  if constexpr (requires { w.prepare_blocks(x, r, Range{}); }) w.prepare_blocks(x, r, {0, x.blocks.stride});
}

/// Completes an input of which lanes wrote columns, after a barrier: each lane rounds some blocks of it. Returns
/// whether it did, so that another barrier is needed before the product.
template <class M, class Input>
bool finish_input(const Lane&, const M&, const Input&, std::size_t) noexcept {
  return false;
}
/// The same for an input in several forms.
inline bool finish_input(const Lane& lane, const MixedMatrix& w, const MixedInput& x, std::size_t rows) noexcept {
  if (!is_block_kind(w.kind)) return false;
  const std::size_t blocks = x.blocks.stride;
  const Range share = lane.share(rows * blocks);
  for (std::size_t i = share.begin; i < share.end;) {
    const std::size_t b = i % blocks, count = std::min(blocks - b, share.end - i);
    w.prepare_blocks(x, i / blocks, {b, b + count});
    i += count;
  }
  return true;
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
