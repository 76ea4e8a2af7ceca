/// Mistral 7B, Nemo and Ministral: Llama's layer with grouped queries and, in some, a sliding window.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Mistral 7B v0.1 (Jiang et al. 2023, Table 1). Base and eps are recalled.
struct Mistral7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 32'000, dim = 4096, layers = 32, context = 8192;
  /// Four query heads a key/value head.
  static constexpr HeadShape head_shape{.heads = 32, .kv_heads = 8, .head_dim = 128};
  using Norm = RmsNorm<1e-5>;
  using Attention = GroupedQueryAttention<head_shape, SlidingWindow<4096>, Rope<1e4>>;
  using FeedForward = SwiGlu<14'336>;
};

/// Mistral 7B v0.2 (its model card: 32k context, base 1e6, no window).
struct Mistral7Bv02 : Mistral7B {
  static constexpr std::size_t context = 32'768;
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<1e6>>;
};

/// Mistral 7B v0.3 (mistral-inference, README: the extended vocabulary; the rest, as v0.2, is recalled).
struct Mistral7Bv03 : Mistral7Bv02 {
  static constexpr std::size_t vocab_size = 32'768;
};

/// Mistral Nemo 12B, 2407: heads narrower than the width shared among them. Sizes are recalled; the count is the
/// published one.
struct MistralNemo12B : Mistral7B {
  static constexpr std::size_t vocab_size = 131'072, dim = 5120, layers = 40, context = 131'072;
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<1e6>>;
};

/// Ministral 8B, 2410, as its config.json has it: a window in every layer. Sizes are recalled; the count is the
/// published one.
struct Ministral8B : Mistral7B {
  static constexpr std::size_t vocab_size = 131'072, layers = 36, context = 131'072;
  using Attention = GroupedQueryAttention<head_shape, SlidingWindow<32'768>, Rope<1e8>>;
  using FeedForward = SwiGlu<12'288>;
};

static_assert(parameter_count<Mistral7B> == 7'241'732'096);
static_assert(parameter_count<Mistral7Bv02> == 7'241'732'096);
static_assert(parameter_count<Mistral7Bv03> == 7'248'023'552);
static_assert(parameter_count<MistralNemo12B> == 12'247'782'400);
static_assert(parameter_count<Ministral8B> == 8'019'808'256);

}}  // namespace bora::BORA_ABI
