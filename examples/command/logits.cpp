#include "commands.hpp"
#include "json.hpp"
#include "opened.hpp"
#include <bora/any/any_model.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace {

struct LogitOptions {
  command::ModelOptions model;
  std::vector<std::int32_t> ids;
  bool json = false;
};

/// The largest logits after each id, for people.
void print_largest(std::size_t row, std::int32_t id, std::span<const float> logits) {
  std::string line = "after " + std::to_string(row) + ": " + std::to_string(id) + "  ";
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t shown = std::min<std::size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  for (std::size_t i = 0; i < shown; ++i) {
    char text[64];
    std::snprintf(text, sizeof text, "  %zu %.4f", order[i], static_cast<double>(logits[order[i]]));
    line += text;
  }
  program::write(line + "\n");
}

void print_logits(const LogitOptions& options) {
  const program::CatchInterrupt until_it_is_written;
  const auto model = options.model.open("F32");
  std::vector<std::size_t> rows(options.ids.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const std::vector<float> logits = model->logits(options.ids, rows);
  const std::size_t width = model->info().vocab_size;
  if (options.json) program::write("{\"ids\": " + command::json_list(options.ids) + ", \"logits\": [");
  for (const std::size_t row : rows) {
    const std::span<const float> one = std::span(logits).subspan(row * width, width);
    if (options.json)
      program::write((row > 0 ? ", " : "") + command::json_list(one));
    else
      print_largest(row, options.ids[row], one);
  }
  if (options.json) program::write("]}\n");
}

}  // namespace

program::Command command::logits() {
  const auto options = std::make_shared<LogitOptions>();
  return {.name = "logits",
          .purpose = "Prints the logits after each of some token ids.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.required("--ids", program::list(options->ids), "token ids, the first at position 0");
            arguments.option("--json", program::flag(options->json), "all of them, as one JSON object");
            arguments.example("bora logits FOLDER --ids 1,306,626            the five largest after each id");
            arguments.example("bora logits FOLDER --ids 1,306,626 --json     all, computed in F32");
            return [options] { return print_logits(*options), 0; };
          }};
}
