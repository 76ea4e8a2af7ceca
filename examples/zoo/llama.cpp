// Llama: TinyLlama 1.1B from its folder, or a small relative with random weights.
//
//     build/bin/zoo_llama [FOLDER [ID...]]
#include "run.hpp"
#include <bora/model/zoo/llama.hpp>

using Published = bora::TinyLlama1_1B;  // or bora::Llama2_7B, …: the type must be what the folder holds

struct Small : Published {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};

int main(int argc, char** argv) { return zoo::run<Small, Published>(argc, argv); }
