/// How layers name their tensors, and the flat storage of tensors; packed storage is in matrix.hpp.
///
/// A layer lists its tensors once, in a static `visit(f, places...)` that calls
/// `f(TensorId, TensorShape, place.member...)` for each. Without places it is the accounting; with the packed
/// tensors and the flat ones side by side it is `pack` and `unpack`; with gradients it is the optimizer's loop.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// Which tensor of a model. Names are the library's own ("query", "gate", "final_norm_bias"); file formats
/// translate them.
struct TensorId {
  std::string_view name;   ///< one of the library's, the same in every layer and expert
  std::size_t layer = 0;   ///< from 0; 0 too where the tensor is in no layer
  std::size_t expert = 0;  ///< from 0; 0 too where the tensor is in no expert
};

/// A matrix is [rows, cols], row-major [out, in]; a vector has cols 0.
struct TensorShape {
  std::size_t rows;      ///< outputs; all elements of a vector
  std::size_t cols = 0;  ///< inputs; 0: a vector
  /// Whether it has two dimensions.
  constexpr bool matrix() const noexcept { return cols != 0; }
  /// Number of elements.
  constexpr std::size_t size() const noexcept { return cols == 0 ? rows : rows * cols; }
};

/// Tensors as the optimiser updates, clips and saves them: row-major in one flat array (parameters or gradients).
template <class T>
struct Flat {
  using Number = T;
  /// Row-major [rows, cols]; a view.
  struct Matrix {
    T* data = nullptr;     ///< its first element
    std::size_t rows = 0;  ///< outputs
    std::size_t cols = 0;  ///< inputs
  };
  using Vector = T*;
};

/// Placeholder for a tensor that a policy does not have. Visitors skip it.
struct Absent {};

/// T, or `Absent`: a tensor that a policy does not have takes no memory and no name.
template <bool present, class T>
using PresentIf = std::conditional_t<present, T, Absent>;

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
