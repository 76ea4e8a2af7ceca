#include "support/catch.hpp"
#include "train/runs.hpp"
#include <bora/train/evaluate.hpp>
#include <bora/train/gradient.hpp>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {
using bora::Bf16, bora::Decoder, bora::F32, bora::F64;
}

TEST_CASE("The evaluated loss is the training pass's", "[train]") {
  const bora::TokenBatch batch = small::batch(3, 17, 4);
  const Decoder<small::Mixture, F64> exact(small::parameters<small::Mixture, double>(1));
  CHECK(std::abs(bora::evaluate(exact, batch).loss - bora::loss_and_gradients(exact, batch).loss) < 1e-12);
  const Decoder<small::Dense, F32> dense(small::parameters<small::Dense, float>(1));
  CHECK(std::abs(bora::evaluate(dense, batch).loss - static_cast<double>(bora::loss_and_gradients(dense, batch).loss)) <
        1e-6);
  const bora::TokenBatch wide = small::batch(30, 12, 5);  // more rows than the head takes at a time
  const Decoder<small::Learned, Bf16> learned(small::parameters<small::Learned, float>(1));
  CHECK(std::abs(bora::evaluate(learned, wide).loss -
                 static_cast<double>(bora::loss_and_gradients(learned, wide).loss)) < 1e-6);
}

TEST_CASE("An evaluation has the same bits for any number of threads and any batches", "[train]") {
  const Decoder<small::Mixture, F32> model(small::parameters<small::Mixture, float>(1));
  const bora::TokenFile file = [] {
    const support::TemporaryFolder folder;
    return bora::TokenFile(runs::token_file(folder / "tokens", runs::tokens(1000, 9)), bora::FileAccess::read);
  }();
  const auto whole = bora::held_out_batches(file, 40, 21, 40);
  const bora::Evaluation expected = bora::evaluate(model, whole);
  CHECK(whole.size() == 1);
  CHECK(expected.predictions == 40 * 20);
  for (const std::size_t rows : {1, 3, 8})
    for (const std::size_t lanes : {1, 2, 3}) {
      bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
      const bora::Evaluation found = bora::evaluate(model, bora::held_out_batches(file, rows, 21, 40), &pool);
      CHECK(found.loss == expected.loss);
      CHECK(found.predictions == expected.predictions);
    }
}

TEST_CASE("Perplexity and bits per byte follow from the loss", "[train]") {
  const bora::Evaluation e{.loss = std::log(8.0), .predictions = 10};
  CHECK(std::abs(e.perplexity() - 8) < 1e-12);
  CHECK(std::abs(e.bits_per_byte(1) - 3) < 1e-12);
  CHECK(std::abs(e.bits_per_byte(4) - 0.75) < 1e-12);
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) CHECK_THROWS_AS(e.bits_per_byte(bad), bora::ConfigError);
}

TEST_CASE("Held-out rows are cut from the beginning, one after the other", "[train]") {
  const support::TemporaryFolder folder;
  const std::vector<bora::TokenId> ids = runs::tokens(57, 1);
  const bora::TokenFile file(runs::token_file(folder / "tokens", ids));
  const auto batches = bora::held_out_batches(file, 3, 10, 100);
  REQUIRE(batches.size() == 2);
  CHECK(batches[0].batch() == 3);
  CHECK(batches[1].batch() == 2);
  CHECK(std::equal(batches[1].ids().begin(), batches[1].ids().end(), ids.begin() + 30));
  CHECK(bora::held_out_batches(file, 3, 10, 2).size() == 1);
  CHECK_THROWS_AS(bora::held_out_batches(file, 3, 58, 2), bora::FileError);
  CHECK_THROWS_AS(bora::held_out_batches(file, 0, 10, 2), bora::ConfigError);
}

TEST_CASE("An evaluation of nothing, and of ids outside the vocabulary, is refused", "[train]") {
  const Decoder<small::Dense, F32> model;
  CHECK_THROWS_AS(bora::evaluate(model, std::vector<bora::TokenBatch>()), bora::TokenError);
  CHECK_THROWS_AS(bora::evaluate(model, bora::TokenBatch(1, 2, {1, 29})), bora::TokenError);
  CHECK_THROWS_AS(bora::evaluate(model, bora::TokenBatch(2, 1, {1, 2})), bora::TokenError);
}
