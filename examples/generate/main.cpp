// Streams text from a checkpoint: a Hugging Face folder or a llama2.c .bin. `generate --help` lists its options. It is
// what `bora run` is, as a program of its own.
//
//     build/bin/generate FOLDER [--prompt TEXT] [--tokens N] [--temperature T] [--top-p P] [--seed S] [--threads N]
//                               [--context N]
#include "../command/write_text.hpp"
#include "../program/program.hpp"
#include <cstddef>
#include <cstdint>
#include <limits>

int main(int argc, char** argv) {
  constexpr std::size_t most_positions = std::numeric_limits<std::uint32_t>::max();
  command::TextOptions options;
  options.model.threads = 1;
  options.kernels = false;  // its first line has said so
  program::Arguments arguments("Streams text from a checkpoint.");
  arguments.required("FOLDER", program::path(options.model.path), "Hugging Face folder, or llama2.c .bin");
  arguments.option("--prompt", program::text(options.prompt), "how the text begins");
  arguments.option("--tokens", program::whole(options.drawing.max_tokens, std::size_t{0}), "most tokens to write");
  arguments.option("--temperature", program::real(options.drawing.temperature, 0), "0 takes the most probable token");
  arguments.option("--top-p", program::share(options.drawing.top_p), "share of probability to draw from");
  arguments.option("--seed", program::whole(options.drawing.seed, std::uint64_t{0}), "of the draws");
  arguments.option("--threads", program::whole(options.model.threads, std::size_t{1}, program::most_threads),
                   "at work");
  arguments.option("--context", program::whole(options.context, std::size_t{1}, most_positions),
                   "positions to have room for; by default what the prompt and --tokens take");
  return arguments.run(argc, argv, [&] { command::write_text(options); });
}
