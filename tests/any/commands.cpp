#include "any/commands.hpp"
#include <bora/infer/generate.hpp>

std::vector<std::int32_t> any_test::greedy(bora::AnyModel& model, const std::vector<std::int32_t>& prompt,
                                           std::size_t count) {
  const auto session = model.session({.capacity = 64});
  bora::AnySequence text(*session);
  std::vector<std::int32_t> drawn;
  for (const bora::TokenId t : bora::generate(text, prompt, {.temperature = 0, .max_tokens = count}))
    drawn.push_back(t);
  return drawn;
}
