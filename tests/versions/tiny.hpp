// A model for both halves of a program, and a function that half 1 calls and half 2 has.
#pragma once
#include <bora/model/decoder.hpp>
#include <cstddef>

struct Tiny : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 64, dim = 32, layers = 1, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 16}, bora::Causal>;
  using FeedForward = bora::SwiGlu<48>;
};
using Model = bora::Decoder<Tiny, bora::F32>;

std::size_t weight_bytes(const Model& model);
