/// Qwen 2.5 (biases of q, k and v) and Qwen 3 (norms of queries and keys), dense and with experts. Sizes are recalled;
/// their counts are the published ones.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Qwen 2.5 7B (Qwen Team 2024, Table 1).
struct Qwen2_5_7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 152'064, dim = 3584, layers = 28, context = 131'072;
  using Norm = RmsNorm<1e-6>;
  using Attention =
      GroupedQueryAttention<HeadShape{.heads = 28, .kv_heads = 4, .head_dim = 128}, Causal, Rope<1e6>, QkvBias>;
  using FeedForward = SwiGlu<18'944>;
};

/// Qwen 2.5 0.5B (ibid.).
struct Qwen2_5_0_5B : Qwen2_5_7B {
  static constexpr std::size_t vocab_size = 151'936, dim = 896, layers = 24, context = 32'768;
  static constexpr bool tie_embeddings = true;
  using Attention =
      GroupedQueryAttention<HeadShape{.heads = 14, .kv_heads = 2, .head_dim = 64}, Causal, Rope<1e6>, QkvBias>;
  using FeedForward = SwiGlu<4864>;
};

/// Qwen 3 8B (Qwen Team 2025, Table 1).
struct Qwen3_8B : DecoderSpec {
  static constexpr std::size_t vocab_size = 151'936, dim = 4096, layers = 36, context = 40'960;
  using Norm = RmsNorm<1e-6>;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 32, .kv_heads = 8, .head_dim = 128}, Causal, Rope<1e6>,
                                          QkNorm<PerHead, Norm>>;
  using FeedForward = SwiGlu<12'288>;
};

/// Qwen 3 0.6B (ibid.): heads wider than the model's width shared among them.
struct Qwen3_0_6B : Qwen3_8B {
  static constexpr std::size_t dim = 1024, layers = 28;
  static constexpr bool tie_embeddings = true;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 16, .kv_heads = 8, .head_dim = 128}, Causal, Rope<1e6>,
                                          QkNorm<PerHead, Norm>>;
  using FeedForward = SwiGlu<3072>;
};

/// Qwen 3 30B-A3B (ibid., Table 2).
struct Qwen3_30B_A3B : Qwen3_8B {
  static constexpr std::size_t dim = 2048, layers = 48;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 32, .kv_heads = 4, .head_dim = 128}, Causal, Rope<1e6>,
                                          QkNorm<PerHead, Norm>>;
  using FeedForward = MixtureOfExperts<128, TopKRouter<8>, SwiGlu<768>>;
};

static_assert(parameter_count<Qwen2_5_0_5B> == 494'032'768);
static_assert(parameter_count<Qwen2_5_7B> == 7'615'616'512);
static_assert(parameter_count<Qwen3_0_6B> == 596'049'920);
static_assert(parameter_count<Qwen3_8B> == 8'190'735'360);
static_assert(parameter_count<Qwen3_30B_A3B> == 30'532'122'624);

}}  // namespace bora::BORA_ABI
