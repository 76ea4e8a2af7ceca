// expect: ModelSpec: vocab_size exceeds what a TokenId can number
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = std::size_t{1} << 31, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
