// What docs/compose_a_model.md and the README show: specs and what is counted of them.
#include <bora/infer.hpp>
#include <bora/model/zoo/llama.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <cstdio>
#include <filesystem>
#include <span>
#include <vector>

// [spec]
struct Tiny : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};
// [/spec]

// [readme_program]
// [diff]
struct Mine : bora::Mistral7B {  // an architecture is a diff
  static constexpr std::size_t dim = 512, layers = 8, vocab_size = 4'096;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 64},
                                                bora::SlidingWindow<256>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<1'024>>;
};
static_assert(bora::active_parameter_count<Mine> < 35'000'000);  // accounting is constexpr
// [/diff]

void continue_text(const std::filesystem::path& folder, std::span<const bora::TokenId> prompt) {
  const auto model = bora::load<Mine, bora::Bf16>(folder);  // Hugging Face folder or llama2.c .bin
  bora::Session session{model};                             // a ring of keys: the mask is a window
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0.7, .top_p = 0.95}))
    std::printf("%d ", t);
}
// [/readme_program]

// [gpt]
struct SmallGpt : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;
  static constexpr bool tie_embeddings = true;
  using Position = bora::LearnedPositions;  // added to the embedding
  using Norm = bora::LayerNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal, bora::NoPosition, bora::Bias>;
  using FeedForward = bora::Mlp<256, bora::GeluTanh, bora::Bias>;
};
// [/gpt]

// [alternate]
// Even layers see 32 keys, odd ones all; every other layer is a mixture of experts.
struct Alternating : Tiny {
  static constexpr std::size_t layers = 4;
  static constexpr bora::HeadShape shape{.heads = 4, .kv_heads = 2, .head_dim = 16};
  using Attention = bora::Alternate<bora::GroupedQueryAttention<shape, bora::SlidingWindow<32>, bora::Rope<1e4>>,
                                    bora::GroupedQueryAttention<shape, bora::Causal, bora::Rope<1e4>>>;
  using FeedForward =
      bora::Alternate<bora::SwiGlu<176>, bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<96>>>;
};
// [/alternate]

// [kinds]
// OLMo 3's kind in small: norms on the outputs, norms of queries and keys, a window in three of four layers, and the
// fourth alone stretched.
struct SmallOlmo3 : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 6, context = 1024;
  static constexpr bora::HeadShape shape{.heads = 4, .kv_heads = 2, .head_dim = 16};
  static constexpr bora::YarnSettings stretch{.factor = 8, .original_context = 128};
  using Norm = bora::RmsNorm<1e-6>;
  using KeysNormed = bora::QkNorm<bora::WholeWidth, Norm>;
  using Sliding = bora::GroupedQueryAttention<shape, bora::SlidingWindow<32>, bora::Rope<5e5>, KeysNormed>;
  using Full =
      bora::GroupedQueryAttention<shape, bora::Causal, bora::Rope<5e5, 1.0, bora::YarnScaling<stretch>>, KeysNormed>;
  using Attention = bora::Layers<Sliding, Sliding, Sliding, Full>;
  using FeedForward = bora::SwiGlu<176>;
  using Residual = bora::OutputNormResidual;
};
// [/kinds]
static_assert(bora::cache_bytes<SmallOlmo3, bora::F32>(1024) ==
              2 * 2 * 16 * 4 * (5 * 32 + 1024));  // five windows, one layer that sees all

// [long_context]
// Trained on 4096 positions, stretched to 16384 by YaRN.
struct Longer : bora::Llama2_7B {
  static constexpr std::size_t context = 16'384;
  static constexpr bora::YarnSettings stretch{.factor = 4, .original_context = 4096};
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 32, .head_dim = 128}, bora::Causal,
                                             bora::Rope<1e4, 1.0, bora::YarnScaling<stretch>>>;
};
static_assert(bora::parameter_count<Longer> == bora::parameter_count<bora::Llama2_7B>);
// [/long_context]

// [accounting]
static_assert(bora::parameter_count<bora::Mistral7B> == 7'241'732'096);
static_assert(bora::parameter_count<Mine> == 110'141'952);                      // stored
static_assert(bora::active_parameter_count<Mine> == 34'644'480);                // a token's share of them
static_assert(bora::cache_bytes<Mine>(8'192) == bora::cache_bytes<Mine>(256));  // the window's worth
static_assert(bora::flops_per_token<Mine>(256) < 70e6);
// [/accounting]

namespace {

template <class Spec>
void run() {
  // [run]
  const auto model = bora::random_model<Spec, bora::F32>(/*seed=*/1);
  bora::Session session{model};
  const std::vector<bora::TokenId> prompt{1, 2, 3};
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0, .max_tokens = 8}))
    std::printf("%d ", t);
  // [/run]
  std::printf("\n");
}

// [describe]
void print_facts() {
  const bora::ModelDescription d = bora::describe<Mine>();
  std::printf("%zu layers of %zu query heads, %zu experts\n", d.layers, d.attention[0].size("heads"),
              d.feed_forward[0].size("experts"));
}
// [/describe]

}  // namespace

// With the folder of a checkpoint of `Mine`, the README's program runs too.
int main(int argc, char** argv) {
  if (argc > 1) continue_text(argv[1], std::vector<bora::TokenId>{1, 2, 3});
  run<Tiny>();
  run<SmallGpt>();
  run<Alternating>();
  print_facts();
}
