#include "support/catch.hpp"
#include <bora/train/progress.hpp>
#include <cstddef>
#include <vector>

namespace {

using bora::LossHistory, bora::LossPoint;

/// The loss of a step tells which step it was.
LossPoint point(std::size_t step) { return {step, static_cast<double>(step) / 8}; }

}  // namespace

TEST_CASE("A short history keeps every point", "[train]") {
  std::vector<LossPoint> curve, all;
  for (std::size_t step = 1; step <= LossHistory::most_points; ++step) {
    LossHistory::append(curve, point(step));
    all.push_back(point(step));
  }
  CHECK(curve == all);
}

TEST_CASE("A long history keeps the newest point of stretches that double in length", "[train]") {
  std::vector<LossPoint> curve;
  for (std::size_t step = 1; step <= 70'001; ++step) {
    LossHistory::append(curve, point(step));
    REQUIRE(curve.size() <= LossHistory::most_points);
    REQUIRE(curve.back() == point(step));
  }
  REQUIRE(curve.size() > LossHistory::most_points / 2);
  for (std::size_t i = 0; i + 1 < curve.size(); ++i) REQUIRE(curve[i] == point(32 * (i + 1)));  // 32 * 4096 > 70'001
}

TEST_CASE("A history that is taken up again goes on as if it had been kept", "[train]") {
  std::vector<LossPoint> whole, parts;
  for (std::size_t step = 1; step <= 20'000; ++step) {
    LossHistory::append(whole, point(step));
    LossHistory::append(parts, point(step));
    if (step % 777 == 0) parts = std::vector<LossPoint>(parts);  // nothing but the points is remembered
  }
  CHECK(whole == parts);
}

TEST_CASE("Points that lie apart are not thinned before there are too many", "[train]") {
  std::vector<LossPoint> curve;
  for (std::size_t step = 1'000; step <= 2'000'000; step += 1'000) LossHistory::append(curve, point(step));
  CHECK(curve.size() == 2'000);
  for (std::size_t step = 2'001'000; step <= 9'000'000; step += 1'000) LossHistory::append(curve, point(step));
  CHECK(curve.size() <= LossHistory::most_points);
  CHECK(curve.size() > LossHistory::most_points / 2);
}

TEST_CASE("A point of any step can be appended", "[train]") {
  std::vector<LossPoint> curve;
  for (const std::size_t step : {std::size_t{0}, std::size_t{1}, ~std::size_t{0} - 1, ~std::size_t{0}})
    LossHistory::append(curve, {step, 1});
  CHECK(curve.back().step == ~std::size_t{0});
  CHECK(curve.front().step == 0);
}
