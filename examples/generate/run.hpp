// Text from a checkpoint as a model of one type.
#pragma once
#include "generate.hpp"
#include "../program/program.hpp"
#include <bora/infer.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace generate {

/// Works on all of the prompt but its last token, which the first token drawn follows; returns that last one.
template <class Session>
std::vector<bora::TokenId> read_prompt(Session& session, std::vector<bora::TokenId> prompt) {
  const std::vector<bora::TokenId> last{prompt.back()};
  prompt.pop_back();
  program::ProgressLine progress("reading the prompt");
  if (!prompt.empty()) session.prefill(prompt, {.progress = progress});
  return last;
}

/// Prints what follows the prompt, whole characters at a time, until it ends or Ctrl-C does.
template <class Session>
void write_text(Session& session, const std::vector<bora::TokenId>& last, const Text& text, const Options& options) {
  auto tokens = bora::generate(session, last,
                               {.temperature = options.temperature,
                                .top_p = options.top_p,
                                .max_tokens = options.tokens,
                                .seed = options.seed,
                                .stop = text.stop,
                                .vocab_size = text.vocab_size});
  auto token = tokens.begin();
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (; token != tokens.end() && !program::interrupted(); ++token, ++count) program::write(text.push(*token));
  program::write(text.finish());
  print_speed(count, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

template <class Model>
void run(const Model& model, const Options& options) {
  using Spec = typename Model::Spec;
  const Text text = begin_text(options, Spec::vocab_size);
  bora::ThreadPool pool{options.threads};
  const std::size_t needed = std::min(Spec::context, text.prompt.size() + std::min(Spec::context, options.tokens));
  bora::Session session{model, {.capacity = options.context == 0 ? needed : options.context, .pool = &pool}};
  print_anatomy(bora::describe<Spec>(), model.weight_bytes(), session.cache_bytes());
  for (const bora::TokenId t : text.prompt) program::write(text.push(t));
  const std::vector<bora::TokenId> last = read_prompt(session, text.prompt);
  write_text(session, last, text, options);
}

/// The checkpoint as a model of type S; nothing, and why, where it is of another shape.
template <bora::ModelSpec S, bora::WeightFormat F>
std::optional<bora::Decoder<S, F>> load_if_it_fits(const std::filesystem::path& checkpoint, std::string& reason) {
  program::ProgressLine progress("loading");
  try {
    return bora::load<S, F>(checkpoint, {.progress = progress});
  } catch (const bora::ConfigError& e) {
    reason = e.what();
    return std::nullopt;
  }
}

template <bora::ModelSpec S, bora::WeightFormat F>
std::optional<std::string> attempt(const Options& options) {
  const program::CatchInterrupt until_it_is_written;
  std::string reason;
  const auto model = load_if_it_fits<S, F>(options.model, reason);
  if (!model) return reason;
  run(*model, options);
  return std::nullopt;
}

}  // namespace generate
