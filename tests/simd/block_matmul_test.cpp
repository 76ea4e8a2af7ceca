#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/core/quantise.hpp>
#include <bora/simd/block_matmul.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

using bora::Buffer;
using bora::ElementType;
using bora::facts_of;
using bora::Range;
using bora::simd::block_lanes;
using bora::simd::BlockPanels;
using bora::simd::InputBlock;
using numbers::bells;
using numbers::same_bits;

namespace blocks {  // the sources of this folder may be compiled as one
namespace {

// Odd sizes around panels, groups, the longest blocks and the part of K that is added at a time.
const std::size_t widths[] = {1, 31, 33, 256, 289, 2080};
const std::size_t heights[] = {1, 16, 37, 64};
constexpr std::size_t most_rows = 11;

/// A matrix of weights, quantised: in panels, and as the numbers that its blocks stand for.
template <class F>
struct Matrix {
  std::size_t rows, cols;
  std::vector<float> plain;
  Buffer<std::byte> memory;

  Matrix(std::size_t r, std::size_t c, ElementType type, std::uint64_t seed)
      : rows(r), cols(c), plain(r * c), memory(BlockPanels<F>::bytes(r, c)) {
    const auto facts = facts_of(type);
    const auto numbers = bells<float>(r * c, seed);
    std::vector<float> block(facts.block);
    std::vector<std::byte> stored(facts.bytes);
    for (std::size_t row = 0; row < r; ++row)
      for (std::size_t at = 0; at < c; at += facts.block) {
        const std::size_t n = std::min(facts.block, c - at);
        std::fill(block.begin(), block.end(), 0.0f);
        std::copy_n(&numbers[row * c + at], n, block.begin());
        bora::quantise_block(type, block.data(), stored.data());
        bora::widen_blocks(type, stored.data(), facts.block, block.data());
        std::copy_n(block.begin(), n, &plain[row * c + at]);
        write_block(panels(), memory.data(), row, at / bora::simd::group_columns, type, stored.data());
      }
  }
  BlockPanels<F> panels() const { return {memory.data(), rows, cols}; }
};

std::vector<InputBlock> rounded(const std::vector<float>& x, std::size_t rows, std::size_t cols) {
  const std::size_t blocks = bora::simd::input_blocks(cols);
  std::vector<InputBlock> out(rows * blocks);
  for (std::size_t r = 0; r < rows; ++r) bora::simd::round_blocks(&x[r * cols], cols, {0, blocks}, &out[r * blocks]);
  return out;
}

/// Compares products with sums in double precision of the rounded inputs times the exact weights.
template <class F>
void check_products(ElementType type) {
  for (const std::size_t cols : widths)
    for (const std::size_t outputs : heights) {
      const Matrix<F> w(outputs, cols, type, 7 * cols + outputs);
      const auto x = rounded(bells<float>(most_rows * cols, cols), most_rows, cols);
      const std::size_t blocks = bora::simd::input_blocks(cols), stride = bora::round_up(outputs, block_lanes);
      std::vector<float> y(most_rows * stride, numbers::poison<float>()), alone(stride);
      const Range all{0, w.panels().count()};
      multiply_blocks(w.panels(), all, x.data(), blocks, most_rows, y.data(), stride);
      for (std::size_t r = 0; r < most_rows; ++r) {
        for (std::size_t n = 0; n < outputs; ++n) {
          double sum = 0, size = 0;
          for (std::size_t c = 0; c < cols; ++c) {
            const InputBlock& b = x[r * blocks + c / InputBlock::size];
            const double product = double(b.scale) * b.code[c % InputBlock::size] * double(w.plain[n * cols + c]);
            sum += product;
            size += std::abs(product);
          }
          REQUIRE(std::abs(double(y[r * stride + n]) - sum) <= 4e-6 * size);
        }
        multiply_blocks(w.panels(), all, &x[r * blocks], blocks, 1, alone.data(), stride);
        REQUIRE(same_bits(alone.data(), &y[r * stride], stride));  // alone, among others; padding too
      }
    }
}

}  // namespace

TEST_CASE("Products of block formats are those of their exact weights, the same bits for any number of rows",
          "[simd]") {
  check_products<bora::Q8>(ElementType::q8_0);
  check_products<bora::Q4>(ElementType::q4_0);
  check_products<bora::Q4K>(ElementType::q4_k);
  check_products<bora::Q6K>(ElementType::q6_k);
  check_products<bora::simd::Codes8>(ElementType::q8_0);
  check_products<bora::simd::Codes8>(ElementType::q4_k);  // with minima
}

TEST_CASE("Panels of block formats hold the stored numbers exactly", "[simd]") {
  const auto check = [](const auto& w) {
    std::vector<float> row(w.cols);
    for (std::size_t r = 0; r < w.rows; ++r) {
      bora::simd::unpack_row(w.panels(), r, {0, w.cols}, row.data());
      REQUIRE(std::equal(row.begin(), row.end(), &w.plain[r * w.cols]));  // zeros of either sign
      bora::simd::unpack_row(w.panels(), r, {40, w.cols}, row.data());    // from within a group
      REQUIRE(std::equal(row.begin(), row.end() - 40, &w.plain[r * w.cols + 40]));
    }
  };
  check(Matrix<bora::Q8>(33, 290, ElementType::q8_0, 1));
  check(Matrix<bora::Q4>(33, 290, ElementType::q4_0, 2));
  check(Matrix<bora::Q4K>(33, 290, ElementType::q4_k, 3));
  check(Matrix<bora::Q6K>(33, 290, ElementType::q6_k, 4));
  check(Matrix<bora::simd::Codes8>(33, 290, ElementType::q4_k, 5));
}

TEST_CASE("The input of block formats: nearest multiples of the largest magnitude / 127", "[simd]") {
  const auto x = bells<float>(3 * 50, 3);
  const auto blocks = rounded(x, 3, 50);
  REQUIRE(blocks.size() == 3 * 8);  // padded to 256 columns
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t c = 0; c < 256; ++c) {
      const InputBlock& b = blocks[r * 8 + c / 32];
      const float value = c < 50 ? x[r * 50 + c] : 0.0f;
      REQUIRE(std::abs(double(b.code[c % 32]) * double(b.scale) - double(value)) <= 0.5001 * double(b.scale));
    }
  std::vector<float> odd(64, 0.0f);
  odd[3] = std::numeric_limits<float>::quiet_NaN();
  odd[40] = 1e-38f;  // too small for a scale
  const auto strange = rounded(odd, 1, 64);
  CHECK(std::isnan(strange[0].scale));
  CHECK((strange[1].scale == 0 && strange[1].code[8] == 0));
}

}  // namespace blocks
