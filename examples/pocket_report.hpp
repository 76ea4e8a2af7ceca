// What the model that comes with the library has learned, as it stands in its training.json.
#pragma once
#include "pocket.hpp"
#include "pocket_text.hpp"
#include "story_overlap.hpp"
#include <bora/io/json.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/routing.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pocket {

using Model = bora::Decoder<Pocket, bora::F32>;

/// Held-out stories: how many are measured at most, and how many a test measures again.
inline constexpr std::size_t most_held_out_stories = 1'000, sample_stories = 40;
/// Training stories among which a test looks for the sample's runs again.
inline constexpr std::size_t sample_training_stories = 2'000;
inline constexpr std::size_t batch = 8, time_steps = 256;

/// All of a token file, cut into rows.
inline std::vector<bora::TokenBatch> rows_of(const bora::TokenFile& file) {
  return bora::held_out_batches(file, batch, time_steps, file.tokens() / time_steps);
}

/// Loss and bits per byte on a token file of stories.
inline bora::Json measure(const Model& model, const bora::TokenFile& file, bora::Executor* pool) {
  const bora::Evaluation evaluation = bora::evaluate(model, rows_of(file), pool);
  return {{"stories", file.documents()},
          {"loss", evaluation.loss},
          {"bits_per_byte", evaluation.bits_per_byte(file.bytes_per_token())}};
}

/// Which share of the runs of words of `held_out` held-out stories stand word for word in `training` training stories.
inline bora::Json overlap(std::size_t held_out, std::size_t training) {
  StoryRuns eight(8, held_out_seed, held_out), sixteen(16, held_out_seed, held_out),
      thirty_two(32, held_out_seed, held_out), whole(0, held_out_seed, held_out);
  for (std::uint64_t i = 0; i < training; ++i) {
    const std::string text = stories::story(training_seed, i);
    for (StoryRuns* runs : {&eight, &sixteen, &thirty_two, &whole}) runs->meet(text);
  }
  return {{"held_out_stories", held_out},
          {"training_stories", training},
          {"runs of 8 words", eight.share_met()},
          {"runs of 16 words", sixteen.share_met()},
          {"runs of 32 words", thirty_two.share_met()},
          {"whole stories", whole.share_met()}};
}

/// How a model was trained, and on how many stories it is measured.
struct Course {
  std::size_t steps, stories, held_out;
};

/// \param model  as it ships: rounded to bfloat16
inline bora::Json report(const Model& model, const bora::TokenFile& held_out, const bora::TokenFile& sample,
                         const Course& course, bora::Executor* pool) {
  return {{"parameters", bora::parameter_count<Pocket>},
          {"active_parameters", bora::active_parameter_count<Pocket>},
          {"training",
           {{"steps", course.steps}, {"tokens", course.steps * batch * time_steps}, {"stories", course.stories}}},
          {"held_out", measure(model, held_out, pool)},
          {"held_out_sample", measure(model, sample, pool)},
          {"expert_shares", bora::expert_shares(model, std::span<const bora::TokenBatch>(rows_of(held_out)), pool)},
          {"overlap", overlap(course.held_out, course.stories)},
          {"overlap_sample", overlap(sample_stories, sample_training_stories)}};
}

}  // namespace pocket
