// A program that depends on bora: one model, and how many parameters it has.
#include <bora/bora.hpp>
#include <cstddef>
#include <iostream>

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 320, dim = 64, layers = 3, context = 128;
  static constexpr bora::HeadShape head_shape{.heads = 8, .kv_heads = 2, .head_dim = 8};
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<head_shape, bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};
static_assert(bora::parameter_count<Small> > 0);

int main() { std::cout << "parameters: " << bora::parameter_count<Small> << '\n'; }
