// What the programs of this folder share: load a Hugging Face folder as the type it is, and generate.
#pragma once
#include "../arguments.hpp"
#include <bora/infer.hpp>
#include <bora/io/save.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace zoo {

/// A folder that goes when the program ends.
struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("bora-zoo-" + std::to_string(std::random_device()()));
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

/// The most probable tokens that follow `prompt`.
template <class Model>
std::vector<bora::TokenId> greedy(const Model& model, const std::vector<bora::TokenId>& prompt) {
  bora::ThreadPool pool{bora::usable_cores()};
  bora::Session session{model, {.chunk = 64, .pool = &pool}};
  std::printf("keys and values: %zu KiB\n", session.cache_bytes() / 1024);
  std::vector<bora::TokenId> text;
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0, .max_tokens = 24})) text.push_back(t);
  return text;
}

template <class Spec>
std::vector<bora::TokenId> load_and_generate(const std::filesystem::path& folder,
                                             const std::vector<bora::TokenId>& prompt) {
  const auto model = bora::load<Spec, bora::Bf16>(folder);
  std::printf("kernels: %s\nparameters: %zu, %zu active for a token\nweights: %.1f MiB\n",
              bora::simd::target_name().c_str(), bora::parameter_count<Spec>, bora::active_parameter_count<Spec>,
              static_cast<double>(model.weight_bytes()) / 0x1p20);
  const std::vector<bora::TokenId> text = greedy(model, prompt);
  for (const bora::TokenId t : text) std::printf("%d ", t);
  std::printf("\n");
  return text;
}

/// `FOLDER [ID...]`: generates from the ids with a published checkpoint. Without arguments the small relative of the
/// model, with random weights, goes the same way through a temporary folder, and must come back as it went.
template <class Small, class Published>
int run(int argc, char** argv) try {
  std::vector<bora::TokenId> prompt{1, 2, 3};
  if (argc > 2) prompt.clear();
  for (int i = 2; i < argc; ++i)
    prompt.push_back(
        static_cast<bora::TokenId>(arguments::number(argc, argv, i, "ID", 0, 0, Published::vocab_size - 1)));
  if (argc > 1) return load_and_generate<Published>(argv[1], prompt), 0;

  const TemporaryFolder folder;
  const auto made = bora::random_model<Small, bora::Bf16>(/*seed=*/1);
  bora::save(made, folder.path);
  if (load_and_generate<Small>(folder.path, prompt) == greedy(made, prompt)) return 0;
  std::fprintf(stderr, "the loaded model writes other text than the one that was saved\n");
  return 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}

}  // namespace zoo
