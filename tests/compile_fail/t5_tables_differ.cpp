// expect: T5RelativeBias: all layers share one table; use the same heads, buckets and max_distance
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using A =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::T5RelativeBias<8, 20>>;
  using B =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 4}, bora::Causal, bora::T5RelativeBias<16, 30>>;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::Alternate<A, B>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
