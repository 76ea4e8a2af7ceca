#include "support/catch.hpp"
#include <bora/core/tensor.hpp>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

using bora::Tensor;
using bora::TokenBatch;

TEST_CASE("A tensor is dense and its last index runs fastest", "[core]") {
  Tensor<float, 3> tensor({2, 3, 4});
  REQUIRE(tensor.size() == 24);
  std::iota(tensor.values().begin(), tensor.values().end(), 0.0f);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      const auto row = std::as_const(tensor).row(i, j);
      REQUIRE(row.size() == 4);
      for (std::size_t k = 0; k < 4; ++k) CHECK(row[k] == static_cast<float>((i * 3 + j) * 4 + k));
    }
  tensor.row(1, 2)[3] = -1;
  CHECK(tensor.values().back() == -1);
  CHECK(tensor.extent(1) == 3);
  CHECK(tensor.shape() == std::array<std::size_t, 3>{2, 3, 4});
}

TEST_CASE("A tensor begins as zeros; without a shape it is empty", "[core]") {
  Tensor<double, 1> vector({5});
  CHECK(std::vector<double>(vector.row().begin(), vector.row().end()) == std::vector<double>(5, 0.0));
  CHECK(Tensor<float, 2>().size() == 0);
  CHECK(Tensor<float, 2>({0, 7}).size() == 0);
}

TEST_CASE("A token batch holds rows of one length", "[core]") {
  const TokenBatch batch(2, 3, {1, 2, 3, 4, 5, 6});
  CHECK(batch.batch() == 2);
  CHECK(batch.time() == 3);
  CHECK(batch.ids().size() == 6);
  CHECK(std::vector<bora::TokenId>(batch.row(1).begin(), batch.row(1).end()) == std::vector<bora::TokenId>{4, 5, 6});
}

TEST_CASE("A token batch of another size than promised is refused", "[core]") {
  try {
    TokenBatch(2, 3, {1, 2, 3, 4, 5});
    FAIL("accepted");
  } catch (const bora::ConfigError& error) {
    CHECK(error.what() == std::string("TokenBatch: 5 ids given, expected batch 2 * time 3"));
  }
  CHECK_THROWS_AS(TokenBatch(2, 3, {1, 2, 3, 4, 5, 6, 7}), bora::ConfigError);
  CHECK_THROWS_AS(TokenBatch(2, 0, {1}), bora::ConfigError);
  CHECK_THROWS_AS(TokenBatch(0, 3, {1}), bora::ConfigError);
  CHECK_NOTHROW(TokenBatch(0, 3, {}));
}

TEST_CASE("A token batch whose size would wrap is refused", "[core]") {
  constexpr std::size_t half = std::size_t{1} << (sizeof(std::size_t) * 4);
  CHECK_THROWS_AS(TokenBatch(half, half, {}), bora::ConfigError);
  CHECK_THROWS_AS(TokenBatch(half * (half / 2) + 1, 2, {1, 2}), bora::ConfigError);
  try {
    TokenBatch(half * (half / 8), 8, {});
    FAIL("accepted");
  } catch (const bora::ConfigError& error) {
    CHECK(error.what() ==
          bora::detail::message("TokenBatch: 0 ids given, expected batch ", half * (half / 8), " * time 8"));
  }
}

TEST_CASE("A tensor whose size would wrap is refused", "[core]") {
  constexpr std::size_t half = std::size_t{1} << (sizeof(std::size_t) * 4);
  CHECK_THROWS_AS((Tensor<float, 2>({half, half})), bora::ConfigError);
  CHECK_THROWS_AS((Tensor<float, 3>({half, half / 8, 2})),
                  bora::ConfigError);  // numbers that can be counted, not bytes
  CHECK((Tensor<float, 3>({half, half, 0}).size()) == 0);
  try {
    Tensor<char, 2>({half, half});
    FAIL("accepted");
  } catch (const bora::ConfigError& error) {
    CHECK(error.what() == bora::detail::message("Tensor: the shape [", half, ", ", half, "] holds more than ",
                                                std::numeric_limits<std::ptrdiff_t>::max(),
                                                " numbers, expected what fits into memory"));
  }
}

TEST_CASE("A token outside the vocabulary is refused by its number", "[core]") {
  CHECK_NOTHROW(bora::check_tokens(std::vector<bora::TokenId>{0, 9}, 10));
  CHECK_THROWS_AS(bora::check_token(10, 10), bora::TokenError);
  CHECK_THROWS_AS(bora::check_token(-1, 10), bora::TokenError);
  try {
    bora::check_tokens(std::vector<bora::TokenId>{3, -2}, 10);
    FAIL("accepted");
  } catch (const bora::TokenError& error) {
    CHECK(error.what() == std::string("token id -2 is outside the vocabulary: expected 0 to 9"));
  }
}
