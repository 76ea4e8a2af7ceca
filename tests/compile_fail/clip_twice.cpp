// expect: GroupedQueryAttention: an option is given twice; give Bias and ClipQkv<limit> at most once
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::NoPosition,
                                             bora::ClipQkv<1.0>, bora::ClipQkv<2.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
