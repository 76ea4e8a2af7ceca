// The model that train.cpp trains and `generate` knows: edit it here, and both follow.
#pragma once
#include <bora/model/spec.hpp>
#include <cstddef>

/// A small Llama whose tokens are the bytes of a text.
struct SmallLlama : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 192, layers = 4, context = 256;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 32},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<512>;
};
