#include "commands.hpp"
#include "write_text.hpp"
#include <cstdint>
#include <limits>
#include <memory>

namespace {

void declare_writing(program::Arguments& arguments, command::TextOptions& o) {
  constexpr std::size_t most_positions = std::numeric_limits<std::uint32_t>::max();
  o.declare(arguments);
  arguments.option("--context", program::whole(o.context, std::size_t{1}, most_positions),
                   "positions to have room for; by default what the prompt and --max-tokens take");
  arguments.option("--json", program::flag(o.json), "print one JSON object when all is written");
  arguments.option("--log-probs", program::whole(o.log_probs, std::size_t{0}, std::size_t{1000}),
                   "with --json: log-probabilities of each token, and of so many of the most probable");
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
            arguments.option("--tokens", program::whole(options->drawing.max_tokens, std::size_t{0}),
                             "most tokens to write");
            declare_writing(arguments, *options);
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
            arguments.option("--max-tokens", program::whole(options->drawing.max_tokens, std::size_t{0}),
                             "most tokens to write");
            declare_writing(arguments, *options);
            arguments.example("bora generate FOLDER --ids 1,306,626 --max-tokens 16 --temperature 0 --json");
            return [options] { return write_text(*options), 0; };
          }};
}
