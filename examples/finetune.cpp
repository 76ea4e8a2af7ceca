// Fine-tunes the model that comes with the library on a text file of yours, draws the loss curve, and saves what it
// became; then writes a sample. For a model of your own write its type instead of Pocket. Interrupted, it begins again:
// for a long run give `fit` a folder for checkpoints, as train.cpp does.
//
//     build/bin/finetune examples/pocket TEXT OUT [STEPS] [--sample PROMPT]
//     build/bin/generate OUT --prompt PROMPT --temperature 0.8     writes more, any time later
//
//     OUT/config.json, model.safetensors, tokenizer.json   the model       OUT/loss.svg    its loss curve
//     OUT/*.tokens                                         the packed text
#include "loss_curve.hpp"
#include "pocket.hpp"
#include "program/program.hpp"
#include "sample.hpp"
#include "training_line.hpp"
#include <bora/bora.hpp>
#include <bora/data.hpp>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

constexpr std::size_t batch = 4, time_steps = 128;

void finetune(const std::filesystem::path& folder, const std::filesystem::path& text, const std::filesystem::path& out,
              std::size_t steps) {
  const bora::BpeTokenizer tokenizer = bora::load_tokenizer(folder / "tokenizer.json");
  std::filesystem::create_directories(out);
  if (std::filesystem::equivalent(folder, out))
    throw bora::ConfigError("OUT is FOLDER, expected another: the model there would be overwritten");
  bora::pack_held_out(tokenizer, text, 0.1, out / "training.tokens", out / "held_out.tokens");
  bora::TokenMixture mixture({.sources = {{out / "training.tokens"}}, .batch = batch, .time = time_steps, .seed = 1});
  const auto held_out = bora::held_out_batches(bora::TokenFile(out / "held_out.tokens"), batch, time_steps, 64);

  bora::ThreadPool pool{bora::usable_cores()};
  auto model = bora::load<Pocket, bora::F32>(folder);
  const double before = bora::evaluate(model, held_out, &pool).loss;
  // A tenth of the rate that the model was trained with: it is to learn the text, not to forget the language.
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 3e-4, .floor = 3e-5, .warmup = steps / 10, .steps = steps},
                         .load_balancing = 0.01,
                         .pool = &pool,
                         .balance = bora::BalanceLoss::per_layer}};
  const bora::FitResult result = bora::fit(
      trainer, mixture, {.held_out = held_out, .evaluate_every = 50, .report_every = 10}, training_line::print);

  const double after = result.history.held_out.back().loss;
  std::printf("held out: the loss %s from %.3f to %.3f\n", after < before ? "fell" : "rose", before, after);
  loss_curve::write(out / "loss.svg", result.history);
  bora::save(trainer.parameters(), out,
             {.numbers = bora::StoredNumbers::bf16, .bos = tokenizer.bos(), .eos = tokenizer.eos()});
  bora::save_tokenizer(tokenizer, out / "tokenizer.json");
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path folder, text, out;
  std::size_t steps = 200;
  std::string prompt;
  program::Arguments arguments("Fine-tunes the model that comes with the library on a text, and lets it write.");
  arguments.required("FOLDER", program::path(folder), "the model: examples/pocket");
  arguments.required("TEXT", program::path(text), "a text file");
  arguments.required("OUT", program::path(out), "the folder of what it becomes, another one than FOLDER");
  arguments.optional("STEPS", program::whole(steps), "of training");
  arguments.option("--sample", program::text(prompt), "how the text begins that the model writes");
  return arguments.run(argc, argv, [&] {
    finetune(folder, text, out, steps);
    sample::write(out, prompt);
  });
}
