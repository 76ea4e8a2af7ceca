/// A small model of every newer family.
#pragma once
#include <bora/model/spec.hpp>
#include <cstddef>

namespace io_test::newer {

using namespace bora;

inline constexpr HeadShape shape{.heads = 4, .kv_heads = 2, .head_dim = 6};
using PlainNorm = RmsNorm<1e-6>;

struct Base : DecoderSpec {
  static constexpr std::size_t vocab_size = 13, dim = 12, layers = 3, context = 64;
  using Norm = PlainNorm;
  using Attention = GroupedQueryAttention<shape, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<10>;
};
struct SmallMinistral : Base {
  using Windowed = GroupedQueryAttention<shape, SlidingWindow<5>, Rope<1e4>>;
  using Attention = Layers<Base::Attention, Windowed, Windowed>;
};
struct SmallQwen2 : Base {
  using Attention = GroupedQueryAttention<shape, Causal, Rope<1e6>, QkvBias>;
};
struct SmallQwen2Windows : Base {
  using Attention = Layers<SmallQwen2::Attention, GroupedQueryAttention<shape, SlidingWindow<5>, Rope<1e6>, QkvBias>,
                           GroupedQueryAttention<shape, SlidingWindow<5>, Rope<1e6>, QkvBias>>;
};
struct SmallQwen3 : Base {
  using Attention = GroupedQueryAttention<shape, Causal, Rope<1e6>, QkNorm<PerHead, PlainNorm>>;
};
struct SmallQwen3Moe : SmallQwen3 {
  using FeedForward = Layers<SwiGlu<10>, MixtureOfExperts<4, TopKRouter<2>, SwiGlu<6>>, SwiGlu<10>>;
};
struct SmallOlmoe : Base {
  using Attention = GroupedQueryAttention<HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 2}, Causal, Rope<1e4>,
                                          ClipQkv<4.0>, QkNorm<WholeWidth, PlainNorm>>;
  using FeedForward = MixtureOfExperts<4, SoftmaxTopKRouter<2>, SwiGlu<6>>;
};
struct SmallOlmo2 : Base {
  using Attention = GroupedQueryAttention<shape, Causal, Rope<5e5>, QkNorm<WholeWidth, PlainNorm>>;
  using Residual = OutputNormResidual;
};
template <auto sliding_theta, class SlidingScaling = NoScaling>
struct SmallOlmo3 : SmallOlmo2 {
  static constexpr std::size_t layers = 5;
  static constexpr YarnSettings yarn{.factor = 8, .original_context = 16, .attention_factor = 1.25, .truncate = false};
  using Sliding = GroupedQueryAttention<shape, SlidingWindow<5>, Rope<sliding_theta, 1.0, SlidingScaling>,
                                        QkNorm<WholeWidth, PlainNorm>>;
  using Full = GroupedQueryAttention<shape, Causal, Rope<5e5, 1.0, YarnScaling<yarn>>, QkNorm<WholeWidth, PlainNorm>>;
  using Attention = Layers<Sliding, Sliding, Sliding, Full, Sliding>;
};
struct SmallGemma2 : Base {
  static constexpr bool tie_embeddings = true;
  using EmbeddingScale = RootOfWidth;
  using LogitCap = SoftCap<30.0>;
  using Norm = RmsNorm<1e-6, UnitOffset>;
  using Attention =
      Alternate<GroupedQueryAttention<shape, SlidingWindow<5>, Rope<1e4>, ScoreWidth<10.0>, SoftCap<50.0>>,
                GroupedQueryAttention<shape, Causal, Rope<1e4>, ScoreWidth<10.0>, SoftCap<50.0>>>;
  using FeedForward = GeGluTanh<10>;
  using Residual = SandwichResidual;
};
struct SmallGemma3 : SmallGemma2 {
  using LogitCap = NoSoftCap;
  using Normed = QkNorm<PerHead, RmsNorm<1e-6, UnitOffset>>;
  using Attention = Alternate<GroupedQueryAttention<shape, SlidingWindow<5>, Rope<1e4>, Normed>,
                              GroupedQueryAttention<shape, Causal, Rope<1e6, 1.0, LinearScaling<8.0>>, Normed>>;
};
/// Of no family: norms on the outputs, and on the inputs, in Llama's kind.
struct NoFamily : Base {
  using Residual = SandwichResidual;
  using LogitCap = SoftCap<5.0>;
};

}  // namespace io_test::newer
