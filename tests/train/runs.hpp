/// A whole small training run: files, model, mixture, options.
#pragma once
#include "io/temporary_folder.hpp"
#include "train/small_models.hpp"
#include <bora/io/token_file.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/fit.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace runs {

/// Tokens in which each follows from the one before, most of the time: something to learn.
inline std::vector<bora::TokenId> tokens(std::size_t count, std::uint64_t seed, std::size_t vocab_size = 29) {
  bora::Random random(seed);
  std::vector<bora::TokenId> ids(count);
  std::uint64_t at = 0;
  for (bora::TokenId& id : ids) {
    at = random.below(8) == 0 ? random.below(vocab_size) : (at * 3 + 1) % vocab_size;
    id = static_cast<bora::TokenId>(at);
  }
  return ids;
}

inline std::filesystem::path token_file(const std::filesystem::path& path, std::span<const bora::TokenId> ids,
                                        std::size_t vocab_size = 29) {
  if (std::filesystem::exists(path)) return path;
  bora::TokenFileWriter file(path, vocab_size);
  file.append(ids);
  file.commit();
  return path;
}

/// A run on two sources that live in `folder`; its checkpoints go to `folder`/run.
template <class S, class F = bora::F32>
struct Run {
  explicit Run(const std::filesystem::path& folder, std::size_t steps, bora::Executor* pool = nullptr)
      : model(small::parameters<S, float>(1)),
        trainer(model, small::parameters<S, float>(1),
                {.learning_rate = {.peak = 1e-2, .floor = 1e-3, .warmup = 3, .steps = steps},
                 .load_balancing = 0.01,
                 .pool = pool}),
        mixture({.sources = {{token_file(folder / "a.tokens", tokens(400, 1)), 3},
                             {token_file(folder / "b.tokens", tokens(150, 2)), 1}},
                 .batch = 3,
                 .time = 11,
                 .seed = 5}),
        options{.batches_per_step = 2,
                .held_out = bora::held_out_batches(
                    bora::TokenFile(token_file(folder / "held_out.tokens", tokens(100, 3))), 4, 11, 9),
                .evaluate_every = 5,
                .folder = folder / "run",
                .checkpoint_every = 3} {}

  bora::FitResult fit(const bora::ProgressCallback& progress = {}) {
    return bora::fit(trainer, mixture, options, progress);
  }

  bora::Decoder<S, F> model;
  bora::Trainer<bora::Decoder<S, F>> trainer;
  bora::TokenMixture mixture;
  bora::FitOptions options;
};

template <class P>
bool same(const P& a, const P& b) {
  return std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0;
}
template <class T>
bool same_state(const T& a, const T& b) {
  return a.steps() == b.steps() && same(a.parameters(), b.parameters()) && same(a.first_moments(), b.first_moments()) &&
         same(a.second_moments(), b.second_moments());
}

/// What makes a run stop from within.
struct Interrupted {};
inline bora::ProgressCallback stop_after(std::size_t step) {
  return [step](const bora::Progress& p) {
    if (p.step == step) throw Interrupted();
  };
}

}  // namespace runs
