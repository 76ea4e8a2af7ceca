#include "support/catch.hpp"
#include <bora/core/error.hpp>
#include <array>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

TEST_CASE("Everything thrown on purpose is an Error and a runtime_error", "[core]") {
  static_assert(std::is_base_of_v<std::runtime_error, bora::Error>);
  static_assert(std::is_base_of_v<bora::Error, bora::FileError>);
  static_assert(std::is_base_of_v<bora::Error, bora::ConfigError>);
  static_assert(std::is_base_of_v<bora::Error, bora::CapacityError>);
  static_assert(std::is_base_of_v<bora::Error, bora::TokenError>);
  CHECK_THROWS_AS(throw bora::CapacityError("full"), std::runtime_error);
}

TEST_CASE("A message joins words, characters and numbers", "[core]") {
  CHECK(bora::detail::message("found ", 3, " rows of ", std::string("W"), ',', " expected ", std::size_t{4}) ==
        "found 3 rows of W, expected 4");
  CHECK(bora::detail::message().empty());
  CHECK(bora::detail::message(-1.5) == "-1.5");
  CHECK(bora::detail::message(1.0000001) == "1.0000001");  // what is refused for being above 1 reads so
  CHECK(bora::detail::message(-1e-9) == "-1e-09");
  CHECK(bora::detail::message(1e6) == "1000000");
  CHECK(bora::detail::message(1e300) == "1e+300");
  CHECK(bora::detail::message(std::numeric_limits<double>::quiet_NaN()) == "NaN");
}

TEST_CASE("A shape is written in brackets", "[core]") {
  CHECK(bora::detail::shape_text(std::vector<std::size_t>{3, 5}) == "[3, 5]");
  CHECK(bora::detail::shape_text(std::array<int, 1>{7}) == "[7]");
  CHECK(bora::detail::shape_text(std::vector<std::size_t>{}) == "[]");
}
