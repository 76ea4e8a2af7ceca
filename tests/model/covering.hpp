/// Small models of which every two policies meet in at least one (tests/tools/pairwise.py makes and checks the list):
/// a policy that works alone may still disturb another.
#pragma once
#include "support/whole_model.hpp"
#include <cstddef>
#include <string>

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
inline constexpr bora::Llama3Settings llama3{.factor = 4, .original_context = 64};  // blends what is 16 to 64 long
using NoRotation = bora::NoPosition;
using Turned = bora::Rope<1e4>;
using PartlyTurned = bora::Rope<1e4, 0.7>;
using LinearScaled = bora::Rope<1e2, 1.0, bora::LinearScaling<3.0>>;
using NtkScaled = bora::Rope<1e2, 1.0, bora::NtkScaling<3.0>>;
using YarnScaled = bora::Rope<1e2, 1.0, bora::YarnScaling<yarn>>;
using Llama3Scaled = bora::Rope<1e2, 1.0, bora::Llama3Scaling<llama3>>;
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

struct HeadsNormed {
  using Norm = bora::QkNorm<bora::PerHead, bora::RmsNorm<1e-5, bora::UnitOffset>>;
  template <bora::HeadShape shape, class Mask, class Position>
  using Attention = bora::GroupedQueryAttention<shape, Mask, Position, bora::QkvBias, Norm>;
};
struct WidthNormedCapped {
  using Norm = bora::QkNorm<bora::WholeWidth, bora::RmsNorm<1e-5>>;
  template <bora::HeadShape shape, class Mask, class Position>
  using Attention = bora::GroupedQueryAttention<shape, Mask, Position, bora::ClipQkv<0.9>, Norm, bora::ScoreWidth<3.0>,
                                                bora::SoftCap<2.0>>;
};

// Norms.
using Rms = bora::RmsNorm<1e-5>;
using RmsOffset = bora::RmsNorm<1e-5, bora::UnitOffset>;
using Layer = bora::LayerNorm<1e-5>;
using LayerNoBias = bora::LayerNorm<1e-5, bora::NoBias>;
using LayerBare = bora::NonParametricLayerNorm<1e-5>;

// Feed-forward layers: which,
struct SwiGated {
  static constexpr std::size_t hidden = 14;
  template <std::size_t n, class... Options>
  using Of = bora::SwiGlu<n, Options...>;
};
struct GeGated {
  static constexpr std::size_t hidden = 14;
  template <std::size_t n, class... Options>
  using Of = bora::GeGlu<n, Options...>;
};
struct GeGatedTanh {
  static constexpr std::size_t hidden = 14;
  template <std::size_t n, class... Options>
  using Of = bora::GeGluTanh<n, Options...>;
};
template <class Activation>
struct Plainly {
  static constexpr std::size_t hidden = 17;
  template <std::size_t n, class... Options>
  using Of = bora::Mlp<n, Activation, Options...>;
};
using MlpRelu = Plainly<bora::Relu>;
using MlpGelu = Plainly<bora::Gelu>;
using MlpGeluTanh = Plainly<bora::GeluTanh>;
using MlpSilu = Plainly<bora::Silu>;

// with what,
struct NoneBiased {
  template <class Kind, std::size_t n>
  using Of = typename Kind::template Of<n>;
};
struct AllBiased {
  template <class Kind, std::size_t n>
  using Of = typename Kind::template Of<n, bora::Bias>;
};

// and how many.
struct Dense {
  template <class Kind, class Options>
  using Of = typename Options::template Of<Kind, Kind::hidden>;
};
template <std::size_t experts, class Router>
struct Several {
  template <class Kind, class Options>
  using Of = bora::MixtureOfExperts<experts, Router, typename Options::template Of<Kind, Kind::hidden / 2>>;
};
using Top1 = Several<3, bora::TopKRouter<1>>;
using Top2 = Several<4, bora::TopKRouter<2>>;
using Soft1 = Several<3, bora::SoftmaxTopKRouter<1>>;
using Soft3 = Several<4, bora::SoftmaxTopKRouter<3>>;

// Layers: both alike, or the second with another attention or feed-forward layer.
struct Alike {
  template <class A>
  using Attention = A;
  template <class F>
  using FeedForward = F;
};
struct OtherAttention : Alike {
  static constexpr bora::HeadShape shape{.heads = 2, .kv_heads = 1, .head_dim = 6};
  template <class A>
  using Attention =
      bora::Alternate<A, bora::GroupedQueryAttention<shape, bora::SlidingWindow<5>, bora::Rope<1e3>, bora::Bias>>;
};
struct OtherFeedForward : Alike {
  template <class F>
  using FeedForward = bora::Alternate<F, bora::Mlp<9, bora::Relu, bora::Bias>>;
};

// Residual blocks.
using Sequential = bora::SequentialResidual;
using ParallelShared = bora::ParallelResidual<bora::SharedNorm>;
using ParallelSeparate = bora::ParallelResidual<bora::SeparateNorms>;
using OutputNorms = bora::OutputNormResidual;
using Sandwich = bora::SandwichResidual;

// Positions of the embedding.
using Bare = bora::NoPosition;
using Learned = bora::LearnedPositions;
using Sinusoidal = bora::SinusoidalPositions;

// The head.
struct Untied {
  static constexpr bool value = false;
  using Scale = bora::NoEmbeddingScale;
  using Cap = bora::NoSoftCap;
};
struct Tied : Untied {
  static constexpr bool value = true;
};
struct TiedScaledCapped : Tied {
  using Scale = bora::RootOfWidth;
  using Cap = bora::SoftCap<3.0>;
};

template <class Heads, class Mask, class AttentionPosition, class Options, class Norm_, class Experts, class Kind,
          class FeedForwardOptions, class Layers, class Residual_, class EmbeddingPosition, class Head>
struct Covered : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 21, dim = 18, layers = 2, context = 40;
  static constexpr bool tie_embeddings = Head::value;
  using Norm = Norm_;
  using Attention =
      typename Layers::template Attention<typename Options::template Attention<Heads::shape, Mask, AttentionPosition>>;
  using FeedForward = typename Layers::template FeedForward<typename Experts::template Of<Kind, FeedForwardOptions>>;
  using Residual = Residual_;
  using Position = EmbeddingPosition;
  using EmbeddingScale = typename Head::Scale;
  using LogitCap = typename Head::Cap;
};

/// Two rows of 35 tokens: five windows, and two runs of 16 and a piece. The routers are balanced, where there are any.
template <class S>
void check(const std::string& name) {
  support::check_model<S>(name, 2, 35, 1, {.load_balancing = 0.3, .balance = bora::BalanceLoss::all_layers});
}

}  // namespace covering
