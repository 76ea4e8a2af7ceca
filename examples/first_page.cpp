// The first page: a model as a type, random weights, a session, bytes one by one.
//
//     build/bin/first_page
#include <bora/infer.hpp>
#include <cstdio>

struct Tiny : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 128;  // a token is a byte
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<32>, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};
static_assert(bora::parameter_count<Tiny> == 125'248);  // arithmetic of the type: nothing has run yet

int main() {
  const auto model = bora::random_model<Tiny, bora::F32>(/*seed=*/1);
  bora::Session session{model};  // keys and values in a ring of a window's size

  const bora::ByteTokenizer tokenizer;
  auto stream = tokenizer.stream();  // whole characters only
  for (const bora::TokenId t :
       bora::generate(session, tokenizer.encode("Once upon a time"), {.temperature = 0.8, .max_tokens = 60, .seed = 1}))
    std::fputs(stream.push(t).c_str(), stdout);
  std::puts(stream.finish().c_str());
  std::printf("%zu tokens, %zu bytes of keys and values: no training, no sense\n", session.length(),
              session.cache_bytes());
}
