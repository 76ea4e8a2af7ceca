/// MPT: linear biases on the scores instead of positions, no other biases.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// MPT 7B (MosaicML 2023; llm-foundry, scripts/train/yamls/pretrain/mpt-7b.yaml). The matrices have 50,432 rows where
/// the YAML says 50,368 (recalled; the count is the published one). It does not clip q, k and v.
struct Mpt7B : DecoderSpec {
  static constexpr std::size_t vocab_size = 50'432, dim = 4096, layers = 32, context = 2048;
  static constexpr bool tie_embeddings = true;
  using Norm = LayerNorm<1e-5, NoBias>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 128}, Causal, Alibi<8.0>>;
  using FeedForward = Mlp<16'384, Gelu>;
};

static_assert(parameter_count<Mpt7B> == 6'649'286'656);

}}  // namespace bora::BORA_ABI
