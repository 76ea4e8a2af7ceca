// expect: RollingCache: a ring holds a window of keys, and this model's mask has none
#include <bora/infer/session.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() {
  const bora::Decoder<Spec, bora::F32> model;
  const bora::Session<bora::Decoder<Spec, bora::F32>, bora::RollingCache<bora::F32>> session{model};
}
