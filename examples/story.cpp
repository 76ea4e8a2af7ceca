// Tells a story with the model that comes with the library, a mixture of experts in four megabytes, and shows that the
// numbers behind it do not depend on the number of threads.
//
//     build/bin/story examples/pocket [SEED] [PROMPT]
#include "arguments.hpp"
#include "pocket.hpp"
#include <bora/infer.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using Model = bora::Decoder<Pocket, bora::Bf16>;

void print_anatomy(const Model& model, const bora::Session<Model>& session) {
  std::printf("kernels      %s\n", bora::simd::target_name().c_str());
  std::printf("parameters   %zu, of which a token uses %zu\n", bora::parameter_count<Pocket>,
              bora::active_parameter_count<Pocket>);
  std::printf("weights      %.1f MiB in bfloat16\n", static_cast<double>(model.weight_bytes()) / 0x1p20);
  std::printf("keys, values %zu KiB: a ring for a window of %zu tokens\n\n", session.cache_bytes() / 1024,
              Pocket::Attention::Mask::window);
}

/// Streams a story and returns its tokens, the prompt's included.
std::vector<bora::TokenId> tell(const Model& model, const bora::BpeTokenizer& tokenizer, const std::string& prompt,
                                std::uint64_t seed) {
  bora::Session session{model};
  print_anatomy(model, session);
  std::vector<bora::TokenId> tokens = tokenizer.encode(prompt);
  auto stream = tokenizer.stream();
  for (const bora::TokenId t : tokens) std::fputs(stream.push(t).c_str(), stdout);
  const bora::GenerateOptions options{
      .temperature = 0.5, .top_p = 0.9, .max_tokens = 400, .seed = seed, .stop = {tokenizer.eos()}};
  auto text = bora::generate(session, std::vector(tokens), options);
  auto token = text.begin();  // works on the prompt
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (; token != text.end(); ++token, ++count) {
    std::fputs(stream.push(*token).c_str(), stdout);
    std::fflush(stdout);
    tokens.push_back(*token);
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  std::printf("%s\n\n%zu tokens at %.0f tokens/s\n", stream.finish().c_str(), count,
              static_cast<double>(count) / time.count());
  return tokens;
}

/// The logits after every token of the story.
std::vector<float> replay(const Model& model, const std::vector<bora::TokenId>& tokens, std::size_t threads) {
  bora::ThreadPool pool{threads};
  bora::Session session{model, {.pool = &pool}};
  std::vector<float> all;
  for (const bora::TokenId t : tokens) {
    const auto logits = session.step(t);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2 || argc > 4) return std::fprintf(stderr, "usage: %s FOLDER [SEED] [PROMPT]\n", argv[0]), 2;
  const std::filesystem::path folder = argv[1];
  const std::uint64_t seed = arguments::number(argc, argv, 2, "SEED", 1, 0);
  const auto model = bora::load<Pocket, bora::Bf16>(folder);
  const bora::BpeTokenizer tokenizer = bora::load_tokenizer(folder / "tokenizer.json");
  const auto story = tell(model, tokenizer, argc > 3 ? argv[3] : "", seed);
  const bool same = replay(model, story, 1) == replay(model, story, 2);
  std::printf("logits of the story with one thread and with two: %s\n", same ? "the same bits" : "DIFFERENT");
  return same ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "story: %s\n", e.what());
  return 1;
}
