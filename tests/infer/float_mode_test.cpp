#include "support/catch.hpp"
#include "support/float_modes.hpp"
#include <bora/core/executor.hpp>
#include <bora/infer/logits.hpp>
#include <bora/infer/sampler.hpp>
#include <bora/infer/session.hpp>
#include <bora/model/spec.hpp>
#include <cstddef>
#include <vector>

namespace {

using bora::ThreadPool;
using bora::TokenId;

struct Turning : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 61, dim = 32, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 8}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<48>;
};
struct Sloped : Turning {
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 8}, bora::Causal, bora::Alibi<>>;
  using FeedForward = bora::Mlp<64, bora::GeluTanh>;
};

const std::vector<TokenId> prompt{5, 17, 3, 60, 42, 0, 9, 11, 30, 2, 7};

/// Logits after the prompt and a few steps, tokens drawn from them, and the logits of the whole, by a model and a
/// session made in the mode that holds.
template <class Spec, class Format>
std::vector<float> everything(bora::Executor* pool) {
  const auto model = bora::random_model<Spec, Format>(3);
  bora::Session session{model, {.chunk = 4, .pool = pool}};
  bora::Sampler sampler({.temperature = 0.9, .top_k = 40, .top_p = 0.95, .seed = 1});
  std::vector<float> found;
  const auto keep = [&](const auto& logits) { found.insert(found.end(), logits.begin(), logits.end()); };
  keep(session.prefill(prompt));
  std::vector<float> logits(found);
  for (int i = 0; i < 8; ++i) {
    const TokenId drawn = sampler(logits);
    found.push_back(static_cast<float>(drawn));
    const auto next = session.step(drawn);
    logits.assign(next.begin(), next.end());
    keep(next);
  }
  const auto whole = bora::logits(model, bora::TokenBatch(1, prompt.size(), prompt), pool);
  for (std::size_t t = 0; t < prompt.size(); ++t) keep(whole.row(0, t));
  return found;
}

template <class Spec, class Format>
void check_modes() {
  const std::vector<float> truth = everything<Spec, Format>(nullptr);
  ThreadPool early(2, bora::WhenCrowded::keep_all_lanes);
  for (const bora::test::CallersMode& mode : bora::test::float_modes()) {
    const bora::test::ModeSet set(mode);
    INFO(mode.name);
    ThreadPool late(3, bora::WhenCrowded::keep_all_lanes), alone(1);
    for (bora::Executor* pool : {static_cast<bora::Executor*>(nullptr), static_cast<bora::Executor*>(&early),
                                 static_cast<bora::Executor*>(&late), static_cast<bora::Executor*>(&alone)})
      CHECK(bool(everything<Spec, Format>(pool) == truth));
    CHECK(set.holds());
  }
}

}  // namespace

TEST_CASE("Sessions and samplers give the same bits in any floating-point mode of the caller", "[infer][threads]") {
  check_modes<Turning, bora::F32>();
  check_modes<Turning, bora::Bf16>();
  check_modes<Sloped, bora::F32>();
}
