#include "support/catch.hpp"
#include <bora/core/token_batch.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using bora::BatchParts, bora::TokenBatch, bora::TokenId;

/// The predicted tokens of a row; -1 where nothing is.
std::vector<int> targets(const TokenBatch& batch, std::size_t row) {
  std::vector<int> found;
  for (std::size_t t = 0; t < batch.length(row); ++t) {
    const auto target = batch.target(row, t);
    found.push_back(target ? target->id : -1);
  }
  return found;
}

std::string refusal(BatchParts parts) {
  try {
    TokenBatch(2, 3, {1, 2, 3, 4, 5, 6}, std::move(parts));
  } catch (const bora::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("Without parts each token predicts the next, and the last of a row nothing", "[core]") {
  const TokenBatch batch(2, 3, {1, 2, 3, 4, 5, 6});
  CHECK(targets(batch, 0) == std::vector{2, 3, -1});
  CHECK(targets(batch, 1) == std::vector{5, 6, -1});
  CHECK(batch.target(0, 0)->weight == 1);
  CHECK(batch.targets() == 4);
  CHECK(batch.tokens() == 6);
}

TEST_CASE("Padding is no token and no target", "[core]") {
  const TokenBatch batch(2, 4, {1, 2, 9, 9, 4, 5, 6, 7}, {.lengths = {2, 4}});
  CHECK(targets(batch, 0) == std::vector{2, -1});
  CHECK(targets(batch, 1) == std::vector{5, 6, 7, -1});
  CHECK(batch.targets() == 4);
  CHECK(batch.tokens() == 6);
}

TEST_CASE("A sequence ends where the segment's number changes, and predicts nothing of the next", "[core]") {
  const TokenBatch batch(1, 6, {1, 2, 3, 4, 5, 9}, {.lengths = {5}, .segments = {7, 7, 7, 0, 0, -1}});
  CHECK(targets(batch, 0) == std::vector{2, 3, -1, 5, -1});
  CHECK(batch.sequence_end(0, 0) == 3);
  CHECK(batch.sequence_end(0, 2) == 3);
  CHECK(batch.sequence_end(0, 3) == 5);
}

TEST_CASE("A weight of 0 is no target; targets may be given", "[core]") {
  const TokenBatch masked(1, 4, {1, 2, 3, 4}, {.weights = {0, 2.5f, -1, 1}});
  CHECK(targets(masked, 0) == std::vector{-1, 3, 4, -1});
  CHECK(masked.target(0, 1)->weight == 2.5f);
  const TokenBatch given(1, 4, {1, 2, 3, 4}, {.targets = {8, 7, 6, 5}, .weights = {1, 0, 1, 1}});
  CHECK(targets(given, 0) == std::vector{8, -1, 6, 5});
}

TEST_CASE("Weights of the tokens themselves move to where these are predicted", "[core]") {
  const std::vector<float> answers{1, 0, 1, 1, 9, 2, 0, 3};
  CHECK(bora::weights_before(4, answers) == std::vector<float>{0, 1, 1, 0, 2, 0, 3, 0});
  CHECK(bora::weights_before(1, answers) == std::vector<float>(8));
  CHECK(bora::weights_before(4, {}).empty());
}

TEST_CASE("Parts of a wrong size, impossible lengths and weights are refused by a sentence", "[core]") {
  CHECK(refusal({.targets = {1}}) == "TokenBatch: 1 targets given, expected none or batch * time: 6");
  CHECK(refusal({.weights = {1, 2}}) == "TokenBatch: 2 weights given, expected none or batch * time: 6");
  CHECK(refusal({.segments = {1, 2}}) == "TokenBatch: 2 segments given, expected none or batch * time: 6");
  CHECK(refusal({.lengths = {1, 2, 3}}) == "TokenBatch: 3 lengths given, expected none or batch: 2");
  CHECK(refusal({.lengths = {3, 4}}) == "TokenBatch: row 1 has length 4, expected 1 to 3");
  CHECK(refusal({.lengths = {0, 1}}) == "TokenBatch: row 0 has length 0, expected 1 to 3");
  CHECK(refusal({.weights = {1, 1, 1, 1, 1, std::nanf("")}}).starts_with("TokenBatch: a weight is NaN"));
  CHECK(refusal({.weights = {1, 1, 1, 1, 1, HUGE_VALF}}).starts_with("TokenBatch: a weight is "));
}
