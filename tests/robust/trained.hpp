/// A training run on the small model: all of its numbers the same where a test looks for mixtures, or really trained.
#pragma once
#include "robust/small_checkpoints.hpp"
#include <bora/data.hpp>
#include <bora/text/bytes.hpp>
#include <bora/train/fit.hpp>
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>

namespace robust {

/// A trainer whose parameters and moments are all `value`.
struct Trained {
  explicit Trained(float value) : model(filled(value)), trainer(model, filled(value)) { become(value); }
  void become(float value) {
    trainer.restore(static_cast<std::size_t>(value), filled(value), filled(value), filled(value));
  }
  /// The number that all of them are; 0 where they differ.
  float value() const {
    const float first = value_of(trainer.parameters());
    for (const Parameters* moments : {&trainer.first_moments(), &trainer.second_moments()})
      if (value_of(*moments) != first) return 0;
    return trainer.steps() == static_cast<std::size_t>(first) && value_of(model.parameters()) == first ? first : 0;
  }

  Model model;
  bora::Trainer<Model> trainer;
};
inline void save_run(const std::filesystem::path& folder, float value) {
  bora::save_checkpoint(folder, Trained(value).trainer, {});
}
/// The number of a run's last checkpoint.
inline float saved_value(const std::filesystem::path& folder) {
  Trained restored(7);
  bora::restore_checkpoint(folder, restored.trainer);
  return restored.value();
}

/// Packs `repeats` documents; the small model has 11 ids.
inline bora::PackReport pack(const std::filesystem::path& target, std::size_t repeats) {
  bora::TokenFileWriter file(target, Spec::vocab_size);
  const std::array<bora::TokenId, 7> document{1, 2, 3, 5, 8, 2, 10};
  for (std::size_t i = 0; i < repeats; ++i) file.append(document);
  file.commit();
  return {.documents = repeats, .tokens = repeats * document.size(), .text_bytes = 0, .empty_texts = 0};
}

/// A run of `steps` steps, with a checkpoint after each, that goes on where the folder stands.
inline bora::FitResult fit(const std::filesystem::path& tokens, const std::filesystem::path& folder,
                           std::size_t steps) {
  Model model = bora::random_model<Spec, bora::F32>(1);
  bora::Trainer trainer{model, {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}}};
  bora::TokenMixture mixture({.sources = {{tokens}}, .batch = 2, .time = 6, .seed = 3});
  return bora::fit(trainer, mixture, {.steps = steps, .folder = folder, .checkpoint_every = 1});
}

}  // namespace robust
