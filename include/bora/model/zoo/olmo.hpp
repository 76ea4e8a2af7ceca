/// OLMo 1 (Llama's layer with a LayerNorm without parameters), OLMo 2 and 3 (norms on the outputs, and of queries and
/// keys), OLMoE (the latter and experts).
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// OLMo 7B (Groeneveld et al. 2024; OLMo, configs/official-0724/OLMo-7B.yaml). The tokenizer has 50,280 ids, the
/// matrices 50,304 rows. The hidden width is half of the file's 22,016, which counts gate and up together. It does not
/// clip q, k and v (that came with later models; recalled).
struct Olmo7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 50'304, dim = 4096, layers = 32, context = 2048;
  using Norm = NonParametricLayerNorm<1e-5>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<11'008>;
};

/// OLMo 1B (OLMo, configs/official-0724/OLMo-1B.yaml); unlike 7B it ties its embeddings.
struct Olmo1B : Olmo7B {
  static constexpr std::size_t dim = 2048, layers = 16;
  static constexpr bool tie_embeddings = true;
  using Attention = MultiHeadAttention<HeadShape{.heads = 16, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<8192>;
};

/// OLMo 2 7B, 1124 (OLMo Team 2024, "2 OLMo 2 Furious", Table 3). The matrices' rows and eps are recalled; the counts
/// of the models from here on are the published ones.
struct Olmo2_7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 100'352, dim = 4096, layers = 32, context = 4096;
  using Norm = RmsNorm<1e-6>;
  using Attention =
      MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 128}, Causal, Rope<5e5>, QkNorm<WholeWidth, Norm>>;
  using FeedForward = SwiGlu<11'008>;
  using Residual = OutputNormResidual;
};

/// OLMo 2 1B, 0425. Sizes are recalled.
struct Olmo2_1B : Olmo2_7B {
  static constexpr std::size_t dim = 2048, layers = 16;
  using Attention =
      MultiHeadAttention<HeadShape{.heads = 16, .head_dim = 128}, Causal, Rope<5e5>, QkNorm<WholeWidth, Norm>>;
  using FeedForward = SwiGlu<8192>;
};

/// OLMo 2 13B, 1124 (ibid.).
struct Olmo2_13B : Olmo2_7B {
  static constexpr std::size_t dim = 5120, layers = 40;
  using Attention =
      MultiHeadAttention<HeadShape{.heads = 40, .head_dim = 128}, Causal, Rope<5e5>, QkNorm<WholeWidth, Norm>>;
  using FeedForward = SwiGlu<13'824>;
};

/// OLMo 2 32B, 0325. Sizes are recalled.
struct Olmo2_32B : Olmo2_7B {
  static constexpr std::size_t dim = 5120, layers = 64;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 40, .kv_heads = 8, .head_dim = 128}, Causal, Rope<5e5>,
                                          QkNorm<WholeWidth, Norm>>;
  using FeedForward = SwiGlu<27'648>;
};

/// OLMo 3 7B, 1025: a window in three of four layers, scaled rotations in the fourth.
struct Olmo3_7B : Olmo2_7B {
  static constexpr std::size_t vocab_size = 100'278, context = 65'536;
  static constexpr HeadShape head_shape{.heads = 32, .kv_heads = 32, .head_dim = 128};  ///< of all layers
  using Long = Rope<5e5, 1.0, YarnScaling<YarnSettings{.factor = 8, .original_context = 8192}>>;
  using Sliding = GroupedQueryAttention<head_shape, SlidingWindow<4096>, Rope<5e5>, QkNorm<WholeWidth, Norm>>;
  using Full = GroupedQueryAttention<head_shape, Causal, Long, QkNorm<WholeWidth, Norm>>;
  using Attention = Layers<Sliding, Sliding, Sliding, Full>;
};

/// OLMo 3 32B, 1125. Sizes are recalled.
struct Olmo3_32B : Olmo3_7B {
  static constexpr std::size_t dim = 5120, layers = 64;
  static constexpr HeadShape head_shape{.heads = 40, .kv_heads = 8, .head_dim = 128};  ///< of all layers
  using Sliding = GroupedQueryAttention<head_shape, SlidingWindow<4096>, Rope<5e5>, QkNorm<WholeWidth, Norm>>;
  using Full = GroupedQueryAttention<head_shape, Causal, Long, QkNorm<WholeWidth, Norm>>;
  using Attention = Layers<Sliding, Sliding, Sliding, Full>;
  using FeedForward = SwiGlu<27'648>;
};

/// OLMoE 1B-7B, 0924 (Muennighoff et al. 2024, Table 10).
struct Olmoe1B_7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 50'304, dim = 2048, layers = 16, context = 4096;
  using Norm = RmsNorm<1e-5>;
  using Attention =
      MultiHeadAttention<HeadShape{.heads = 16, .head_dim = 128}, Causal, Rope<1e4>, QkNorm<WholeWidth, Norm>>;
  using FeedForward = MixtureOfExperts<64, SoftmaxTopKRouter<8>, SwiGlu<1024>>;
};

static_assert(parameter_count<Olmo2_1B> == 1'484'916'736);
static_assert(parameter_count<Olmo2_7B> == 7'298'617'344);
static_assert(parameter_count<Olmo2_13B> == 13'716'198'400);
static_assert(parameter_count<Olmo2_32B> == 32'234'279'936);
static_assert(parameter_count<Olmo3_7B> == 7'298'011'136);
static_assert(parameter_count<Olmo3_32B> == 32'233'522'176);
static_assert(parameter_count<Olmoe1B_7B> == 6'919'161'856);
static_assert(parameter_count<Olmo1B> == 1'176'764'416);
static_assert(parameter_count<Olmo7B> == 6'888'095'744);

}}  // namespace bora::BORA_ABI
