// GPT-NeoX: Pythia 1B from its folder, or a small relative with random weights. A quarter of each head turns; attention
// and feed-forward stand side by side, each behind its norm.
//
//     build/bin/zoo_neox [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/pythia.hpp>

using Published = bora::Pythia1B;  // or bora::GptNeoX20B, …: the type must be what the folder holds

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal,
                                             bora::Rope<1e4, 0.25>, bora::Bias>;
  using FeedForward = bora::Mlp<256, bora::Gelu, bora::Bias>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
