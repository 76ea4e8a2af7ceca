// expect: Alternate: layers alternate between two kinds; they cannot be nested
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::Alternate<bora::SwiGlu<16>, bora::Alternate<bora::SwiGlu<8>, bora::SwiGlu<16>>>;
};

int main() { bora::describe<Spec>(); }
