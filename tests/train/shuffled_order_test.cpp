#include "support/catch.hpp"
#include <bora/train/shuffled_order.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using bora::ShuffledOrder;

TEST_CASE("A shuffled order visits each place once", "[train]") {
  for (const std::uint64_t size : {1, 2, 3, 4, 5, 16, 17, 100, 255, 256, 257, 4097}) {
    const ShuffledOrder order(size, 7, 3);
    std::vector<int> seen(size);
    for (std::uint64_t i = 0; i < size; ++i) {
      REQUIRE(order.at(i) < size);
      ++seen[order.at(i)];
    }
    CHECK(seen == std::vector<int>(size, 1));
  }
}

TEST_CASE("Large orders are computed place by place", "[train]") {
  const std::uint64_t size = (std::uint64_t{1} << 61) + 12345;
  const ShuffledOrder order(size, 1, 1);
  for (std::uint64_t i = 0; i < 1000; ++i) CHECK(order.at(size - 1 - i) < size);
}

TEST_CASE("Seed and stream decide the order, and nothing else does", "[train]") {
  const ShuffledOrder order(1000, 7, 3), again(1000, 7, 3), seed(1000, 8, 3), stream(1000, 7, 4);
  std::size_t as_seed = 0, as_stream = 0, fixed = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(order.at(i) == again.at(i));
    as_seed += order.at(i) == seed.at(i);
    as_stream += order.at(i) == stream.at(i);
    fixed += order.at(i) == i;
  }
  CHECK(as_seed < 10);  // one is to be expected of two random orders
  CHECK(as_stream < 10);
  CHECK(fixed < 10);
}

TEST_CASE("Every place is as likely to hold every number", "[train]") {
  constexpr std::size_t size = 6, trials = 6000;
  std::vector<double> counts(size * size);
  for (std::uint64_t seed = 0; seed < trials; ++seed)
    for (std::uint64_t i = 0; i < size; ++i) ++counts[i * size + ShuffledOrder(size, seed, 0).at(i)];
  double chi = 0;
  for (const double count : counts) chi += std::pow(count - trials / size, 2) / (trials / size);
  CHECK(chi < 60);  // 25 degrees of freedom: 1 in 10000 is above 60
}
