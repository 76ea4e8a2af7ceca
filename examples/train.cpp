// Trains a small Llama on the bytes of a text file and saves it as a Hugging Face folder.
//
//     build/bin/train TEXT FOLDER [STEPS]
#include <bora/bora.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

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

/// The file's bytes as tokens; throws when there are too few to cut a row from.
std::vector<bora::TokenId> read_tokens(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw bora::FileError(path.string() + ": cannot be opened");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.size() < 10 * time_steps)
    throw bora::FileError(path.string() + ": holds " + std::to_string(text.size()) + " bytes, expected at least " +
                          std::to_string(10 * time_steps));
  return bora::ByteTokenizer().encode(text);
}

/// Rows that begin anywhere in `text`.
bora::TokenBatch draw_batch(std::span<const bora::TokenId> text, bora::Random& random) {
  std::vector<bora::TokenId> ids;
  for (std::size_t row = 0; row < batch; ++row) {
    const auto start = text.begin() + static_cast<std::ptrdiff_t>(random.below(text.size() - time_steps + 1));
    ids.insert(ids.end(), start, start + time_steps);
  }
  return {batch, time_steps, std::move(ids)};
}

void train(const std::filesystem::path& text, const std::filesystem::path& folder, std::size_t steps) {
  const std::vector<bora::TokenId> tokens = read_tokens(text);
  const std::size_t held_out = std::max<std::size_t>(tokens.size() / 20, time_steps + 1);
  const auto training = std::span(tokens).first(tokens.size() - held_out);
  const auto validation = std::span(tokens).last(held_out);

  auto model = bora::random_model<SmallLlama, bora::F32>(/*seed=*/1);
  bora::ThreadPool pool{std::max(1u, std::thread::hardware_concurrency())};
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 2e-3, .floor = 2e-4, .warmup = steps / 20 + 1, .steps = steps},
                         .optimizer = {.weight_decay = 0.1},
                         .clip_norm = 1.0,
                         .pool = &pool}};
  bora::Random order(/*seed=*/1), check(/*seed=*/2);
  for (std::size_t step = 0; step < steps; ++step) {
    const bora::StepReport report = trainer.step(draw_batch(training, order));
    if (step % 50 == 0 || step + 1 == steps)
      std::printf("step %5zu   loss %.4f   learning rate %.1e   gradient norm %.2f\n", report.step, report.loss,
                  report.learning_rate, report.gradient_norm);
  }
  const auto [loss, gradients] = bora::loss_and_gradients(model, draw_batch(validation, check), {.pool = &pool});
  std::printf("held out: %.3f bits per byte\n", loss / std::log(2.0));
  bora::save(trainer.parameters(), folder);
  std::printf("saved %s\n", folder.string().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: %s TEXT FOLDER [STEPS]\n", argv[0]), 2;
  try {
    train(argv[1], argv[2], argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 500);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "train: %s\n", e.what());
    return 1;
  }
}
