#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>

using bora::Random;

namespace {

struct Moments {
  double mean = 0, deviation = 0, skew = 0, kurtosis = 0, least = 1e30, most = -1e30;
};

template <class Draw>
Moments moments(std::size_t n, Draw&& draw) {
  double sum[5] = {};
  Moments m;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = draw(i);
    double power = 1;
    for (double& s : sum) {
      s += power;
      power *= x;
    }
    m.least = std::min(m.least, x);
    m.most = std::max(m.most, x);
  }
  for (double& s : sum) s /= static_cast<double>(n);
  m.mean = sum[1];
  const double variance = sum[2] - sum[1] * sum[1];
  m.deviation = std::sqrt(variance);
  m.skew = (sum[3] - 3 * sum[1] * sum[2] + 2 * std::pow(sum[1], 3)) / std::pow(variance, 1.5);
  m.kurtosis =
      (sum[4] - 4 * sum[1] * sum[3] + 6 * sum[1] * sum[1] * sum[2] - 3 * std::pow(sum[1], 4)) / (variance * variance);
  return m;
}

constexpr std::size_t draws = 1'000'000;

}  // namespace

TEST_CASE("The k-th number of a stream depends on seed, stream and k only", "[core]") {
  Random walking(7, 3);
  const Random standing(7, 3);
  for (std::uint64_t k = 0; k < 100; ++k) CHECK(walking() == standing.at(k));
  CHECK(walking.position() == 100);
  walking.seek(5);
  CHECK(walking() == standing.at(5));
  static_assert(Random(1).at(0) == Random(1).at(0));
}

TEST_CASE("Seeds and streams share no numbers", "[core]") {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (std::uint64_t stream = 0; stream < 20; ++stream)
      for (std::uint64_t k = 0; k < 20; ++k) seen.insert(Random(seed, stream).at(k));
  CHECK(seen.size() == 8'000);
}

TEST_CASE("Every bit is set half of the time", "[core]") {
  Random random(1);
  std::array<double, 64> set{};
  constexpr std::size_t n = 100'000;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t bits = random();
    for (std::size_t b = 0; b < 64; ++b) set[b] += static_cast<double>((bits >> b) & 1);
  }
  for (const double count : set) CHECK(std::abs(count / n - 0.5) < 5 * 0.5 / std::sqrt(double(n)));
}

TEST_CASE("Uniform numbers fill [0, 1)", "[core]") {
  Random random(2);
  const Moments m = moments(draws, [&](std::size_t) { return random.uniform(); });
  CHECK(m.least >= 0);
  CHECK(m.least < 1e-4);
  CHECK(m.most < 1);
  CHECK(m.most > 1 - 1e-4);
  CHECK(std::abs(m.mean - 0.5) < 5 * 0.2887 / 1000);
  CHECK(std::abs(m.deviation - 1 / std::sqrt(12.0)) < 1e-3);
}

TEST_CASE("below(n) draws 0 .. n - 1 equally often", "[core]") {
  const std::uint64_t bound = GENERATE(1, 2, 7, 10, 100);
  Random random(3);
  std::array<double, 100> seen{};
  constexpr double n = 200'000;
  std::size_t outside = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    const std::uint64_t x = random.below(bound);
    if (x < bound)
      ++seen[x];
    else
      ++outside;
  }
  CHECK(outside == 0);
  const double share = n / static_cast<double>(bound);
  for (std::size_t x = 0; x < bound; ++x) CHECK(std::abs(seen[x] - share) < 5.5 * std::sqrt(share));
  CHECK(Random(1).below(~std::uint64_t{0}) < ~std::uint64_t{0});
}

TEST_CASE("Normal numbers are normal", "[core]") {
  Random random(4);
  std::array<std::size_t, 4> beyond{};
  const Moments m = moments(draws, [&](std::size_t) {
    const double x = random.normal();
    for (std::size_t s = 0; s < 4; ++s) beyond[s] += std::abs(x) > static_cast<double>(s + 1);
    return x;
  });
  CHECK(std::abs(m.mean) < 5e-3);
  CHECK(std::abs(m.deviation - 1) < 4e-3);
  CHECK(std::abs(m.skew) < 0.015);
  CHECK(std::abs(m.kurtosis - 3) < 0.03);
  for (std::size_t s = 0; s < 4; ++s) {  // the tails, to five deviations of their count
    const double share = std::erfc(static_cast<double>(s + 1) / std::sqrt(2.0));
    CHECK(std::abs(static_cast<double>(beyond[s]) - share * draws) < 5 * std::sqrt(share * draws));
  }
  CHECK(std::isfinite(m.most));
}

TEST_CASE("The bell has mean 0, deviation 1 and ends at 3.46", "[core]") {
  const Random random(5);
  const Moments m = moments(draws, [&](std::size_t i) { return static_cast<double>(random.bell_at(i)); });
  CHECK(std::abs(m.mean) < 5e-3);
  CHECK(std::abs(m.deviation - 1) < 4e-3);
  CHECK(std::abs(m.skew) < 0.015);
  CHECK(std::abs(m.kurtosis - 2.7) < 0.03);  // 3 - 1.2 / 4, a sum of four uniforms
  CHECK(m.most <= 3.4642);
  CHECK(m.least >= -3.4642);
  CHECK(m.most > 3.2);
  CHECK(m.least < -3.2);
}

TEST_CASE("Neighbours in a stream are uncorrelated", "[core]") {
  const Random random(6);
  double sum = 0;
  for (std::size_t i = 0; i < draws; ++i)
    sum += static_cast<double>(random.bell_at(i)) * static_cast<double>(random.bell_at(i + 1));
  CHECK(std::abs(sum / draws) < 5e-3);
}
