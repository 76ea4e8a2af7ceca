#include "support/catch.hpp"
#include <bora/core/checked.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

using bora::CheckedSize;

namespace {
constexpr std::size_t largest = std::numeric_limits<std::size_t>::max();
}

TEST_CASE("Checked arithmetic that fits is plain arithmetic", "[core]") {
  static_assert((CheckedSize(6) * 7 + 8 - 50).value() == 0);
  CHECK((CheckedSize(largest) * 1).value() == largest);
  CHECK((CheckedSize(largest) * 0).value() == 0);
  CHECK((CheckedSize(0) * largest).value() == 0);
  CHECK((CheckedSize(largest / 3) * 3).value() == largest / 3 * 3);
  CHECK((CheckedSize(largest - 1) + 1).value() == largest);
  CHECK((CheckedSize(largest) - largest).value() == 0);
  CheckedSize size = 5;
  size *= 4;
  size += 2;
  CHECK(size.value() == 22);
  CHECK(CheckedSize(3) < CheckedSize(4));
  CHECK(CheckedSize(4) == CheckedSize(4));
}

TEST_CASE("Checked arithmetic that wraps is an error of the file", "[core]") {
  CHECK_THROWS_AS(CheckedSize(largest) * 2, bora::FileError);
  CHECK_THROWS_AS(CheckedSize(std::size_t{1} << 32) * (std::size_t{1} << 32), bora::FileError);
  CHECK_THROWS_AS(CheckedSize(largest / 3 + 1) * 3, bora::FileError);
  CHECK_THROWS_AS(CheckedSize(largest) + 1, bora::FileError);
  CHECK_THROWS_AS(CheckedSize(1) + largest, bora::FileError);
  CHECK_THROWS_AS(CheckedSize(3) - 4, bora::FileError);
}

TEST_CASE("Checked assignment that throws leaves the size alone", "[core]") {
  CheckedSize size = largest;
  CHECK_THROWS_AS(size *= 2, bora::FileError);
  CHECK_THROWS_AS(size += 1, bora::FileError);
  CHECK(size.value() == largest);
}

TEST_CASE("A product is checked against every pair of factors near the limit", "[core]") {
  std::size_t wrong = 0;
  __extension__ using Wide = unsigned __int128;
  for (std::uint64_t a = 1; a != 0; a <<= 1)
    for (std::uint64_t b = 1; b != 0; b <<= 1)
      for (const std::uint64_t x : {a - 1, a, a + 1})
        for (const std::uint64_t y : {b - 1, b, b + 1}) {
          const bool fits = static_cast<Wide>(x) * y <= largest;
          try {
            wrong += (CheckedSize(x) * y).value() != x * y || !fits;
          } catch (const bora::FileError&) {
            wrong += fits;
          }
        }
  CHECK(wrong == 0);
}
