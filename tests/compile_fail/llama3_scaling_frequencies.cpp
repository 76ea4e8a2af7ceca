// expect: Llama3Scaling: low_frequency and high_frequency count turns in the original context
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<
      bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
      bora::Rope<1e4, 1.0, bora::Llama3Scaling<bora::Llama3Settings{.low_frequency = 4, .high_frequency = 4}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
