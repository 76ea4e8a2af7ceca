#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/matmul.hpp>
#include <bora/simd/pack.hpp>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

using bora::Bf16;
using bora::Buffer;
using bora::F16;
using bora::F32;
using bora::F64;
using bora::Range;
using bora::round_up;
using bora::simd::block_lanes;
using bora::simd::WritablePanels;
using numbers::bells;
using numbers::Bound;
using numbers::same_bits;
using numbers::wide;

namespace {

const std::size_t widths[] = {1, 15, 16, 17, 31, 32, 33, 47, 48, 65};
constexpr std::size_t most_rows = 19;

/// A matrix of weights, packed and as it was.
template <class Format>
struct Matrix {
  std::size_t rows, cols;
  std::vector<typename Format::Storage> plain;
  Buffer<typename Format::Storage> memory;

  Matrix(std::size_t r, std::size_t c, std::uint64_t seed)
      : rows(r),
        cols(c),
        plain(bells<typename Format::Storage>(r * c, seed)),
        memory(bora::simd::PanelLayout<Format>::size(r, c)) {
    std::vector<float> numbers(plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) numbers[i] = static_cast<float>(wide(plain[i]));
    bora::simd::pack(numbers.data(), 0, rows, panels());
  }
  WritablePanels<Format> panels() { return {memory.data(), rows, cols}; }
  double at(std::size_t r, std::size_t c) const { return wide(plain[r * cols + c]); }
};

/// Rows of inputs with a stride wider than they are: zeros up to the format's group, poison beyond.
template <class T>
std::vector<T> strided(std::size_t rows, std::size_t width, std::size_t zeros, std::size_t stride, std::uint64_t seed) {
  const auto values = bells<T>(rows * width, seed);
  std::vector<T> out(rows * stride, numbers::poison<T>());
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy_n(&values[r * width], width, &out[r * stride]);
    std::fill_n(&out[r * stride + width], zeros, T{});
  }
  return out;
}

/// y of the first `rows` rows of x; what is not an output is marked 7.
template <class Format>
std::vector<typename Format::Number> product(Matrix<Format>& w, const typename Format::Activation* x,
                                             std::size_t x_stride, std::size_t rows, std::size_t y_stride) {
  std::vector<typename Format::Number> y(rows * y_stride, 7);
  bora::simd::matmul<Format>(w.panels(), Range{0, w.panels().count()}, x, x_stride, rows, y.data(), y_stride);
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("Packing keeps every element and pads with zeros", "[simd]", F32, F16, Bf16, F64) {
  for (const std::size_t rows : widths)
    for (const std::size_t cols : {1, 2, 3, 16, 33}) {
      Matrix<TestType> w(rows, cols, rows + cols);
      std::vector<double> unpacked(rows * cols);
      bora::simd::unpack(w.panels(), unpacked.data());
      std::size_t wrong = 0, ones = 0;
      for (std::size_t i = 0; i < unpacked.size(); ++i) wrong += unpacked[i] != wide(w.plain[i]);
      bora::simd::pack(std::vector<float>(rows * cols, 1.0f).data(), 0, rows, w.panels());
      for (const auto x : w.memory) {
        wrong += wide(x) != 0 && wide(x) != 1;
        ones += wide(x) == 1;
      }
      CHECK(wrong == 0);
      CHECK(ones == rows * cols);
    }
}

TEMPLATE_TEST_CASE("A matrix may be packed a few rows at a time", "[simd]", F32, F16, Bf16, F64) {
  Matrix<TestType> whole(37, 9, 1);
  Buffer<typename TestType::Storage> memory(whole.memory.size());
  const WritablePanels<TestType> parts(memory.data(), 37, 9);
  std::vector<double> numbers;
  for (const auto x : whole.plain) numbers.push_back(wide(x));
  for (const Range part : {Range{0, 1}, Range{1, 18}, Range{18, 37}})
    bora::simd::pack(&numbers[part.begin * 9], part.begin, part.size(), parts);
  CHECK(same_bits(memory.data(), whole.memory.data(), memory.size()));
}

namespace {

/// Rows of a file, at odd addresses, `step` elements apart from column to column.
template <class T>
std::vector<std::byte> stored(const std::vector<double>& values, std::size_t step, std::size_t misplaced) {
  std::vector<std::byte> bytes(misplaced + values.size() * step * sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T element = numbers::rounded<T>(values[i]);
    std::memcpy(bytes.data() + misplaced + i * step * sizeof(T), &element, sizeof element);
  }
  return bytes;
}

/// Whether packing a matrix from a file's type T gives what packing its numbers gives, and sees what is not finite.
template <class Format, class T>
void check_packed_from(bora::ElementType type) {
  std::size_t wrong = 0;
  for (const std::size_t rows : {1, 15, 16, 17, 37})
    for (const std::size_t cols : {1, 2, 3, 4, 5, 63, 64, 65, 131})
      for (const std::size_t step : {1, 3}) {
        std::vector<double> values(rows * cols);
        const auto random = bells<T>(values.size(), rows * cols);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = wide(random[i]);
        Buffer<typename Format::Storage> expected(bora::simd::PanelLayout<Format>::size(rows, cols));
        Buffer<typename Format::Storage> found(expected.size());
        bora::simd::pack(values.data(), 0, rows, WritablePanels<Format>(expected.data(), rows, cols));
        const auto pack = [&](const std::vector<std::byte>& bytes) {
          bool finite = true;
          for (std::size_t p = 0; p * block_lanes < rows; ++p) {
            bora::simd::StoredRow row[block_lanes];
            for (std::size_t i = 0; i < block_lanes && p * block_lanes + i < rows; ++i)
              row[i] = {bytes.data() + 1 + (p * block_lanes + i) * cols * step * sizeof(T), step};
            finite &= bora::simd::pack_panel<Format>(type, row, p, {found.data(), rows, cols});
          }
          return finite;
        };
        wrong += !pack(stored<T>(values, step, 1)) || !same_bits(found.data(), expected.data(), found.size());
        for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
          for (const std::size_t at : {std::size_t{0}, values.size() / 2, values.size() - 1}) {
            std::vector<double> spoilt = values;
            spoilt[at] = bad;
            wrong += pack(stored<T>(spoilt, step, 1));
          }
      }
  CHECK(wrong == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("A file's bytes are packed as its numbers would be, whatever their type and order", "[simd]", F32,
                   F16, Bf16, F64) {
  check_packed_from<TestType, float>(bora::ElementType::f32);
  check_packed_from<TestType, bora::float16>(bora::ElementType::f16);
  check_packed_from<TestType, bora::bfloat16>(bora::ElementType::bf16);
  check_packed_from<TestType, double>(bora::ElementType::f64);
}

TEMPLATE_TEST_CASE("A matrix product agrees with exact sums at every size, and no row depends on the others", "[simd]",
                   F32, F16, Bf16, F64) {
  using T = typename TestType::Number;
  constexpr std::size_t group = bora::simd::PanelLayout<TestType>::group;
  std::size_t wrong = 0, padding = 0, batch = 0, alone = 0;
  for (const std::size_t n : widths)
    for (std::size_t k = 1; k <= 70; ++k) {
      Matrix<TestType> w(n, k, 100 * n + k);
      const std::size_t x_stride = round_up(k, group) + 6, padded = round_up(n, block_lanes), y_stride = padded + 16;
      const auto x = strided<typename TestType::Activation>(most_rows, k, round_up(k, group) - k, x_stride, k);
      const std::vector<T> whole = product(w, x.data(), x_stride, most_rows, y_stride);
      for (std::size_t m = 0; m < most_rows; ++m) {
        const T* y = &whole[m * y_stride];
        for (std::size_t i = 0; i < n; ++i) {
          Bound sum;
          for (std::size_t c = 0; c < k; ++c) sum.add(w.at(i, c) * wide(x[m * x_stride + c]));
          wrong += !sum.allows(y[i], static_cast<double>(k) + 1);
        }
        for (std::size_t i = n; i < y_stride; ++i) padding += y[i] != (i < padded ? T(0) : T(7));
        const std::vector<T> one = product(w, &x[m * x_stride], x_stride, 1, y_stride);
        alone += !same_bits(one.data(), y, y_stride);
      }
      for (std::size_t m = 2; m < most_rows; ++m) {
        const std::vector<T> some = product(w, x.data(), x_stride, m, y_stride);
        batch += !same_bits(some.data(), whole.data(), some.size());
      }
    }
  CHECK(wrong == 0);
  CHECK(padding == 0);
  CHECK(batch == 0);
  CHECK(alone == 0);
}

TEMPLATE_TEST_CASE("A product blocked for the caches has the bits of an unblocked one", "[simd]", F32, F16, Bf16, F64) {
  using T = typename TestType::Number;
  struct Shape {
    std::size_t outputs, inputs;
  };
  const auto [n, k] = GENERATE(Shape{33, 13'001}, Shape{505, 1'100});  // many cuts of k, many groups of panels
  constexpr std::size_t rows = 19;
  Matrix<TestType> w(n, k, 1);
  const std::size_t x_stride = round_up(k, 2), y_stride = round_up(n, block_lanes);
  const auto x = strided<typename TestType::Activation>(rows, k, x_stride - k, x_stride, 2);
  const std::vector<T> whole = product(w, x.data(), x_stride, rows, y_stride);
  for (std::size_t m = 0; m < rows; ++m) {
    const std::vector<T> one = product(w, &x[m * x_stride], x_stride, 1, y_stride);
    CHECK(same_bits(one.data(), &whole[m * y_stride], y_stride));
    Bound sum;
    for (std::size_t c = 0; c < k; ++c) sum.add(w.at(n - 1, c) * wide(x[m * x_stride + c]));
    CHECK(sum.allows(whole[m * y_stride + n - 1], 300));  // errors of thousands of roundings mostly cancel
  }
}

TEMPLATE_TEST_CASE("Lanes that share the panels of a product compute the bits of one lane", "[simd]", F32, F16, Bf16,
                   F64) {
  using T = typename TestType::Number;
  for (const std::size_t n : {65, 150})
    for (const std::size_t k : {7, 64})
      for (const std::size_t rows : {1, 2, 5, 8, 19}) {
        Matrix<TestType> w(n, k, n * k);
        const std::size_t x_stride = round_up(k, 2), y_stride = round_up(n, block_lanes);
        const auto x = strided<typename TestType::Activation>(rows, k, x_stride - k, x_stride, 3);
        const std::vector<T> whole = product(w, x.data(), x_stride, rows, y_stride);
        const std::size_t count = w.panels().count();
        std::size_t wrong = 0;
        for (std::size_t first = 0; first <= count; ++first)
          for (std::size_t second = first; second <= count; ++second) {
            std::vector<T> y(rows * y_stride, 7);
            for (const Range share : {Range{second, count}, Range{0, first}, Range{first, second}})
              bora::simd::matmul<TestType>(w.panels(), share, x.data(), x_stride, rows, y.data(), y_stride);
            wrong += !same_bits(y, whole);
          }
        CHECK(wrong == 0);
      }
}

namespace {

/// What is wrong with dx += dy W for one size.
struct Faults {
  std::size_t sums = 0, padding = 0, alone = 0, shared = 0;
};
template <class Format>
void check_transposed(std::size_t n, std::size_t k, std::size_t rows, Faults& faults) {
  using T = typename Format::Number;
  Matrix<Format> w(n, k, 100 * n + k);
  const std::size_t dy_stride = n + 3, dx_stride = round_up(k, block_lanes) + block_lanes;
  const auto dy = strided<T>(rows, n, 0, dy_stride, k);
  const auto before = bells<T>(rows * dx_stride, 4);
  const auto add = [&](Range share, std::size_t first, std::size_t count, std::vector<T>& dx) {
    bora::simd::matmul_transposed<Format>(w.panels(), share, &dy[first * dy_stride], dy_stride, count,
                                          &dx[first * dx_stride], dx_stride);
  };
  auto whole = before;
  add({0, k}, 0, rows, whole);
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t c = 0; c < k; ++c) {
      Bound sum;
      sum.add(wide(before[m * dx_stride + c]));
      for (std::size_t i = 0; i < n; ++i) sum.add(w.at(i, c) * wide(dy[m * dy_stride + i]));
      faults.sums += !sum.allows(whole[m * dx_stride + c], static_cast<double>(n) + 1);
    }
    for (std::size_t c = k; c < dx_stride; ++c) faults.padding += whole[m * dx_stride + c] != before[m * dx_stride + c];
  }
  auto one = before;
  for (std::size_t m = 0; m < rows; ++m) add({0, k}, m, 1, one);
  faults.alone += !same_bits(one, whole);
  for (std::size_t cut = 0; cut < k; cut += block_lanes) {
    auto parts = before;
    add({cut, k}, 0, rows, parts);
    add({0, cut}, 0, rows, parts);
    faults.shared += !same_bits(parts, whole);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("A transposed product adds exact sums at every size, and no row depends on the others", "[simd]",
                   F32, F16, Bf16, F64) {
  Faults faults;
  for (const std::size_t n : widths)
    for (std::size_t k = 1; k <= 70; ++k) check_transposed<TestType>(n, k, 1 + (n * 70 + k) % most_rows, faults);
  for (const std::size_t rows : {1, 3, 8, 19}) check_transposed<TestType>(530, 150, rows, faults);  // several pieces
  CHECK(faults.sums == 0);
  CHECK(faults.padding == 0);
  CHECK(faults.alone == 0);
  CHECK(faults.shared == 0);
}

namespace {

template <class T, class X>
void check_outer_product() {
  std::size_t wrong = 0, outside = 0, shared = 0, chunked = 0;
  for (const std::size_t n : widths)
    for (std::size_t k = 1; k <= 70; ++k) {
      const std::size_t tokens = 1 + (n * 70 + k) % most_rows, dy_stride = n + 3, x_stride = k + 5;
      const auto dy = strided<T>(tokens, n, 0, dy_stride, k);
      const auto x = strided<X>(tokens, k, 0, x_stride, n);
      const auto before = bells<T>(n * k + 16, 4);
      const auto add = [&](Range share, std::size_t first, std::size_t count, std::vector<T>& dw) {
        bora::simd::outer_product(share, &dy[first * dy_stride], dy_stride, &x[first * x_stride], x_stride, count,
                                  dw.data(), k);
      };
      auto whole = before;
      add({0, n}, 0, tokens, whole);
      for (std::size_t r = 0; r < n; ++r)
        for (std::size_t c = 0; c < k; ++c) {
          Bound sum;
          sum.add(wide(before[r * k + c]));
          for (std::size_t t = 0; t < tokens; ++t) sum.add(wide(dy[t * dy_stride + r]) * wide(x[t * x_stride + c]));
          wrong += !sum.allows(whole[r * k + c], static_cast<double>(tokens) + 1);
        }
      for (std::size_t i = n * k; i < whole.size(); ++i) outside += whole[i] != before[i];
      for (const std::size_t cut : {std::size_t{1}, n / 3, n / 2, n - n / 5}) {
        auto parts = before;
        add({std::min(cut, n), n}, 0, tokens, parts);
        add({0, std::min(cut, n)}, 0, tokens, parts);
        shared += !same_bits(parts, whole);
      }
      auto parts = before;
      for (std::size_t t = 0; t < tokens; t += 3) add({0, n}, t, std::min<std::size_t>(3, tokens - t), parts);
      chunked += !same_bits(parts, whole);
    }
  CHECK(wrong == 0);
  CHECK(outside == 0);
  CHECK(shared == 0);
  CHECK(chunked == 0);  // the sum over tokens may be cut anywhere
}

}  // namespace

TEST_CASE("An outer product adds exact sums at every size, however its rows and tokens are cut", "[simd]") {
  SECTION("F32") { check_outer_product<float, float>(); }
  SECTION("Bf16") { check_outer_product<float, bora::bfloat16>(); }
  SECTION("F64") { check_outer_product<double, double>(); }
}
