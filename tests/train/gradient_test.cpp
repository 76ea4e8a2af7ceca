#include "support/catch.hpp"
#include "train/small_models.hpp"
#include <bora/infer/logits.hpp>
#include <bora/train/gradient.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace {

using bora::F32, bora::F64;

template <class S, class T>
std::vector<T> tensor(const bora::Parameters<S, T>& p, std::string_view name) {
  std::vector<T> found;
  p.for_each([&](bora::TensorId id, bora::TensorShape, std::span<const T> values) {
    if (id.name == name && found.empty()) found.assign(values.begin(), values.end());
  });
  return found;
}

/// Mean of -log softmax(logits of t)[id of t + 1], in double.
template <class T>
double cross_entropy(const bora::Tensor<T, 3>& logits, const bora::TokenBatch& batch) {
  double sum = 0;
  for (std::size_t b = 0; b < batch.batch(); ++b)
    for (std::size_t t = 0; t + 1 < batch.time(); ++t) {
      double total = 0;
      for (const T logit : logits.row(b, t)) total += std::exp(static_cast<double>(logit));
      sum += std::log(total) - static_cast<double>(logits.row(b, t)[static_cast<std::size_t>(batch.row(b)[t + 1])]);
    }
  return sum / static_cast<double>(batch.batch() * (batch.time() - 1));
}

template <class S>
std::string refusal(const bora::Decoder<S, F32>& model, const bora::TokenBatch& batch) {
  try {
    bora::loss_and_gradients(model, batch);
  } catch (const bora::Error& error) {
    return error.what();
  }
  return "";
}
bool says(const std::string& sentence, std::string_view part) { return sentence.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("The loss is the mean cross entropy of all predictions", "[train]") {
  const auto p = small::parameters<small::Dense, double>(1);
  const bora::TokenBatch batch = small::batch(3, 17, 2);
  const bora::Decoder<small::Dense, F64> exact(p);
  CHECK(std::abs(bora::loss_and_gradients(exact, batch).loss - cross_entropy(bora::logits(exact, batch), batch)) <
        1e-13);
  const bora::Decoder<small::Dense, F32> single(p);
  CHECK(std::abs(static_cast<double>(bora::loss_and_gradients(single, batch).loss) -
                 cross_entropy(bora::logits(single, batch), batch)) < 1e-6);
}

TEST_CASE("A model that knows nothing loses the logarithm of its vocabulary", "[train]") {
  const bora::Decoder<small::Dense, F32> zero;
  CHECK(std::abs(static_cast<double>(bora::loss_and_gradients(zero, small::batch(2, 5, 1)).loss) - std::log(29.0)) <
        1e-6);
}

// exp(x - log of the sum) would be off by 3e-5 of itself at 1e3 and by 4e-3 at 1e5.
TEST_CASE("The gradient of cross entropy is as precise for large logits as for small ones", "[train]") {
  for (const double size : {0.0, 1e2, 1e3, 1e4, 1e5, 1e6}) {
    CAPTURE(size);
    bora::Random random(5);
    std::vector<float> logits(777);
    for (float& x : logits) x = static_cast<float>(size + 3 * random.normal());
    double largest = -1e300, sum = 0;
    for (const float x : logits) largest = std::max(largest, static_cast<double>(x));
    for (const float x : logits) sum += std::exp(static_cast<double>(x) - largest);
    std::vector<float> found = logits;
    const double loss =
        bora::NextTokenCrossEntropy().gradient({.id = 3, .weight = 0.25}, std::span<float>(found)).measured;
    CHECK(std::abs(loss - (largest - static_cast<double>(logits[3]) + std::log(sum))) < 1e-6 * loss);
    double error = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double p = 0.25 * (std::exp(static_cast<double>(logits[i]) - largest) / sum - (i == 3 ? 1 : 0));
      error = std::max(error, std::abs(static_cast<double>(found[i]) - p) / std::abs(p));
    }
    CHECK(error < 2e-6);
  }
}

TEST_CASE("Only what predicts has a gradient: ids that stand nowhere or only at the end have none", "[train]") {
  const bora::Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  const bora::TokenBatch batch(2, 4, {1, 2, 3, 7, 2, 5, 1, 8});
  const std::vector<float> gradient = tensor(bora::loss_and_gradients(model, batch).gradients, "embedding");
  for (std::size_t id = 0; id < 29; ++id) {
    const auto row = std::span(gradient).subspan(id * 18, 18);
    const bool zero = std::all_of(row.begin(), row.end(), [](float g) { return g == 0; });
    CHECK(zero == (id != 1 && id != 2 && id != 3 && id != 5));
  }
}

TEST_CASE("Learned positions beyond the rows have no gradient", "[train]") {
  const bora::Decoder<small::Learned, F32> model(small::parameters<small::Learned, float>(1));
  const std::vector<float> gradient =
      tensor(bora::loss_and_gradients(model, small::batch(2, 6, 1)).gradients, "positions");
  for (std::size_t position = 0; position < 12; ++position) {
    const auto row = std::span(gradient).subspan(position * 18, 18);
    const bool zero = std::all_of(row.begin(), row.end(), [](float g) { return g == 0; });
    CHECK(zero == (position >= 5));  // the last token predicts nothing
  }
}

TEST_CASE("A batch's gradient is the mean of its rows', and does not depend on their order", "[train]") {
  const bora::Decoder<small::Dense, F64> model(small::parameters<small::Dense, double>(1));
  const bora::TokenBatch both = small::batch(2, 11, 5);
  const auto row = [&](std::size_t b) { return bora::TokenBatch(1, 11, {both.row(b).begin(), both.row(b).end()}); };
  std::vector<bora::TokenId> turned(both.row(1).begin(), both.row(1).end());
  turned.insert(turned.end(), both.row(0).begin(), both.row(0).end());
  const auto whole = bora::loss_and_gradients(model, both), first = bora::loss_and_gradients(model, row(0)),
             second = bora::loss_and_gradients(model, row(1)),
             swapped = bora::loss_and_gradients(model, bora::TokenBatch(2, 11, turned));
  CHECK(std::abs(whole.loss - (first.loss + second.loss) / 2) < 1e-14);
  double apart = 0, order = 0;
  for (std::size_t i = 0; i < whole.gradients.values().size(); ++i) {
    const double g = whole.gradients.values()[i];
    apart = std::max(apart, std::abs(g - (first.gradients.values()[i] + second.gradients.values()[i]) / 2));
    order = std::max(order, std::abs(g - swapped.gradients.values()[i]));
  }
  CHECK(apart < 1e-14);
  CHECK(order < 1e-14);
}

TEST_CASE("Twice the coefficient is twice the gradient, bit for bit", "[train]") {
  const bora::Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  const bora::TokenBatch batch = small::batch(2, 11, 5);
  const auto once = bora::loss_and_gradients(model, batch),
             twice = bora::loss_and_gradients(model, batch, {.cross_entropy = 2});
  CHECK(twice.loss == 2 * once.loss);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < once.gradients.values().size(); ++i)
    wrong += twice.gradients.values()[i] != 2 * once.gradients.values()[i];
  CHECK(wrong == 0);
}

TEST_CASE("The same batch gives the same bits again", "[train]") {
  const bora::Decoder<small::Mixture, bora::Bf16> model(small::parameters<small::Mixture, float>(1));
  const bora::TokenBatch batch = small::batch(2, 11, 5);
  const auto a = bora::loss_and_gradients(model, batch), b = bora::loss_and_gradients(model, batch);
  CHECK(a.loss == b.loss);
  CHECK(std::memcmp(a.gradients.values().data(), b.gradients.values().data(), a.gradients.values().size_bytes()) == 0);
}

// bfloat16 has 8 bits: a product's inputs are off by 2^-9 each, and layers follow one another.
TEST_CASE("Gradients in Bf16 are those of its rounded weights to a few roundings of bfloat16", "[train]") {
  const bora::Decoder<small::Dense, bora::Bf16> half(small::parameters<small::Dense, float>(1));
  const bora::Decoder<small::Dense, F64> exact(half.parameters<double>());
  const bora::TokenBatch batch = small::batch(2, 19, 5);
  const auto found = bora::loss_and_gradients(half, batch);
  const auto expected = bora::loss_and_gradients(exact, batch);
  CHECK(std::abs(static_cast<double>(found.loss) - expected.loss) < 0.02);
  std::size_t at = 0;
  expected.gradients.for_each([&](bora::TensorId id, bora::TensorShape, std::span<const double> values) {
    double error = 0, norm = 0;
    for (const double g : values) {
      const double e = static_cast<double>(found.gradients.values()[at++]) - g;
      error += e * e;
      norm += g * g;
    }
    INFO(id.name << " of layer " << id.layer);
    CHECK(std::sqrt(error) <= 0.03 * std::sqrt(norm));
  });
}

TEST_CASE("A batch that cannot be trained on is refused by a sentence", "[train]") {
  const bora::Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  CHECK_THROWS_AS(bora::loss_and_gradients(model, bora::TokenBatch()), bora::TokenError);
  CHECK_THROWS_AS(bora::loss_and_gradients(model, bora::TokenBatch(0, 5, {})), bora::TokenError);
  CHECK_THROWS_AS(bora::loss_and_gradients(model, bora::TokenBatch(2, 1, {1, 2})), bora::TokenError);
  CHECK(says(refusal(model, bora::TokenBatch(2, 1, {1, 2})), "2 rows of 1 tokens"));
  CHECK_THROWS_AS(bora::loss_and_gradients(model, bora::TokenBatch(1, 3, {1, -1, 2})), bora::TokenError);
  CHECK(says(refusal(model, bora::TokenBatch(1, 3, {1, -1, 2})), "-1"));
  CHECK_THROWS_AS(bora::loss_and_gradients(model, bora::TokenBatch(1, 3, {1, 2, 29})), bora::TokenError);
  CHECK(says(refusal(model, bora::TokenBatch(1, 3, {1, 2, 29})), "0 to 28"));
  CHECK_THROWS_AS(bora::TokenBatch(2, 3, {1, 2, 3}), bora::ConfigError);
}

TEST_CASE("Rows longer than the learned positions are refused, and as long are not", "[train]") {
  const bora::Decoder<small::Learned, F32> model(small::parameters<small::Learned, float>(1));
  CHECK_NOTHROW(bora::loss_and_gradients(model, small::batch(1, 12, 1)));
  CHECK_THROWS_AS(bora::loss_and_gradients(model, small::batch(1, 13, 1)), bora::CapacityError);
  CHECK(says(refusal(model, small::batch(1, 13, 1)), "12 learned positions"));
}

TEST_CASE("Rows may be longer than the context where positions are computed", "[train]") {
  const bora::Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  CHECK_NOTHROW(bora::loss_and_gradients(model, small::batch(1, 50, 1)));  // context 40
}

TEST_CASE("Coefficients that are no numbers are refused", "[train]") {
  const bora::Decoder<small::Dense, bora::F32> model(small::parameters<small::Dense, float>(1));
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(bora::loss_and_gradients(model, small::batch(2, 6, 1), {.load_balancing = bad}), bora::ConfigError);
    CHECK_THROWS_AS(bora::loss_and_gradients(model, small::batch(2, 6, 1), {.cross_entropy = bad}), bora::ConfigError);
  }
}
