/// Falcon: one key/value head, attention and feed-forward in parallel behind one norm.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Falcon 7B (Almazrouei et al. 2023; sizes: the defaults of transformers' FalconConfig). That its linear layers have
/// no bias and its GELU is exact is recalled; the count is the published one.
struct Falcon7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 65'024, dim = 4544, layers = 32, context = 2048;
  static constexpr bool tie_embeddings = true;
  using Norm = LayerNorm<1e-5>;
  using Attention = MultiQueryAttention<HeadShape{.heads = 71, .head_dim = 64}, Causal, Rope<1e4>>;
  using FeedForward = Mlp<18'176, Gelu>;
  using Residual = ParallelResidual<SharedNorm>;
};

static_assert(parameter_count<Falcon7B> == 6'921'720'704);

}}  // namespace bora::BORA_ABI
