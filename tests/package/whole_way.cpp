// The whole way of a small model: made, saved, loaded, generated from, trained; and an error caught by its type. Built
// with -fno-rtti, with the single header instead of the library's folder, and by projects that depend on the package.
#if defined(BORA_SINGLE_HEADER)
#include <bora_single.hpp>
#else
#include <bora/bora.hpp>
#endif
#include <cstdio>
#include <filesystem>
#include <vector>

namespace {

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 32, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 8},
                                                bora::SlidingWindow<16>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<48>>;
};

bool check(bool holds, const char* sentence) {
  if (!holds) std::printf("not so: %s\n", sentence);
  return holds;
}

std::vector<bora::TokenId> greedy(const bora::Decoder<Small, bora::F32>& model, bora::Executor& pool) {
  bora::Session session{model, {.pool = &pool}};
  const std::vector<bora::TokenId> prompt{1, 2, 3};
  std::vector<bora::TokenId> text;
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0, .max_tokens = 40})) text.push_back(t);
  return text;
}

double trained_loss(bora::Decoder<Small, bora::F32>& model) {
  bora::Trainer trainer{model, {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}}};
  const bora::TokenBatch batch{1, 4, {1, 2, 3, 4}};
  for (int step = 0; step < 20; ++step) trainer.step(batch);
  return trainer.step(batch).loss;
}

bool missing_folder_is_a_file_error(const std::filesystem::path& folder) {
  try {
    bora::load<Small, bora::F32>(folder / "missing");
  } catch (const bora::FileError&) {
    return true;
  } catch (...) {
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  const std::filesystem::path folder = argv[1];
  bora::ThreadPool pool{2};
  const auto made = bora::random_model<Small, bora::F32>(/*seed=*/1);
  bora::save(made, folder);
  auto loaded = bora::load<Small, bora::F32>(folder);
  bool good = check(greedy(made, pool).size() == 40, "40 tokens are generated");
  good = check(greedy(made, pool) == greedy(loaded, pool), "what was saved and loaded writes the same") && good;
  good = check(trained_loss(loaded) < 1, "20 steps learn four tokens") && good;
  good = check(missing_folder_is_a_file_error(folder), "a missing folder is a FileError") && good;
  if (good) std::printf("the whole way\n");
  return good ? 0 : 1;
}
