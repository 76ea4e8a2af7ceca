#include "infer/tiny.hpp"
#include <bora/core/executor.hpp>
#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace {

using bora::BatchSession;
using bora::BatchToken;
using tiny::Logits;
using tiny::Tokens;

using Window = tiny::Masked<bora::SlidingWindow<16>>;
using Whole = tiny::Masked<bora::Causal>;

std::vector<Logits> copy(const bora::LogitRows<float>& rows) {
  std::vector<Logits> copies;
  for (std::size_t r = 0; r < rows.size(); ++r) copies.push_back(tiny::copy(rows.row(r)));
  return copies;
}

/// Sequences of different lengths, stepped together, against each alone.
template <class Model>
void check_beside_others(const Model& model, bora::Executor* pool) {
  constexpr std::size_t sequences = 11;  // rows beyond one tile of every kernel
  BatchSession session{model, {.chunk = 9, .sequences = sequences, .pool = pool}};
  std::vector<Tokens> texts;
  for (std::size_t s = 0; s < sequences; ++s) {
    texts.push_back(tiny::text(s, 1 + 5 * s));
    session.prefill(s, texts[s]);
  }
  for (int step = 0; step < 4; ++step) {
    const Tokens next = tiny::text(100 + static_cast<std::uint64_t>(step), sequences);
    const std::vector<Logits> rows = copy(session.step(next));
    REQUIRE(rows.size() == sequences);
    for (std::size_t s = 0; s < sequences; ++s) {
      texts[s].push_back(next[s]);
      bora::Session alone{model};
      CHECK(tiny::same_bits(rows[s], alone.prefill(texts[s])));
    }
  }
}

}  // namespace

TEST_CASE("Logits do not depend on what else is in the batch", "[infer]") {
  SECTION("a ring") { check_beside_others(tiny::model<Window>(), nullptr); }
  SECTION("the whole text") { check_beside_others(tiny::model<Whole>(), nullptr); }
  SECTION("experts") { check_beside_others(tiny::model<tiny::Experts>(), nullptr); }
  SECTION("T5's bias") { check_beside_others(tiny::model<tiny::WithT5Bias>(), nullptr); }
  SECTION("Bf16 weights") { check_beside_others(tiny::model<tiny::Experts, bora::Bf16>(), nullptr); }
}

TEST_CASE("Logits of a batch do not depend on the threads", "[infer][threads]") {
  bora::ThreadPool pool(3, bora::WhenCrowded::keep_all_lanes);
  check_beside_others(tiny::model<tiny::Experts>(), &pool);
}

TEST_CASE("Some sequences may step, in any order, and rows come in the order given", "[infer]") {
  const auto& model = tiny::model<Window>();
  BatchSession session{model, {.sequences = 4}};
  std::vector<Tokens> texts;
  for (std::size_t s = 0; s < 4; ++s) {
    texts.push_back(tiny::text(s, 20 + s));
    session.prefill(s, texts[s]);
  }
  const std::vector<std::vector<std::size_t>> orders = {{3, 0}, {2}, {1, 3, 0, 2}, {0, 1, 2, 3}, {2, 1}};
  for (const auto& order : orders) {
    std::vector<BatchToken> tokens;
    for (const std::size_t s : order) {
      tokens.push_back({.sequence = s, .token = static_cast<bora::TokenId>(texts[s].size() % 40)});
      texts[s].push_back(tokens.back().token);
    }
    const std::vector<Logits> rows = copy(session.step(tokens));
    REQUIRE(rows.size() == order.size());
    for (std::size_t r = 0; r < order.size(); ++r)
      CHECK(tiny::same_bits(rows[r], tiny::from_scratch<bora::F32>(model, texts[order[r]])));
  }
  for (std::size_t s = 0; s < 4; ++s) CHECK(session.length(s) == texts[s].size());
}

TEST_CASE("More sequences than a chunk has rows may step at once", "[infer]") {
  const auto& model = tiny::model<Whole>();
  BatchSession session{model, {.chunk = 2, .sequences = 7}};
  for (std::size_t s = 0; s < 7; ++s) session.prefill(s, tiny::text(s, 5));
  const std::vector<Logits> rows = copy(session.step(Tokens(7, 3)));
  for (std::size_t s = 0; s < 7; ++s) {
    Tokens tokens = tiny::text(s, 5);
    tokens.push_back(3);
    CHECK(tiny::same_bits(rows[s], tiny::from_scratch<bora::F32>(model, tokens)));
  }
}

TEMPLATE_TEST_CASE("A fork goes its own way", "[infer]", (bora::LinearCache<bora::F32>),
                   (bora::RollingCache<bora::F32>), (bora::PagedCache<32, bora::F32>)) {
  const auto& model = tiny::model<Window>();
  BatchSession<bora::Decoder<Window, bora::F32>, TestType> session{model, {.chunk = 8, .rewind = 8, .sequences = 3}};
  Tokens left = tiny::text(1, 37);
  session.prefill(0, left);
  session.prefill(2, tiny::text(2, 50));  // is replaced
  const std::size_t bytes = session.cache_bytes();
  session.fork(0, 2);
  CHECK(session.length(2) == 37);
  Tokens right = left;
  for (bora::TokenId t = 0; t < 20; ++t) {
    left.push_back(t);
    right.push_back(39 - t);
    const std::vector<Logits> rows = copy(session.step(std::vector<BatchToken>{{2, 39 - t}, {0, t}}));
    CHECK(tiny::same_bits(rows[0], tiny::from_scratch<bora::F32>(model, right)));
    CHECK(tiny::same_bits(rows[1], tiny::from_scratch<bora::F32>(model, left)));
  }
  session.fork(2, 1);
  session.reset(2);
  session.rewind(1, 52);
  right.resize(52);
  right.push_back(5);
  CHECK(tiny::same_bits(session.step(std::vector<BatchToken>{{1, 5}}).row(0),
                        tiny::from_scratch<bora::F32>(model, right)));
  CHECK(session.length(0) == 57);
  CHECK(session.length(1) == 53);
  CHECK(session.length(2) == 0);
  session.fork(0, 0);
  CHECK(session.length(0) == 57);
  CHECK(session.cache_bytes() == bytes);
}

TEST_CASE("A refused call to a batch changes nothing", "[infer]") {
  const auto& model = tiny::model<Whole>();
  BatchSession session{model, {.capacity = 30, .sequences = 3}}, undisturbed{model, {.capacity = 30, .sequences = 3}};
  for (auto* s : {&session, &undisturbed}) {
    s->prefill(0, tiny::text(1, 10));
    s->prefill(1, tiny::text(2, 30));  // full
    s->prefill(2, tiny::text(3, 20));
  }
  const auto tokens = [](std::vector<BatchToken> list) { return list; };
  CHECK(tiny::refusal<bora::TokenError>([&] { session.step(tokens({{0, 1}, {2, 1}, {0, 2}})); }) ==
        "step: sequence 0 is given twice, expected one token each");
  CHECK(tiny::refusal<bora::TokenError>([&] { session.step(tokens({})); }) ==
        "step: no tokens given, expected at least one");
  CHECK(tiny::refusal<bora::TokenError>([&] { session.step(Tokens{1, 2}); }) ==
        "step: 2 tokens given, expected one for each of the 3 sequences");
  CHECK(tiny::refusal<bora::TokenError>([&] { session.step(tokens({{0, 1}, {2, 40}})); }) ==
        "token id 40 is outside the vocabulary: expected 0 to 39");
  CHECK(tiny::refusal<bora::TokenError>([&] { session.step(Tokens{0, 0, -5}); }) ==
        "token id -5 is outside the vocabulary: expected 0 to 39");
  const std::string full = "sequence 1 holds 30 tokens and cannot take 1 more: the session's capacity is 30";
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.step(Tokens{1, 2, 3}); }) == full);
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.step(tokens({{0, 1}, {2, 1}, {1, 1}})); }) == full);

  const std::string missing = "sequence 3 does not exist: this session has 3";
  const auto refused = [](auto action) { return tiny::refusal<bora::ConfigError>(action); };
  CHECK(refused([&] { session.step(tokens({{0, 1}, {3, 1}})); }) == missing);
  CHECK(refused([&] { session.prefill(3, Tokens{1}); }) == missing);
  CHECK(refused([&] { session.rewind(3, 0); }) == missing);
  CHECK(refused([&] { session.reset(3); }) == missing);
  CHECK(refused([&] { session.fork(0, 3); }) == missing);
  CHECK(refused([&] { session.fork(3, 0); }) == missing);
  CHECK(refused([&] { session.length(3); }) == missing);
  CHECK(refused([&] { session.length(std::numeric_limits<std::size_t>::max()); }) != "accepted");

  for (bora::TokenId t = 0; t < 10; ++t) {
    const std::vector<Logits> want = copy(undisturbed.step(tokens({{2, t}, {0, t}})));
    const std::vector<Logits> got = copy(session.step(tokens({{2, t}, {0, t}})));
    for (std::size_t r = 0; r < 2; ++r) CHECK(tiny::same_bits(got[r], want[r]));
  }
  CHECK(session.length(1) == 30);
}
