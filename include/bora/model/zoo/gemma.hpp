/// Gemma 2 and 3: four norms a layer, scaled embeddings, windows in some layers; soft caps, then norms of queries and
/// keys. Sizes are recalled; their counts are the published ones.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Gemma 2 9B (Gemma Team 2024, "Gemma 2", Table 1).
struct Gemma2_9B : DecoderSpec {
  static constexpr std::size_t vocab_size = 256'000, dim = 3584, layers = 42, context = 8192;
  static constexpr bool tie_embeddings = true;
  static constexpr HeadShape head_shape{.heads = 16, .kv_heads = 8, .head_dim = 256};  ///< of all layers
  using EmbeddingScale = RootOfWidth;
  using LogitCap = SoftCap<30.0>;
  using Norm = RmsNorm<1e-6, UnitOffset>;
  using Attention = Alternate<GroupedQueryAttention<head_shape, SlidingWindow<4096>, Rope<1e4>, SoftCap<50.0>>,
                              GroupedQueryAttention<head_shape, Causal, Rope<1e4>, SoftCap<50.0>>>;
  using FeedForward = GeGluTanh<14'336>;
  using Residual = SandwichResidual;
};

/// Gemma 2 2B (ibid.).
struct Gemma2_2B : Gemma2_9B {
  static constexpr std::size_t dim = 2304, layers = 26;
  static constexpr HeadShape head_shape{.heads = 8, .kv_heads = 4, .head_dim = 256};  ///< of all layers
  using Attention = Alternate<GroupedQueryAttention<head_shape, SlidingWindow<4096>, Rope<1e4>, SoftCap<50.0>>,
                              GroupedQueryAttention<head_shape, Causal, Rope<1e4>, SoftCap<50.0>>>;
  using FeedForward = GeGluTanh<9216>;
};

/// Gemma 2 27B (ibid.): scores are divided by the root of the width shared among heads, not of the heads' own.
struct Gemma2_27B : Gemma2_9B {
  static constexpr std::size_t dim = 4608, layers = 46;
  static constexpr HeadShape head_shape{.heads = 32, .kv_heads = 16, .head_dim = 128};  ///< of all layers
  using Attention =
      Alternate<GroupedQueryAttention<head_shape, SlidingWindow<4096>, Rope<1e4>, ScoreWidth<144.0>, SoftCap<50.0>>,
                GroupedQueryAttention<head_shape, Causal, Rope<1e4>, ScoreWidth<144.0>, SoftCap<50.0>>>;
  using FeedForward = GeGluTanh<36'864>;
};

/// Gemma 3 1B (Gemma Team 2025, Table 1).
struct Gemma3_1B : Gemma2_9B {
  static constexpr std::size_t vocab_size = 262'144, dim = 1152, layers = 26, context = 32'768;
  static constexpr HeadShape head_shape{.heads = 4, .kv_heads = 1, .head_dim = 256};  ///< of all layers
  using LogitCap = NoSoftCap;
  using Sliding = GroupedQueryAttention<head_shape, SlidingWindow<512>, Rope<1e4>, QkNorm<PerHead, Norm>>;
  using Full = GroupedQueryAttention<head_shape, Causal, Rope<1e6>, QkNorm<PerHead, Norm>>;
  using Attention = Layers<Sliding, Sliding, Sliding, Sliding, Sliding, Full>;
  using FeedForward = GeGluTanh<6912>;
};

static_assert(parameter_count<Gemma2_2B> == 2'614'341'888);
static_assert(parameter_count<Gemma2_9B> == 9'241'705'984);
static_assert(parameter_count<Gemma2_27B> == 27'227'128'320);
static_assert(parameter_count<Gemma3_1B> == 999'885'952);

}}  // namespace bora::BORA_ABI
