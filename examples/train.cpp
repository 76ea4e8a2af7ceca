// Trains a small Llama on the bytes of a text file: packs the text, trains with checkpoints, draws the loss curve,
// saves a Hugging Face folder. Interrupted, it goes on from the last checkpoint when it is started again.
//
//     build/bin/train TEXT FOLDER [STEPS]
//
//     FOLDER/config.json, model.safetensors   the trained model        FOLDER/loss.svg      its loss curve
//     FOLDER/checkpoints/last, best           to go on from            FOLDER/*.tokens      the packed text
#include "arguments.hpp"
#include "loss_curve.hpp"
#include "training_line.hpp"
#include <bora/bora.hpp>
#include <bora/data.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <numbers>
#include <string>

namespace {

struct SmallLlama : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 192, layers = 4, context = 256;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 32},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<512>;
};

constexpr std::size_t batch = 8, time_steps = 128;

void train(const std::filesystem::path& text, const std::filesystem::path& folder, std::size_t steps) {
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
  const bora::FitResult result = bora::fit(trainer, mixture,
                                           {.held_out = bora::held_out_batches(held_out, batch, time_steps, 64),
                                            .evaluate_every = std::max<std::size_t>(steps / 10, 1),
                                            .folder = folder / "checkpoints",
                                            .checkpoint_every = std::max<std::size_t>(steps / 4, 1),
                                            .report_every = 10,
                                            .peak_flops_per_second = training_line::measure_peak(pool)},
                                           training_line::print);

  if (result.resumed > 0) std::printf("went on from step %zu\n", result.resumed);
  std::printf("best: %.3f bits per byte held out, after step %zu\n", result.best->loss / std::numbers::ln2,
              result.best->step);
  loss_curve::write(folder / "loss.svg", result.history);
  bora::save(trainer.parameters(), folder);
  std::printf("saved %s\n", folder.string().c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3 || argc > 4) return std::fprintf(stderr, "usage: %s TEXT FOLDER [STEPS]\n", argv[0]), 2;
  train(argv[1], argv[2], arguments::number(argc, argv, 3, "STEPS", 500));
} catch (const std::exception& e) {
  std::fprintf(stderr, "train: %s\n", e.what());
  return 1;
}
