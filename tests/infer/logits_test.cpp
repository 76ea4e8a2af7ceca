#include "infer/tiny.hpp"
#include <bora/core/executor.hpp>
#include <bora/infer/logits.hpp>
#include <cstddef>
#include <string>

namespace {

using tiny::Tokens;
using Whole = tiny::Masked<bora::Causal>;

template <class Model>
void check_rows(const Model& model, std::size_t time) {
  constexpr std::size_t batch = 3;
  const Tokens ids = tiny::text(1, batch * time);
  const bora::TokenBatch tokens(batch, time, ids);
  const bora::Tensor<float, 3> all = bora::logits(model, tokens);
  REQUIRE(all.shape() == std::array<std::size_t, 3>{batch, time, Model::Spec::vocab_size});
  for (std::size_t b = 0; b < batch; ++b) {
    bora::Session<Model, bora::LinearCache<bora::F32>> session{model, {.capacity = time}};
    bool same = true;
    for (std::size_t t = 0; t < time; ++t)
      same = tiny::same_bits(session.step(tokens.row(b)[t]), all.row(b, t)) && same;
    CHECK(same);
  }
  for (const std::size_t threads : {2, 3}) {
    bora::ThreadPool pool(threads, bora::WhenCrowded::keep_all_lanes);
    CHECK(tiny::same_bits(bora::logits(model, tokens, &pool).values(), all.values()));
  }
}

}  // namespace

TEST_CASE("Row t of logits() is what a session with an F32 cache says after token t", "[infer][threads]") {
  SECTION("dense") { check_rows(tiny::model<Whole>(), 70); }  // more rows than the head takes at once
  SECTION("one token") { check_rows(tiny::model<Whole>(), 1); }
  SECTION("a window") { check_rows(tiny::model<tiny::Masked<bora::SlidingWindow<5>>>(), 64); }
  SECTION("beyond a segment of keys") { check_rows(tiny::model<Whole>(), 530); }
  SECTION("experts with Bf16 weights") { check_rows(tiny::model<tiny::Experts, bora::Bf16>(), 40); }
  SECTION("T5's bias") { check_rows(tiny::model<tiny::WithT5Bias>(), 40); }
  SECTION("learned positions") { check_rows(tiny::model<tiny::WithLearnedPositions>(), 64); }
}

TEST_CASE("Batches that cannot be worked on are refused", "[infer]") {
  const auto refused = [](const auto& model, const bora::TokenBatch& batch) {
    return tiny::refusal<bora::Error>([&] { bora::logits(model, batch); });
  };
  CHECK(refused(tiny::model<Whole>(), bora::TokenBatch(1, 2, {1, 40})) ==
        "token id 40 is outside the vocabulary: expected 0 to 39");
  CHECK(refused(tiny::model<Whole>(), bora::TokenBatch(0, 0, {})) != "accepted");
  CHECK(refused(tiny::model<Whole>(), bora::TokenBatch(2, 0, {})) != "accepted");
  CHECK(refused(tiny::model<tiny::WithLearnedPositions>(), bora::TokenBatch(1, 65, Tokens(65, 1))) ==
        "rows of 65 tokens do not fit the model's 64 learned positions");
}
