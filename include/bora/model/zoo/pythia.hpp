/// Pythia and GPT-NeoX: rotary positions on a quarter of each head, attention and feed-forward in parallel behind two
/// norms.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Pythia 6.9B (Biderman et al. 2023; pythia, models/6.9B/pythia-6.9b.yml). The padded vocabulary is recalled; the
/// count is the published one.
struct Pythia6_9B : DecoderSpec {
  static constexpr std::size_t vocab_size = 50'432, dim = 4096, layers = 32, context = 2048;
  using Norm = LayerNorm<1e-5>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 128}, Causal, Rope<1e4, 0.25>, Bias>;
  using FeedForward = Mlp<16'384, Gelu, Bias>;
  using Residual = ParallelResidual<SeparateNorms>;
};

/// Pythia 1B (ibid.). Sizes are recalled; the count is the published one.
struct Pythia1B : Pythia6_9B {
  static constexpr std::size_t vocab_size = 50'304, dim = 2048, layers = 16;
  using Attention = MultiHeadAttention<HeadShape{.heads = 8, .head_dim = 256}, Causal, Rope<1e4, 0.25>, Bias>;
  using FeedForward = Mlp<8192, Gelu, Bias>;
};

/// GPT-NeoX 20B (Black et al. 2022). Sizes are recalled; the count is the published one.
struct GptNeoX20B : Pythia6_9B {
  static constexpr std::size_t dim = 6144, layers = 44;
  using Attention = MultiHeadAttention<HeadShape{.heads = 64, .head_dim = 96}, Causal, Rope<1e4, 0.25>, Bias>;
  using FeedForward = Mlp<24'576, Gelu, Bias>;
};

static_assert(parameter_count<Pythia1B> == 1'011'781'632);
static_assert(parameter_count<Pythia6_9B> == 6'857'302'016);
static_assert(parameter_count<GptNeoX20B> == 20'554'567'680);

}}  // namespace bora::BORA_ABI
