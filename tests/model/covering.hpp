/// Small models of which every two policies meet in at least one (tests/tools/pairwise.py makes and checks the list):
/// a policy that works alone may still disturb another.
#pragma once
#include "support/whole_model.hpp"
#include <cstddef>
#include <string>
#include <type_traits>

namespace covering {

// Heads.
struct MultiHead {
  static constexpr bora::HeadShape shape{.heads = 3, .kv_heads = 3, .head_dim = 6};
};
struct Grouped {
  static constexpr bora::HeadShape shape{.heads = 4, .kv_heads = 2, .head_dim = 4};
};
struct MultiQuery {
  static constexpr bora::HeadShape shape{.heads = 5, .kv_heads = 1, .head_dim = 4};
};

// Masks.
using Full = bora::Causal;
using Window = bora::SlidingWindow<7>;

// Positions of attention.
inline constexpr bora::YarnSettings yarn{.factor = 4, .original_context = 32, .beta_fast = 4};
using NoRotation = bora::NoPosition;
using Turned = bora::Rope<1e4>;
using PartlyTurned = bora::Rope<1e4, 0.7>;
using Stretched = bora::Rope<1e2, 1.0, bora::YarnScaling<yarn>>;
using LinearBias = bora::Alibi<8.0>;
using BucketBias = bora::T5RelativeBias<8, 20>;

// Options of attention.
struct Plain {
  template <bora::HeadShape shape, class Mask, class Position>
  using Attention = bora::GroupedQueryAttention<shape, Mask, Position>;
};
struct Biased {
  template <bora::HeadShape shape, class Mask, class Position>
  using Attention = bora::GroupedQueryAttention<shape, Mask, Position, bora::Bias>;
};
struct Clipped {
  template <bora::HeadShape shape, class Mask, class Position>
  using Attention = bora::GroupedQueryAttention<shape, Mask, Position, bora::ClipQkv<0.9>>;
};
struct BiasedClipped {
  template <bora::HeadShape shape, class Mask, class Position>
  using Attention = bora::GroupedQueryAttention<shape, Mask, Position, bora::Bias, bora::ClipQkv<0.9>>;
};

// Norms.
using Rms = bora::RmsNorm<1e-5>;
using Layer = bora::LayerNorm<1e-5>;
using LayerNoBias = bora::LayerNorm<1e-5, bora::NoBias>;
using LayerBare = bora::NonParametricLayerNorm<1e-5>;

// Feed-forward layers.
using Swi = bora::SwiGlu<14>;
using SwiBiased = bora::SwiGlu<14, bora::Bias>;
using Ge = bora::GeGlu<14>;
using MlpRelu = bora::Mlp<17, bora::Relu>;
using MlpGeluBiased = bora::Mlp<17, bora::Gelu, bora::Bias>;
using MlpGeluTanh = bora::Mlp<17, bora::GeluTanh>;
using MlpSilu = bora::Mlp<17, bora::Silu>;
using Top1Swi = bora::MixtureOfExperts<3, bora::TopKRouter<1>, bora::SwiGlu<6>>;
using Top2Swi = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<6>>;
using Soft1GeBiased = bora::MixtureOfExperts<3, bora::SoftmaxTopKRouter<1>, bora::GeGlu<6, bora::Bias>>;
using Soft3MlpRelu = bora::MixtureOfExperts<4, bora::SoftmaxTopKRouter<3>, bora::Mlp<7, bora::Relu>>;

// Residual blocks.
using Sequential = bora::SequentialResidual;
using ParallelShared = bora::ParallelResidual<bora::SharedNorm>;
using ParallelSeparate = bora::ParallelResidual<bora::SeparateNorms>;

// Positions of the embedding.
using Bare = bora::NoPosition;
using Learned = bora::LearnedPositions;
using Sinusoidal = bora::SinusoidalPositions;

// The head.
using Untied = std::false_type;
using Tied = std::true_type;

template <class Heads, class Mask, class AttentionPosition, class Options, class Norm_, class FeedForward_,
          class Residual_, class EmbeddingPosition, class Head>
struct Covered : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 21, dim = 18, layers = 2, context = 40;
  static constexpr bool tie_embeddings = Head::value;
  using Norm = Norm_;
  using Attention = typename Options::template Attention<Heads::shape, Mask, AttentionPosition>;
  using FeedForward = FeedForward_;
  using Residual = Residual_;
  using Position = EmbeddingPosition;
};

/// Two rows of 35 tokens: five windows, and two runs of 16 and a piece. The routers are balanced, where there are any.
template <class S>
void check(const std::string& name) {
  support::check_model<S>(name, 2, 35, 1, {.load_balancing = 0.3, .balance = bora::BalanceLoss::hugging_face});
}

}  // namespace covering
