/// GPT-2: learned positions, LayerNorm, biases everywhere, tied output.
#pragma once
#include <bora/model/accounting.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// GPT-2 small (Radford et al. 2019, Table 2; sizes: llm.c, train_gpt2.cu). llm.c pads the vocabulary to 50,304 rows in
/// memory, the published files do not.
struct Gpt2Small : DecoderSpec {
  static constexpr std::size_t vocab_size = 50'257, dim = 768, layers = 12, context = 1024;
  static constexpr bool tie_embeddings = true;
  using Position = LearnedPositions;
  using Norm = LayerNorm<1e-5>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 12, .head_dim = 64}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<3072, GeluTanh, Bias>;
};

/// GPT-2 medium (ibid.).
struct Gpt2Medium : Gpt2Small {
  static constexpr std::size_t dim = 1024, layers = 24;
  using Attention = MultiHeadAttention<HeadShape{.heads = 16, .head_dim = 64}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<4096, GeluTanh, Bias>;
};

/// GPT-2 large (ibid.).
struct Gpt2Large : Gpt2Small {
  static constexpr std::size_t dim = 1280, layers = 36;
  using Attention = MultiHeadAttention<HeadShape{.heads = 20, .head_dim = 64}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<5120, GeluTanh, Bias>;
};

/// GPT-2 XL (ibid.).
struct Gpt2Xl : Gpt2Small {
  static constexpr std::size_t dim = 1600, layers = 48;
  using Attention = MultiHeadAttention<HeadShape{.heads = 25, .head_dim = 64}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<6400, GeluTanh, Bias>;
};

static_assert(parameter_count<Gpt2Small> == 124'439'808);
static_assert(parameter_count<Gpt2Medium> == 354'823'168);
static_assert(parameter_count<Gpt2Large> == 774'030'080);
static_assert(parameter_count<Gpt2Xl> == 1'557'611'200);

}}  // namespace bora::BORA_ABI
