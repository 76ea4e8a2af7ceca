// Measures of a model: how well it predicts a text, and how fast it is.
#include "commands.hpp"
#include "json.hpp"
#include "opened.hpp"
#include "text.hpp"
#include <bora/any/any_model.hpp>
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace {

struct PerplexityOptions {
  command::ModelOptions model;
  std::filesystem::path text;
  std::size_t window = 0, stride = 0;
  bool json = false;
};

/// The sum of -log p over all tokens but the first, each predicted once: windows overlap, and a window counts only the
/// tokens that the one before did not reach, so that all but the text's first have at least window - stride before.
double negative_log_likelihood(bora::AnyModel& model, std::span<const std::int32_t> ids, std::size_t window,
                               std::size_t stride) {
  program::ProgressLine progress("measuring");
  double sum = 0;
  for (std::size_t begin = 0, done = 1; done < ids.size(); begin += stride) {
    const std::size_t end = std::min(begin + window, ids.size());
    const std::vector<double> found = model.log_probabilities(ids.subspan(begin, end - begin));
    for (; done < end; ++done) sum -= found[done - begin - 1];
    if (!progress(done, ids.size())) throw bora::Cancelled("perplexity was cancelled");
  }
  return sum;
}

void measure_text(const PerplexityOptions& o) {
  const program::CatchInterrupt until_it_is_measured;
  const bora::MappedFile file(o.text);
  const auto model = o.model.open();
  const bora::Tokenizer tokenizer = command::tokenizer_of(o.model.path, model->info().vocab_size);
  const std::vector<std::int32_t> ids = tokenizer.encode(file.text());
  const std::size_t window = o.window != 0 ? o.window : std::min<std::size_t>(model->info().context, 2048);
  const std::size_t stride = o.stride != 0 ? o.stride : std::max<std::size_t>(window / 2, 1);
  if (window < 2 || stride > window - 1)
    throw program::UsageError("--stride is " + std::to_string(stride) + ", expected less than --window, " +
                              std::to_string(window));
  if (ids.size() < 2) throw bora::FileError(o.text.string() + ": has fewer than 2 tokens, expected a text");
  const double sum = negative_log_likelihood(*model, ids, window, stride);
  const double mean = sum / static_cast<double>(ids.size() - 1);
  const double bits = sum / std::numbers::ln2 / static_cast<double>(file.size());
  std::string line;
  const auto add = [&](const char* key, double value) {
    line += std::string(line.empty() ? "{\"" : ", \"") + key + "\": ";
    command::add_number(line, value);
  };
  if (o.json) {
    add("perplexity", std::exp(mean));
    add("bits_per_byte", bits);
    add("tokens", static_cast<double>(ids.size() - 1));
    add("bytes", static_cast<double>(file.size()));
    return program::write(line + "}\n");
  }
  char text[256];
  std::snprintf(text, sizeof text,
                "perplexity %.4f, %.4f bits per byte\n%zu tokens, %zu bytes, windows of %zu by %zu\n", std::exp(mean),
                bits, ids.size() - 1, file.size(), window, stride);
  program::write(text);
}

struct BenchOptions {
  command::ModelOptions model;
  std::size_t prompt = 512, tokens = 128, repeats = 3;
  bool json = false;
};

template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void bench(const BenchOptions& o) {
  const program::CatchInterrupt until_it_is_measured;
  const auto model = o.model.open();
  const bora::AnyModelInfo& info = model->info();
  const std::size_t most = info.positions == 0 ? o.prompt + o.tokens : info.positions;
  const std::size_t prompt = std::min(o.prompt, most / 2 + 1), tokens = std::min(o.tokens, most - prompt);
  const auto session = model->session({.capacity = prompt + tokens});
  std::vector<std::int32_t> ids(prompt);
  for (std::size_t i = 0; i < prompt; ++i) ids[i] = static_cast<std::int32_t>(i * 7919 % info.vocab_size);
  std::vector<double> reading, writing;
  program::ProgressLine progress("measuring");
  for (std::size_t i = 0; i < o.repeats && progress(i, o.repeats); ++i) {
    session->reset(0);
    reading.push_back(static_cast<double>(prompt) / seconds_of([&] { session->prefill(0, ids); }));
    writing.push_back(static_cast<double>(tokens) / seconds_of([&] {
                        for (std::size_t t = 0; t < tokens; ++t)
                          session->prefill(0, std::span(ids).subspan(t % prompt, 1));
                      }));
  }
  if (reading.empty()) return;
  char text[512];
  std::snprintf(text, sizeof text,
                o.json ? "{\"prefill_tokens_per_second\": %.3f, \"decode_tokens_per_second\": %.3f, \"prompt\": %zu, "
                         "\"tokens\": %zu, \"format\": \"%s\", \"weight_bytes\": %zu, \"kernels\": \"%s\"}\n"
                       : "prefill  %.1f tokens/s\ndecode   %.1f tokens/s\n%zu tokens, then %zu; weights in %s, %zu "
                         "bytes; kernels %s\n",
                median(reading), median(writing), prompt, tokens, info.format.c_str(), info.weight_bytes,
                info.kernels.c_str());
  program::write(text);
}

}  // namespace

program::Command command::perplexity() {
  const auto options = std::make_shared<PerplexityOptions>();
  return {.name = "perplexity",
          .purpose = "Measures how well a model predicts a text: perplexity, and bits per byte.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.required("TEXT", program::path(options->text), "a text file");
            arguments.option("--window", program::whole(options->window, std::size_t{2}),
                             "tokens that are seen at a time; by default the context, 2048 at most");
            arguments.option("--stride", program::whole(options->stride, std::size_t{1}),
                             "tokens from one window to the next; by default half a window");
            arguments.option("--json", program::flag(options->json), "as one JSON object");
            arguments.example("bora perplexity examples/pocket story.txt");
            return [options] { return measure_text(*options), 0; };
          }};
}

program::Command command::bench() {
  const auto options = std::make_shared<BenchOptions>();
  return {.name = "bench",
          .purpose = "Measures how fast a model reads a prompt and writes.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.option("--prompt", program::whole(options->prompt, std::size_t{1}), "tokens of the prompt");
            arguments.option("--tokens", program::whole(options->tokens, std::size_t{1}), "tokens to write");
            arguments.option("--repeats", program::whole(options->repeats, std::size_t{1}),
                             "of which the median counts");
            arguments.option("--json", program::flag(options->json), "as one JSON object");
            arguments.example("bora bench FOLDER --format Q4");
            return [options] { return ::bench(*options), 0; };
          }};
}
