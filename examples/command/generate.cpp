#include "commands.hpp"
#include "write_text.hpp"
#include <cstdint>
#include <limits>
#include <memory>

namespace {

void declare_drawing(program::Arguments& arguments, command::TextOptions& o) {
  constexpr std::size_t most_positions = std::numeric_limits<std::uint32_t>::max();
  arguments.option("--temperature", program::real(o.temperature, 0), "0 takes the most probable token");
  arguments.option("--top-k", program::whole(o.top_k, std::size_t{0}), "tokens to draw from; 0: all");
  arguments.option("--top-p", program::share(o.top_p), "share of probability to draw from");
  arguments.option("--min-p", program::real(o.min_p, 0, 1), "least probability, relative to the most probable token's");
  arguments.option("--seed", program::whole(o.seed, std::uint64_t{0}), "of the draws");
  arguments.option("--context", program::whole(o.context, std::size_t{1}, most_positions),
                   "positions to have room for; by default what the prompt and --max-tokens take");
  arguments.option("--json", program::flag(o.json), "print one JSON object when all is written");
}

}  // namespace

program::Command command::run() {
  const auto options = std::make_shared<TextOptions>();
  return {.name = "run",
          .purpose = "Continues a text with the model of a checkpoint.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.optional("PROMPT", program::text(options->prompt), "how the text begins");
            arguments.option("--prompt", program::text(options->prompt), "the same");
            arguments.option("--tokens", program::whole(options->tokens, std::size_t{0}), "most tokens to write");
            declare_drawing(arguments, *options);
            arguments.example("bora run examples/pocket 'Once upon a time' --temperature 0.8");
            return [options] { return write_text(*options), 0; };
          }};
}

program::Command command::generate() {
  const auto options = std::make_shared<TextOptions>();
  return {.name = "generate",
          .purpose = "Continues a text or token ids, for scripts.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.option("--prompt", program::text(options->prompt), "how the text begins");
            arguments.option("--ids", program::list(options->ids),
                             "token ids in place of a text: computes in F32 unless --format is given, ends at no id");
            arguments.option("--max-tokens", program::whole(options->tokens, std::size_t{0}), "most tokens to write");
            declare_drawing(arguments, *options);
            arguments.example("bora generate FOLDER --ids 1,306,626 --max-tokens 16 --temperature 0 --json");
            return [options] { return write_text(*options), 0; };
          }};
}
