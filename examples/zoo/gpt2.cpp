// GPT-2: small from its folder, or a smaller relative with random weights. Positions are learned, everything has a
// bias.
//
//     build/bin/zoo_gpt2 [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/gpt2.hpp>

using Published = bora::Gpt2Small;  // or bora::Gpt2Xl, …: the type must be what the folder holds

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal, bora::NoPosition, bora::Bias>;
  using FeedForward = bora::Mlp<256, bora::GeluTanh, bora::Bias>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
