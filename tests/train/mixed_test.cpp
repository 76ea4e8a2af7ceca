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
/// Every format there is, in turn.
MatrixKind all_formats(bora::TensorId id, bora::TensorShape shape) {
  constexpr auto kinds = static_cast<std::size_t>(MatrixKind::codes8) + 1;
  return static_cast<MatrixKind>((id.name.size() + 3 * id.layer + id.expert + shape.rows) % kinds);
}
bora::Recipe all(MatrixKind kind) {
  return [=](bora::TensorId, bora::TensorShape) { return kind; };
}

/// How far gradients are from those of a model in double that has the same weights.
template <class Spec>
double gradient_error(const bora::Decoder<Spec, Mixed>& model, const bora::TokenBatch& batch) {
  const bora::Decoder<Spec, bora::F64> exact(model.template parameters<double>());
  const auto found = bora::loss_and_gradients(model, batch);
  const auto expected = bora::loss_and_gradients(exact, batch);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < found.gradients.values().size(); ++i) {
    const double e = expected.gradients.values()[i];
    error += std::pow(static_cast<double>(found.gradients.values()[i]) - e, 2);
    size += e * e;
  }
  return std::sqrt(error / size);
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
  const auto blocks = [](MatrixKind kind) {
    return [=](bora::TensorId id, bora::TensorShape) { return id.name == "router" ? MatrixKind::f32 : kind; };
  };
  CHECK(logits_of(mixed<Spec>(blocks(MatrixKind::q8))) == logits_of(bora::Decoder<Spec, bora::Q8>(parameters)));
  CHECK(logits_of(mixed<Spec>(blocks(MatrixKind::q4))) == logits_of(bora::Decoder<Spec, bora::Q4>(parameters)));
  CHECK(logits_of(mixed<Spec>(blocks(MatrixKind::q4k))) == logits_of(bora::Decoder<Spec, bora::Q4K>(parameters)));
  CHECK(logits_of(mixed<Spec>(blocks(MatrixKind::q6k))) == logits_of(bora::Decoder<Spec, bora::Q6K>(parameters)));
}

TEST_CASE("Several formats in one model: the same bits by chunks, threads and steps", "[train]") {
  check_same_bits<tiny::Experts>(three_formats);
  check_same_bits<tiny::Alternating>(three_formats);
  check_same_bits<tiny::Experts>(all_formats);
  check_same_bits<tiny::Alternating>(all_formats);
}

TEST_CASE("A mixed model computes with the weights that it holds", "[train]") {
  const auto without_pairs = [](bora::TensorId id, bora::TensorShape) {
    return id.name == "query" || id.name == "down" ? MatrixKind::f16 : MatrixKind::f32;
  };
  CHECK(error_against_double(mixed<tiny::Experts>(without_pairs)) < 1e-5);
  CHECK(error_against_double(mixed<tiny::Alternating>(three_formats)) < 2e-2);  // inputs rounded to bfloat16
  CHECK(error_against_double(mixed<tiny::Alternating>(three_formats)) > 1e-5);
  for (const MatrixKind kind : {MatrixKind::q8, MatrixKind::q4, MatrixKind::q4k, MatrixKind::q6k, MatrixKind::codes8}) {
    const double error = error_against_double(mixed<tiny::Alternating>(all(kind)));  // inputs rounded to 8 bits
    CHECK(error < 6e-2);
    CHECK(error > 1e-5);
  }
}

TEST_CASE("A mixed model has the gradients of its weights, and trains", "[train]") {
  using Spec = tiny::Experts;
  const auto recipe = [](bora::TensorId id, bora::TensorShape) {
    return id.name == "query" || id.name == "down" ? MatrixKind::f16 : MatrixKind::f32;
  };
  const bora::TokenBatch batch(2, 20, tiny::text(3, 40));
  CHECK(gradient_error(mixed<Spec>(recipe), batch) < 1e-4);
  CHECK(gradient_error(mixed<tiny::Alternating>(all(MatrixKind::q6k)), batch) < 0.1);  // inputs rounded to 8 bits

  auto mixed_model = mixed<Spec>(three_formats);
  bora::Trainer trainer{mixed_model, {.learning_rate = {.peak = 3e-3, .warmup = 1, .steps = 20}}};
  const double first = trainer.step(batch).loss;
  double last = first;
  for (int i = 0; i < 15; ++i) last = trainer.step(batch).loss;
  CHECK(last < 0.8 * first);
}
