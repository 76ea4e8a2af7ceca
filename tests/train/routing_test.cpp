#include "support/catch.hpp"
#include "train/small_models.hpp"
#include <bora/core/executor.hpp>
#include <bora/train/routing.hpp>
#include <bora/train/gradient.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace {
using bora::Decoder, bora::F32;
using Batches = std::vector<bora::TokenBatch>;

/// Layer 0 has one feed-forward layer, layer 1 has experts.
struct EveryOther : small::Mixture {
  using FeedForward = bora::Alternate<small::Dense::FeedForward, small::Mixture::FeedForward>;
};

std::span<const bora::TokenBatch> all(const Batches& batches) { return batches; }

/// The choices that a training pass keeps, counted.
template <class Spec>
std::vector<double> counted(const Decoder<Spec, F32>& model, const bora::TokenBatch& batch, std::size_t layer) {
  bora::detail::TrainingPass<Spec, F32> pass(batch.batch(), batch.time(), 1);
  bora::Parameters<Spec> gradients;
  pass.run(model, batch, {}, gradients);
  std::vector<double> counts(4);
  const auto& choice =
      pass.forward().template kept<bora::detail::Anatomy<Spec>::kinds - 1>(layer).feed_forward.router.choice;
  for (std::size_t r = 0; r < batch.ids().size(); ++r)
    for (std::size_t c = 0; c < 2; ++c) ++counts[static_cast<std::size_t>(choice.row(r)[c])];
  return counts;
}
}  // namespace

TEST_CASE("Where routers see no difference, the first experts share all choices", "[train]") {
  auto parameters = small::parameters<small::Mixture, float>(1);
  parameters.for_each([](bora::TensorId id, bora::TensorShape, std::span<float> values) {
    if (id.name == "router") std::fill(values.begin(), values.end(), 0.0f);
  });
  const Decoder<small::Mixture, F32> model(parameters);
  const std::vector<std::vector<double>> expected(2, {0.5, 0.5, 0.0, 0.0});
  CHECK(bora::expert_shares(model, all({small::batch(3, 17, 4)})) == expected);
}

TEST_CASE("Experts' shares are the choices of training, over all batches", "[train]") {
  const Decoder<small::Mixture, F32> model(small::parameters<small::Mixture, float>(1));
  const Batches batches{small::batch(3, 17, 4), small::batch(2, 30, 5), small::batch(3, 17, 6)};
  const auto shares = bora::expert_shares(model, all(batches));
  REQUIRE(shares.size() == 2);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    std::vector<double> expected(4);
    for (const bora::TokenBatch& batch : batches) {
      const std::vector<double> counts = counted(model, batch, layer);
      for (std::size_t e = 0; e < 4; ++e) expected[e] += counts[e] / (2.0 * (3 * 17 + 2 * 30 + 3 * 17));
    }
    for (std::size_t e = 0; e < 4; ++e) CHECK(std::abs(shares[layer][e] - expected[e]) < 1e-12);
  }
  for (const std::size_t lanes : {2, 3}) {
    bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
    CHECK(bora::expert_shares(model, all(batches), &pool) == shares);
  }
}

TEST_CASE("A layer without experts has no shares", "[train]") {
  const Decoder<EveryOther, F32> model(small::parameters<EveryOther, float>(1));
  const bora::TokenBatch batch = small::batch(2, 11, 7);
  const auto shares = bora::expert_shares(model, all({batch}));
  CHECK(shares[0].empty());
  REQUIRE(shares[1].size() == 4);
  const std::vector<double> counts = counted(model, batch, 1);
  for (std::size_t e = 0; e < 4; ++e) CHECK(std::abs(shares[1][e] - counts[e] / 44) < 1e-12);
}

TEST_CASE("Shares need a batch whose ids the model knows", "[train]") {
  const Decoder<small::Mixture, F32> model(small::parameters<small::Mixture, float>(1));
  CHECK_THROWS_WITH(bora::expert_shares(model, {}), "expert_shares: no batch given, expected at least one");
  CHECK_THROWS_AS(bora::expert_shares(model, all({small::batch(1, 9, 1, 40)})), bora::TokenError);
}
