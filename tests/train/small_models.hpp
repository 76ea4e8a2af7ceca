/// Models that a test trains in milliseconds, with odd sizes.
#pragma once
#include <bora/core/random.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/decoder.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace small {

struct Dense : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 29, dim = 18, layers = 2, context = 40;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6},
                                                bora::SlidingWindow<7>, bora::Rope<1e4>, bora::Bias>;
  using FeedForward = bora::SwiGlu<21>;
};

struct Mixture : Dense {
  using Norm = bora::RmsNorm<1e-5>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<11>>;
};

struct Learned : Dense {
  static constexpr std::size_t layers = 1, context = 12;
  static constexpr bool tie_embeddings = true;
  using Position = bora::LearnedPositions;
};

inline bora::TokenBatch batch(std::size_t rows, std::size_t time, std::uint64_t seed, std::size_t vocab_size = 29) {
  bora::Random random(seed);
  std::vector<bora::TokenId> ids(rows * time);
  for (bora::TokenId& id : ids) id = static_cast<bora::TokenId>(random.below(vocab_size));
  return {rows, time, std::move(ids)};
}

/// Parameters at which no vector is constant.
template <class S, class T>
bora::Parameters<S, T> parameters(std::uint64_t seed) {
  bora::Parameters<S, T> p = bora::random_model<S, bora::F32>(seed).template parameters<T>();
  bora::Random random(seed, 77);
  p.for_each([&](bora::TensorId, bora::TensorShape shape, std::span<T> values) {
    if (!shape.matrix())
      for (T& value : values) value += static_cast<T>(static_cast<float>(0.2 * random.normal()));
  });
  return p;
}

}  // namespace small
