#include "support/catch.hpp"
#include "support/float_modes.hpp"
#include "train/runs.hpp"
#include <bora/core/executor.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/trainer.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace {

using bora::Decoder, bora::F32;
using bora::ThreadPool;

/// Losses, parameters and an evaluation after a few steps.
std::vector<double> trained(const bora::Parameters<small::Mixture, float>& begin, bora::Executor* pool) {
  Decoder<small::Mixture, F32> model(begin);
  bora::Trainer trainer(model, {.load_balancing = 0.01, .pool = pool});
  std::vector<double> found;
  for (std::uint64_t step = 0; step < 3; ++step) {
    const bora::StepReport report = trainer.step(small::batch(2, 9, step));
    found.insert(found.end(), {report.loss, report.load_balancing, report.learning_rate, report.gradient_norm});
  }
  const auto values = trainer.parameters().values();
  found.insert(found.end(), values.begin(), values.end());
  found.push_back(bora::evaluate(model, small::batch(2, 9, 7), pool).loss);
  return found;
}

}  // namespace

TEST_CASE("Training has the same bits in any floating-point mode of the caller", "[train][threads]") {
  const auto begin = small::parameters<small::Mixture, float>(1);
  const std::vector<double> truth = trained(begin, nullptr);
  ThreadPool early(2, bora::WhenCrowded::keep_all_lanes);
  for (const bora::test::CallersMode& mode : bora::test::float_modes()) {
    const bora::test::ModeSet set(mode);
    INFO(mode.name);
    ThreadPool late(3, bora::WhenCrowded::keep_all_lanes);
    CHECK(bool(trained(begin, nullptr) == truth));
    CHECK(bool(trained(begin, &early) == truth));
    CHECK(bool(trained(begin, &late) == truth));
    CHECK(set.holds());
  }
}

TEST_CASE("A trainer whose pool was destroyed says so and changes nothing", "[train]") {
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  auto pool = std::make_unique<ThreadPool>(2);
  bora::Trainer trainer(model, {.pool = pool.get()});
  trainer.step(small::batch(2, 9, 1));
  pool.reset();
  std::string sentence;
  try {
    trainer.step(small::batch(2, 9, 2));
  } catch (const bora::Error& error) {
    sentence = error.what();
  }
  CHECK(sentence == "Trainer: its pool was destroyed; a pool must outlive those who were given it");
  CHECK(trainer.steps() == 1);
}
