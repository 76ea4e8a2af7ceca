// expect: save_checkpoint: checkpoints hold F32 parameters; train in F32 or Bf16
#include <bora/train/checkpoint.hpp>

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

void save(const bora::Trainer<bora::Decoder<Spec, bora::F64>>& trainer) { bora::save_checkpoint("run", trainer, {}); }
