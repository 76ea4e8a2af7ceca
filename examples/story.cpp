// Tells a story with the model that comes with the library, a mixture of experts in four megabytes, and shows that the
// numbers behind it do not depend on the number of threads.
//
//     build/bin/story examples/pocket [SEED] [PROMPT]
#include "pocket.hpp"
#include "program/program.hpp"
#include <bora/infer.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using Model = bora::Decoder<Pocket, bora::Bf16>;

void print_anatomy(const Model& model, const bora::Session<Model>& session) {
  std::fprintf(stderr, "parameters   %zu, of which a token uses %zu\n", bora::parameter_count<Pocket>,
               bora::active_parameter_count<Pocket>);
  std::fprintf(stderr, "weights      %.1f MiB in bfloat16\n", static_cast<double>(model.weight_bytes()) / 0x1p20);
  std::fprintf(stderr, "keys, values %zu KiB: a ring for a window of %zu tokens\n\n", session.cache_bytes() / 1024,
               Pocket::Attention::Mask::window);
}

/// Streams a story and returns its tokens, the prompt's included.
std::vector<bora::TokenId> tell(const Model& model, const bora::BpeTokenizer& tokenizer, const std::string& prompt,
                                std::uint64_t seed) {
  bora::Session session{model};
  print_anatomy(model, session);
  std::vector<bora::TokenId> tokens = tokenizer.encode(prompt);
  auto stream = tokenizer.stream();
  for (const bora::TokenId t : tokens) program::write(stream.push(t));
  const bora::GenerateOptions options{
      .temperature = 0.5, .top_p = 0.9, .max_tokens = 400, .seed = seed, .stop = {tokenizer.eos()}};
  auto text = bora::generate(session, std::vector(tokens), options);
  auto token = text.begin();  // works on the prompt
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (; token != text.end() && !program::interrupted(); ++token, ++count) {
    program::write(stream.push(*token));
    tokens.push_back(*token);
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  program::write(stream.finish() + "\n\n");
  std::fprintf(stderr, "%zu tokens at %.0f tokens/s\n", count, static_cast<double>(count) / time.count());
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

/// Tells a story; whether its logits are the same bits with one thread and with two.
int tell_and_compare(const std::filesystem::path& folder, std::uint64_t seed, const std::string& prompt) {
  const auto model = bora::load<Pocket, bora::Bf16>(folder);
  const bora::BpeTokenizer tokenizer = bora::load_tokenizer(folder / "tokenizer.json");
  const program::CatchInterrupt until_it_is_written;
  const auto story = tell(model, tokenizer, prompt, seed);
  if (program::interrupted()) return 130;
  const bool same = replay(model, story, 1) == replay(model, story, 2);
  std::printf("logits of the story with one thread and with two: %s\n", same ? "the same bits" : "DIFFERENT");
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder;
  std::uint64_t seed = 1;
  std::string prompt;
  program::Arguments arguments("Tells a story with the model that comes with the library.");
  arguments.required("FOLDER", program::path(folder), "the model: examples/pocket");
  arguments.optional("SEED", program::whole(seed, std::uint64_t{0}), "another one, another story");
  arguments.optional("PROMPT", program::text(prompt), "how the story begins");
  return arguments.run(argc, argv, [&] { return tell_and_compare(folder, seed, prompt); });
}
