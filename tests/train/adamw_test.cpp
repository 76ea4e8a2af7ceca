#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/simd/adamw.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace {

struct State {
  std::vector<float> g, m, v, w;
};

State random_state(std::size_t n, std::uint64_t seed) {
  State s{std::vector<float>(n), std::vector<float>(n), std::vector<float>(n), std::vector<float>(n)};
  bora::Random random(seed);
  for (std::size_t i = 0; i < n; ++i) {
    s.g[i] = static_cast<float>(random.normal());
    s.m[i] = static_cast<float>(0.1 * random.normal());
    s.v[i] = static_cast<float>(0.1 * random.uniform());
    s.w[i] = static_cast<float>(random.normal());
  }
  return s;
}

bora::simd::AdamwStep step_number(double s) {
  return {.learning_rate = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.95,
          .eps = 1e-8,
          .weight_decay = 0.1,
          .correction1 = 1 - std::pow(0.9, s),
          .correction2 = 1 - std::pow(0.95, s),
          .gradient_scale = 0.5};
}

bool near(float found, double expected) { return std::abs(found - expected) <= 1e-6 * (1 + std::abs(expected)); }

}  // namespace

TEST_CASE("AdamW equals its formula in double, at every length and offset, and touches nothing beside", "[train]") {
  std::size_t wrong = 0, touched = 0;
  for (std::size_t n = 0; n <= 67; ++n)
    for (const std::size_t offset : {0, 1, 5}) {
      const State before = random_state(n + offset + 3, n * 10 + offset);
      State after = before;
      const bora::simd::AdamwStep o = step_number(3);
      bora::simd::adamw(o, after.g.data() + offset, after.m.data() + offset, after.v.data() + offset,
                        after.w.data() + offset, n);
      for (std::size_t i = 0; i < before.w.size(); ++i) {
        if (i < offset || i >= offset + n) {
          touched += after.m[i] != before.m[i] || after.v[i] != before.v[i] || after.w[i] != before.w[i];
          continue;
        }
        const double g = 0.5 * static_cast<double>(before.g[i]);
        const double m = 0.9 * static_cast<double>(before.m[i]) + 0.1 * g;
        const double v = 0.95 * static_cast<double>(before.v[i]) + 0.05 * g * g;
        const double w = static_cast<double>(before.w[i]) * (1 - 1e-2 * 0.1) -
                         1e-2 * (m / o.correction1) / (std::sqrt(v / o.correction2) + 1e-8);
        wrong += !near(after.m[i], m) || !near(after.v[i], v) || !near(after.w[i], w);
      }
      touched += after.g != before.g;
    }
  CHECK(wrong == 0);
  CHECK(touched == 0);
}

TEST_CASE("A parameter's update does not depend on where its stretch begins", "[train]") {
  const State whole = random_state(83, 1);
  State together = whole, apart = whole;
  const bora::simd::AdamwStep o = step_number(2);
  bora::simd::adamw(o, together.g.data(), together.m.data(), together.v.data(), together.w.data(), 83);
  for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 16}, {16, 48}, {48, 83}})
    bora::simd::adamw(o, apart.g.data() + begin, apart.m.data() + begin, apart.v.data() + begin, apart.w.data() + begin,
                      end - begin);
  CHECK(together.w == apart.w);
  CHECK(together.m == apart.m);
  CHECK(together.v == apart.v);
}

TEST_CASE("The first step moves every parameter by the learning rate, whatever its gradient", "[train]") {
  State s = random_state(19, 4);
  std::fill(s.m.begin(), s.m.end(), 0.0f);
  std::fill(s.v.begin(), s.v.end(), 0.0f);
  const State before = s;
  bora::simd::AdamwStep o = step_number(1);
  o.weight_decay = 0;
  bora::simd::adamw(o, s.g.data(), s.m.data(), s.v.data(), s.w.data(), 19);
  for (std::size_t i = 0; i < 19; ++i) {
    const double move = std::copysign(1e-2, static_cast<double>(before.g[i]));
    CHECK(near(s.w[i], static_cast<double>(before.w[i]) - move));
  }
}

TEST_CASE("Without a gradient, decay alone shrinks a parameter", "[train]") {
  State s = random_state(21, 5);
  std::fill(s.g.begin(), s.g.end(), 0.0f);
  std::fill(s.m.begin(), s.m.end(), 0.0f);
  std::fill(s.v.begin(), s.v.end(), 0.0f);
  const State before = s;
  bora::simd::adamw(step_number(1), s.g.data(), s.m.data(), s.v.data(), s.w.data(), 21);
  for (std::size_t i = 0; i < 21; ++i) CHECK(s.w[i] == before.w[i] * static_cast<float>(1 - 1e-2 * 0.1));
}

TEST_CASE("AdamW in double is the same formula to double's precision", "[train]") {
  const std::size_t n = 37;
  bora::Random random(8);
  std::vector<double> g(n), m(n), v(n), w(n);
  for (std::size_t i = 0; i < n; ++i) g[i] = random.normal(), w[i] = random.normal();
  const std::vector<double> before = w;
  const bora::simd::AdamwStep o = step_number(1);
  bora::simd::adamw(o, g.data(), m.data(), v.data(), w.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    const double half = 0.5 * g[i];
    const double expected = before[i] * (1 - 1e-3) - 1e-2 * half / (std::abs(half) + 1e-8);
    CHECK(std::abs(w[i] - expected) <= 1e-14 * (1 + std::abs(expected)));
  }
}

TEST_CASE("Moments without gradients decay to 0, and not to the smallest subnormals", "[train]") {
  State s = random_state(21, 6);
  std::fill(s.g.begin(), s.g.end(), 0.0f);
  for (int step = 0; step < 4'000; ++step)
    bora::simd::adamw(step_number(1'000), s.g.data(), s.m.data(), s.v.data(), s.w.data(), 21);
  for (std::size_t i = 0; i < 21; ++i) {
    CHECK(s.m[i] == 0);
    CHECK(s.v[i] == 0);
    CHECK(std::isfinite(s.w[i]));
  }
}

// The update is m / (sqrt(v) + eps): where squares underflow, eps must be what decides.
TEST_CASE("Gradients and moments of any size move a parameter as the formula in double does", "[train]") {
  const double least = std::sqrt(static_cast<double>(std::numeric_limits<float>::min()));
  for (const double eps : {1e-8, 1e-12, 1.1 * least}) {
    State s;
    for (double size = 1e-45; size < 1e18; size *= 3)
      for (const double moment : {0.0, 1e-45, 1e-39, 1e-30, 1e-20, 1.0}) {
        s.g.push_back(static_cast<float>(size));
        s.m.push_back(static_cast<float>(moment * size));
        s.v.push_back(static_cast<float>(moment * size * size));
        s.w.push_back(0);
      }
    const State before = s;
    bora::simd::AdamwStep o = step_number(3);
    o.eps = eps;
    bora::simd::adamw(o, s.g.data(), s.m.data(), s.v.data(), s.w.data(), s.g.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < s.g.size(); ++i) {
      const double g = 0.5 * static_cast<double>(before.g[i]);
      const double m = 0.9 * static_cast<double>(before.m[i]) + 0.1 * g;
      const double v = 0.95 * static_cast<double>(before.v[i]) + 0.05 * g * g;
      const double update = 1e-2 * (m / o.correction1) / (std::sqrt(v / o.correction2) + eps);
      // A root below the least may be taken for 0, and so may a subnormal mean; next to eps they are at most of its
      // size.
      const double lost = 1e-2 * static_cast<double>(std::numeric_limits<float>::min()) / o.correction1 / eps;
      wrong += !(std::abs(static_cast<double>(s.w[i]) + update) <= update * (1e-6 + 2 * least / eps) + 2 * lost);
      wrong += !(s.m[i] == 0 || std::isnormal(s.m[i])) || !(s.v[i] == 0 || std::isnormal(s.v[i]));
    }
    CHECK(wrong == 0);
  }
}
