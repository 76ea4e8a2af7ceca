// An architecture is a diff: Mistral 7B, but small, with experts. Counts its parameters at compile time and runs a
// step.
//
//     build/bin/architecture_diff
#include "program/program.hpp"
#include <bora/infer.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <cstdio>
#include <vector>

struct Mine : bora::Mistral7B {
  static constexpr std::size_t dim = 512, layers = 8, vocab_size = 4'096;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 64},
                                                bora::SlidingWindow<256>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<1'024>>;
};

static_assert(bora::parameter_count<Mine> == 110'141'952);
static_assert(bora::active_parameter_count<Mine> < 35'000'000);

void run() {
  std::printf("parameters: %zu, active for a token: %zu\n", bora::parameter_count<Mine>,
              bora::active_parameter_count<Mine>);
  std::printf("keys and values of 8192 tokens: %zu bytes, a window's worth\n", bora::cache_bytes<Mine>(8192));
  std::printf("a token costs %.0f MFLOP\n", bora::flops_per_token<Mine>(256) / 1e6);

  const auto model = bora::random_model<Mine, bora::Bf16>(/*seed=*/1);
  bora::Session session{model};  // a ring of keys: the mask is a window
  const std::vector<bora::TokenId> prompt{1, 2, 3};
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0, .max_tokens = 8}))
    std::printf("%d ", t);
  std::printf("\n");
}

int main(int argc, char** argv) {
  program::Arguments arguments(
      "Counts the parameters of Mistral 7B, but small, with experts, and runs it on random weights.");
  return arguments.run(argc, argv, run);
}
