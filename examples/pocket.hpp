// The model that comes with the library: a mixture of experts of Mixtral's kind, four megabytes, trained by
// train_pocket.cpp on stories.hpp.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

struct Pocket : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 1024, dim = 128, layers = 6, context = 512;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 4, .head_dim = 32},
                                                bora::SlidingWindow<192>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<128>>;
};
static_assert(bora::parameter_count<Pocket> == 1'905'280);
static_assert(bora::active_parameter_count<Pocket> == 1'315'456);
