// expect: LayerNorm: NoBias is given twice
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::LayerNorm<1e-5, bora::NoBias, bora::NoBias>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
