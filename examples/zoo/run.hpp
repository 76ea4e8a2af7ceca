// What the programs of this folder share: load a Hugging Face folder as the type it is, and generate.
#pragma once
#include "../program/program.hpp"
#include <bora/infer.hpp>
#include <bora/io/save.hpp>
#include <cstdio>
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
  std::printf("parameters: %zu, %zu active for a token\nweights: %.1f MiB\n", bora::parameter_count<Spec>,
              bora::active_parameter_count<Spec>, static_cast<double>(model.weight_bytes()) / 0x1p20);
  const std::vector<bora::TokenId> text = greedy(model, prompt);
  for (const bora::TokenId t : text) std::printf("%d ", t);
  std::printf("\n");
  return text;
}

/// The small relative of a model, with random weights, goes through a folder and must come back as it went.
template <class Small>
int save_and_load(const std::vector<bora::TokenId>& prompt) {
  const TemporaryFolder folder;
  const auto made = bora::random_model<Small, bora::Bf16>(/*seed=*/1);
  bora::save(made, folder.path);
  if (load_and_generate<Small>(folder.path, prompt) == greedy(made, prompt)) return 0;
  throw bora::Error("the loaded model writes other text than the one that was saved");
}

/// `FOLDER [ID...]`: generates from the ids with a published checkpoint; without arguments with the small relative.
template <class Small, class Published>
int run(int argc, char** argv) {
  std::filesystem::path folder;
  std::vector<bora::TokenId> prompt;
  program::Arguments arguments(
      "Continues token ids with a checkpoint; without one, a small model with random weights.");
  arguments.optional("FOLDER", program::path(folder), "a Hugging Face folder of the model that the source names");
  arguments.optional("ID", program::wholes(prompt, static_cast<bora::TokenId>(Published::vocab_size - 1)),
                     "of the prompt's tokens; 1 2 3 by default");
  return arguments.run(argc, argv, [&] {
    if (prompt.empty()) prompt = {1, 2, 3};
    if (folder.empty()) return save_and_load<Small>(prompt);
    return load_and_generate<Published>(folder, prompt), 0;
  });
}

}  // namespace zoo
