// Models whose matrices differ in format.
#include "infer/tiny.hpp"
#include "support/catch.hpp"
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

using bora::MatrixKind;
using bora::Mixed;

/// Each of the three formats in each role of input: query, key and value share one, as do gate and up.
MatrixKind three_formats(bora::TensorId id, bora::TensorShape) {
  const std::string_view name = id.name;
  if (name == "query" || name == "down" || name == "head") return MatrixKind::bf16;
  if (name == "key" || name == "up" || name == "embedding") return MatrixKind::f16;
  return id.expert % 2 == 0 ? MatrixKind::f32 : MatrixKind::bf16;
}
bora::Recipe all(MatrixKind kind) {
  return [=](bora::TensorId, bora::TensorShape) { return kind; };
}

template <class Spec>
bora::Decoder<Spec, Mixed> mixed(const bora::Recipe& recipe) {
  bora::Decoder<Spec, Mixed> model(recipe);
  model.assign(tiny::model<Spec>().parameters());
  return model;
}

template <class Model>
tiny::Logits logits_of(const Model& model) {
  return tiny::from_scratch<bora::F32>(model, tiny::text(1, 60));
}

/// Whether a model has the same bits by chunks, by threads and by single steps.
template <class Spec>
void check_same_bits(const bora::Recipe& recipe) {
  const auto model = mixed<Spec>(recipe);
  const tiny::Tokens tokens = tiny::text(1, 60);
  const tiny::Logits expected = logits_of(model);
  bora::ThreadPool pool{3};
  for (const std::size_t chunk : {1, 7, 16, 33})
    for (bora::Executor* executor : {static_cast<bora::Executor*>(nullptr), static_cast<bora::Executor*>(&pool)}) {
      bora::Session<bora::Decoder<Spec, Mixed>, bora::LinearCache<bora::F32>> session{
          model, {.capacity = 60, .chunk = chunk, .pool = executor}};
      CHECK(tiny::copy(session.prefill(tokens)) == expected);
    }
}

/// The worst logit against a model in double that has the same weights, relative to the largest.
template <class Spec>
double error_against_double(const bora::Decoder<Spec, Mixed>& model) {
  const bora::Decoder<Spec, bora::F64> exact(model.template parameters<double>());
  const tiny::Tokens tokens = tiny::text(1, 60);
  bora::Session<bora::Decoder<Spec, bora::F64>, bora::LinearCache<bora::F64>> session{exact, {.capacity = 60}};
  const auto expected = session.prefill(tokens);
  const tiny::Logits found = logits_of(model);
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(found[i]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return worst / largest;
}

}  // namespace

TEST_CASE("A mixed model of one format has the bits of a model of that format", "[train]") {
  using Spec = tiny::Experts;
  const auto parameters = tiny::model<Spec>().parameters();
  CHECK(logits_of(mixed<Spec>(all(MatrixKind::f32))) == logits_of(tiny::model<Spec>()));
  CHECK(logits_of(mixed<Spec>(all(MatrixKind::f16))) == logits_of(bora::Decoder<Spec, bora::F16>(parameters)));
  CHECK(logits_of(mixed<Spec>(all(MatrixKind::bf16))) == logits_of(bora::Decoder<Spec, bora::Bf16>(parameters)));
}

TEST_CASE("Three formats in one model: the same bits by chunks, threads and steps", "[train]") {
  check_same_bits<tiny::Experts>(three_formats);
  check_same_bits<tiny::Alternating>(three_formats);
}

TEST_CASE("A mixed model computes with the weights that it holds", "[train]") {
  const auto without_pairs = [](bora::TensorId id, bora::TensorShape) {
    return id.name == "query" || id.name == "down" ? MatrixKind::f16 : MatrixKind::f32;
  };
  CHECK(error_against_double(mixed<tiny::Experts>(without_pairs)) < 1e-5);
  CHECK(error_against_double(mixed<tiny::Alternating>(three_formats)) < 2e-2);  // inputs rounded to bfloat16
  CHECK(error_against_double(mixed<tiny::Alternating>(three_formats)) > 1e-5);
}

TEST_CASE("A mixed model has the gradients of its weights, and trains", "[train]") {
  using Spec = tiny::Experts;
  const auto recipe = [](bora::TensorId id, bora::TensorShape) {
    return id.name == "query" || id.name == "down" ? MatrixKind::f16 : MatrixKind::f32;
  };
  auto model = mixed<Spec>(recipe);
  const bora::TokenBatch batch(2, 20, tiny::text(3, 40));
  const bora::Decoder<Spec, bora::F64> exact(model.parameters<double>());
  const auto found = bora::loss_and_gradients(model, batch);
  const auto expected = bora::loss_and_gradients(exact, batch);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < found.gradients.values().size(); ++i) {
    const double e = expected.gradients.values()[i];
    error += std::pow(static_cast<double>(found.gradients.values()[i]) - e, 2);
    size += e * e;
  }
  CHECK(std::sqrt(error / size) < 1e-4);

  auto mixed_model = mixed<Spec>(three_formats);
  bora::Trainer trainer{mixed_model, {.learning_rate = {.peak = 3e-3, .warmup = 1, .steps = 20}}};
  const double first = trainer.step(batch).loss;
  double last = first;
  for (int i = 0; i < 15; ++i) last = trainer.step(batch).loss;
  CHECK(last < 0.8 * first);
}
