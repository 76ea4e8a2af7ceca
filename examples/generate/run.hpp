// Text from a checkpoint as a model of one type.
#pragma once
#include "generate.hpp"
#include <bora/infer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

namespace generate {

/// Prints the prompt and what follows it, whole characters at a time.
template <class Session>
void run(Session& session, std::size_t weight_bytes, const Options& options) {
  using Spec = typename Session::Spec;
  const Text text = begin_text(options, Spec::vocab_size);
  auto tokens = bora::generate(session, text.prompt,
                               {.temperature = options.temperature,
                                .top_p = options.top_p,
                                .max_tokens = options.tokens,
                                .seed = options.seed,
                                .stop = text.stop});
  print_anatomy(bora::describe<Spec>(), weight_bytes, session.cache_bytes());
  for (const bora::TokenId t : text.prompt) std::fputs(text.push(t).c_str(), stdout);
  auto token = tokens.begin();  // works on the prompt
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (; token != tokens.end(); ++token, ++count) {
    std::fputs(text.push(*token).c_str(), stdout);
    std::fflush(stdout);
  }
  std::fputs(text.finish().c_str(), stdout);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::fflush(stdout);
  std::fprintf(stderr, "\n\n%zu tokens at %.0f tokens/s\n", count, static_cast<double>(count) / seconds);
}

/// The checkpoint as a model of type S; nothing, and why, where it is of another shape.
template <bora::ModelSpec S, bora::WeightFormat F>
std::optional<bora::Decoder<S, F>> load_if_it_fits(const std::filesystem::path& checkpoint, std::string& reason) {
  try {
    return bora::load<S, F>(checkpoint);
  } catch (const bora::ConfigError& e) {
    reason = e.what();
    return std::nullopt;
  }
}

template <bora::ModelSpec S, bora::WeightFormat F>
std::optional<std::string> attempt(const Options& options) {
  std::string reason;
  const auto model = load_if_it_fits<S, F>(options.model, reason);
  if (!model) return reason;
  bora::ThreadPool pool{options.threads};
  bora::Session session{*model, {.pool = &pool}};
  run(session, model->weight_bytes(), options);
  return std::nullopt;
}

}  // namespace generate
