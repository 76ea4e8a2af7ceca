#include "support/catch.hpp"
#include "train/differences.hpp"
#include "train/small_models.hpp"
#include <bora/infer/logits.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/routing.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace {

using bora::Decoder, bora::F32, bora::F64, bora::TokenBatch, bora::TokenId;

/// Positions as a bias that is learned, and summed over all layers.
struct Bucketed : small::Dense {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6}, bora::Causal,
                                                bora::T5RelativeBias<8, 20>>;
};
struct Sloped : small::Dense {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6}, bora::Causal,
                                                bora::Alibi<>>;
};
struct LearnedLong : small::Learned {
  static constexpr std::size_t context = 35;
};

/// Documents that straddle runs of 16 and the window of 7; two share the first row, three the second.
const std::vector<std::size_t> lengths{34, 3, 1, 17, 16};

std::vector<std::vector<TokenId>> documents() {
  std::vector<std::vector<TokenId>> all;
  for (std::size_t d = 0; d < lengths.size(); ++d) {
    const TokenBatch one = small::batch(1, lengths[d], 50 + d);
    all.emplace_back(one.ids().begin(), one.ids().end());
  }
  return all;
}

/// The documents packed in two rows of 40; what is padding is no id at all.
TokenBatch packed() {
  std::vector<TokenId> ids(80, -1);
  std::vector<std::int32_t> segments(80, -1);
  std::size_t at = 0;
  for (std::size_t d = 0; d < lengths.size(); ++d) {
    if (d == 2) at = 40;
    std::ranges::copy(documents()[d], ids.begin() + static_cast<std::ptrdiff_t>(at));
    std::fill_n(segments.begin() + static_cast<std::ptrdiff_t>(at), lengths[d], static_cast<std::int32_t>(d));
    at += lengths[d];
  }
  return {2, 40, std::move(ids), {.lengths = {37, 34}, .segments = std::move(segments)}};
}
/// Each a row of its own, padded.
TokenBatch separate() {
  std::vector<TokenId> ids(5 * 40, 1000);
  for (std::size_t d = 0; d < lengths.size(); ++d)
    std::ranges::copy(documents()[d], ids.begin() + static_cast<std::ptrdiff_t>(40 * d));
  return {5, 40, std::move(ids), {.lengths = lengths}};
}

template <class S, class F>
void check_logits() {
  const Decoder<S, F> model(small::parameters<S, float>(1));
  const auto found = bora::logits(model, packed());
  std::size_t row = 0, at = 0;
  for (std::size_t d = 0; d < lengths.size(); ++d) {
    if (d == 2) row = 1, at = 0;
    const auto alone = bora::logits(model, TokenBatch(1, lengths[d], documents()[d]));
    for (std::size_t t = 0; t < lengths[d]; ++t, ++at)
      CHECK(std::memcmp(found.row(row, at).data(), alone.row(0, t).data(), 29 * sizeof(float)) == 0);
  }
  for (std::size_t t = 34; t < 40; ++t) CHECK(std::ranges::count(found.row(1, t), 0.0f) == 29);
}

template <class S>
bool same(const bora::LossAndGradients<S, float>& a, const bora::LossAndGradients<S, float>& b) {
  return a.loss == b.loss &&
         std::memcmp(a.gradients.values().data(), b.gradients.values().data(), a.gradients.values().size_bytes()) == 0;
}

template <class S>
void check_gradients() {
  const auto p = small::parameters<S, float>(1);
  const Decoder<S, F32> model(p);
  const auto found = bora::loss_and_gradients(model, packed(), {.load_balancing = 0.1});
  CHECK(same(found, bora::loss_and_gradients(model, separate(), {.load_balancing = 0.1})));
  for (const std::size_t lanes : {2, 3}) {
    bora::ThreadPool pool(lanes, bora::WhenCrowded::keep_all_lanes);
    CHECK(same(found, bora::loss_and_gradients(model, packed(), {.load_balancing = 0.1, .pool = &pool})));
  }
  const auto exact = small::parameters<S, double>(1);
  const auto slopes = bora::loss_and_gradients(Decoder<S, F64>(exact), packed(), {.load_balancing = 0.1});
  CHECK(std::abs(slopes.loss - static_cast<double>(found.loss)) < 1e-5);
  CHECK(differences::worst_error(exact, slopes.gradients, [](const Decoder<S, F64>& moved) {
          return bora::loss_and_gradients(moved, packed(), {.load_balancing = 0.1}).loss;
        }) < 1e-6);
}

}  // namespace

TEST_CASE("Documents packed in a row have the bits that they have alone", "[train]") {
  check_logits<small::Dense, F32>();
  check_logits<small::Dense, bora::Bf16>();
  check_logits<small::Mixture, F32>();
  check_logits<Bucketed, F32>();
  check_logits<Sloped, F32>();
  check_logits<LearnedLong, F32>();
}

TEST_CASE("Gradients of packed documents are those of padded ones, bit for bit", "[train]") {
  check_gradients<small::Dense>();
  check_gradients<small::Mixture>();
  check_gradients<Bucketed>();
  check_gradients<Sloped>();
  check_gradients<LearnedLong>();
}

TEST_CASE("Padding changes no bit, whatever it holds", "[train]") {
  const Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  const TokenBatch one(1, 17, documents()[3]);
  std::vector<TokenId> ids(documents()[3]);
  ids.insert(ids.end(), 23, -7);
  const TokenBatch padded(1, 40, ids, {.lengths = {17}});
  CHECK(same(bora::loss_and_gradients(model, one), bora::loss_and_gradients(model, padded)));
  CHECK(bora::evaluate(model, one).loss == bora::evaluate(model, padded).loss);
  const Decoder<small::Mixture, F32> mixture(small::parameters<small::Mixture, float>(1));
  CHECK(bora::expert_shares(mixture, std::span(&one, 1)) == bora::expert_shares(mixture, std::span(&padded, 1)));
}

TEST_CASE("Without segments a row is one sequence across its documents", "[train]") {
  const Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1));
  const TokenBatch whole = small::batch(1, 20, 3);
  std::vector<std::int32_t> segments(20, 1);
  std::fill_n(segments.begin(), 9, 0);
  const TokenBatch apart(1, 20, {whole.ids().begin(), whole.ids().end()}, {.segments = segments});
  const auto across = bora::logits(model, whole), isolated = bora::logits(model, apart);
  CHECK(std::ranges::equal(across.row(0, 8), isolated.row(0, 8)));
  CHECK(!std::ranges::equal(across.row(0, 9), isolated.row(0, 9)));
  CHECK(bora::evaluate(model, whole).predictions == 19);
  CHECK(bora::evaluate(model, apart).predictions == 18);
}

TEST_CASE("A masked row whose logits are not numbers has no loss and no gradient", "[train]") {
  auto p = small::parameters<small::Dense, float>(1);
  p.for_each([](bora::TensorId id, bora::TensorShape, std::span<float> values) {
    if (id.name == "embedding") std::fill_n(values.begin() + 7 * 18, 18, std::nanf(""));  // token 7
  });
  const Decoder<small::Dense, F32> model(p);
  // Token 7 ends a document: no target is predicted from it, and no other token sees it.
  const TokenBatch batch(1, 5, {1, 2, 3, 4, 7}, {.weights = {1, 1, 1, 0, 1}, .segments = {0, 0, 0, 0, 1}});
  const auto found = bora::loss_and_gradients(model, batch);
  CHECK(std::isfinite(found.loss));
  CHECK(std::isfinite(bora::evaluate(model, batch).loss));
}

TEST_CASE("A trainer takes batches whose documents differ in number and length", "[train]") {
  Decoder<small::Dense, F32> model(small::parameters<small::Dense, float>(1)),
      twin(small::parameters<small::Dense, float>(1));
  bora::Trainer trainer{model}, other{twin};
  trainer.step(small::batch(1, 5, 1));
  other.step(small::batch(1, 5, 1));
  CHECK(trainer.step(packed()).loss == other.step(separate()).loss);
  CHECK(trainer.step(small::batch(2, 21, 1)).tokens == 42);
  other.step(small::batch(2, 21, 1));
  CHECK(std::ranges::equal(trainer.parameters().values(), other.parameters().values()));
}

TEST_CASE("Documents longer than the learned positions are refused, rows of shorter ones are not", "[train]") {
  const Decoder<small::Learned, F32> model(small::parameters<small::Learned, float>(1));
  const TokenBatch plain = small::batch(1, 20, 3);
  const auto split = [&](std::size_t at) {
    std::vector<std::int32_t> segments(20, 1);
    std::fill_n(segments.begin(), at, 0);
    return TokenBatch(1, 20, {plain.ids().begin(), plain.ids().end()}, {.segments = segments});
  };
  CHECK_NOTHROW(bora::loss_and_gradients(model, split(10)));
  CHECK_THROWS_AS(bora::loss_and_gradients(model, split(7)), bora::CapacityError);
}
