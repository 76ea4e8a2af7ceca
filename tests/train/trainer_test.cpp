#include "support/catch.hpp"
#include "train/small_models.hpp"
#include <bora/train/evaluate.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using bora::Bf16, bora::F32, bora::F64;
using bora::Decoder, bora::Trainer, bora::TrainerOptions;

constexpr bora::AdamwOptions adamw{.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .weight_decay = 0.1};
const TrainerOptions usual{.learning_rate = {.peak = 1e-2, .floor = 1e-3, .warmup = 2, .steps = 8},
                           .optimizer = adamw,
                           .clip_norm = 0.8,
                           .load_balancing = 0.02};

template <class S, class T>
bool same(const bora::Parameters<S, T>& a, const bora::Parameters<S, T>& b) {
  return std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0;
}
template <class T>
double norm(std::span<const T> values) {
  double sum = 0;
  for (const T value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

/// The training loop of the papers in plain double, around F64 gradients.
template <class S>
struct Naive {
  bora::Parameters<S, double> w;
  std::vector<double> m = std::vector<double>(w.values().size()), v = m;
  double loss = 0, rate = 0, gradient_norm = 0;

  void step(const bora::TokenBatch& batch, double s, const TrainerOptions& o) {
    const Decoder<S, F64> model(w);
    const auto result = bora::loss_and_gradients(model, batch, {.load_balancing = o.load_balancing});
    loss = result.loss;
    gradient_norm = norm(result.gradients.values());
    rate = o.learning_rate.at(static_cast<std::size_t>(s) - 1);
    const double clip = std::min(1.0, o.clip_norm / (gradient_norm + 1e-6));
    const bora::AdamwOptions& a = o.optimizer;
    std::size_t i = 0;
    w.for_each([&](bora::TensorId, bora::TensorShape shape, std::span<double> values) {
      for (double& x : values) {
        const double g = clip * result.gradients.values()[i];
        m[i] = a.beta1 * m[i] + (1 - a.beta1) * g;
        v[i] = a.beta2 * v[i] + (1 - a.beta2) * g * g;
        const double step = m[i] / (1 - std::pow(a.beta1, s)) / (std::sqrt(v[i] / (1 - std::pow(a.beta2, s))) + a.eps);
        x = x * (1 - rate * (shape.matrix() ? a.weight_decay : 0)) - rate * step;
        ++i;
      }
    });
  }
};

/// Five steps of a trainer beside five of Naive; `tolerance` is of parameters and losses.
template <class S, class F>
void check_against_naive(double tolerance) {
  Naive<S> naive{small::parameters<S, double>(1)};
  Decoder<S, F> model(naive.w);
  Trainer trainer{model, usual};
  std::size_t clipped = 0;
  for (std::size_t s = 1; s <= 5; ++s) {
    const bora::TokenBatch batch = small::batch(2, 19, s);
    naive.step(batch, static_cast<double>(s), usual);
    const bora::StepReport report = trainer.step(batch);
    CHECK(report.step == s);
    CHECK(report.tokens == 38);
    CHECK(report.learning_rate == naive.rate);
    CHECK(std::abs(report.loss - naive.loss) <= tolerance);
    CHECK(std::abs(report.loss - report.cross_entropy - 0.02 * report.load_balancing) <= 1e-12);
    CHECK(std::abs(report.gradient_norm - naive.gradient_norm) <= tolerance);
    clipped += naive.gradient_norm > usual.clip_norm;
  }
  CHECK(clipped > 0);  // else clipping went untested
  double error = 0;
  for (std::size_t i = 0; i < naive.w.values().size(); ++i)
    error = std::max(error, std::abs(static_cast<double>(trainer.parameters().values()[i]) - naive.w.values()[i]));
  CHECK(error <= tolerance);
  CHECK(trainer.steps() == 5);
}

/// Parameters and losses of ten steps.
template <class S, class F>
std::pair<bora::Parameters<S>, std::vector<double>> train(bora::Executor* pool) {
  Decoder<S, F> model(small::parameters<S, float>(1));
  TrainerOptions options = usual;
  options.pool = pool;
  Trainer trainer{model, small::parameters<S, float>(1), options};
  std::vector<double> reported;
  for (std::size_t s = 0; s < 10; ++s) {
    const bora::StepReport report = trainer.step(small::batch(2, 19, s));
    reported.insert(reported.end(), {report.loss, report.gradient_norm, report.load_balancing});
  }
  bora::Parameters<S> p;
  std::copy(trainer.parameters().values().begin(), trainer.parameters().values().end(), p.values().begin());
  return {std::move(p), std::move(reported)};
}
template <class S, class F>
void check_threads() {
  const auto expected = train<S, F>(nullptr);
  for (const std::size_t lanes : {1, 2, 3, 5}) {
    INFO(lanes << " threads");
    bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
    const auto found = train<S, F>(&pool);
    CHECK(same(found.first, expected.first));
    CHECK(found.second == expected.second);
  }
}

template <class S, class F>
double loss_after(std::size_t steps, bora::LearningRate rate) {
  Decoder<S, F> model(small::parameters<S, float>(1));
  Trainer trainer{model, small::parameters<S, float>(1), {.learning_rate = rate}};
  const bora::TokenBatch batch = small::batch(2, 12, 4);
  double loss = 0;
  for (std::size_t s = 0; s <= steps; ++s) loss = trainer.step(batch).loss;
  return loss;
}

}  // namespace

TEST_CASE("Five steps in F64 are the papers' formulas", "[train]") {
  check_against_naive<small::Dense, F64>(1e-11);
  check_against_naive<small::Mixture, F64>(1e-11);
}

// eps 1e-5 keeps AdamW from blowing up the rounding of gradients that are nearly zero.
TEST_CASE("Five steps in F32 follow those in double", "[train]") {
  check_against_naive<small::Dense, F32>(1e-4);
  check_against_naive<small::Mixture, F32>(1e-4);
}

TEST_CASE("Ten steps have the same bits for every number of threads", "[train][threads]") {
  SECTION("F32, dense") { check_threads<small::Dense, F32>(); }
  SECTION("F32, experts") { check_threads<small::Mixture, F32>(); }
  SECTION("Bf16, dense") { check_threads<small::Dense, Bf16>(); }
  SECTION("Bf16, experts") { check_threads<small::Mixture, Bf16>(); }
}

TEST_CASE("Training lowers the loss on a batch it sees again and again, in every format", "[train]") {
  const bora::LearningRate rate{.peak = 1e-2, .steps = 60};
  CHECK(loss_after<small::Dense, F32>(0, rate) > 3);
  CHECK(loss_after<small::Dense, F32>(60, rate) < 0.5);
  CHECK(loss_after<small::Dense, Bf16>(60, rate) < 0.5);
  CHECK(loss_after<small::Mixture, F32>(60, rate) < 0.5);
  CHECK(loss_after<small::Mixture, Bf16>(60, rate) < 0.5);
  CHECK(loss_after<small::Learned, Bf16>(60, rate) < 0.5);
}

TEST_CASE("In Bf16 the unrounded parameters are stepped, and steps below a rounding add up", "[train]") {
  const auto start = small::parameters<small::Dense, float>(1);
  Decoder<small::Dense, Bf16> model(start);
  Trainer trainer{model,
                  small::parameters<small::Dense, float>(1),
                  {.learning_rate = {.peak = 1e-5, .decay = bora::Decay::constant}}};
  CHECK(same(trainer.parameters(), start));
  for (std::size_t s = 0; s < 3; ++s) trainer.step(small::batch(2, 13, 4));
  std::size_t unmoved = 0;
  for (std::size_t i = 0; i < start.values().size(); ++i)
    unmoved += trainer.parameters().values()[i] == start.values()[i];
  CHECK(unmoved < start.values().size() / 4);  // rows of ids that are not in the batch stay but for the decay
  CHECK(same(Decoder<small::Dense, Bf16>(trainer.parameters()).parameters(), model.parameters()));
}

TEST_CASE("Two half batches are one batch, up to rounding", "[train]") {
  const bora::TokenBatch whole = small::batch(4, 17, 6);
  const auto half = [&](std::size_t first) {
    return bora::TokenBatch(2, 17, {whole.row(first).begin(), whole.row(first + 1).end()});
  };
  const auto start = small::parameters<small::Dense, double>(1);
  Decoder<small::Dense, F64> a(start), b(start);
  Trainer one{a, usual}, two{b, usual};
  for (std::size_t s = 0; s < 3; ++s) {
    const std::array<bora::TokenBatch, 2> halves{half(0), half(2)};
    const bora::StepReport together = one.step(whole), apart = two.step(halves);
    CHECK(std::abs(together.loss - apart.loss) < 1e-13);
    CHECK(std::abs(together.cross_entropy - apart.cross_entropy) < 1e-13);
    CHECK(std::abs(together.gradient_norm - apart.gradient_norm) < 1e-12);
    CHECK(together.tokens == apart.tokens);
    CHECK(apart.step == s + 1);
  }
  double error = 0;
  for (std::size_t i = 0; i < start.values().size(); ++i)
    error = std::max(error, std::abs(one.parameters().values()[i] - two.parameters().values()[i]));
  CHECK(error < 1e-11);
}

// A mean of the batches' means would weigh a token of the small one sixteen times as much.
TEST_CASE("Batches of unequal size are one batch where their rows are equally long", "[train]") {
  const bora::TokenBatch whole = small::batch(5, 17, 6);
  const auto rows = [&](std::size_t first, std::size_t last) {
    std::vector<bora::TokenId> ids;
    for (std::size_t r = first; r < last; ++r) ids.insert(ids.end(), whole.row(r).begin(), whole.row(r).end());
    return bora::TokenBatch(last - first, 17, std::move(ids));
  };
  const auto start = small::parameters<small::Dense, double>(1);
  Decoder<small::Dense, F64> a(start), b(start);
  Trainer one{a, usual}, two{b, usual};
  for (std::size_t s = 0; s < 3; ++s) {
    const std::array<bora::TokenBatch, 3> parts{rows(0, 3), rows(3, 4), rows(4, 5)};
    const bora::StepReport together = one.step(whole), apart = two.step(parts);
    CHECK(std::abs(together.loss - apart.loss) < 1e-13);
    CHECK(std::abs(together.gradient_norm - apart.gradient_norm) < 1e-12);
    double error = 0;
    for (std::size_t i = 0; i < start.values().size(); ++i)
      error = std::max(error, std::abs(one.gradients().values()[i] - two.gradients().values()[i]));
    CHECK(error < 1e-13);
  }
}

/// Batches of 32, 2 and 16 predictions, in rows of different lengths.
std::array<bora::TokenBatch, 3> unequal_batches() {
  return {small::batch(2, 17, 1), small::batch(1, 3, 2), small::batch(4, 5, 3)};
}

TEST_CASE("A step's loss is what evaluate says of the same batches", "[train]") {
  const auto batches = unequal_batches();
  const auto check = [&]<class S, class F>(double tolerance) {
    Decoder<S, F> model(small::parameters<S, float>(1));
    const double expected = bora::evaluate(model, batches).loss;
    Trainer trainer{model, usual};
    const bora::StepReport report = trainer.step(batches);
    CHECK(std::abs(report.cross_entropy - expected) <= tolerance);
    CHECK(std::abs(report.loss - report.cross_entropy - 0.02 * report.load_balancing) <= 1e-12);
  };
  check.template operator()<small::Dense, F64>(1e-14);
  check.template operator()<small::Dense, F32>(1e-12);  // the same forward
  check.template operator()<small::Mixture, F32>(1e-12);
  check.template operator()<small::Mixture, Bf16>(1e-12);
}

TEST_CASE("A step's gradient is that of the batches' objectives weighed by their predictions", "[train]") {
  const auto batches = unequal_batches();
  constexpr std::array<double, 3> shares{32.0 / 50, 2.0 / 50, 16.0 / 50};
  const auto start = small::parameters<small::Mixture, double>(1);
  Decoder<small::Mixture, F64> model(start);
  double loss = 0, balance = 0;
  std::vector<double> expected(start.values().size());
  for (std::size_t b = 0; b < 3; ++b) {
    const auto part = bora::loss_and_gradients(model, batches[b], {.load_balancing = 0.02});
    balance += shares[b] * bora::loss_and_gradients(model, batches[b], {.load_balancing = 1, .cross_entropy = 0}).loss;
    loss += shares[b] * part.loss;
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += shares[b] * part.gradients.values()[i];
  }
  const auto objective = [&](std::size_t i, double by) {
    auto moved = small::parameters<small::Mixture, double>(1);
    moved.values()[i] += by;
    Decoder<small::Mixture, F64> other(std::move(moved));
    Trainer trainer{other, usual};
    return trainer.step(batches).loss;
  };
  Trainer trainer{model, usual};
  const bora::StepReport report = trainer.step(batches);
  CHECK(std::abs(report.loss - loss) < 1e-13);
  CHECK(std::abs(report.load_balancing - balance) < 1e-13);
  double error = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    error = std::max(error, std::abs(trainer.gradients().values()[i] - expected[i]));
  CHECK(error < 1e-13);
  constexpr double step = 1e-5;
  for (std::size_t i = 7; i < expected.size(); i += expected.size() / 23) {
    const double slope = (objective(i, step) - objective(i, -step)) / (2 * step);
    CHECK(std::abs(trainer.gradients().values()[i] - slope) < 1e-8);
  }
}

TEST_CASE("Beyond a schedule that ended at 0 a step changes no parameter", "[train]") {
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  Trainer trainer{model, {.learning_rate = {.peak = 1e-2, .steps = 2}}};
  for (std::size_t s = 0; s < 2; ++s) CHECK(trainer.step(small::batch(2, 9, s)).learning_rate > 0);
  const bora::Parameters<small::Dense> before = model.parameters();
  CHECK(trainer.step(small::batch(2, 9, 3)).learning_rate == 0);
  CHECK(same(trainer.parameters(), before));
}

TEST_CASE("Batches of different shapes may follow one another", "[train]") {
  Decoder<small::Mixture, F32> model(small::parameters<small::Mixture, float>(1));
  Trainer trainer{model, usual};
  const bora::TokenBatch first = small::batch(2, 19, 1), second = small::batch(3, 5, 2), third = small::batch(1, 33, 3);
  const std::array<bora::TokenBatch, 2> mixed{second, third};
  trainer.step(first);
  trainer.step(mixed);
  const bora::Parameters<small::Mixture> before = model.parameters();
  const double expected = static_cast<double>(
      bora::loss_and_gradients(Decoder<small::Mixture, F32>(before), first, {.load_balancing = 0.02}).loss);
  CHECK(std::abs(trainer.step(first).loss - expected) < 1e-6);  // nothing is left of the other shapes
}

TEST_CASE("After a step the model has the stepped weights", "[train]") {
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  Trainer trainer{model, usual};
  trainer.step(small::batch(2, 19, 1));
  CHECK(same(trainer.parameters(), model.parameters()));
}

TEST_CASE("Decay touches matrices alone, embeddings and head included", "[train]") {
  TrainerOptions with = usual, without = usual;
  with.learning_rate = without.learning_rate = {.peak = 0.01, .decay = bora::Decay::constant};
  with.optimizer.weight_decay = 0.5;
  without.optimizer.weight_decay = 0;
  const auto start = small::parameters<small::Dense, double>(1);
  Decoder<small::Dense, F64> a(start), b(start);
  Trainer decayed{a, with}, plain{b, without};
  decayed.step(small::batch(2, 19, 1));
  plain.step(small::batch(2, 19, 1));
  std::size_t at = 0;
  start.for_each([&](bora::TensorId id, bora::TensorShape shape, std::span<const double> values) {
    double error = 0;
    for (const double w : values) {
      const double by = plain.parameters().values()[at] - decayed.parameters().values()[at];
      error = std::max(error, std::abs(by - (shape.matrix() ? 0.01 * 0.5 * w : 0.0)));
      ++at;
    }
    INFO(id.name);
    CHECK(error < 1e-15);
  });
}

TEST_CASE("Gradients are scaled down to clip_norm, and only down", "[train]") {
  const auto moments = [](double clip) {
    Decoder<small::Dense, F64> model(small::parameters<small::Dense, double>(1));
    TrainerOptions options = usual;
    options.clip_norm = clip;
    Trainer trainer{model, options};
    const bora::StepReport report = trainer.step(small::batch(2, 19, 1));
    CHECK(std::abs(report.gradient_norm - norm(trainer.gradients().values())) < 1e-12);
    return std::pair(norm(trainer.first_moments().values()) / 0.1,
                     report.gradient_norm);  // m = 0.1 g at the first step
  };
  const auto [never, full] = moments(0);
  CHECK(std::abs(never - full) < 1e-12);
  CHECK(full > 0.5);
  CHECK(std::abs(moments(0.25).first - 0.25) < 1e-6);  // clip / (norm + 1e-6)
  CHECK(std::abs(moments(100).first - full) < 1e-12);
}

TEST_CASE("A restored trainer goes on as if it had never stopped", "[train]") {
  const auto copy = [](const auto& p) {
    bora::Parameters<small::Dense> q;
    std::copy(p.values().begin(), p.values().end(), q.values().begin());
    return q;
  };
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1)), other;
  Trainer trainer{model, usual};
  for (std::size_t s = 0; s < 3; ++s) trainer.step(small::batch(2, 19, s));
  Trainer resumed{other, usual};
  resumed.restore(trainer.steps(), copy(trainer.parameters()), copy(trainer.first_moments()),
                  copy(trainer.second_moments()));
  for (std::size_t s = 3; s < 6; ++s) {
    const bora::StepReport a = trainer.step(small::batch(2, 19, s)), b = resumed.step(small::batch(2, 19, s));
    CHECK(a.loss == b.loss);
    CHECK(a.learning_rate == b.learning_rate);
    CHECK(a.step == b.step);
  }
  CHECK(same(trainer.parameters(), resumed.parameters()));
}

TEST_CASE("A batch that is refused changes nothing", "[train]") {
  Decoder<small::Learned, F32> model(small::parameters<small::Learned, float>(1)),
      twin(small::parameters<small::Learned, float>(1));
  Trainer trainer{model, usual}, untouched{twin, usual};
  trainer.step(small::batch(2, 9, 1));
  untouched.step(small::batch(2, 9, 1));
  CHECK_THROWS_AS(trainer.step(bora::TokenBatch()), bora::TokenError);
  CHECK_THROWS_AS(trainer.step(std::span<const bora::TokenBatch>()), bora::TokenError);
  CHECK_THROWS_AS(trainer.step(bora::TokenBatch(2, 1, {1, 2})), bora::TokenError);
  CHECK_THROWS_AS(trainer.step(bora::TokenBatch(1, 3, {1, 29, 2})), bora::TokenError);
  CHECK_THROWS_AS(trainer.step(bora::TokenBatch(1, 3, {1, -7, 2})), bora::TokenError);
  CHECK_THROWS_AS(trainer.step(small::batch(1, 13, 1)), bora::CapacityError);
  const std::array<bora::TokenBatch, 2> second_bad{small::batch(2, 9, 2), bora::TokenBatch(1, 2, {99, 0})};
  CHECK_THROWS_AS(trainer.step(second_bad), bora::TokenError);
  CHECK(trainer.steps() == 1);
  CHECK(same(trainer.gradients(), untouched.gradients()));
  CHECK(trainer.step(small::batch(2, 9, 3)).loss == untouched.step(small::batch(2, 9, 3)).loss);
  CHECK(same(trainer.parameters(), untouched.parameters()));
  CHECK(same(model.parameters(), twin.parameters()));
}

TEST_CASE("A step whose loss or gradients are not finite changes nothing and says so", "[train]") {
  const auto start = [] {
    auto p = small::parameters<small::Dense, float>(1);
    for (float& value : p.values()) value *= 1e15f;  // finite, but their products are not
    return p;
  };
  for (const std::size_t lanes : {1, 3}) {
    bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
    TrainerOptions options = usual;
    options.pool = &pool;
    Decoder<small::Dense, F32> model(start());
    Trainer trainer{model, start(), options};
    std::string says = "accepted";
    try {
      trainer.step(small::batch(2, 19, 1));
    } catch (const bora::Error& error) {
      says = error.what();
    }
    INFO(says);
    CHECK(says.starts_with("step 1: the loss is "));
    CHECK(says.find(" and the gradient norm NaN, expected finite numbers; nothing was updated") != says.npos);
    CHECK(trainer.steps() == 0);
    CHECK(same(trainer.parameters(), start()));
    CHECK(same(model.parameters(), start()));
    for (const auto* moments : {&trainer.first_moments(), &trainer.second_moments()})
      for (const float value : moments->values()) REQUIRE(value == 0);
    // The same trainer goes on where the parameters are better.
    trainer.restore(0, small::parameters<small::Dense, float>(1), {}, {});
    Decoder<small::Dense, F32> twin(small::parameters<small::Dense, float>(1));
    Trainer fresh{twin, usual};
    CHECK(trainer.step(small::batch(2, 19, 2)).loss == fresh.step(small::batch(2, 19, 2)).loss);
    CHECK(same(trainer.parameters(), fresh.parameters()));
  }
}

TEST_CASE("Impossible options are refused before anything is done", "[train]") {
  const auto start = small::parameters<small::Learned, float>(1);
  Decoder<small::Learned, F32> model(start);
  const auto refused = [&](auto&& spoil) {
    TrainerOptions options = usual;
    spoil(options);
    CHECK_THROWS_AS(Trainer(model, small::parameters<small::Learned, float>(2), options), bora::ConfigError);
  };
  const double nan = std::nan("");
  for (const double bad : {-0.1, 1.0, 1.5, nan}) {
    refused([&](TrainerOptions& o) { o.optimizer.beta1 = bad; });
    refused([&](TrainerOptions& o) { o.optimizer.beta2 = bad; });
  }
  for (const double bad : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    refused([&](TrainerOptions& o) { o.optimizer.eps = bad; });
    refused([&](TrainerOptions& o) { o.optimizer.weight_decay = bad; });
    refused([&](TrainerOptions& o) { o.clip_norm = bad; });
    refused([&](TrainerOptions& o) { o.load_balancing = bad; });
    refused([&](TrainerOptions& o) { o.learning_rate.peak = bad; });
    refused([&](TrainerOptions& o) { o.learning_rate.floor = bad; });
  }
  for (const double bad : {0.0, 1e-50, 1e-45, 1e-30})  // squares of gradients of that size are 0
    refused([&](TrainerOptions& o) { o.optimizer.eps = bad; });
  for (const double bad : {1 - 1e-9, 1 - 1e-12}) {  // 1 as a float
    refused([&](TrainerOptions& o) { o.optimizer.beta1 = bad; });
    refused([&](TrainerOptions& o) { o.optimizer.beta2 = bad; });
  }
  refused([&](TrainerOptions& o) { o.learning_rate.peak = 1e39; });
  refused([&](TrainerOptions& o) { o.learning_rate.peak = 1e38; });  // infinite when it is divided by 1 - beta1
  refused([&](TrainerOptions& o) { o.learning_rate = {.steps = 5, .cooldown = 5}; });
  CHECK(same(model.parameters(), start));
}
