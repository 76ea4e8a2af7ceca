/// Mixtral: Mistral with eight experts in every layer, two of them for each token.
#pragma once
#include <bora/model/zoo/mistral.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Mixtral 8x7B v0.1 (Jiang et al. 2024, Table 1). Base and eps are recalled.
struct Mixtral8x7B : Mistral7B {
  static constexpr std::size_t context = 32'768;
  // Full attention over 32k tokens with a larger base: inheriting Mistral's window would be silently wrong.
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<1e6>>;
  using FeedForward = MixtureOfExperts<8, TopKRouter<2>, SwiGlu<14'336>>;
};

/// Mixtral 8x22B v0.1. Sizes are recalled; their count is the published one.
struct Mixtral8x22B : Mixtral8x7B {
  static constexpr std::size_t dim = 6144, layers = 56, context = 65'536;
  /// Six query heads a key/value head.
  static constexpr HeadShape head_shape{.heads = 48, .kv_heads = 8, .head_dim = 128};
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<1e6>>;
  using FeedForward = MixtureOfExperts<8, TopKRouter<2>, SwiGlu<16'384>>;
};

/// Mixtral 8x22B v0.3 (mistral-inference, README: the extended vocabulary).
struct Mixtral8x22Bv03 : Mixtral8x22B {
  static constexpr std::size_t vocab_size = 32'768;
};

static_assert(parameter_count<Mixtral8x7B> == 46'702'792'704);
static_assert(active_parameter_count<Mixtral8x7B> == 12'879'925'248);
static_assert(parameter_count<Mixtral8x22B> == 140'620'634'112);
static_assert(active_parameter_count<Mixtral8x22B> == 39'152'031'744);
static_assert(parameter_count<Mixtral8x22Bv03> == 140'630'071'296);
static_assert(active_parameter_count<Mixtral8x22Bv03> == 39'161'468'928);

}}  // namespace bora::BORA_ABI
