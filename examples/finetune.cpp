// Fine-tunes the model that comes with the library on a text file of yours, and saves what it became. For a model of
// your own write its type instead of Pocket.
//
//     build/bin/finetune examples/pocket TEXT OUT [STEPS]
#include "pocket.hpp"
#include <bora/bora.hpp>
#include <bora/io/tokenizer_json.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

using Tokens = std::span<const bora::TokenId>;
constexpr std::size_t batch = 4, time_steps = 128;

std::vector<bora::TokenId> read_tokens(const bora::BpeTokenizer& tokenizer, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw bora::FileError(path.string() + ": cannot be opened");
  const std::vector<bora::TokenId> ids = tokenizer.encode(std::string{std::istreambuf_iterator<char>(file), {}});
  if (ids.size() < 10 * time_steps)
    throw bora::FileError(path.string() + ": makes " + std::to_string(ids.size()) + " tokens, expected at least " +
                          std::to_string(10 * time_steps));
  return ids;
}

/// Rows that begin anywhere in `text`.
bora::TokenBatch draw_batch(Tokens text, bora::Random& random) {
  std::vector<bora::TokenId> ids;
  for (std::size_t row = 0; row < batch; ++row) {
    const Tokens cut = text.subspan(random.below(text.size() - time_steps + 1), time_steps);
    ids.insert(ids.end(), cut.begin(), cut.end());
  }
  return {batch, time_steps, std::move(ids)};
}

void finetune(const std::filesystem::path& folder, const std::filesystem::path& text, const std::filesystem::path& out,
              std::size_t steps) {
  const bora::BpeTokenizer tokenizer = bora::load_tokenizer(folder / "tokenizer.json");
  const std::vector<bora::TokenId> tokens = read_tokens(tokenizer, text);
  const Tokens training = Tokens(tokens).first(tokens.size() * 9 / 10);  // the last tenth is held out
  bora::Random order(/*seed=*/1), check(/*seed=*/2);
  std::vector<bora::TokenBatch> held_out;
  for (int i = 0; i < 4; ++i) held_out.push_back(draw_batch(Tokens(tokens).last(tokens.size() / 10), check));

  bora::ThreadPool pool{std::max(1u, std::thread::hardware_concurrency())};
  auto model = bora::load<Pocket, bora::F32>(folder);
  std::printf("held out before: loss %.3f\n", bora::evaluate(model, held_out, &pool).loss);
  // A tenth of the rate that the model was trained with: it is to learn the text, not to forget the language.
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 3e-4, .floor = 3e-5, .warmup = steps / 10, .steps = steps},
                         .load_balancing = 0.01,
                         .pool = &pool}};
  for (std::size_t step = 0; step < steps; ++step) {
    const bora::StepReport report = trainer.step(draw_batch(training, order));
    if (report.step % 20 == 0) std::printf("step %4zu   loss %.3f\n", report.step, report.cross_entropy);
  }
  std::printf("held out after:  loss %.3f\n", bora::evaluate(model, held_out, &pool).loss);
  bora::save(trainer.parameters(), out,
             {.numbers = bora::StoredNumbers::bf16, .bos = tokenizer.bos(), .eos = tokenizer.eos()});
  bora::save_tokenizer(tokenizer, out / "tokenizer.json");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 4) return std::fprintf(stderr, "usage: %s FOLDER TEXT OUT [STEPS]\n", argv[0]), 2;
  finetune(argv[1], argv[2], argv[3], argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 200);
} catch (const std::exception& e) {
  std::fprintf(stderr, "finetune: %s\n", e.what());
  return 1;
}
