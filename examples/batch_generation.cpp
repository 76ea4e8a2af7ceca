// Several prompts through one model at the same time. What a sequence writes does not depend on its company: the first
// prompt, alone, writes the same text.
//
//     build/bin/batch_generation examples/pocket ["PROMPT"...]
#include "pocket.hpp"
#include "program/program.hpp"
#include <bora/infer.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace {

using Model = bora::Decoder<Pocket, bora::Bf16>;
constexpr std::size_t most_tokens = 200;

/// The texts that follow the prompts; those that have ended leave the batch.
std::vector<std::string> write(const Model& model, const bora::BpeTokenizer& tokenizer,
                               std::span<const std::string> prompts) {
  bora::BatchSession session{model, {.sequences = prompts.size()}};
  std::vector<std::vector<bora::TokenId>> texts;
  std::vector<bora::Sampler> samplers;
  std::vector<bora::BatchToken> open;
  for (std::size_t s = 0; s < prompts.size(); ++s) {
    texts.push_back(tokenizer.encode(prompts[s], {.bos = true}));
    samplers.emplace_back(bora::SamplingOptions{.temperature = 0.6, .seed = s});
    open.push_back({s, samplers[s](session.prefill(s, texts[s]))});
  }
  for (std::size_t step = 0; step < most_tokens; ++step) {
    std::erase_if(open, [&](const bora::BatchToken& t) { return t.token == tokenizer.eos(); });
    if (open.empty()) break;
    for (const bora::BatchToken& t : open) texts[t.sequence].push_back(t.token);
    const auto logits = session.step(open);  // a row for each sequence that is still open
    for (std::size_t r = 0; r < open.size(); ++r) open[r].token = samplers[open[r].sequence](logits.row(r));
  }
  std::vector<std::string> written;
  for (const auto& ids : texts) written.push_back(tokenizer.decode(ids));
  return written;
}

int run(const std::filesystem::path& folder, const std::vector<std::string>& prompts) {
  const auto model = bora::load<Pocket, bora::Bf16>(folder);
  const bora::BpeTokenizer tokenizer = bora::load_tokenizer(folder / "tokenizer.json");
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::string> texts = write(model, tokenizer, prompts);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const std::string& text : texts) std::printf("%s\n\n", text.c_str());
  std::printf("%zu texts in %.2f s\n", texts.size(), seconds);
  const bool same = write(model, tokenizer, std::span(prompts).first(1))[0] == texts[0];
  std::printf("alone the first prompt writes %s\n", same ? "the same" : "SOMETHING ELSE");
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder;
  std::vector<std::string> prompts;
  program::Arguments arguments("Continues several prompts at the same time.");
  arguments.required("FOLDER", program::path(folder), "the model: examples/pocket");
  arguments.optional("PROMPT", program::texts(prompts), "how each text begins; four of its own by default");
  return arguments.run(argc, argv, [&] {
    if (prompts.empty()) prompts = {"Once upon a time", "The dog was sad because", "It was raining, and", "Mia had a"};
    return run(folder, prompts);
  });
}
