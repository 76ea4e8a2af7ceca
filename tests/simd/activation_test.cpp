#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/activation.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

using numbers::wide;

namespace {

// The functions and their derivatives, in double from <cmath>, in forms that hold for every float.
struct Relu {
  using Function = bora::simd::ReluFunction;
  static double value(double x) { return std::max(0.0, x); }
  static double slope(double x) { return x > 0 ? 1 : 0; }
};
struct Silu {
  using Function = bora::simd::SiluFunction;
  static double value(double x) { return x / (1 + std::exp(-x)); }
  static double slope(double x) {
    const double s = 1 / (1 + std::exp(-x));
    return s + x * s / (1 + std::exp(x));
  }
};
struct Gelu {
  using Function = bora::simd::GeluFunction;
  static double phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
  static double value(double x) { return x * phi(x); }
  static double slope(double x) { return phi(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
};
struct GeluTanh {
  using Function = bora::simd::GeluTanhFunction;
  static double inner(double x) { return std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x); }
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }  // (1 + tanh(x / 2)) / 2
  static double value(double x) { return x * sigmoid(2 * inner(x)); }
  static double slope(double x) {
    const double u = 2 * inner(x), s = sigmoid(u), rest = sigmoid(-u);  // 1 - s
    return s + 2 * x * s * rest * std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * x * x);
  }
};

template <class T>
std::vector<T> grid() {
  std::vector<T> x;
  for (int i = -30'000; i <= 30'000; ++i) x.push_back(static_cast<T>(i / 1000.0));
  return x;
}

struct Errors {
  numbers::Worst value, slope;  // values relative to max(1, |x|): what a sum with other features sees
};
template <class Case, class T>
Errors errors() {
  const std::vector<T> x = grid<T>();
  std::vector<T> y(x.size()), d(x.size(), T(1));
  bora::simd::activate<typename Case::Function>(x.data(), y.data(), x.size());
  bora::simd::activate_backward<typename Case::Function>(x.data(), d.data(), x.size());
  Errors e;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double size = std::max(1.0, std::abs(wide(x[i])));
    e.value.see(wide(y[i]), Case::value(wide(x[i])), size);
    e.slope.see(wide(d[i]), Case::slope(wide(x[i])));
  }
  return e;
}

}  // namespace

TEMPLATE_TEST_CASE("Activations and their derivatives agree with the library's functions from -30 to 30", "[simd]",
                   Relu, Silu, Gelu, GeluTanh) {
  const auto single = errors<TestType, float>();
  CHECK(single.value < 2.5e-7);  // 4 roundings; the exact GELU's polynomial promises 1e-7 and two roundings
  CHECK(single.slope < 3e-7);    // nothing cancels: a few roundings of numbers up to 1.13
  const auto twin = errors<TestType, double>();
  CHECK(twin.value < 1e-15);
  CHECK(twin.slope < 1e-15);
}

/// Numbers of every exponent, from the smallest subnormal to the largest, of both signs.
template <class T>
std::vector<T> whole_range() {
  std::vector<T> x{T(0)};
  for (T size = std::numeric_limits<T>::denorm_min(); std::isfinite(T(1.37) * size); size *= 2)
    for (const T sign : {T(1), T(-1)}) x.insert(x.end(), {sign * size, sign * size * T(1.37)});
  for (const T size : {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()})
    for (const T sign : {T(1), T(-1)}) x.push_back(sign * size);
  return x;
}
template <class Case, class T>
void check_whole_range(double tolerance) {
  const std::vector<T> x = whole_range<T>();
  std::vector<T> y(x.size()), d(x.size(), T(1));
  bora::simd::activate<typename Case::Function>(x.data(), y.data(), x.size());
  bora::simd::activate_backward<typename Case::Function>(x.data(), d.data(), x.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = wide(x[i]), far = std::clamp(at, -1e3, 1e3);  // beyond, the derivative is 0 or 1
    const double value = std::abs(wide(y[i]) - Case::value(at)), slope = std::abs(wide(d[i]) - Case::slope(far));
    const double smallest = wide(std::numeric_limits<T>::denorm_min());
    wrong += !(value <= tolerance * std::abs(at) + smallest) || !(slope <= 2 * tolerance);
    wrong += !std::isfinite(y[i]) || !std::isfinite(d[i]);
  }
  CHECK(wrong == 0);
}
TEMPLATE_TEST_CASE("Activations and their derivatives are finite and right over the whole range", "[simd]", Relu, Silu,
                   Gelu, GeluTanh) {
  check_whole_range<TestType, float>(2.5e-7);
  check_whole_range<TestType, double>(1e-15);
}

TEMPLATE_TEST_CASE("The derivative is that of its activation", "[simd][double]", Silu, Gelu, GeluTanh) {
  constexpr double step = 1e-5;
  std::vector<double> x, above, below;
  for (double at = -12; at <= 12; at += 0.01) {
    x.push_back(at);
    above.push_back(at + step);
    below.push_back(at - step);
  }
  const std::size_t n = x.size();
  std::vector<double> high(n), low(n), d(n, 1.0);
  bora::simd::activate<typename TestType::Function>(above.data(), high.data(), n);
  bora::simd::activate<typename TestType::Function>(below.data(), low.data(), n);
  bora::simd::activate_backward<typename TestType::Function>(x.data(), d.data(), n);
  numbers::Worst worst;
  for (std::size_t i = 0; i < n; ++i) worst.see(d[i], (high[i] - low[i]) / (2 * step));
  CHECK(worst < 1e-9);  // step^2 and roundings / step
}

TEMPLATE_TEST_CASE("Activations of far away numbers are 0 or the number itself", "[simd]", Relu, Silu, Gelu, GeluTanh) {
  std::vector<float> x, y, d;
  for (const float size : {90.0f, 105.0f, 177.0f, 178.5f, 200.0f, 1e3f, 1e6f, 1e12f, 1e18f, 3e19f, 3e38f}) {
    x.push_back(size);
    x.push_back(-size);
  }
  y.resize(x.size());
  d.assign(x.size(), 1);
  bora::simd::activate<typename TestType::Function>(x.data(), y.data(), x.size());
  bora::simd::activate_backward<typename TestType::Function>(x.data(), d.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(x[i]);
    CHECK(y[i] == (x[i] > 0 ? x[i] : 0));
    CHECK(std::abs(d[i] - (x[i] > 0 ? 1.0f : 0.0f)) < 1e-37f);  // at -90 it is -7e-38, or flushed
  }
}

TEMPLATE_TEST_CASE("An activation of a NaN is a NaN", "[simd]", Silu, Gelu, GeluTanh) {
  const float x = std::numeric_limits<float>::quiet_NaN();
  float y = 0, d = 1;
  bora::simd::activate<typename TestType::Function>(&x, &y, 1);
  bora::simd::activate_backward<typename TestType::Function>(&x, &d, 1);
  CHECK(std::isnan(y));
  CHECK(std::isnan(d));
}

TEMPLATE_TEST_CASE("Gated activations multiply, forward and backward, at every length", "[simd]", Relu, Silu, Gelu,
                   GeluTanh) {
  using Function = typename TestType::Function;
  numbers::Worst worst;
  std::size_t outside = 0;
  for (std::size_t n = 1; n <= 70; ++n) {
    auto gate = numbers::bells<float>(n, 1, 2), up = numbers::bells<float>(n, 2), d = numbers::bells<float>(n, 3);
    const auto gradient = d;
    gate.resize(n + 16, numbers::poison<float>());  // beyond the row's end there may be anything
    up.resize(n + 16, numbers::poison<float>());
    d.resize(n + 16, 7);
    std::vector<float> y(n + 16, 7), d_gate(n + 16, 7);
    std::vector<bora::bfloat16> narrow(n);
    bora::simd::activate_gated<Function>(gate.data(), up.data(), y.data(), n);
    bora::simd::activate_gated<Function>(gate.data(), up.data(), narrow.data(), n);
    bora::simd::activate_gated_backward<Function>(gate.data(), up.data(), d.data(), d_gate.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double g = wide(gate[i]), u = wide(up[i]), dy = wide(gradient[i]);
      worst.see(wide(y[i]), TestType::value(g) * u);
      worst.see(wide(d[i]), dy * TestType::value(g));
      worst.see(wide(d_gate[i]), dy * u * TestType::slope(g));
      outside += narrow[i].bits != bora::to_bfloat16(y[i]).bits;
    }
    for (std::size_t i = n; i < n + 16; ++i) outside += y[i] != 7 || d[i] != 7 || d_gate[i] != 7;
  }
  CHECK(worst < 1e-5);  // of numbers up to 20
  CHECK(outside == 0);
}

TEST_CASE("An activation does not depend on where in the row its number stands", "[simd]") {
  const auto x = numbers::bells<float>(64, 4, 3);
  std::vector<float> whole(64), one(1);
  bora::simd::activate<bora::simd::GeluTanhFunction>(x.data(), whole.data(), 64);
  for (std::size_t i = 0; i < 64; ++i) {
    bora::simd::activate<bora::simd::GeluTanhFunction>(&x[i], one.data(), 1);
    CHECK(one[0] == whole[i]);
  }
}
