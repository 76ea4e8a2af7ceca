/// GPT-3: GPT-2's layer at eight sizes with a context of 2048.
///
/// Sizes: Brown et al. 2020, Table 2.1, as llm.c's train_gpt2.cu has them. The paper's models alternate dense and
/// banded sparse layers; these, like llm.c's, are dense. Their weights were never published.
#pragma once
#include <bora/model/zoo/gpt2.hpp>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// GPT-3 125M (Brown et al. 2020, Table 2.1).
struct Gpt3_125M : Gpt2Small {
  static constexpr std::size_t context = 2048;
};

/// GPT-3 350M (ibid.).
struct Gpt3_350M : Gpt2Medium {
  static constexpr std::size_t context = 2048;
};

/// GPT-3 760M (ibid.).
struct Gpt3_760M : Gpt3_125M {
  static constexpr std::size_t dim = 1536, layers = 24;
  using Attention = MultiHeadAttention<HeadShape{.heads = 16, .head_dim = 96}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<6144, GeluTanh, Bias>;
};

/// GPT-3 1.3B (ibid.). The paper prints 24 heads of 128, which do not make 2048: 16 do.
struct Gpt3_1_3B : Gpt3_125M {
  static constexpr std::size_t dim = 2048, layers = 24;
  using Attention = MultiHeadAttention<HeadShape{.heads = 16, .head_dim = 128}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<8192, GeluTanh, Bias>;
};

/// GPT-3 2.7B (ibid.).
struct Gpt3_2_7B : Gpt3_125M {
  static constexpr std::size_t dim = 2560, layers = 32;
  using Attention = MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 80}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<10'240, GeluTanh, Bias>;
};

/// GPT-3 6.7B (ibid.).
struct Gpt3_6_7B : Gpt3_125M {
  static constexpr std::size_t dim = 4096, layers = 32;
  using Attention = MultiHeadAttention<HeadShape{.heads = 32, .head_dim = 128}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<16'384, GeluTanh, Bias>;
};

/// GPT-3 13B (ibid.). The paper prints a width of 5140; its 40 heads of 128 make 5120.
struct Gpt3_13B : Gpt3_125M {
  static constexpr std::size_t dim = 5120, layers = 40;
  using Attention = MultiHeadAttention<HeadShape{.heads = 40, .head_dim = 128}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<20'480, GeluTanh, Bias>;
};

/// GPT-3 175B (ibid.).
struct Gpt3_175B : Gpt3_125M {
  static constexpr std::size_t dim = 12'288, layers = 96;
  using Attention = MultiHeadAttention<HeadShape{.heads = 96, .head_dim = 128}, Causal, NoPosition, Bias>;
  using FeedForward = Mlp<49'152, GeluTanh, Bias>;
};

static_assert(parameter_count<Gpt3_175B> == 174'604'259'328);

}}  // namespace bora::BORA_ABI
