// Mistral: 7B v0.1 from its folder, or a small relative with random weights. Its window makes the cache a ring.
//
//     build/bin/zoo_mistral [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/mistral.hpp>

using Published = bora::Mistral7B;  // or bora::Mistral7Bv03, …: the type must be what the folder holds

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<16>, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
