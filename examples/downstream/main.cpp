// An architecture of one's own, Mixtral but small, trained on a text and made to write. Started again, it goes on from
// its last checkpoint.
//
//     build/mine TEXT FOLDER [STEPS]
#include <bora/bora.hpp>
#include <bora/data.hpp>
#include <bora/model/zoo/mixtral.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

struct Mine : bora::Mixtral8x7B {
  static constexpr std::size_t vocab_size = 256, dim = 128, layers = 4, context = 512;  // a token is a byte
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<128>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<256>>;
};
static_assert(bora::active_parameter_count<Mine> < 1'100'000);
constexpr std::size_t batch_rows = 8, row_tokens = 128;

void train(const std::filesystem::path& text_file, const std::filesystem::path& folder, std::size_t steps) {
  std::filesystem::create_directories(folder);
  bora::pack_held_out(bora::ByteTokenizer(), text_file, 0.1, folder / "training.tokens", folder / "held_out.tokens");
  bora::TokenMixture data(
      {.sources = {{folder / "training.tokens"}}, .batch = batch_rows, .time = row_tokens, .seed = 1});
  const bora::TokenFile held_out(folder / "held_out.tokens");
  auto model = bora::random_model<Mine, bora::F32>(/*seed=*/1);
  bora::ThreadPool pool{bora::usable_cores()};
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 2e-3, .floor = 2e-4, .warmup = steps / 20 + 1, .steps = steps},
                         .load_balancing = 0.01,
                         .pool = &pool}};
  bora::fit(trainer, data,
            {.held_out = bora::held_out_batches(held_out, batch_rows, row_tokens, 64),
             .evaluate_every = std::max<std::size_t>(steps / 20, 1),
             .folder = folder / "checkpoints",
             .checkpoint_every = 500,
             .report_every = 50},
            [](const bora::Progress& p) {
              std::printf("step %zu of %zu   loss %.3f", p.step, p.steps, p.loss);
              if (p.held_out_loss) std::printf("   held out %.3f", *p.held_out_loss);
              std::printf("   %.0f tokens/s, %.0f minutes left\n", p.tokens_per_second, p.seconds_left / 60);
            });
  bora::save(trainer.parameters(), folder / "model");  // config.json and model.safetensors
}

void write_text(const std::filesystem::path& folder, const char* prompt) {
  const auto model = bora::load<Mine, bora::Bf16>(folder);
  bora::Session session{model};
  auto stream = bora::ByteTokenizer::stream();  // whole characters only
  std::fputs(prompt, stdout);
  for (const bora::TokenId t :
       bora::generate(session, bora::ByteTokenizer::encode(prompt), {.temperature = 0.7, .max_tokens = 300}))
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
  std::printf("%s, %zu parameters, %zu active\n", bora::simd::target_report().c_str(), bora::parameter_count<Mine>,
              bora::active_parameter_count<Mine>);
  train(argv[1], argv[2], argc > 3 ? whole_number(argv[3]) : 5'000);
  write_text(std::filesystem::path(argv[2]) / "model", "The ");
} catch (const std::exception& e) {
  std::fprintf(stderr, "mine: %s\n", e.what());
  return 1;
}
