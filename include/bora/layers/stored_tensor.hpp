/// A tensor as stored in a file: unconverted bytes, and the order of their rows.
#pragma once
#include <bora/layers/tensors.hpp>
#include <bora/simd/pack.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Source of a weight tensor in a file: the location of its elements, in the file's type and order.
///
/// The file's tensor has rows of `row_length` elements. Row r of the model's tensor is the file's row `file_row(r)`; of
/// a transposed tensor (GPT-2's matrices are [in, out]), its column.
struct StoredTensor {
  TensorId role;                        ///< which tensor of the model
  TensorShape shape;                    ///< as the model has it
  ElementType type;                     ///< of an element in the file; blocks run along a row, and are whole
  const std::byte* data;                ///< the file's first element; it need not be aligned
  std::size_t row_length;               ///< elements from one row of the file to the next
  std::size_t first = 0;                ///< the file's row of row 0
  std::size_t block = ~std::size_t{0};  ///< rows that stay together in the file
  std::size_t stride = 0;               ///< the file's rows from one block to the next
  std::size_t pairs = 0;    ///< rows of 2 * pairs are a head whose halves alternate in the file; 0: they do not
  bool transposed = false;  ///< the file's tensor is [in, out]

  /// The file's row that is row `r` of the model's tensor.
  std::size_t file_row(std::size_t r) const noexcept {
    if (pairs != 0) {  // row c of a head is the file's row 2c, row pairs + c is 2c + 1
      const std::size_t in_head = r % (2 * pairs);
      r = r - in_head + in_head % pairs * 2 + in_head / pairs;
    }
    return first + r / block * stride + r % block;
  }
  /// Element [r, 0], and how the others of its row follow.
  simd::StoredRow row(std::size_t r) const noexcept {
    return transposed ? simd::StoredRow{data + stored_bytes(type, file_row(r)), row_length}
                      : simd::StoredRow{data + file_row(r) * stored_bytes(type, row_length), 1};
  }
};

}}  // namespace bora::BORA_ABI
