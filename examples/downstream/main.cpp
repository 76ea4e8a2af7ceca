// An architecture of one's own: Mixtral, but small. Counted by the compiler, run from a folder or with random weights.
//
//     build/mine [FOLDER]
#include <bora/infer.hpp>
#include <bora/model/zoo/mixtral.hpp>
#include <cstdio>
#include <exception>

struct Mine : bora::Mixtral8x7B {
  static constexpr std::size_t vocab_size = 256, dim = 256, layers = 4, context = 1'024;  // a token is a byte
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 32},
                                                bora::SlidingWindow<128>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<512>>;
};
static_assert(bora::active_parameter_count<Mine> < 5'000'000);

int main(int argc, char** argv) try {
  const auto model =
      argc > 1 ? bora::load<Mine, bora::Bf16>(argv[1]) : bora::random_model<Mine, bora::Bf16>(/*seed=*/1);
  bora::Session session{model};
  std::printf("%s, %zu parameters, %zu active, %zu KiB of keys and values\n", bora::simd::target_name().c_str(),
              bora::parameter_count<Mine>, bora::active_parameter_count<Mine>, session.cache_bytes() / 1024);
  auto stream = bora::ByteTokenizer::stream();
  for (const bora::TokenId t :
       bora::generate(session, bora::ByteTokenizer::encode("The "), {.temperature = 0.7, .max_tokens = 40}))
    std::fputs(stream.push(t).c_str(), stdout);
  std::puts(stream.finish().c_str());
} catch (const std::exception& e) {
  std::fprintf(stderr, "mine: %s\n", e.what());
  return 1;
}
