// Falcon: 7B from its folder, or a small relative with random weights. All heads share one key and value; attention and
// feed-forward stand side by side.
//
//     build/bin/zoo_falcon [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/falcon.hpp>

using Published = bora::Falcon7B;

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention =
      bora::MultiQueryAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::Mlp<256, bora::Gelu>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
