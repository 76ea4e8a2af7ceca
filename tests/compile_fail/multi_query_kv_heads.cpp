// expect: MultiQueryAttention: all heads share one key/value head; leave kv_heads out
#include <bora/model/description.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() { bora::describe<Spec>(); }
