#include "support/catch.hpp"
#include "train/small_models.hpp"
#include <bora/train/gradient.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using bora::BalanceLoss, bora::LossOptions;

/// What the routers of a forward said.
struct Routed {
  std::vector<std::vector<double>> logits;  ///< [tokens, experts]
  std::vector<std::vector<int>> choices;    ///< [tokens, choices]
};

template <class S>
struct Measured {
  bora::Loss loss;
  std::vector<double> per_layer;
  std::vector<Routed> layers;
  bora::Parameters<S, double> gradients;
};

template <class S>
Measured<S> measure(const bora::Parameters<S, double>& p, const bora::TokenBatch& batch, const LossOptions& options) {
  const bora::Decoder<S, bora::F64> model(p);
  bora::detail::TrainingPass<S, bora::F64> pass(batch.batch(), batch.time(), 1);
  Measured<S> m;
  m.loss = pass.run(model, batch, options, m.gradients);
  for (std::size_t l = 0; l < S::layers; ++l) {
    using Router = typename S::FeedForward::template Layer<S::dim>::Router;
    const auto& kept = pass.forward().template kept<0>(l).feed_forward.router;
    const auto* layer = &kept;
    m.per_layer.push_back(Router::template losses<bora::Packed<bora::F64>>(std::span(&layer, 1), batch.ids().size(),
                                                                           {BalanceLoss::per_layer}));
    Routed routed;
    for (std::size_t r = 0; r < batch.ids().size(); ++r) {
      routed.logits.emplace_back(kept.logits.row(r), kept.logits.row(r) + S::FeedForward::experts);
      routed.choices.emplace_back(kept.choice.row(r), kept.choice.row(r) + S::FeedForward::choices);
    }
    m.layers.push_back(std::move(routed));
  }
  return m;
}

/// E * sum over s < choices and e of f_(s,e) P_e over one list of tokens.
double balance_of(const Routed& routed, std::size_t choices) {
  const std::size_t tokens = routed.logits.size(), experts = routed.logits[0].size();
  double loss = 0;
  for (std::size_t e = 0; e < experts; ++e) {
    double probability = 0, chosen = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      double sum = 0;
      for (const double logit : routed.logits[t]) sum += std::exp(logit);
      probability += std::exp(routed.logits[t][e]) / sum / static_cast<double>(tokens);
      for (std::size_t s = 0; s < choices; ++s)
        chosen += routed.choices[t][s] == static_cast<int>(e) ? 1 / static_cast<double>(tokens) : 0;
    }
    loss += static_cast<double>(experts) * chosen * probability;
  }
  return loss;
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-12 * (1 + std::abs(b)); }

template <class S>
void set_routers(bora::Parameters<S, double>& p, double value) {
  p.for_each([&](bora::TensorId id, bora::TensorShape, std::span<double> values) {
    if (id.name == "router") std::fill(values.begin(), values.end(), value);
  });
}

const bora::TokenBatch tokens = small::batch(2, 19, 3);

}  // namespace

TEST_CASE("The choices are the largest logits, falling, and ties go to the lower index", "[train]") {
  const auto m = measure(small::parameters<small::Mixture, double>(1), tokens, {});
  std::size_t wrong = 0;
  for (const Routed& routed : m.layers)
    for (std::size_t t = 0; t < routed.logits.size(); ++t) {
      std::vector<int> order{0, 1, 2, 3};
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return routed.logits[t][static_cast<std::size_t>(a)] > routed.logits[t][static_cast<std::size_t>(b)];
      });
      wrong += routed.choices[t] != std::vector<int>(order.begin(), order.begin() + 2);
    }
  CHECK(wrong == 0);
}

TEST_CASE("Hugging Face's loss takes the tokens of all layers as one list", "[train]") {
  const auto m = measure(small::parameters<small::Mixture, double>(1), tokens, {.load_balancing = 0.5});
  Routed all = m.layers[0];
  all.logits.insert(all.logits.end(), m.layers[1].logits.begin(), m.layers[1].logits.end());
  all.choices.insert(all.choices.end(), m.layers[1].choices.begin(), m.layers[1].choices.end());
  CHECK(near(m.loss.load_balancing, balance_of(all, 2)));
}

TEST_CASE("Switch Transformers' loss takes each layer by itself and its first choice only", "[train]") {
  const auto m = measure(small::parameters<small::Mixture, double>(1), tokens,
                         {.load_balancing = 0.5, .balance = BalanceLoss::per_layer});
  REQUIRE(m.per_layer.size() == 2);
  CHECK(near(m.per_layer[0], balance_of(m.layers[0], 1)));
  CHECK(near(m.per_layer[1], balance_of(m.layers[1], 1)));
  CHECK(near(m.loss.load_balancing, m.per_layer[0] + m.per_layer[1]));
}

TEST_CASE("The objective is the sum of its parts, each times its coefficient", "[train]") {
  for (const BalanceLoss balance : {BalanceLoss::all_layers, BalanceLoss::per_layer}) {
    const auto p = small::parameters<small::Mixture, double>(2);
    const auto both = measure(p, tokens, {.load_balancing = 0.5, .balance = balance, .cross_entropy = 0.25});
    CHECK(near(both.loss.total, 0.25 * both.loss.cross_entropy + 0.5 * both.loss.load_balancing));
    const auto first = measure(p, tokens, {.load_balancing = 0, .balance = balance, .cross_entropy = 1});
    const auto second = measure(p, tokens, {.load_balancing = 1, .balance = balance, .cross_entropy = 0});
    CHECK(first.loss.load_balancing == both.loss.load_balancing);  // it is measured, whatever its coefficient
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < p.values().size(); ++i)
      wrong +=
          !near(both.gradients.values()[i], 0.25 * first.gradients.values()[i] + 0.5 * second.gradients.values()[i]);
    CHECK(wrong == 0);
  }
}

TEST_CASE("Routers that cannot tell experts apart score the number of choices, or one a layer", "[train]") {
  auto p = small::parameters<small::Mixture, double>(1);
  set_routers(p, 0.0);
  CHECK(near(measure(p, tokens, {}).loss.load_balancing, 2));
  CHECK(near(measure(p, tokens, {.balance = BalanceLoss::per_layer}).loss.load_balancing, 2));
  CHECK(near(measure(p, tokens, {.balance = BalanceLoss::per_layer}).per_layer[1], 1));
}

TEST_CASE("The load-balancing loss does not reach the head, nor what comes after the last router", "[train]") {
  const auto m =
      measure(small::parameters<small::Mixture, double>(1), tokens, {.load_balancing = 1, .cross_entropy = 0});
  m.gradients.for_each([](bora::TensorId id, bora::TensorShape, std::span<const double> values) {
    const bool zero = std::all_of(values.begin(), values.end(), [](double g) { return g == 0; });
    const bool expert = id.name == "gate" || id.name == "up" || id.name == "down";
    INFO(id.name << " of layer " << id.layer);
    if (id.name == "head" || id.name == "final_norm" || (expert && id.layer == 1)) CHECK(zero);
    if (id.name == "router" || id.name == "embedding") CHECK(!zero);
  });
}

TEST_CASE("A model without experts has no load-balancing loss", "[train]") {
  const bora::Decoder<small::Dense, bora::F32> model(small::parameters<small::Dense, float>(1));
  const auto without = bora::loss_and_gradients(model, tokens);
  const auto with = bora::loss_and_gradients(model, tokens, {.load_balancing = 10});
  CHECK(with.loss == without.loss);
  CHECK(std::memcmp(with.gradients.values().data(), without.gradients.values().data(),
                    with.gradients.values().size_bytes()) == 0);
}
