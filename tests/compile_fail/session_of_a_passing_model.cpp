// expect: /error: (use of deleted function|call to deleted constructor of) .*Session</
#include <bora/infer/session.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 1, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 1, .head_dim = 16}>;
  using FeedForward = bora::SwiGlu<16>;
};

int main() {
  bora::Session session{bora::random_model<Spec, bora::F32>(1)};  // the model ends with this line
  session.reset();
}
