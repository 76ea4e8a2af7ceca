// What a session takes beside weights and keys, and that working in blocks and over old buffers changes no bit.
#include "infer/tiny.hpp"
#include <bora/core/executor.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <algorithm>
#include <cstddef>
#include <span>

namespace {

/// A layer of Mistral 7B; its weights are reserved and never written to.
struct Layer : bora::Mistral7B {
  static constexpr std::size_t vocab_size = 16, layers = 1;
};
struct TwoKinds : Layer {
  static constexpr std::size_t layers = 2;
  using Attention = bora::Alternate<Layer::Attention, bora::GroupedQueryAttention<head_shape, bora::Causal>>;
};

template <class Spec>
std::size_t scratch_bytes(std::size_t chunk) {
  const bora::Decoder<Spec, bora::Bf16> model;
  return bora::Session{model, {.capacity = 1024, .chunk = chunk}}.scratch_bytes();
}

/// Wide enough for a prompt of 520 tokens to cut the hidden layer into blocks, the last one narrower.
template <class FeedForward_>
struct Wide : tiny::Masked<bora::Causal> {
  static constexpr std::size_t context = 600;
  using FeedForward = FeedForward_;
};
template <class FeedForward>
struct Parallel : Wide<FeedForward> {
  using Residual = bora::ParallelResidual<bora::SeparateNorms>;
};
/// An odd width: bfloat16 reads a padding.
template <class FeedForward>
struct Odd : Wide<FeedForward> {
  static constexpr std::size_t dim = 23;
};

template <class Spec, class Format>
void check_blocks() {
  const auto& model = tiny::model<Spec, Format>();
  const tiny::Tokens tokens = tiny::text(1, 560);
  const auto run = [&](std::size_t chunk, bora::Executor* pool) {
    bora::Session session{model, {.chunk = chunk, .pool = pool}};
    session.prefill(std::span(tokens).first(520));
    return tiny::copy(session.prefill(std::span(tokens).subspan(520)));
  };
  const tiny::Logits want = run(19, nullptr);
  CHECK(tiny::same_bits(run(520, nullptr), want));
  bora::ThreadPool pool(2, bora::WhenCrowded::keep_all_lanes);
  CHECK(tiny::same_bits(run(520, &pool), want));
}

}  // namespace

TEST_CASE("A session reserves the residual stream, a layer's output and input, and the larger half of a layer",
          "[infer]") {
  constexpr std::size_t f32 = sizeof(float), bf16 = sizeof(bora::bfloat16);
  const std::size_t chunk = GENERATE(128, 512), wide = bora::row_stride(4096), hidden = bora::row_stride(14'336);
  const std::size_t attention = (wide + 2 * bora::row_stride(1024)) * f32 + wide * bf16;
  const std::size_t feed_forward =
      hidden * bf16 + (chunk == 128 ? 2 * 768 : 2 * 192) * f32;  // and blocks of gate and up
  const std::size_t row = 2 * wide * f32 + wide * bf16 + std::max(attention, feed_forward);
  constexpr std::size_t small = 1'000'000;  // rotary angles, statistics, a lane's tile of attention, logits
  const std::size_t found = scratch_bytes<Layer>(chunk);
  CHECK(found >= chunk * row);
  CHECK(found < chunk * row + small);
  if (chunk == 512) CHECK(found < 40'000'000);
  CHECK(scratch_bytes<TwoKinds>(chunk) < found + small);  // kinds of layers share one memory
}

TEST_CASE("A hidden layer that is computed in blocks has the bits of one that is not", "[infer][threads]") {
  check_blocks<Wide<bora::SwiGlu<500>>, bora::F32>();
  check_blocks<Wide<bora::Mlp<450, bora::Gelu, bora::Bias>>, bora::Bf16>();
  check_blocks<Wide<bora::MixtureOfExperts<3, bora::TopKRouter<2>, bora::GeGlu<450>>>, bora::Bf16>();
  check_blocks<Parallel<bora::MixtureOfExperts<3, bora::TopKRouter<2>, bora::SwiGlu<450>>>, bora::F32>();
  check_blocks<Odd<bora::SwiGlu<501>>, bora::Bf16>();
}
