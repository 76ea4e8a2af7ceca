// expect: NonParametricLayerNorm: eps is added to the variance and cannot be negative
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::NonParametricLayerNorm<-1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
