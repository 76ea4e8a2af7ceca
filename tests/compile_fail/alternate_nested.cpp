// expect: Alternate: layers alternate between two kinds; they cannot be nested
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using A = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using B = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 4}>;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::Alternate<bora::Alternate<A, B>, A>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
