// expect: training: alternating mixtures must have the same experts and choices
#include <bora/train/gradient.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::Alternate<bora::MixtureOfExperts<2, bora::TopKRouter<1>, bora::SwiGlu<4>>,
                                      bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<4>>>;
};

int main() {
  const bora::Decoder<Spec, bora::F32> model;
  bora::loss_and_gradients(model, bora::TokenBatch{});
}
