// The program of docs/getting_started.md, whole. The test builds this folder as a project of its own.
// [own_program]
#include <bora/bora.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

// Mistral's layer at a size for a laptop: the bytes of a text are its tokens.
struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 96, layers = 3, context = 256;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<64>, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<256>;
};

std::string read_file(const char* name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) throw bora::FileError(std::string(name) + ": cannot be opened");
  return {std::istreambuf_iterator<char>(file), {}};
}

// Rows that begin anywhere in the text.
bora::TokenBatch draw_batch(const std::string& text, bora::Random& random) {
  constexpr std::size_t batch = 4, time = 128;
  std::vector<bora::TokenId> ids;
  for (std::size_t row = 0; row < batch; ++row) {
    const std::size_t start = random.below(text.size() - time + 1);
    for (std::size_t t = 0; t < time; ++t) ids.push_back(static_cast<unsigned char>(text[start + t]));
  }
  return {batch, time, std::move(ids)};
}

void train(const char* text_file, const std::filesystem::path& folder, std::size_t steps) {
  const std::string text = read_file(text_file);
  if (text.size() < 1'000) throw bora::FileError(std::string(text_file) + ": is too short to learn from");
  auto model = bora::random_model<Small, bora::F32>(/*seed=*/1);
  bora::ThreadPool pool{2};
  bora::Trainer trainer{model, {.learning_rate = {.peak = 2e-3, .warmup = 20, .steps = steps}, .pool = &pool}};
  bora::Random random(/*seed=*/1);
  for (std::size_t step = 0; step < steps; ++step) {
    const bora::StepReport report = trainer.step(draw_batch(text, random));
    if (report.step % 50 == 0) std::printf("step %4zu   loss %.3f\n", report.step, report.loss);
  }
  bora::save(trainer.parameters(), folder);  // config.json and model.safetensors
}

void write_text(const std::filesystem::path& folder, const char* prompt) {
  const auto model = bora::load<Small, bora::Bf16>(folder);
  bora::Session session{model};
  auto stream = bora::ByteTokenizer::stream();
  std::fputs(prompt, stdout);
  for (const bora::TokenId t :
       bora::generate(session, bora::ByteTokenizer::encode(prompt), {.temperature = 0.7, .max_tokens = 200}))
    std::fputs(stream.push(t).c_str(), stdout);
  std::puts(stream.finish().c_str());
}

std::size_t whole_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0)
    throw bora::ConfigError("STEPS is \"" + std::string(text) + "\", expected a whole number, 1 or more");
  return number;
}

int main(int argc, char** argv) try {
  if (argc < 3 || argc > 4) return std::fprintf(stderr, "usage: %s TEXT FOLDER [STEPS]\n", argv[0]), 2;
  std::printf("kernels: %s, %zu parameters\n", bora::simd::target_report().c_str(), bora::parameter_count<Small>);
  train(argv[1], argv[2], argc > 3 ? whole_number(argv[3]) : 500);
  write_text(argv[2], "The ");
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
// [/own_program]

// [variant]
struct Variant : Small {
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<128>>;
};
// [/variant]
static_assert(bora::active_parameter_count<Variant> < bora::parameter_count<Variant>);
