// Mixtral: 8x7B from its folder, or a small relative with random weights. Two of eight experts serve a token.
//
//     build/bin/zoo_mixtral [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/mixtral.hpp>

using Published = bora::Mixtral8x7B;  // or bora::Mixtral8x22B, …: the type must be what the folder holds

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::Causal, bora::Rope<1e6>>;
  using FeedForward = bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<112>>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
