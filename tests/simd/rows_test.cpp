#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/rows.hpp>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

using bora::simd::RowStatistics;
using numbers::bells;
using numbers::Bound;
using numbers::rounding;
using numbers::same_bits;
using numbers::wide;

namespace {

constexpr std::size_t longest = 70;

/// n numbers followed by poison, which no kernel may read or overwrite.
template <class T>
std::vector<T> row(std::size_t n, std::uint64_t seed, double size = 1) {
  auto values = bells<T>(n, seed, size);
  values.resize(n + 20, numbers::poison<T>());
  return values;
}
template <class T>
std::vector<T> empty_row(std::size_t n) {
  return std::vector<T>(n + 20, numbers::poison<T>());
}
/// Nothing was written beyond n.
template <class T>
bool whole(const std::vector<T>& values, std::size_t n) {
  for (std::size_t i = n; i < values.size(); ++i)
    if (!std::isnan(wide(values[i]))) return false;
  return true;
}
template <class T>
bool near(T found, double exact, double roundings, double size = 0) {
  return std::abs(wide(found) - exact) <= roundings * rounding<T> * std::max(std::abs(exact), size);
}

/// The gradient of `loss` with respect to each of `x`, by central differences.
std::vector<double> differences(std::vector<double> x, std::size_t n,
                                const std::function<double(const double*)>& loss) {
  std::vector<double> gradient(n);
  constexpr double step = 1e-5;
  for (std::size_t i = 0; i < n; ++i) {
    const double at = x[i];
    x[i] = at + step;
    const double above = loss(x.data());
    x[i] = at - step;
    const double below = loss(x.data());
    x[i] = at;
    gradient[i] = (above - below) / (2 * step);
  }
  return gradient;
}

}  // namespace

TEMPLATE_TEST_CASE("Rows are added, scaled, clipped and converted at every length", "[simd]", float, double) {
  using T = TestType;
  namespace simd = bora::simd;
  std::size_t wrong = 0;
  for (std::size_t n = 0; n <= longest; ++n) {
    const auto a = row<T>(n, 1), b = row<T>(n, 2);
    auto sum = empty_row<T>(n), scaled = b, product = a, clipped = a, copy = empty_row<T>(n);
    auto narrow = empty_row<bora::bfloat16>(n);
    simd::add(a.data(), b.data(), sum.data(), n);
    simd::add_scaled(T(0.7), a.data(), scaled.data(), n);
    simd::scale(T(-1.3), product.data(), n);
    simd::clip(T(0.5), clipped.data(), n);
    simd::round_row(a.data(), copy.data(), n);
    simd::round_row(a.data(), narrow.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      wrong += sum[i] != a[i] + b[i];
      wrong += !near(scaled[i], wide(b[i]) + wide(T(0.7)) * wide(a[i]), 2, wide(T(2)));
      wrong += product[i] != a[i] * T(-1.3);
      wrong += clipped[i] != std::clamp(a[i], T(-0.5), T(0.5));
      wrong += copy[i] != a[i];
      wrong += narrow[i].bits != bora::to_bfloat16(static_cast<float>(a[i])).bits;
    }
    wrong += !whole(sum, n) + !whole(scaled, n) + !whole(product, n) + !whole(clipped, n) + !whole(narrow, n);
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("A rotation turns half-split pairs and turns back", "[simd]", float, double) {
  using T = TestType;
  std::size_t wrong = 0;
  for (std::size_t half = 1; half <= longest; ++half) {
    const auto angle = bells<double>(half, 3, 2);
    auto cosine = empty_row<T>(half), sine = empty_row<T>(half);
    for (std::size_t i = 0; i < half; ++i) {
      cosine[i] = static_cast<T>(std::cos(angle[i]));
      sine[i] = static_cast<T>(std::sin(angle[i]));
    }
    const auto x = row<T>(2 * half, 4);
    auto turned = empty_row<T>(2 * half);
    bora::simd::rotate(x.data(), cosine.data(), sine.data(), half, T(1), turned.data());
    for (std::size_t i = 0; i < half; ++i) {
      const double a = wide(x[i]), b = wide(x[half + i]), c = wide(cosine[i]), s = wide(sine[i]);
      wrong += !near(turned[i], a * c - b * s, 3, std::abs(a) + std::abs(b));
      wrong += !near(turned[half + i], b * c + a * s, 3, std::abs(a) + std::abs(b));
    }
    bora::simd::rotate(turned.data(), cosine.data(), sine.data(), half, T(-1), turned.data());
    for (std::size_t i = 0; i < 2 * half; ++i) wrong += !near(turned[i], wide(x[i]), 12, 4);
    wrong += !whole(turned, 2 * half);
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("A dot product ends where the row does", "[simd]", float, double) {
  std::size_t wrong = 0;
  for (std::size_t n = 0; n <= 200; ++n) {
    const auto a = row<TestType>(n, 5), b = row<TestType>(n, 6);
    Bound sum;
    for (std::size_t i = 0; i < n; ++i) sum.add(wide(a[i]) * wide(b[i]));
    wrong += !sum.allows(bora::simd::dot(a.data(), b.data(), n), static_cast<double>(n) / 16 + 6);
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("Statistics of a row agree with their definitions", "[simd]", float, double) {
  using T = TestType;
  std::size_t wrong = 0;
  for (std::size_t n = 1; n <= longest; ++n)
    for (const double shift : {0.0, 30.0}) {
      auto x = row<T>(n, 7);
      for (std::size_t i = 0; i < n; ++i) x[i] += static_cast<T>(shift);
      double sum = 0, squares = 0, deviations = 0;
      for (std::size_t i = 0; i < n; ++i) sum += wide(x[i]), squares += wide(x[i]) * wide(x[i]);
      const double mean = sum / static_cast<double>(n);
      for (std::size_t i = 0; i < n; ++i) deviations += (wide(x[i]) - mean) * (wide(x[i]) - mean);
      const auto rms = bora::simd::rms_statistics(x.data(), n, 1e-5);
      wrong += rms.mean != 0;
      wrong += !near(rms.inverse_deviation, 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5), 12);
      const auto layer = bora::simd::layer_statistics(x.data(), n, 1e-2);
      wrong += !near(layer.mean, mean, 10, shift + 1);
      // Rounding of the mean moves each deviation: at 30 by 30 roundings.
      wrong +=
          !near(layer.inverse_deviation, 1 / std::sqrt(deviations / static_cast<double>(n) + 1e-2), 60 + 30 * shift);
    }
  CHECK(wrong == 0);
}

TEST_CASE("A row of zeros and a row of one number are normalised to what eps allows", "[simd]") {
  const std::vector<float> zeros(33, 0.0f), threes(33, 3.0f);
  CHECK(bora::simd::rms_statistics(zeros.data(), 33, 1e-5).inverse_deviation == 1 / std::sqrt(1e-5f));
  const auto s = bora::simd::layer_statistics(threes.data(), 33, 1e-5);
  CHECK(s.mean == 3);
  CHECK(s.inverse_deviation == 1 / std::sqrt(1e-5f));
}

TEMPLATE_TEST_CASE("Normalised rows agree with the formula, with and without weight and bias", "[simd]", float,
                   double) {
  using T = TestType;
  std::size_t wrong = 0;
  for (std::size_t n = 1; n <= longest; ++n)
    for (const bool has_weight : {false, true})
      for (const bool has_bias : {false, true}) {
        const auto x = row<T>(n, 8), weight = row<T>(n, 9), bias = row<T>(n, 10);
        const RowStatistics<T> s{T(0.3), T(1.7)};
        auto y = empty_row<T>(n);
        auto narrow = empty_row<bora::bfloat16>(n);
        const T *w = has_weight ? weight.data() : nullptr, *b = has_bias ? bias.data() : nullptr;
        bora::simd::normalise(x.data(), n, s, w, b, y.data());
        bora::simd::normalise(x.data(), n, s, w, b, narrow.data());
        for (std::size_t i = 0; i < n; ++i) {
          const double normal = (wide(x[i]) - wide(s.mean)) * wide(s.inverse_deviation);
          const double exact = normal * (w ? wide(w[i]) : 1) + (b ? wide(b[i]) : 0);
          wrong += !near(y[i], exact, 5, 10);
          wrong += narrow[i].bits != bora::to_bfloat16(static_cast<float>(y[i])).bits;
        }
        wrong += !whole(y, n) + !whole(narrow, n);
      }
  CHECK(wrong == 0);
}

TEST_CASE("The backward of both norms is their derivative", "[simd]") {
  const bool centred = GENERATE(false, true), has_weight = GENERATE(false, true);
  numbers::Worst worst;
  for (const std::size_t n : {1, 2, 7, 15, 16, 17, 33, 70}) {
    const auto x = row<double>(n, 11), dy = row<double>(n, 12), weight = row<double>(n, 13);
    const double* w = has_weight ? weight.data() : nullptr;
    const auto statistics = [&](const double* at) {
      return centred ? bora::simd::layer_statistics(at, n, 1e-2) : bora::simd::rms_statistics(at, n, 1e-2);
    };
    const auto loss = [&](const double* at) {
      std::vector<double> y(n);
      bora::simd::normalise(at, n, statistics(at), w, static_cast<const double*>(nullptr), y.data());
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += y[i] * dy[i];
      return sum;
    };
    const auto expected = differences(x, n, loss);
    auto dx = row<double>(n, 14);
    const auto before = dx;
    bora::simd::normalise_backward(x.data(), n, statistics(x.data()), w, dy.data(), dx.data(), centred);
    for (std::size_t i = 0; i < n; ++i) worst.see(dx[i] - before[i], expected[i]);
    CHECK(whole(dx, n));
  }
  CHECK(worst < 1e-7);  // 10 times what a step of 1e-5 leaves
}

TEST_CASE("The backward of both norms in F32 agrees with F64", "[simd]") {
  const bool centred = GENERATE(false, true);
  numbers::Worst worst;
  for (std::size_t n = 1; n <= longest; ++n) {
    const auto x = row<float>(n, 11), dy = row<float>(n, 12), weight = row<float>(n, 13);
    const std::vector<double> x64(x.begin(), x.end()), dy64(dy.begin(), dy.end()), w64(weight.begin(), weight.end());
    std::vector<float> dx(n, 0.0f), dw(n, 0.0f);
    std::vector<double> dx64(n, 0.0), dw64(n, 0.0);
    const auto run = [&](const auto* x_, const auto* w_, const auto* dy_, auto* dx_, auto* dw_) {
      const auto s = centred ? bora::simd::layer_statistics(x_, n, 1e-2) : bora::simd::rms_statistics(x_, n, 1e-2);
      bora::simd::normalise_backward(x_, n, s, w_, dy_, dx_, centred);
      bora::simd::add_normal_product(x_, n, s, dy_, dw_);
    };
    run(x.data(), weight.data(), dy.data(), dx.data(), dw.data());
    run(x64.data(), w64.data(), dy64.data(), dx64.data(), dw64.data());
    double size = 1;
    for (const double d : dx64) size = std::max(size, std::abs(d));
    for (std::size_t i = 0; i < n; ++i) {
      worst.see(wide(dx[i]), dx64[i], size);
      worst.see(wide(dw[i]), dw64[i]);
    }
  }
  CHECK(worst < 5e-6);
}

TEMPLATE_TEST_CASE("The gradient of a norm's weight is added on any part of a row", "[simd]", float, double) {
  using T = TestType;
  constexpr std::size_t n = 70;
  const auto x = row<T>(n, 15), dy = row<T>(n, 16), before = row<T>(n, 17);
  const RowStatistics<T> s{T(0.2), T(1.5)};
  auto all = before;
  bora::simd::add_normal_product(x.data(), n, s, dy.data(), all.data());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i)
    wrong +=
        !near(all[i], wide(before[i]) + wide(dy[i]) * (wide(x[i]) - wide(s.mean)) * wide(s.inverse_deviation), 5, 8);
  CHECK(wrong == 0);
  for (std::size_t cut = 0; cut <= n; ++cut) {
    auto parts = before;
    bora::simd::add_normal_product(x.data(), cut, s, dy.data(), parts.data());
    bora::simd::add_normal_product(&x[cut], n - cut, s, &dy[cut], &parts[cut]);
    CHECK(same_bits(parts.data(), all.data(), n));
  }
}

TEMPLATE_TEST_CASE("log_sum_exp neither overflows nor counts what is not there", "[simd]", float, double) {
  using T = TestType;
  std::size_t wrong = 0;
  for (std::size_t n = 1; n <= 200; ++n)
    for (const double shift : {0.0, -1000.0, 1000.0}) {
      auto x = row<T>(n, 18, 3);
      for (std::size_t i = 0; i < n; ++i) x[i] += static_cast<T>(shift);
      double largest = -1e300, sum = 0;
      for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, wide(x[i]));
      for (std::size_t i = 0; i < n; ++i) sum += std::exp(wide(x[i]) - largest);
      const auto found = bora::simd::log_sum_exp(x.data(), n);
      wrong += wide(found.largest) != largest;
      wrong += !near(found.log_sum, std::log(sum), 20, 1);
      auto p = empty_row<T>(n);
      bora::simd::exp_shifted(x.data(), found.largest, T(0.5), p.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        const double below = wide(x[i]) - largest;  // its rounding is scaled by itself
        wrong += !near(p[i], 0.5 * std::exp(below), 6 - below);
      }
      wrong += !whole(p, n);
    }
  CHECK(wrong == 0);
}

TEST_CASE("The largest is found where a float cannot count that far", "[simd]") {
  constexpr std::size_t stretch = std::size_t{1} << 24, n = stretch + 40;
  std::vector<float> x(n, -1.0f);
  CHECK(bora::simd::largest_index(x.data(), n) == 0);  // the first of equals
  for (const std::size_t at : {n - 1, stretch + 17, stretch, stretch - 1, std::size_t{5}}) {
    x[at] = 1;
    CHECK(bora::simd::largest_index(x.data(), n) == at);
  }
}

TEMPLATE_TEST_CASE("Soft caps are a tanh at every length, and their derivative is that of the tanh", "[simd]", float,
                   double) {
  using T = TestType;
  std::size_t wrong = 0;
  for (std::size_t n = 0; n <= longest; ++n) {
    const auto x = row<T>(n, 7 + n, 3), d = row<T>(n, 8 + n);
    auto capped = x, gradient = d;
    bora::simd::soft_cap(T(2), capped.data(), n);
    bora::simd::soft_cap_backward(T(2), capped.data(), gradient.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double t = std::tanh(wide(x[i]) / 2);
      wrong += !near(capped[i], 2 * t, 8);
      wrong += !near(gradient[i], wide(d[i]) * (1 - t * t), 16, std::abs(wide(d[i])));
    }
    wrong += !whole(capped, n) + !whole(gradient, n);
  }
  CHECK(wrong == 0);
}

TEST_CASE("A cap of what is infinite has a derivative of zero", "[simd]") {
  const float infinity = std::numeric_limits<float>::infinity(), capped[] = {infinity, -infinity, 2, 0};
  float d[] = {1, 1, 1, 1};
  bora::simd::soft_cap_backward(2.0f, capped, d, 4);
  CHECK((d[0] == 0 && d[1] == 0 && d[2] == 0 && d[3] == 1));
}

TEST_CASE("Weights that are differences from one give the bits of the weights", "[simd]") {
  std::size_t wrong = 0;
  for (std::size_t n = 1; n <= longest; ++n) {
    const auto x = row<float>(n, 9 + n), dy = row<float>(n, 10 + n);
    auto offset = row<float>(n, 11 + n, 0.2), weight = offset, y = empty_row<float>(n), z = y;
    for (std::size_t i = 0; i < n; ++i) weight[i] = 1 + offset[i];
    const float* const none = nullptr;
    const auto s = bora::simd::rms_statistics(x.data(), n, 1e-5);
    bora::simd::normalise(x.data(), n, s, offset.data(), none, y.data(), 1.0f);
    bora::simd::normalise(x.data(), n, s, weight.data(), none, z.data());
    std::vector<float> first(n), second(n);
    bora::simd::normalise_backward(x.data(), n, s, offset.data(), dy.data(), first.data(), false, 1.0f);
    bora::simd::normalise_backward(x.data(), n, s, weight.data(), dy.data(), second.data(), false);
    for (std::size_t i = 0; i < n; ++i) wrong += y[i] != z[i] || first[i] != second[i];
    wrong += !whole(y, n);
  }
  CHECK(wrong == 0);
}
