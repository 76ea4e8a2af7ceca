#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/layers/experts.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

using bora::SoftmaxTopKRouter;
using bora::TopKRouter;

namespace {

template <class T>
struct Routed {
  std::vector<std::int32_t> choice;
  std::vector<T> weight;
};
template <class Router, class T>
Routed<T> route(const std::vector<T>& logits) {
  Routed<T> r{std::vector<std::int32_t>(Router::choices, -1), std::vector<T>(Router::choices)};
  Router::route(logits.data(), logits.size(), r.choice.data(), r.weight.data());
  return r;
}
std::vector<double> random_logits(std::size_t experts, std::uint64_t seed) {
  bora::Random random(seed);
  std::vector<double> logits(experts);
  for (double& x : logits) x = 2 * random.normal();
  return logits;
}
/// Softmax over all experts.
std::vector<double> softmax(const std::vector<double>& logits) {
  std::vector<double> p;
  for (const double x : logits) p.push_back(std::exp(x));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}
template <class T>
double sum(const std::vector<T>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

/// The gradient of sum(weight * d_weight) with respect to the logits is `backward`'s.
template <class Router>
void check_backward(std::size_t experts) {
  constexpr double step = 1e-6;
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<double> logits = random_logits(experts, seed),
                              d_weight = random_logits(Router::choices, seed + 99);
    const auto routed = route<Router>(logits);
    std::vector<double> d_logits(experts, 0.5);  // gradients are added
    Router::backward(logits.data(), experts, routed.choice.data(), routed.weight.data(), d_weight.data(),
                     d_logits.data());
    const auto loss = [&](std::size_t e, double by) {
      auto moved = logits;
      moved[e] += by;
      const auto r = route<Router>(moved);
      CHECK(r.choice == routed.choice);  // the choice itself has no gradient
      return std::inner_product(r.weight.begin(), r.weight.end(), d_weight.begin(), 0.0);
    };
    for (std::size_t e = 0; e < experts; ++e)
      worst = std::max(worst, std::abs(d_logits[e] - 0.5 - (loss(e, step) - loss(e, -step)) / (2 * step)));
  }
  CHECK(worst < 1e-8);
}

}  // namespace

TEMPLATE_TEST_CASE("A router chooses by falling logit", "[layers]", TopKRouter<3>, SoftmaxTopKRouter<3>) {
  CHECK(route<TestType, float>({0.5f, 3, -1, 2, 2.5f}).choice == std::vector<std::int32_t>{1, 4, 3});
  CHECK(route<TestType, float>({-5, -4, -3}).choice == std::vector<std::int32_t>{2, 1, 0});
}

TEMPLATE_TEST_CASE("Ties go to the lower index", "[layers]", TopKRouter<2>, SoftmaxTopKRouter<2>) {
  CHECK(route<TestType, float>({1, 1, 1, 1}).choice == std::vector<std::int32_t>{0, 1});
  CHECK(route<TestType, float>({0, 7, 3, 7, 7}).choice == std::vector<std::int32_t>{1, 3});
  CHECK(route<TestType, float>({2, 9, 2, 2}).choice == std::vector<std::int32_t>{1, 0});
}

TEST_CASE("Every choice is a stable sort's", "[layers]") {
  bora::Random random(1);
  std::size_t wrong = 0;
  for (int trial = 0; trial < 2'000; ++trial) {
    std::vector<float> logits(8);
    for (float& x : logits) x = static_cast<float>(random.below(4));  // many ties
    std::vector<std::int32_t> order(8);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    order.resize(5);
    wrong += route<TopKRouter<5>>(logits).choice != order;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Mixtral's weights are a softmax over the chosen and sum to 1", "[layers]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto logits = random_logits(8, seed);
    const auto routed = route<TopKRouter<2>>(logits);
    CHECK(std::abs(sum(routed.weight) - 1) < 1e-15);
    // the same as all experts' softmax, the chosen renormalised
    const auto p = softmax(logits);
    const double kept = p[static_cast<std::size_t>(routed.choice[0])] + p[static_cast<std::size_t>(routed.choice[1])];
    for (std::size_t c = 0; c < 2; ++c)
      CHECK(std::abs(routed.weight[c] - p[static_cast<std::size_t>(routed.choice[c])] / kept) < 1e-14);
    CHECK(routed.weight[0] >= routed.weight[1]);
  }
}

TEST_CASE("Softmax before the choice is another router: its weights are probabilities of all experts", "[layers]") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto logits = random_logits(8, seed);
    const auto before = route<SoftmaxTopKRouter<2>>(logits), after = route<TopKRouter<2>>(logits);
    const auto p = softmax(logits);
    CHECK(before.choice == after.choice);
    for (std::size_t c = 0; c < 2; ++c) {
      CHECK(std::abs(before.weight[c] - p[static_cast<std::size_t>(before.choice[c])]) < 1e-15);
      CHECK(before.weight[c] < after.weight[c]);
    }
    CHECK(sum(before.weight) < 1);
  }
}

TEST_CASE("One choice has weight 1 after, and its probability before", "[layers]") {
  const auto logits = random_logits(8, 3);
  CHECK(route<TopKRouter<1>>(logits).weight[0] == 1);
  const auto p = softmax(logits);
  CHECK(std::abs(route<SoftmaxTopKRouter<1>>(logits).weight[0] - *std::max_element(p.begin(), p.end())) < 1e-15);
}

TEST_CASE("Where all experts are chosen both routers agree", "[layers]") {
  const auto logits = random_logits(4, 5);
  const auto before = route<SoftmaxTopKRouter<4>>(logits), after = route<TopKRouter<4>>(logits);
  CHECK(before.choice == after.choice);
  auto sorted = after.choice;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == std::vector<std::int32_t>{0, 1, 2, 3});
  for (std::size_t c = 0; c < 4; ++c) CHECK(std::abs(before.weight[c] - after.weight[c]) < 1e-15);
  CHECK(std::abs(sum(before.weight) - 1) < 1e-15);
  CHECK(route<TopKRouter<1>, float>({-3}).choice == std::vector<std::int32_t>{0});
}

TEMPLATE_TEST_CASE("Logits of thousands do not overflow a router", "[layers]", TopKRouter<2>, SoftmaxTopKRouter<2>) {
  for (const float shift : {-2'000.0f, 2'000.0f}) {
    const auto routed = route<TestType, float>({shift, shift + 1, shift - 400, shift});
    CHECK(routed.choice == std::vector<std::int32_t>{1, 0});
    CHECK(std::isfinite(routed.weight[0]));
    CHECK(routed.weight[0] > routed.weight[1]);
    CHECK(routed.weight[1] > 0);
  }
}

TEST_CASE("The backward of a router is its derivative", "[layers]") {
  check_backward<TopKRouter<1>>(4);
  check_backward<TopKRouter<2>>(8);
  check_backward<TopKRouter<3>>(3);
  check_backward<SoftmaxTopKRouter<1>>(4);
  check_backward<SoftmaxTopKRouter<2>>(8);
  check_backward<SoftmaxTopKRouter<3>>(3);
}

TEST_CASE("Only Switch's router gives a single choice a gradient", "[layers]") {
  const std::vector<double> logits = {0.2, 1.0, -0.5};
  const double d_weight = 1;
  std::vector<double> mixtral(3), before(3);
  auto routed = route<TopKRouter<1>>(logits);
  TopKRouter<1>::backward(logits.data(), 3, routed.choice.data(), routed.weight.data(), &d_weight, mixtral.data());
  CHECK(mixtral == std::vector<double>{0, 0, 0});
  routed = route<SoftmaxTopKRouter<1>>(logits);
  SoftmaxTopKRouter<1>::backward(logits.data(), 3, routed.choice.data(), routed.weight.data(), &d_weight,
                                 before.data());
  CHECK(before[1] > 0.1);
  CHECK(before[0] < 0);
  CHECK(std::abs(sum(before)) < 1e-15);  // a softmax does not see a common shift
}
