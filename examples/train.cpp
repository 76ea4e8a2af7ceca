// Trains a small Llama on the bytes of a text file: packs the text, trains with checkpoints, draws the loss curve,
// saves a Hugging Face folder and writes a sample. Interrupted, it resumes from the last checkpoint when it is started
// again.
//
//     build/bin/train TEXT FOLDER [STEPS] [--sample PROMPT] [--lengthen]
//     build/bin/generate FOLDER --prompt PROMPT --temperature 0.8      writes more, any time later
//
//     FOLDER/config.json, model.safetensors   the trained model        FOLDER/loss.svg      its loss curve
//     FOLDER/checkpoints/last, best           to resume from           FOLDER/*.tokens      the packed text
#include "loss_curve.hpp"
#include "program/program.hpp"
#include "sample.hpp"
#include "small_llama.hpp"
#include "training_line.hpp"
#include <bora/bora.hpp>
#include <bora/data.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <numbers>
#include <string>

namespace {

constexpr std::size_t batch = 8, time_steps = 128;

void train(const std::filesystem::path& text, const std::filesystem::path& folder, std::size_t steps, bool lengthen) {
  std::filesystem::create_directories(folder);
  bora::pack_held_out(bora::ByteTokenizer(), text, 0.1, folder / "training.tokens", folder / "held_out.tokens");
  bora::TokenMixture mixture(
      {.sources = {{folder / "training.tokens"}}, .batch = batch, .time = time_steps, .seed = 1});

  auto model = bora::random_model<SmallLlama, bora::F32>(/*seed=*/1);
  bora::ThreadPool pool{bora::usable_cores()};
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 2e-3, .floor = 2e-4, .warmup = steps / 20 + 1, .steps = steps},
                         .optimizer = {.weight_decay = 0.1},
                         .clip_norm = 1.0,
                         .pool = &pool}};

  const bora::TokenFile held_out(folder / "held_out.tokens");
  const bora::FitResult result =
      bora::fit(trainer, mixture,
                {.held_out = bora::held_out_batches(held_out, batch, time_steps, 64),
                 .evaluate_every = std::max<std::size_t>(steps / 10, 1),
                 .folder = folder / "checkpoints",
                 .checkpoint_every = std::max<std::size_t>(steps / 4, 1),
                 .report_every = 10,
                 .on_start = training_line::announce,
                 .schedule_on_resume = lengthen ? bora::ScheduleOnResume::replaced : bora::ScheduleOnResume::unchanged},
                training_line::print);

  std::printf("best: %.3f bits per byte held out, after step %zu\n", result.best->loss / std::numbers::ln2,
              result.best->step);
  loss_curve::write(folder / "loss.svg", result.history);
  bora::save(trainer.parameters(), folder);
  std::printf("saved %s\n", folder.string().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path text, folder;
  std::size_t steps = 500;
  std::string prompt = "The ";
  bool lengthen = false;
  program::Arguments arguments("Trains a small Llama on the bytes of a text file, and lets it write.");
  arguments.required("TEXT", program::path(text), "a text file, some hundred kilobytes or more");
  arguments.required("FOLDER", program::path(folder), "where the run lies; resumed where it was interrupted");
  arguments.optional("STEPS", program::whole(steps), "of the whole run");
  arguments.option("--sample", program::text(prompt), "how the text begins that the trained model writes");
  arguments.option("--lengthen", program::flag(lengthen), "go on with a run that was shorter, at the rate of STEPS");
  return arguments.run(argc, argv, [&] {
    try {
      train(text, folder, steps, lengthen);
    } catch (const bora::ConfigError& error) {  // in this program's words
      const std::string sentence = error.what(), option = "ScheduleOnResume::replaced";
      const std::size_t at = sentence.find(option);
      if (at == std::string::npos) throw;
      throw bora::ConfigError(std::string(sentence).replace(at, option.size(), "--lengthen"));
    }
    sample::write(folder, prompt);
  });
}
