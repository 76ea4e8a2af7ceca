/// OLMo: Llama's layer with a LayerNorm without parameters.
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

static_assert(parameter_count<Olmo1B> == 1'176'764'416);
static_assert(parameter_count<Olmo7B> == 6'888'095'744);

}}  // namespace bora::BORA_ABI
