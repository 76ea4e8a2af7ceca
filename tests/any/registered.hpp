/// The models that registered_models_test.cpp registers, and one that it does not.
#pragma once
#include <bora/model/spec.hpp>
#include <cstddef>

namespace any_test {

struct Wide : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 40, dim = 24, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<36>;
};
struct Routed : Wide {
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<20>>;
};
struct Unregistered : Wide {
  static constexpr std::size_t layers = 3;
};

}  // namespace any_test
