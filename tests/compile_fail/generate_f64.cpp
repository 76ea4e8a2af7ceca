// expect: generate: a sampler draws from F32 logits; load the model in F32 or Bf16
#include <bora/infer/generate.hpp>
#include <vector>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() {
  const bora::Decoder<Spec, bora::F64> model;
  bora::Session session{model};
  bora::generate(session, std::vector<bora::TokenId>{1});
}
