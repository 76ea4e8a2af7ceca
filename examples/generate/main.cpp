// Streams text from a checkpoint: a Hugging Face folder or a llama2.c .bin. `generate --help` lists its options.
//
//     build/bin/generate FOLDER [--prompt TEXT] [--tokens N] [--temperature T] [--top-p P] [--seed S] [--threads N]
//                               [--context N]
//
// A model is a type, so the program knows those it was compiled with: one source each, listed in generate.hpp. Another
// checkpoint is answered with the source to add.
#include "generate.hpp"
#include "spec_text.hpp"
#include "../program/program.hpp"
#include <bora/core/error.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
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
  constexpr std::size_t most_positions = std::numeric_limits<std::uint32_t>::max();
  generate::Options options;
  program::Arguments arguments("Streams text from a checkpoint.");
  arguments.required("FOLDER", program::path(options.model), "Hugging Face folder, or llama2.c .bin");
  arguments.option("--prompt", program::text(options.prompt), "how the text begins");
  arguments.option("--tokens", program::whole(options.tokens, std::size_t{0}), "most tokens to write");
  arguments.option("--temperature", program::real(options.temperature, 0), "0 takes the most probable token");
  arguments.option("--top-p", program::share(options.top_p), "share of probability to draw from");
  arguments.option("--seed", program::whole(options.seed, std::uint64_t{0}), "of the draws");
  arguments.option("--threads", program::whole(options.threads, std::size_t{1}, program::most_threads), "at work");
  arguments.option("--context", program::whole(options.context, std::size_t{1}, most_positions),
                   "positions to have room for; by default what the prompt and --tokens take");
  return arguments.run(argc, argv, [&] { run_any(options); });
}
