// The specs that programs outside this project begin with, as they are written there: each has the parameters that its
// numbers amount to, goes on token by token and is trained.
#include "support/catch.hpp"
#include <bora/bora.hpp>
#include <specs.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace {

constexpr std::size_t d = 64, vocab = 320, layers = 3;
/// Queries and output, keys and values.
constexpr std::size_t attention(std::size_t kv_heads) { return 2 * d * d + 2 * d * 8 * kv_heads; }
constexpr std::size_t biases = 3 * d + d, gated = 3 * d * 176, plain = 2 * d * 256, plain_biases = 256 + d,
                      norm = 2 * d;

template <class S>
constexpr std::size_t expected_parameters = 0;
template <>
constexpr std::size_t expected_parameters<contract::Llama> =
    2 * vocab * d + layers * (attention(2) + gated + 2 * d) + d;
template <>
constexpr std::size_t expected_parameters<contract::LlamaMha> =
    2 * vocab * d + layers * (attention(8) + gated + 2 * d) + d;
template <>
constexpr std::size_t expected_parameters<contract::LlamaMqa> =
    2 * vocab * d + layers * (attention(1) + gated + 2 * d) + d;
template <>
constexpr std::size_t expected_parameters<contract::Mistral> = expected_parameters<contract::Llama>;
template <>
constexpr std::size_t expected_parameters<contract::Mixtral> =
    2 * vocab * d + layers * (attention(2) + 8 * (3 * d * 112 + d) + 2 * d) + d;
template <>
constexpr std::size_t expected_parameters<contract::Olmo> = vocab * d + layers * (attention(8) + gated);
template <>
constexpr std::size_t expected_parameters<contract::Gpt2> =
    (vocab + 128) * d + layers * (attention(8) + biases + plain + plain_biases + 2 * norm) + norm;
template <>
constexpr std::size_t expected_parameters<contract::Falcon> = vocab * d + layers * (attention(1) + plain + norm) + norm;
template <>
constexpr std::size_t expected_parameters<contract::Mpt> = vocab * d + layers * (attention(8) + plain + 2 * d) + d;
template <>
constexpr std::size_t expected_parameters<contract::NeoX> =
    2 * vocab * d + layers * (attention(8) + biases + plain + plain_biases + 2 * norm) + norm;

}  // namespace

TEMPLATE_TEST_CASE("A spec that others write runs and is trained", "[contract]", contract::Llama, contract::LlamaMha,
                   contract::LlamaMqa, contract::Mistral, contract::Mixtral, contract::Olmo, contract::Gpt2,
                   contract::Falcon, contract::Mpt, contract::NeoX) {
  STATIC_REQUIRE(bora::parameter_count<TestType> == expected_parameters<TestType>);
  auto model = bora::random_model<TestType, bora::F32>(1);
  CHECK(model.parameters().values().size() == bora::parameter_count<TestType>);

  const bora::TokenBatch batch(1, 6, {1, 2, 3, 4, 5, 6});
  const bora::Tensor<float, 3> all = bora::logits(model, batch);
  bora::Session session{model};
  for (std::size_t t = 0; t < batch.time(); ++t)
    CHECK(std::ranges::equal(session.step(batch.row(0)[t]), all.row(0, t)));
  CHECK(std::ranges::all_of(all.values(), [](float logit) { return std::isfinite(logit); }));

  bora::Trainer trainer{model, {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}}};
  const double first = trainer.step(batch).loss;
  CHECK(std::abs(first - std::log(vocab)) < 1.5);  // it knows nothing yet
  for (int step = 0; step < 4; ++step) trainer.step(batch);
  CHECK(trainer.step(batch).loss < first - 0.5);
}
