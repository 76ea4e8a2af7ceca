#include "support/catch.hpp"
#include "train/differences.hpp"
#include "train/small_models.hpp"
#include <bora/infer/logits.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using bora::Decoder, bora::F32, bora::F64, bora::LossSum, bora::NextTokenCrossEntropy, bora::Target, bora::TokenBatch;

template <class S, class O>
double slope_error(const TokenBatch& batch, const O& objective, const bora::LossOptions& options = {}) {
  const auto p = small::parameters<S, double>(1);
  const auto found = bora::loss_and_gradients(Decoder<S, F64>(p), batch, options, objective);
  return differences::worst_error(p, found.gradients, [&](const Decoder<S, F64>& model) {
    return bora::loss_and_gradients(model, batch, options, objective).loss;
  });
}

/// Rows with weights of both signs, padding, and two documents in one row.
TokenBatch mixed_batch() {
  const TokenBatch plain = small::batch(3, 19, 5);
  std::vector<float> weights(plain.ids().size(), 1);
  for (std::size_t i = 0; i < weights.size(); i += 3) weights[i] = 0;
  for (std::size_t i = 1; i < weights.size(); i += 7) weights[i] = 0.25f;
  weights[4] = -0.5f;
  std::vector<std::int32_t> segments(plain.ids().size());
  for (std::size_t t = 0; t < 19; ++t) segments[19 + t] = t < 11 ? 1 : 2;
  return {3,
          19,
          {plain.ids().begin(), plain.ids().end()},
          {.weights = weights, .lengths = {19, 18, 4}, .segments = segments}};
}

double log_softmax(std::span<const double> logits, bora::TokenId id) {
  double sum = 0;
  for (const double x : logits) sum += std::exp(x);
  return logits[static_cast<std::size_t>(id)] - std::log(sum);
}

/// Direct preference optimisation (Rafailov et al. 2023, eq. 7): rows 2i and 2i + 1 are the chosen and the rejected
/// answer.
struct DirectPreference : NextTokenCrossEntropy {
  static constexpr std::size_t rows_together = 2;
  double beta = 0.5;
  std::vector<double> reference = {};  ///< log probability of each sequence of the batch

  LossSum weigh(std::span<Target> targets, std::span<const double> losses) const {
    std::vector<double> ratio(reference.size()), slope(reference.size());
    for (std::size_t s = 0; s < ratio.size(); ++s) ratio[s] = -reference[s];
    for (std::size_t i = 0; i < targets.size(); ++i) ratio[targets[i].sequence] -= targets[i].weight * losses[i];
    LossSum sum{.more = {0}};
    for (std::size_t s = targets.front().sequence; s < targets.back().sequence; s += 2) {
      const double margin = beta * (ratio[s] - ratio[s + 1]);
      sum += {.loss = std::log1p(std::exp(-margin)), .count = 1, .more = {margin > 0 ? 1.0 : 0.0}};
      slope[s] = beta / (1 + std::exp(margin));
      slope[s + 1] = -slope[s];
    }
    for (Target& target : targets) target.weight *= slope[target.sequence];
    return sum;
  }
};

/// A reward model's ranking loss: the reward is a product with the hidden state at a row's target.
struct Ranking {
  static constexpr std::size_t rows_together = 2;
  std::vector<double> head;

  template <class T>
  LossSum states(std::span<const Target> targets, bora::Rows<T> states, std::size_t dim) const {
    const auto reward = [&](std::size_t i) {
      double sum = 0;
      for (std::size_t c = 0; c < dim; ++c) sum += head[c] * static_cast<double>(states.row(i)[c]);
      return sum;
    };
    LossSum sum{.more = std::vector<double>(dim)};  // the head's own gradient
    for (std::size_t i = 0; i + 1 < targets.size(); i += 2) {
      const double margin = reward(i) - reward(i + 1), slope = -1 / (1 + std::exp(margin));
      sum.loss += std::log1p(std::exp(-margin));
      sum.count += 1;
      for (std::size_t c = 0; c < dim; ++c) {
        sum.more[c] += slope * static_cast<double>(states.row(i)[c] - states.row(i + 1)[c]);
        states.row(i)[c] = static_cast<T>(slope * head[c]);
        states.row(i + 1)[c] = static_cast<T>(-slope * head[c]);
      }
    }
    return sum;
  }
};

/// On logits and on hidden states at once, as a policy with a value head: cross entropy, and half the square of a sum
/// of the state.
struct PolicyAndValue : NextTokenCrossEntropy {
  template <class T>
  LossSum states(std::span<const Target> targets, bora::Rows<T> states, std::size_t dim) const {
    LossSum sum;  // cross entropy counts the targets
    for (std::size_t i = 0; i < targets.size(); ++i) {
      double value = 0;
      for (std::size_t c = 0; c < dim; ++c) value += static_cast<double>(states.row(i)[c]);
      sum.loss += value * value / 2;
      for (std::size_t c = 0; c < dim; ++c) states.row(i)[c] = static_cast<T>(value);
    }
    return sum;
  }
};

/// Answers of different lengths; weights mark their tokens.
TokenBatch preference_batch() {
  const TokenBatch plain = small::batch(4, 13, 8);
  std::vector<float> answers(plain.ids().size());
  for (std::size_t b = 0; b < 4; ++b)
    for (std::size_t t = 5; t < 13; ++t) answers[b * 13 + t] = 1;
  return {4,
          13,
          {plain.ids().begin(), plain.ids().end()},
          {.weights = bora::weights_before(13, answers), .lengths = {13, 9, 12, 13}}};
}
DirectPreference preference() {
  DirectPreference objective;
  objective.reference = {-20, -12, -25, -26};
  return objective;
}

/// The last token of each row alone.
TokenBatch ends_of_rows() {
  const TokenBatch plain = small::batch(4, 13, 8);
  std::vector<float> weights(plain.ids().size());
  const std::vector<std::size_t> lengths{13, 9, 1, 13};
  for (std::size_t b = 0; b < 4; ++b) weights[b * 13 + lengths[b] - 1] = 1;
  return {4,
          13,
          {plain.ids().begin(), plain.ids().end()},
          {.targets = std::vector<bora::TokenId>(52), .weights = weights, .lengths = lengths}};
}

/// Notes what it is shown.
struct Counting : NextTokenCrossEntropy {
  std::atomic<std::size_t>* rows;
  template <class T>
  bora::RowLoss gradient(const Target& target, std::span<T> logits) const noexcept {
    ++*rows;
    return NextTokenCrossEntropy::gradient(target, logits);
  }
};

}  // namespace

TEST_CASE("Cross entropy with label smoothing and z-loss is the papers' formula", "[train]") {
  const auto p = small::parameters<small::Dense, double>(1);
  const Decoder<small::Dense, F64> model(p);
  const TokenBatch batch = mixed_batch();
  const NextTokenCrossEntropy objective{.z_loss = 0.01, .label_smoothing = 0.2};
  const auto logits = bora::logits(model, batch);
  double loss = 0, weight = 0, plain = 0;
  for (std::size_t b = 0; b < 3; ++b)
    for (std::size_t t = 0; t < batch.length(b); ++t)
      if (const auto target = batch.target(b, t)) {
        const std::span<const double> row = logits.row(b, t);
        double sum = 0, even = 0;
        for (const double x : row) sum += std::exp(x);
        for (std::size_t id = 0; id < row.size(); ++id) even -= log_softmax(row, static_cast<int>(id)) / 29;
        const double cross_entropy = -log_softmax(row, target->id), w = static_cast<double>(target->weight);
        loss += w * (0.8 * cross_entropy + 0.2 * even + 0.01 * std::log(sum) * std::log(sum));
        plain += w * cross_entropy;
        weight += w;
      }
  CHECK(std::abs(bora::loss_and_gradients(model, batch, {}, objective).loss - loss / weight) < 1e-12);
  CHECK(std::abs(bora::evaluate(model, batch, nullptr, objective).loss - plain / weight) < 1e-12);
}

TEST_CASE("Gradients of weighted targets, with every option, are the differences of the loss", "[train]") {
  CHECK(slope_error<small::Dense>(mixed_batch(), NextTokenCrossEntropy{}) < 1e-6);
  CHECK(slope_error<small::Dense>(mixed_batch(), NextTokenCrossEntropy{.z_loss = 0.1, .label_smoothing = 0.3}) < 1e-6);
  CHECK(slope_error<small::Learned>(small::batch(2, 9, 1), NextTokenCrossEntropy{.label_smoothing = 0.3}) < 1e-6);
  CHECK(slope_error<small::Mixture>(mixed_batch(), NextTokenCrossEntropy{.z_loss = 0.1}, {.load_balancing = 0.3}) <
        1e-6);
}

TEST_CASE("An objective of a user's own over whole sequences is trained by", "[train]") {
  const TokenBatch batch = preference_batch();
  const DirectPreference objective = preference();
  const Decoder<small::Dense, F64> model(small::parameters<small::Dense, double>(1));
  const auto logits = bora::logits(model, batch);
  std::vector<double> ratio(4);
  for (std::size_t b = 0; b < 4; ++b) {
    ratio[b] = -objective.reference[b];
    for (std::size_t t = 4; t + 1 < batch.length(b); ++t)
      ratio[b] += log_softmax(logits.row(b, t), batch.row(b)[t + 1]);
  }
  double expected = 0;
  for (const std::size_t s : {0, 2}) expected += std::log1p(std::exp(-0.5 * (ratio[s] - ratio[s + 1]))) / 2;
  CHECK(std::abs(bora::loss_and_gradients(model, batch, {}, objective).loss - expected) < 1e-12);
  CHECK(std::abs(bora::evaluate(model, batch, nullptr, objective).loss - expected) < 1e-12);
  CHECK(slope_error<small::Dense>(batch, objective) < 1e-6);
  CHECK(slope_error<small::Dense>(batch, objective, {.cross_entropy = 0.5}) < 1e-6);
}

TEST_CASE("An objective on hidden states needs no logits, and may have a gradient of its own", "[train]") {
  Ranking objective;
  bora::Random random(3);
  for (std::size_t c = 0; c < 18; ++c) objective.head.push_back(random.normal());
  const TokenBatch batch = ends_of_rows();
  CHECK(slope_error<small::Dense>(batch, objective) < 1e-6);
  CHECK(slope_error<small::Dense>(batch, objective, {.cross_entropy = 0.5}) < 1e-6);

  const auto p = small::parameters<small::Dense, double>(1);
  const auto trained = [&](std::size_t micro_batch) {
    Decoder<small::Dense, F64> model(p);
    bora::Trainer trainer{model, {.micro_batch = micro_batch}, objective};
    return trainer.step(batch);
  };
  const bora::StepReport report = trained(0);
  REQUIRE(report.more.size() == 18);
  for (std::size_t c = 0; c < 18; c += 5) {
    const Decoder<small::Dense, F64> model(p);
    const auto loss_at = [&](double step) {
      Ranking moved = objective;
      moved.head[c] += step;
      return bora::evaluate(model, batch, nullptr, moved).loss;
    };
    CHECK(std::abs((loss_at(1e-5) - loss_at(-1e-5)) / 2e-5 - report.more[c]) < 1e-8);
  }
  const bora::StepReport in_pairs = trained(2);
  CHECK(std::abs(in_pairs.loss - report.loss) < 1e-13);
  for (std::size_t c = 0; c < 18; ++c) CHECK(std::abs(in_pairs.more[c] - report.more[c]) < 1e-13);
}

TEST_CASE("An objective may be on logits and on hidden states at once", "[train]") {
  CHECK(slope_error<small::Dense>(mixed_batch(), PolicyAndValue{{.z_loss = 0.1}}) < 1e-6);
  CHECK(slope_error<small::Learned>(small::batch(2, 9, 1), PolicyAndValue{}, {.cross_entropy = 2}) < 1e-6);
}

TEST_CASE("An objective sees only rows that are targets", "[train]") {
  const Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  std::atomic<std::size_t> rows = 0;
  const TokenBatch batch = mixed_batch();
  bora::loss_and_gradients(model, batch, {}, Counting{{}, &rows});
  CHECK(rows == batch.targets());
  CHECK(rows < batch.tokens());
}

TEST_CASE("An objective's bits do not depend on threads", "[train]") {
  const Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  const auto expected = bora::loss_and_gradients(model, preference_batch(), {}, preference());
  for (const std::size_t lanes : {2, 3}) {
    bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
    const auto found = bora::loss_and_gradients(model, preference_batch(), {.pool = &pool}, preference());
    CHECK(found.loss == expected.loss);
    CHECK(std::memcmp(found.gradients.values().data(), expected.gradients.values().data(),
                      expected.gradients.values().size_bytes()) == 0);
  }
}

TEST_CASE("A trainer steps by an objective, and keeps rows together that it sees together", "[train]") {
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  bora::Trainer trainer{model, {.learning_rate = {.peak = 1e-2}, .micro_batch = 2}, preference()};
  const double before = trainer.step(preference_batch()).loss;
  bora::StepReport last{};
  for (std::size_t s = 0; s < 12; ++s) last = trainer.step(preference_batch());
  CHECK(last.loss < before);
  CHECK(last.more[0] == 1);  // both pairs are ranked right
  CHECK_THROWS_AS(trainer.step(small::batch(3, 13, 1)), bora::ConfigError);
  bora::Trainer odd{model, {.micro_batch = 1}, preference()};
  CHECK_THROWS_AS(odd.step(preference_batch()), bora::ConfigError);
}

TEST_CASE("Impossible options of an objective, and batches without targets, are refused", "[train]") {
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  for (const double bad : {-0.1, std::nan(""), HUGE_VAL}) {
    CHECK_THROWS_AS(bora::Trainer(model, {}, NextTokenCrossEntropy{.z_loss = bad}), bora::ConfigError);
    CHECK_THROWS_AS(
        bora::evaluate(model, small::batch(1, 3, 1), nullptr, NextTokenCrossEntropy{.label_smoothing = bad}),
        bora::ConfigError);
  }
  CHECK_THROWS_AS(
      bora::loss_and_gradients(model, small::batch(1, 3, 1), {}, NextTokenCrossEntropy{.label_smoothing = 1}),
      bora::ConfigError);
  const TokenBatch none(1, 3, {1, 2, 3}, {.weights = {0, 0, 1}});
  CHECK_THROWS_AS(bora::loss_and_gradients(model, none), bora::Error);
  CHECK_THROWS_AS(bora::evaluate(model, none), bora::Error);
  CHECK_THROWS_AS(bora::loss_and_gradients(model, TokenBatch(1, 3, {1, 2, 3}, {.weights = {1, -1, 1}})), bora::Error);
  bora::Trainer trainer{model};
  const auto before = model.parameters();
  CHECK_THROWS_AS(trainer.step(none), bora::Error);
  CHECK(std::ranges::equal(model.parameters().values(), before.values()));
  CHECK(trainer.steps() == 0);
  CHECK_THROWS_AS(trainer.step(TokenBatch(1, 2, {1, 2}, {.targets = {3, 29}})), bora::TokenError);
  CHECK_NOTHROW(trainer.step(TokenBatch(1, 2, {1, 2}, {.targets = {3, 29}, .weights = {1, 0}})));
  const std::vector<TokenBatch> one_empty{none, small::batch(1, 3, 1)};
  CHECK(trainer.step(one_empty).tokens == 6);
}
