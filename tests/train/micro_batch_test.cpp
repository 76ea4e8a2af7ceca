#include "support/catch.hpp"
#include "train/small_models.hpp"
#include <bora/train/summation_tree.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

using bora::Bf16, bora::Decoder, bora::F32, bora::TokenBatch, bora::Trainer, bora::TrainerOptions;

/// Parentheses instead of sums.
struct Node {
  std::size_t first, count;
  std::string sum;
};
using Tree = bora::detail::SummationTree<Node>;
const auto add = [](Node& left, Node&& right) { left.sum = "(" + left.sum + " " + right.sum + ")"; };

Node leaf(std::size_t i) { return {i, 1, std::to_string(i)}; }
std::string sum_in_order(const std::vector<std::size_t>& order) {
  Tree tree;
  for (const std::size_t i : order) tree.insert(leaf(i), add);
  return tree.take(add).sum;
}

TokenBatch rows(const TokenBatch& batch, std::size_t begin, std::size_t end) {
  return {end - begin, batch.time(), {batch.row(begin).begin(), batch.row(end - 1).end()}};
}
std::vector<TokenBatch> cut(const TokenBatch& batch, std::size_t each) {
  std::vector<TokenBatch> parts;
  for (std::size_t b = 0; b < batch.batch(); b += each)
    parts.push_back(rows(batch, b, std::min(batch.batch(), b + each)));
  return parts;
}

TrainerOptions options(std::size_t micro_batch, bora::Executor* pool = nullptr) {
  return {.learning_rate = {.peak = 1e-2}, .load_balancing = 0.02, .pool = pool, .micro_batch = micro_batch};
}

template <class S, class F>
struct Run {
  Decoder<S, F> model{small::parameters<S, float>(1)};
  Trainer<Decoder<S, F>> trainer;
  explicit Run(const TrainerOptions& o) : trainer(model, small::parameters<S, float>(1), o) {}
};
template <class A, class B>
bool same(const A& a, const B& b) {
  const auto equal = [](const auto& p, const auto& q) {
    return std::memcmp(p.values().data(), q.values().data(), p.values().size_bytes()) == 0;
  };
  return equal(a.trainer.gradients(), b.trainer.gradients()) && equal(a.trainer.parameters(), b.trainer.parameters());
}
bool same(const bora::StepReport& a, const bora::StepReport& b) {
  return a.loss == b.loss && a.cross_entropy == b.cross_entropy && a.load_balancing == b.load_balancing &&
         a.gradient_norm == b.gradient_norm && a.tokens == b.tokens;
}

template <class S, class F>
void check_cuts() {
  const TokenBatch batch = small::batch(7, 19, 3);
  Run<S, F> whole(options(2));
  const bora::StepReport report = whole.trainer.step(batch);
  const auto expect_same = [&](const std::vector<TokenBatch>& batches, std::size_t micro_batch) {
    for (const std::size_t lanes : {1, 3}) {
      bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
      Run<S, F> run(options(micro_batch, &pool));
      CHECK(same(run.trainer.step(batches), report));
      CHECK(same(run, whole));
    }
  };
  expect_same(cut(batch, 2), 0);
  expect_same(cut(batch, 2), 2);
  expect_same(cut(batch, 4), 2);
  expect_same({rows(batch, 0, 2), rows(batch, 2, 6), rows(batch, 6, 7)}, 2);
  Run<S, F> together(options(0));
  CHECK(std::abs(together.trainer.step(batch).cross_entropy - report.cross_entropy) < 1e-6);  // other sums, same mean
}

}  // namespace

TEST_CASE("The order of a sum depends on how many there are alone", "[train]") {
  CHECK(sum_in_order({0}) == "0");
  CHECK(sum_in_order({0, 1}) == "(0 1)");
  CHECK(sum_in_order({0, 1, 2}) == "((0 1) 2)");
  CHECK(sum_in_order({0, 1, 2, 3, 4, 5, 6}) == "(((0 1) (2 3)) ((4 5) 6))");
  for (std::size_t n = 1; n < 20; ++n) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    const std::string expected = sum_in_order(order);
    bora::Random random(n);
    for (std::size_t i = n; i-- > 1;) std::swap(order[i], order[random.below(i + 1)]);
    CHECK(sum_in_order(order) == expected);
  }
}

TEST_CASE("Items in order are held as few sums; sums of elsewhere fit in", "[train]") {
  Tree tree;
  std::size_t most = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    most = std::max(most, tree.size() + 1);
    tree.insert(leaf(i), add);
  }
  CHECK(most == 7);  // floor(log2(100)) + 1
  Tree low, high, both;
  for (std::size_t i = 0; i < 5; ++i) low.insert(leaf(i), add);
  for (std::size_t i = 5; i < 11; ++i) high.insert(leaf(i), add);
  for (Tree* part : {&high, &low})
    for (Node& node : part->release()) both.insert(std::move(node), add);
  CHECK(both.take(add).sum == sum_in_order({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  CHECK(both.size() == 0);
}

TEST_CASE("A sum that lacks an item or has one twice is refused", "[train]") {
  Tree tree;
  CHECK_THROWS_AS(tree.take(add), bora::ConfigError);
  tree.insert(leaf(0), add);
  tree.insert(leaf(1), add);
  CHECK_THROWS_AS(tree.insert(leaf(1), add), bora::ConfigError);
  CHECK_THROWS_AS(tree.insert({0, 4, ""}, add), bora::ConfigError);
  CHECK_THROWS_AS(tree.insert({3, 2, ""}, add), bora::ConfigError);
  CHECK_THROWS_AS(tree.insert({6, 3, ""}, add), bora::ConfigError);
  CHECK_THROWS_AS(tree.insert({6, 0, ""}, add), bora::ConfigError);
  tree.insert(leaf(3), add);
  CHECK_THROWS_AS(tree.take(add), bora::ConfigError);
  tree.insert(leaf(2), add);
  CHECK(tree.take(add).sum == "((0 1) (2 3))");
}

TEST_CASE("A step does not show which micro-batches shared a batch", "[train]") {
  check_cuts<small::Dense, F32>();
  check_cuts<small::Mixture, F32>();
  check_cuts<small::Dense, Bf16>();
}

TEST_CASE("Micro-batches dealt to any ranks give the bits of one process", "[train]") {
  using Ranks = std::vector<std::vector<std::size_t>>;  // micro-batches of each rank
  const TokenBatch batch = small::batch(14, 11, 3);     // seven micro-batches of two rows
  Run<small::Mixture, F32> whole(options(2));
  REQUIRE(whole.trainer.micro_batches(std::span(&batch, 1)) == 7);
  const bora::StepReport first = whole.trainer.step(batch), second = whole.trainer.step(batch);
  for (const Ranks& ranks : {Ranks{{0, 1, 2, 3}, {4, 5, 6}}, Ranks{{6, 1}, {3, 5, 0}, {2, 4}},
                             Ranks{{0, 1, 2, 3, 4, 5, 6}}, Ranks{{0, 2, 4, 6}, {1, 3, 5}}}) {
    Run<small::Mixture, F32> root(options(2));
    for (const bora::StepReport& expected : {first, second}) {
      std::vector<bora::GradientPart<small::Mixture, float>> parts;
      for (const auto& rank : ranks) {
        Run<small::Mixture, F32> worker(options(2));
        worker.trainer.restore(root.trainer.steps(), root.model.parameters(), {}, {});
        for (const std::size_t m : rank)
          std::ranges::move(worker.trainer.partial_gradients(std::vector{rows(batch, 2 * m, 2 * m + 2)}, m),
                            std::back_inserter(parts));
      }
      CHECK(same(root.trainer.step(std::move(parts)), expected));
    }
    CHECK(same(root, whole));
  }
}

TEST_CASE("Several micro-batches of a rank come as few sums, and a missing one is refused", "[train]") {
  const TokenBatch batch = small::batch(8, 11, 3);
  Run<small::Dense, F32> whole(options(1)), run(options(1));
  auto parts = run.trainer.partial_gradients(std::vector{rows(batch, 0, 6)});
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].count + parts[1].count == 6);
  CHECK(std::ranges::all_of(run.trainer.gradients().values(), [](float g) { return g == 0; }));
  auto rest = run.trainer.partial_gradients(std::vector{rows(batch, 7, 8)}, 7);
  std::ranges::move(rest, std::back_inserter(parts));
  CHECK_THROWS_AS(run.trainer.step(std::move(parts)), bora::ConfigError);
  CHECK(run.trainer.steps() == 0);
  CHECK(same(run.trainer.step(batch), whole.trainer.step(batch)));  // nothing is left of what failed
  CHECK(same(run, whole));
}

TEST_CASE("A loss that is not finite in one micro-batch leaves a trainer that steps on", "[train]") {
  struct Fussy : bora::NextTokenCrossEntropy {
    bora::LossSum weigh(std::span<bora::Target> targets, std::span<const double>) const {
      if (targets.front().row == 4) throw bora::Error("not this one");
      return {.loss = 1, .count = 1};
    }
  };
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  Trainer trainer{model, options(1), Fussy{}};
  CHECK_THROWS_AS(trainer.step(small::batch(6, 5, 1)), bora::Error);
  CHECK(trainer.gradients().values().size() == model.parameters().values().size());
  CHECK(trainer.step(small::batch(4, 5, 1)).loss == 1);
  CHECK(trainer.steps() == 1);
}
