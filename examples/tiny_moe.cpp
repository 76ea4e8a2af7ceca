// Trains a tiny mixture of experts on stories it makes up, then lets it write one. Grouped-query attention, a sliding
// window with a ring of keys, four experts of which two serve a token: Mixtral's parts, small enough for a minute.
//
//     build/bin/tiny_moe [SECONDS]
#include "stories.hpp"
#include <bora/bora.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

struct TinyMoe : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 96, layers = 3, context = 512;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<96>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<192>>;
};

constexpr std::uint64_t training_seed = 1, held_out_seed = 2;
constexpr std::size_t batch = 8, time_steps = 192;

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Rows cut anywhere from stories that follow one another: batch number `step` of `seed`.
bora::TokenBatch make_batch(std::uint64_t seed, std::uint64_t step) {
  std::vector<bora::TokenId> ids;
  for (std::size_t row = 0; row < batch; ++row) {
    const std::uint64_t first = (step * batch + row) * 8;
    std::string text;
    for (std::uint64_t part = 0; text.size() < 3 * time_steps; ++part) text += stories::story(seed, first + part);
    const std::size_t start = bora::Random(seed + 1'000, first).below(text.size() - time_steps + 1);
    for (std::size_t t = 0; t < time_steps; ++t) ids.push_back(static_cast<unsigned char>(text[start + t]));
  }
  return {batch, time_steps, std::move(ids)};
}

void print_anatomy(const bora::Decoder<TinyMoe, bora::F32>& model) {
  std::printf("kernels      %s\n", bora::simd::target_name().c_str());
  std::printf("parameters   %zu stored, %zu active for a token\n", bora::parameter_count<TinyMoe>,
              bora::active_parameter_count<TinyMoe>);
  std::printf("weights      %zu KiB, keys and values %zu KiB in a ring\n", model.weight_bytes() / 1024,
              bora::Session{model}.cache_bytes() / 1024);
}

void train(bora::Decoder<TinyMoe, bora::F32>& model, bora::Executor& pool, double budget) {
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 3e-3, .warmup = 20, .decay = bora::Decay::constant},
                         .load_balancing = 0.01,
                         .pool = &pool}};
  const auto start = Clock::now();
  std::size_t tokens = 0;
  for (std::uint64_t step = 0; seconds_since(start) < budget; ++step) {
    const bora::StepReport report = trainer.step(make_batch(training_seed, step));
    tokens += report.tokens;
    if (step % 50 == 0)
      std::printf("step %4zu   loss %.3f   %.0f tokens/s\n", report.step, report.cross_entropy,
                  static_cast<double>(tokens) / seconds_since(start));
  }
  const double loss = bora::loss_and_gradients(model, make_batch(held_out_seed, 0), {.pool = &pool}).loss;
  std::printf("held-out stories: %.3f bits per byte\n", loss / std::log(2.0));
}

void write_story(const bora::Decoder<TinyMoe, bora::F32>& model) {
  const bora::ByteTokenizer tokenizer;
  auto stream = tokenizer.stream();
  const std::string prompt = "Once upon a time";
  bora::Session session{model};
  std::printf("\n%s", prompt.c_str());
  const auto start = Clock::now();
  std::size_t count = 0;
  const bora::TokenId newline = '\n';
  for (const bora::TokenId t : bora::generate(session, tokenizer.encode(prompt),
                                              {.temperature = 0.7, .max_tokens = 600, .seed = 7, .stop = {newline}})) {
    std::fputs(stream.push(t).c_str(), stdout);
    std::fflush(stdout);
    ++count;
  }
  std::printf("\n\n%zu bytes at %.0f tokens/s\n", count, static_cast<double>(count) / seconds_since(start));
}

}  // namespace

int main(int argc, char** argv) {
  const double budget = argc > 1 ? std::atof(argv[1]) : 60;
  auto model = bora::random_model<TinyMoe, bora::F32>(/*seed=*/1);
  bora::ThreadPool pool{std::max(1u, std::thread::hardware_concurrency())};
  print_anatomy(model);
  train(model, pool, budget);
  write_story(model);
}
