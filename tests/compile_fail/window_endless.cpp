// expect: SlidingWindow: no sequence is that long; use Causal
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::SlidingWindow<~std::size_t{0}>>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
