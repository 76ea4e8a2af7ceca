// Makes the model that comes with the library from nothing: stories, tokenizer, training, and a report of what it
// learned. Interrupted, it resumes from the last checkpoint when it is started again with the same options.
//
//     build/bin/train_pocket FOLDER [STEPS] [STORIES] [THREADS]
//
//     FOLDER/config.json, model.safetensors, tokenizer.json   the model         FOLDER/loss.svg       its loss curve
//     FOLDER/run/*.tokens, checkpoints                        to go on from     FOLDER/training.json  the report
#include "bpe_trainer.hpp"
#include "loss_curve.hpp"
#include "pocket.hpp"
#include "pocket_report.hpp"
#include "pocket_text.hpp"
#include "program/program.hpp"
#include "training_line.hpp"
#include <bora/files/atomic_file.hpp>
#include <bora/core/executor.hpp>
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <bora/io/save_tokenizer.hpp>
#include <bora/train/fit.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

constexpr std::size_t most_tokenizer_stories = 20'000;
constexpr double peak_rate = 3e-3;

bora::BpeTokenizer make_tokenizer(std::size_t count) {
  WordCounts words;
  for (std::uint64_t i = 0; i < std::min(count, most_tokenizer_stories); ++i)
    words.add(pocket::story(pocket::training_seed, i));
  bora::BpeTokenizer tokenizer(train_bpe(words, Pocket::vocab_size));
  std::printf("tokenizer: %zu pieces from %zu different words\n", tokenizer.vocab_size(), words.counts().size());
  if (tokenizer.vocab_size() != Pocket::vocab_size)
    throw bora::ConfigError(std::to_string(count) + " stories have too few words for a vocabulary of " +
                            std::to_string(Pocket::vocab_size) + " pieces: expected more stories");
  return tokenizer;
}

bora::TrainerOptions trainer_options(std::size_t steps, bora::Executor* pool) {
  return {.learning_rate = {.peak = peak_rate, .floor = peak_rate / 50, .warmup = steps / 60 + 1, .steps = steps},
          .optimizer = {.beta2 = 0.98, .weight_decay = 0.05},
          .load_balancing = 0.01,
          .pool = pool,
          .balance = bora::BalanceLoss::per_layer};
}

/// Trains, and saves the model into `folder`.
bora::FitResult train(const std::filesystem::path& folder, const bora::BpeTokenizer& tokenizer, std::size_t steps,
                      bora::Executor& pool) {
  const std::filesystem::path run = folder / "run";
  auto model = bora::random_model<Pocket, bora::F32>(/*seed=*/1);
  bora::Trainer trainer{model, trainer_options(steps, &pool)};
  bora::TokenMixture mixture(
      {.sources = {{run / "training.tokens"}}, .batch = pocket::batch, .time = pocket::time_steps, .seed = 1});
  const bora::TokenFile held_out(run / "held_out.tokens");
  bora::FitResult result =
      bora::fit(trainer, mixture,
                {.held_out = bora::held_out_batches(held_out, pocket::batch, pocket::time_steps, 64),
                 .evaluate_every = 250,
                 .folder = run / "checkpoints",
                 .checkpoint_every = 250,
                 .report_every = 20,
                 .on_start = training_line::announce},
                training_line::print);
  bora::save(trainer.parameters(), folder,
             {.numbers = bora::StoredNumbers::bf16, .bos = tokenizer.bos(), .eos = tokenizer.eos()});
  bora::save_tokenizer(tokenizer, folder / "tokenizer.json");
  return result;
}

void write_report(const std::filesystem::path& folder, const pocket::Course& course, bora::Executor& pool) {
  const pocket::Model model = bora::load<Pocket, bora::F32>(folder);
  const bora::TokenFile held_out(folder / "run" / "held_out.tokens"), sample(folder / "run" / "sample.tokens");
  const std::string text = pocket::report(model, held_out, sample, course, &pool).dump(2) + "\n";
  bora::write_file(folder / "training.json", text);
  std::fputs(text.c_str(), stdout);
}

void make(const std::filesystem::path& folder, std::size_t steps, std::size_t count, std::size_t threads) {
  const std::filesystem::path run = folder / "run";
  std::filesystem::create_directories(run);
  const bora::BpeTokenizer tokenizer = make_tokenizer(count);
  const bora::PackReport packed = pocket::pack(tokenizer, pocket::training_seed, count, run / "training.tokens");
  std::printf("training text: %zu stories, %zu tokens, %zu bytes\n", packed.documents, packed.tokens,
              packed.text_bytes);
  const std::size_t held_out = std::min(count, pocket::most_held_out_stories);
  pocket::pack(tokenizer, pocket::held_out_seed, held_out, run / "held_out.tokens");
  pocket::pack(tokenizer, pocket::held_out_seed, pocket::sample_stories, run / "sample.tokens");

  bora::ThreadPool pool{threads};
  const bora::FitResult result = train(folder, tokenizer, steps, pool);
  loss_curve::write(folder / "loss.svg", result.history);
  write_report(folder, {.steps = result.steps, .stories = count, .held_out = held_out}, pool);
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder;
  std::size_t steps = 10'000, stories = 40'000, threads = bora::usable_cores();
  program::Arguments arguments("Makes the model that comes with the library from nothing, under an hour on one core.");
  arguments.required("FOLDER", program::path(folder), "where the run lies; resumed where it was interrupted");
  arguments.optional("STEPS", program::whole(steps), "of the whole run");
  arguments.optional("STORIES", program::whole(stories), "to train on");
  arguments.optional("THREADS", program::whole(threads, std::size_t{1}, program::most_threads), "at work");
  return arguments.run(argc, argv, [&] { make(folder, steps, stories, threads); });
}
