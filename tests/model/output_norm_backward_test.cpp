#include "support/whole_model.hpp"
#include <cstddef>

namespace {

using namespace bora;

constexpr HeadShape heads{.heads = 4, .kv_heads = 2, .head_dim = 6};

struct OutputNorms : DecoderSpec {
  static constexpr std::size_t vocab_size = 33, dim = 20, layers = 2, context = 64;
  using Norm = RmsNorm<1e-5>;
  using Attention = GroupedQueryAttention<heads, Causal, Rope<1e4>, QkNorm<WholeWidth, RmsNorm<1e-5>>>;
  using FeedForward = SwiGlu<18>;
  using Residual = OutputNormResidual;
};
struct OutputNormsOfExperts : OutputNorms {
  using Norm = LayerNorm<1e-5>;
  using Attention = GroupedQueryAttention<heads, SlidingWindow<7>, T5RelativeBias<8, 20>>;
  using FeedForward = Layers<MixtureOfExperts<4, SoftmaxTopKRouter<2>, SwiGlu<7>>, Mlp<9, Gelu, Bias>>;
};
/// Four norms a layer, a scaled embedding that is the head too, capped scores and logits.
struct Sandwich : OutputNorms {
  static constexpr bool tie_embeddings = true;
  using EmbeddingScale = RootOfWidth;
  using LogitCap = SoftCap<0.8>;
  using Norm = RmsNorm<1e-5, UnitOffset>;
  using Attention = Layers<GroupedQueryAttention<heads, SlidingWindow<7>, Rope<1e2>, ScoreWidth<3.0>, SoftCap<2.0>>,
                           GroupedQueryAttention<heads, Causal, Rope<1e4>, ScoreWidth<3.0>, SoftCap<2.0>>>;
  using FeedForward = GeGluTanh<18>;
  using Residual = SandwichResidual;
};
struct ScaledWithPositions : OutputNorms {
  using Position = LearnedPositions;
  using EmbeddingScale = RootOfWidth;
  using Residual = SandwichResidual;
};

}  // namespace

TEST_CASE("Norms on the outputs train", "[model]") {
  support::check_model<OutputNorms>("norms on the outputs", 2, 19);
  support::check_model<OutputNormsOfExperts>("norms on the outputs of experts", 2, 19, 2, {.load_balancing = 0.5});
}

TEST_CASE("Norms before and after, a scaled embedding and soft caps train", "[model]") {
  support::check_model<Sandwich>("sandwich", 2, 19);
  support::check_model<ScaledWithPositions>("sandwich with learned positions", 1, 19);
}
