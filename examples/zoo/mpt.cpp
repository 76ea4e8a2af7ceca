// MPT: 7B from its folder, or a small relative with random weights. Distances are subtracted from the scores.
//
//     build/bin/zoo_mpt [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/mpt.hpp>

using Published = bora::Mpt7B;

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal, bora::Alibi<8.0>>;
  using FeedForward = bora::Mlp<256, bora::Gelu>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
