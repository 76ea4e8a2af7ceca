// A second source of the consumer, with a model of its own: the kernels that it calls are those of the first.
#include <bora/infer/logits.hpp>
#include <cstddef>
#include <vector>

namespace {

struct Other : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 64, dim = 24, layers = 1, context = 16;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 12}>;
  using FeedForward = bora::Mlp<32, bora::Gelu>;
};

}  // namespace

std::size_t other_logits();
std::size_t other_logits() {
  const auto model = bora::random_model<Other, bora::Bf16>(/*seed=*/1);
  const std::vector<bora::TokenId> tokens{1, 2, 3};
  return bora::logits(model, {1, 3, tokens}).row(0, 2).size();
}
