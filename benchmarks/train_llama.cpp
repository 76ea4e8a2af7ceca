// Training steps of a Llama of 31 M parameters in F32, for comparison with the same in PyTorch (benchmarks/torch).
// Prints one line of JSON; FOLDER receives the first weights.
//
//     train_llama STEPS THREADS [FOLDER]
#include <program/program.hpp>
#include <bora/bora.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <utility>
#include <vector>

namespace {

struct Llama31M : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8192, dim = 512, layers = 8, context = 256;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 64},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<1408>;
};
static_assert(bora::parameter_count<Llama31M> == 30'941'696);

constexpr std::size_t batch = 8, time_steps = 256;

/// Made up, and the same in train_llama.py.
bora::TokenBatch make_batch(std::size_t step) {
  std::vector<bora::TokenId> ids;
  for (std::uint64_t i = step * batch * time_steps; i < (step + 1) * batch * time_steps; ++i)
    ids.push_back(static_cast<bora::TokenId>((i * 7919 + i / 3 * 31 + 13) % Llama31M::vocab_size));
  return {batch, time_steps, std::move(ids)};
}

void print(const char* name, const std::vector<double>& values) {
  std::printf(", \"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.9g", i == 0 ? "" : ", ", values[i]);
  std::printf("]");
}

void train(std::size_t steps, std::size_t threads, const std::filesystem::path& folder) {
  bora::ThreadPool pool{threads};
  auto model = bora::random_model<Llama31M, bora::F32>(/*seed=*/1);
  bora::Trainer trainer{
      model, {.learning_rate = {.peak = 3e-4, .floor = 3e-4}, .optimizer = {.weight_decay = 0.1}, .pool = &pool}};
  if (!folder.empty()) bora::save(trainer.parameters(), folder);
  std::vector<double> seconds, processor_seconds, losses;
  for (std::size_t step = 0; step < steps; ++step) {
    const bora::TokenBatch tokens = make_batch(step);
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t processor_start = std::clock();
    losses.push_back(trainer.step(tokens).loss);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    processor_seconds.push_back(static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC);
  }
  std::printf(R"({"program": "bora %s", "parameters": %zu, "tokens": %zu)", bora::simd::target_name().c_str(),
              bora::parameter_count<Llama31M>, batch * time_steps);
  print("seconds", seconds);
  print("processor_seconds", processor_seconds);
  print("losses", losses);
  std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t steps = 0, threads = 0;
  std::filesystem::path folder;
  program::Arguments arguments("Measures training steps of a Llama of 31 M parameters; prints a line of JSON.");
  arguments.required("STEPS", program::whole(steps), "to measure");
  arguments.required("THREADS", program::whole(threads, std::size_t{1}, program::most_threads), "at work");
  arguments.optional("FOLDER", program::path(folder), "receives the first weights");
  return arguments.run(argc, argv, [&] { train(steps, threads, folder); });
}
