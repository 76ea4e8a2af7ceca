/// The input of products with block formats: rows rounded to 8 bits.
///
/// 32 elements share one scale, the largest magnitude / 127, and are rounded to the nearest multiple of it (ties to
/// even). A row is rounded by itself, so its products are the same alone and among others.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/format.hpp>
#include <bora/core/memory.hpp>
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// 32 rounded elements of a row: element i is about code[i] * scale.
struct InputBlock {
  static constexpr std::size_t size = 32;  ///< elements of a block
  std::int8_t code[size];                  ///< -127 to 127
  float scale;                             ///< 0 if all codes are; NaN if an element was not finite
  std::int16_t sum[2];                     ///< of the first 16 codes, of the other 16
};

/// Blocks of a row, with padding: the longest blocks of weights have 256 elements.
constexpr std::size_t input_blocks(std::size_t width) noexcept { return round_up(width, 256) / InputBlock::size; }

namespace detail {

/// Elements whose magnitude is below this in a whole block become zero: 127 / 2^-100 is still finite.
inline constexpr float least_input = 0x1p-100f;

/// Rounds 32 elements.
inline InputBlock round_block(const float* x) noexcept {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < InputBlock::size; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu);
  InputBlock block = {};
  if (largest >= 0x7f800000u) {
    block.scale = std::numeric_limits<float>::quiet_NaN();
    return block;
  }
  const float magnitude = std::bit_cast<float>(largest);
  if (magnitude < least_input) return block;
  block.scale = magnitude / 127;
  const float inverse = 127 / magnitude;
  std::int32_t codes[InputBlock::size];
  for (std::size_t i = 0; i < InputBlock::size; ++i) {  // 1.5 * 2^23: the sum's last bits are the rounded number
    const float shifted = x[i] * inverse + 12582912.0f;
    codes[i] = std::bit_cast<std::int32_t>(shifted) - 0x4b400000;
    block.code[i] = static_cast<std::int8_t>(codes[i]);
  }
  for (std::size_t part = 0; part < 2; ++part) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < 16; ++i) sum += codes[16 * part + i];
    block.sum[part] = static_cast<std::int16_t>(sum);
  }
  return block;
}

}  // namespace detail

/// Rounds blocks of a row x [width]; what lies beyond the row counts as zeros.
/// \param out  [input_blocks(width)]: the row's first block
inline void round_blocks(const float* x, std::size_t width, Range blocks, InputBlock* out) noexcept {
  for (std::size_t b = blocks.begin; b < blocks.end; ++b) {
    const std::size_t at = b * InputBlock::size;
    if (at + InputBlock::size <= width) {
      out[b] = detail::round_block(x + at);
      continue;
    }
    float padded[InputBlock::size] = {};
    if (at < width) std::copy_n(x + at, width - at, padded);
    out[b] = detail::round_block(padded);
  }
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
