/// Transposes tiles of 16 rows, as panels hold them.
#pragma once
#include <bora/core/format.hpp>
#include <bora/simd/scalar.hpp>
#include <cstddef>
#include <cstring>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

namespace detail {

/// A vector of 16 bytes, which every target has. Blocks would not do: a transpose depends on the vector's length.
template <class Word>
struct WordVector {
  typedef Word type __attribute__((vector_size(16)));     // NOLINT: g++ drops the attribute from an alias
  static constexpr std::size_t size = 16 / sizeof(Word);  ///< words in it: side of the squares that are transposed
};

/// The lower words of a and b in turn; `upper`: the upper ones.
template <bool upper, class V>
BORA_INLINE V interleave(V a, V b) noexcept {
  constexpr int n = sizeof(V) / sizeof(a[0]), h = upper ? n / 2 : 0;
  if constexpr (n == 2)
    return __builtin_shufflevector(a, b, h, n + h);
  else if constexpr (n == 4)
    return __builtin_shufflevector(a, b, h, n + h, h + 1, n + h + 1);
  else
    return __builtin_shufflevector(a, b, h, n + h, h + 1, n + h + 1, h + 2, n + h + 2, h + 3, n + h + 3);
}

/// to[k][r] = from[r][k] for a square of words whose rows are `from_stride` words apart; a row of `to` has 16.
template <class Word>
BORA_INLINE void transpose_square(const Word* from, std::size_t from_stride, Word* to) noexcept {
  using V = typename WordVector<Word>::type;
  constexpr std::size_t side = WordVector<Word>::size;
  V row[side], shuffled[side];
  for (std::size_t r = 0; r < side; ++r) std::memcpy(&row[r], from + r * from_stride, sizeof(V));
#pragma GCC unroll 3
  for (std::size_t level = 1; level < side; level *= 2) {  // each level is one perfect shuffle of all words
#pragma GCC unroll 4
    for (std::size_t i = 0; i < side / 2; ++i) {
      shuffled[2 * i] = interleave<false>(row[i], row[i + side / 2]);
      shuffled[2 * i + 1] = interleave<true>(row[i], row[i + side / 2]);
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < side; ++i) row[i] = shuffled[i];
  }
  for (std::size_t k = 0; k < side; ++k) std::memcpy(to + k * block_lanes, &row[k], sizeof(V));
}

}  // namespace detail

/// to[k][r] = from[r][k] for 16 rows of `columns` words, `stride` words apart. Rows are read in whole vectors of 16
/// bytes. Only memcpy touches the words, so other types may be passed as words of their size.
template <class Word>
void transpose_rows(const Word* from, std::size_t stride, std::size_t columns, Word* to) noexcept {
  constexpr std::size_t side = detail::WordVector<Word>::size;
  for (std::size_t k = 0; k < columns; k += side) {
    Word last[side * block_lanes], *const square = k + side <= columns ? to + k * block_lanes : last;
    for (std::size_t r = 0; r < block_lanes; r += side)
      detail::transpose_square(from + r * stride + k, stride, square + r);
    if (square == last) std::memcpy(to + k * block_lanes, last, (columns - k) * block_lanes * sizeof(Word));
  }
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
