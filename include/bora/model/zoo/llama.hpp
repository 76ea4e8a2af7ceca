/// Llama 1 to 3, TinyLlama, and the small models of llama2.c: pre-norm, SwiGLU, rotary positions, no biases.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Llama 1 7B (Touvron et al. 2023, "LLaMA", Table 2). Sizes and eps are recalled, not read in a file.
struct Llama1_7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 32'000, dim = 4096, layers = 32, context = 2048;
  using Norm = RmsNorm<1e-6>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<11'008>;
};

/// Llama 1 13B (ibid.). Sizes are recalled.
struct Llama1_13B : Llama1_7B {
  static constexpr std::size_t dim = 5120, layers = 40;
  using Attention = MultiHeadAttention<HeadShape{.heads = 40, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<13'824>;
};

/// Llama 1 33B (ibid.; 32.5 billion parameters in fact). Sizes are recalled.
struct Llama1_33B : Llama1_7B {
  static constexpr std::size_t dim = 6656, layers = 60;
  using Attention = MultiHeadAttention<HeadShape{.heads = 52, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<17'920>;
};

/// Llama 1 65B (ibid.). Sizes and eps are recalled; of eps both 1e-5 and 1e-6 are reported, and the file decides.
struct Llama1_65B : Llama1_7B {
  static constexpr std::size_t dim = 8192, layers = 80;
  using Norm = RmsNorm<1e-5>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 64, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<22'016>;
};

/// Llama 2 7B (Touvron et al. 2023, "Llama 2", Table 1: context, no grouped queries). Sizes are recalled; the hidden
/// width follows Meta's rule.
struct Llama2_7B : Llama1_7B {
  static constexpr std::size_t context = 4096;
  using Norm = RmsNorm<1e-5>;
};

/// Llama 2 13B (its params.json, as public repositories quote it).
struct Llama2_13B : Llama2_7B {
  static constexpr std::size_t dim = 5120, layers = 40;
  using Attention = MultiHeadAttention<HeadShape{.heads = 40, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<13'824>;
};

/// Llama 2 34B, unreleased (Touvron et al. 2023, §A.2.1: 8 key/value heads). The other sizes are those recalled of Code
/// Llama 34B.
struct Llama2_34B : Llama2_7B {
  static constexpr std::size_t dim = 8192, layers = 48;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 64, .kv_heads = 8, .head_dim = 128}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<22'016>;
};

/// Llama 2 70B (its params.json, as older converters of llama.cpp quote it: multiple_of 4096, multiplier 1.3, 8
/// key/value heads).
struct Llama2_70B : Llama2_34B {
  static constexpr std::size_t layers = 80;
  using FeedForward = SwiGlu<28'672>;
};

/// Llama 3 8B (Grattafiori et al. 2024, Table 3). Head width and eps are recalled; the counts of the Llama 3 models are
/// the published ones.
struct Llama3_8B : DecoderSpec {
  static constexpr std::size_t vocab_size = 128'256, dim = 4096, layers = 32, context = 8192;
  static constexpr HeadShape head_shape{.heads = 32, .kv_heads = 8, .head_dim = 128};  ///< of all layers
  using Norm = RmsNorm<1e-5>;
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<5e5>>;
  using FeedForward = SwiGlu<14'336>;
};

/// Llama 3.1 8B: 128 k positions by scaled rotations.
struct Llama3_1_8B : Llama3_8B {
  static constexpr std::size_t context = 131'072;
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<5e5, 1.0, Llama3Scaling<Llama3Settings{}>>>;
};

/// Llama 3.1 70B (ibid.).
struct Llama3_1_70B : Llama3_1_8B {
  static constexpr std::size_t dim = 8192, layers = 80;
  static constexpr HeadShape head_shape{.heads = 64, .kv_heads = 8, .head_dim = 128};  ///< of all layers
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<5e5, 1.0, Llama3Scaling<Llama3Settings{}>>>;
  using FeedForward = SwiGlu<28'672>;
};

/// Llama 3.2 1B. Sizes are recalled.
struct Llama3_2_1B : Llama3_1_8B {
  static constexpr std::size_t dim = 2048, layers = 16;
  static constexpr bool tie_embeddings = true;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 32, .kv_heads = 8, .head_dim = 64}, Causal,
                                          Rope<5e5, 1.0, Llama3Scaling<Llama3Settings{.factor = 32}>>>;
  using FeedForward = SwiGlu<8192>;
};

/// Llama 3.2 3B. Sizes are recalled.
struct Llama3_2_3B : Llama3_2_1B {
  static constexpr std::size_t dim = 3072, layers = 28;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 24, .kv_heads = 8, .head_dim = 128}, Causal,
                                          Rope<5e5, 1.0, Llama3Scaling<Llama3Settings{.factor = 32}>>>;
};

/// TinyLlama 1.1B (Zhang et al. 2024; its lit_gpt/config.py).
struct TinyLlama1_1B : DecoderSpec {
  static constexpr std::size_t vocab_size = 32'000, dim = 2048, layers = 22, context = 2048;
  using Norm = RmsNorm<1e-5>;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 32, .kv_heads = 4, .head_dim = 64}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<5632>;
};

/// llama2.c's stories260K, for tests: a vocabulary of 512 and grouped queries (the config.json beside its weights).
struct Stories260K : DecoderSpec {
  static constexpr std::size_t vocab_size = 512, dim = 64, layers = 5, context = 512;
  static constexpr bool tie_embeddings = true;
  using Norm = RmsNorm<1e-5>;
  using Attention = GroupedQueryAttention<HeadShape{.heads = 8, .kv_heads = 4, .head_dim = 8}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<172>;
};

/// llama2.c's stories15M (its README's table; sizes are recalled).
struct Stories15M : DecoderSpec {
  static constexpr std::size_t vocab_size = 32'000, dim = 288, layers = 6, context = 256;
  static constexpr bool tie_embeddings = true;
  using Norm = RmsNorm<1e-5>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 6, .head_dim = 48}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<768>;
};

/// llama2.c's stories42M (sizes are recalled).
struct Stories42M : Stories15M {
  static constexpr std::size_t dim = 512, layers = 8, context = 1024;
  using Attention = MultiHeadAttention<HeadShape{.heads = 8, .head_dim = 64}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<1376>;
};

/// llama2.c's stories110M (sizes are recalled).
struct Stories110M : Stories15M {
  static constexpr std::size_t dim = 768, layers = 12, context = 1024;
  using Attention = MultiHeadAttention<HeadShape{.heads = 12, .head_dim = 64}, Causal, Rope<1e4>>;
  using FeedForward = SwiGlu<2048>;
};

static_assert(parameter_count<Llama1_7B> == 6'738'415'616);
static_assert(parameter_count<Llama1_13B> == 13'015'864'320);
static_assert(parameter_count<Llama1_33B> == 32'528'943'616);
static_assert(parameter_count<Llama1_65B> == 65'285'660'672);
static_assert(parameter_count<Llama2_7B> == 6'738'415'616);
static_assert(parameter_count<Llama2_13B> == 13'015'864'320);
static_assert(parameter_count<Llama2_34B> == 33'743'970'304);
static_assert(parameter_count<Llama2_70B> == 68'976'648'192);
static_assert(parameter_count<Llama3_8B> == 8'030'261'248);
static_assert(parameter_count<Llama3_1_70B> == 70'553'706'496);
static_assert(parameter_count<Llama3_2_1B> == 1'235'814'400);
static_assert(parameter_count<Llama3_2_3B> == 3'212'749'824);
static_assert(parameter_count<TinyLlama1_1B> == 1'100'048'384);
static_assert(parameter_count<Stories260K> == 260'032);
static_assert(parameter_count<Stories15M> == 15'191'712);
static_assert(parameter_count<Stories42M> == 41'689'600);
static_assert(parameter_count<Stories110M> == 109'529'856);

}}  // namespace bora::BORA_ABI
