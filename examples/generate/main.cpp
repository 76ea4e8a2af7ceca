// Streams text from a checkpoint: a Hugging Face folder or a llama2.c .bin.
//
//     build/bin/generate FOLDER [--prompt TEXT] [--tokens N] [--temperature T] [--top-p P] [--seed S] [--threads N]
//
// A model is a type, so the program knows those it was compiled with: one source each, listed in generate.hpp. Another
// checkpoint is answered with the source to add.
#include "generate.hpp"
#include "spec_text.hpp"
#include <bora/core/error.hpp>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <exception>
#include <string>

namespace {

/// Runs the first of the models that the checkpoint fits; otherwise says why each does not, and which would.
void run_any(const generate::Options& options) {
  std::string reasons;
  for (const generate::Attempt attempt : generate::attempts) {
    const std::optional<std::string> reason = attempt(options);
    if (!reason) return;
    if (reasons.find(*reason) == std::string::npos) reasons += "\n  " + *reason;
  }
  throw bora::ConfigError("no model compiled into this program fits " + options.model.string() + ":" + reasons +
                          "\n\n" + spec_text::for_checkpoint(options.model));
}

}  // namespace

int main(int argc, char** argv) {
  generate::Options options;
  CLI::App app{"Streams text from a checkpoint."};
  app.add_option("model", options.model, "Hugging Face folder or llama2.c .bin")->required();
  app.add_option("--prompt", options.prompt, "how the text begins");
  app.add_option("--tokens", options.tokens, "most tokens to write")->capture_default_str();
  app.add_option("--temperature", options.temperature, "0 takes the most probable token")->capture_default_str();
  app.add_option("--top-p", options.top_p, "share of probability to draw from")->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--threads", options.threads)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run_any(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "generate: %s\n", e.what());
    return 1;
  }
}
