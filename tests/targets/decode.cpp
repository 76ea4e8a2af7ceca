// A program that decodes, to be looked at by a compiler for every target: of the library it includes what is written in
// blocks, and not files and texts, which take most of the time to parse and are the same everywhere.
#include <bora/infer/generate.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <cstdio>
#include <vector>

struct Small : bora::Mistral7B {
  static constexpr std::size_t vocab_size = 300, dim = 96, layers = 2, context = 64;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<24>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<80>>;
};

int main() {
  const auto model = bora::random_model<Small, bora::Bf16>(1);
  bora::Session session{model};
  std::vector<bora::TokenId> prompt;
  for (int i = 0; i < 40; ++i) prompt.push_back(i * 37 % 300);
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0, .max_tokens = 20}))
    std::printf("%d ", static_cast<int>(t));
  std::puts("");
}
