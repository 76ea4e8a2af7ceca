/// A small model of every family's every form, and models that no family has.
#pragma once
#include <bora/model/spec.hpp>
#include <cstddef>

namespace io_test {

using bora::Alibi;
using bora::Alternate;
using bora::Bias;
using bora::Causal;
using bora::ClipQkv;
using bora::Gelu;
using bora::GeluTanh;
using bora::GroupedQueryAttention;
using bora::HeadShape;
using bora::LayerNorm;
using bora::MixtureOfExperts;
using bora::Mlp;
using bora::ParallelResidual;
using bora::RmsNorm;
using bora::Rope;
using bora::SlidingWindow;
using bora::SwiGlu;
using bora::TopKRouter;

struct Base : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 11, dim = 12, layers = 2, context = 16;
};
inline constexpr HeadShape grouped{.heads = 6, .kv_heads = 3, .head_dim = 2};
inline constexpr HeadShape multi_query{.heads = 6, .kv_heads = 1, .head_dim = 2};
inline constexpr HeadShape multi_head{.heads = 3, .kv_heads = 3, .head_dim = 4};

struct Llama : Base {
  using Norm = RmsNorm<1e-5>;
  using Attention = GroupedQueryAttention<grouped, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<20>;
};
struct LlamaBias : Llama {  // wider than dim, biases everywhere, a tied head
  static constexpr bool tie_embeddings = true;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6}, Causal, Rope<5e5>, Bias>;
  using FeedForward = SwiGlu<20, Bias>;
};
struct LlamaLinear : Llama {
  using Attention = GroupedQueryAttention<grouped, Causal, Rope<1e4, 1.0, bora::LinearScaling<4.0>>>;
};
struct Llama3 : Llama {
  using Attention =
      GroupedQueryAttention<grouped, Causal, Rope<5e5, 1.0, bora::Llama3Scaling<bora::Llama3Settings{.factor = 8}>>>;
};
struct LlamaYarn : Llama {
  using Attention =
      GroupedQueryAttention<grouped, Causal,
                            Rope<1e4, 1.0, bora::YarnScaling<bora::YarnSettings{.factor = 4, .original_context = 16}>>>;
};
struct Mistral : Llama {
  using Attention = GroupedQueryAttention<grouped, SlidingWindow<5>, Rope<1e4>>;
};
struct WindowsInTurn : Llama {
  using Attention = Alternate<Mistral::Attention, Llama::Attention>;
};
struct MistralV2 : Llama {  // no window, as many key/value heads as heads
  using Attention = GroupedQueryAttention<HeadShape{.heads = 6, .kv_heads = 6, .head_dim = 2}, Causal, Rope<1e4>>;
};
struct Mixtral : Llama {
  using Attention = GroupedQueryAttention<grouped, Causal, Rope<1e6>>;
  using FeedForward = MixtureOfExperts<3, TopKRouter<2>, SwiGlu<20>>;
};
struct Olmo : Base {
  using Norm = bora::NonParametricLayerNorm<1e-5>;
  using Attention = GroupedQueryAttention<multi_head, Causal, Rope<1e4>, ClipQkv<2.5>>;
  using FeedForward = SwiGlu<20>;
};
struct Gpt2 : Base {
  static constexpr bool tie_embeddings = true;
  using Position = bora::LearnedPositions;
  using Norm = LayerNorm<1e-5>;
  using Attention = GroupedQueryAttention<multi_head, Causal, bora::NoPosition, Bias>;
  using FeedForward = Mlp<20, GeluTanh, Bias>;
};
struct Falcon7 : Base {
  static constexpr bool tie_embeddings = true;
  using Norm = LayerNorm<1e-5>;
  using Attention = GroupedQueryAttention<multi_query, Causal, Rope<1e4>>;
  using FeedForward = Mlp<48, Gelu>;
  using Residual = ParallelResidual<bora::SharedNorm>;
};
struct Falcon40 : Falcon7 {
  using Attention = GroupedQueryAttention<grouped, Causal, Rope<1e4>>;
  using Residual = ParallelResidual<bora::SeparateNorms>;
};
struct Falcon11 : Falcon7 {  // groups, but one norm
  using Attention = GroupedQueryAttention<grouped, Causal, Rope<1e4>>;
};
struct FalconSequential : Falcon7 {
  using Residual = bora::SequentialResidual;
};
struct Mpt : Base {
  static constexpr bool tie_embeddings = true;
  using Norm = LayerNorm<1e-5, bora::NoBias>;
  using Attention = GroupedQueryAttention<multi_head, Causal, Alibi<8.0>, ClipQkv<6.0>>;
  using FeedForward = Mlp<48, Gelu>;
};
struct NeoX : Base {
  using Norm = LayerNorm<1e-5>;
  using Attention = GroupedQueryAttention<multi_head, Causal, Rope<1e4, 0.5>, Bias>;
  using FeedForward = Mlp<20, Gelu, Bias>;
  using Residual = ParallelResidual<bora::SeparateNorms>;
};
struct NeoXSequential : NeoX {
  using Residual = bora::SequentialResidual;
};

// No family has these.
struct Relative : Base {  // T5's bias, gated GELU with biases
  using Norm = RmsNorm<1e-6>;
  using Attention = GroupedQueryAttention<multi_head, Causal, bora::T5RelativeBias<8, 16>, Bias>;
  using FeedForward = bora::GeGlu<20, Bias>;
};
struct FarRelative : Relative {
  using Attention = GroupedQueryAttention<multi_head, Causal, bora::T5RelativeBias<8, 32>, Bias>;
};
struct Alternating : Base {  // GLaM's every other layer; windows of two sizes
  static constexpr std::size_t layers = 3;
  using Norm = LayerNorm<1e-5>;
  using Attention = Alternate<GroupedQueryAttention<grouped, SlidingWindow<4>, Rope<1e4>, ClipQkv<3.0>>,
                              GroupedQueryAttention<multi_head, Causal, Rope<1e5>, Bias>>;
  using FeedForward = Alternate<Mlp<20, bora::Relu>, MixtureOfExperts<3, TopKRouter<1>, Mlp<8, bora::Silu, Bias>>>;
  using Residual = ParallelResidual<bora::SeparateNorms>;
};
struct LaterAlternating : Alternating {
  using Attention = Alternate<GroupedQueryAttention<grouped, SlidingWindow<4>, Rope<1e4>, ClipQkv<3.0>>,
                              GroupedQueryAttention<multi_head, Causal, Rope<1e6>, Bias>>;
};
struct LearnedLlama : Llama {  // learned positions beside rotary ones, and one norm for both
  using Position = bora::LearnedPositions;
  using Residual = ParallelResidual<bora::SharedNorm>;
};
struct Ntk : Llama {
  using Attention = GroupedQueryAttention<grouped, Causal, Rope<1e4, 1.0, bora::NtkScaling<2.0>>>;
};
/// A mask that no file can name: blocks of four see themselves.
struct Blocks {
  static constexpr std::size_t window = 4;
  static constexpr std::size_t first_visible(std::size_t position) noexcept { return position / 4 * 4; }
};
struct OwnMask : Llama {
  using Attention = GroupedQueryAttention<grouped, Blocks, Rope<1e4>>;
};
/// Another: pairs of blocks of two.
struct Pairs {
  static constexpr std::size_t window = 4;
  static constexpr std::size_t first_visible(std::size_t position) noexcept {
    return position < 2 ? 0 : position / 2 * 2 - 2;
  }
};
struct OtherMask : Llama {
  using Attention = GroupedQueryAttention<grouped, Pairs, Rope<1e4>>;
};
struct MistralOfFour : Llama {
  using Attention = GroupedQueryAttention<grouped, SlidingWindow<4>, Rope<1e4>>;
};
struct Sinusoidal : Llama {
  using Position = bora::SinusoidalPositions;
  using Attention = GroupedQueryAttention<grouped, Causal, bora::NoPosition>;
};

}  // namespace io_test
