#include "write_text.hpp"
#include "json.hpp"
#include "text.hpp"
#include "../program/program.hpp"
#include <bora/any/any_model.hpp>
#include <bora/infer/generate.hpp>
#include <bora/infer/stop_strings.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/description.hpp>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

namespace {

using command::TextOptions;

std::unique_ptr<bora::AnySession> session_for(bora::AnyModel& model, const TextOptions& options, std::size_t prompt) {
  const std::size_t most = model.info().positions;
  std::size_t needed = options.context == 0 ? prompt + options.drawing.max_tokens : options.context;
  if (most != 0 && options.context == 0) needed = std::min(needed, most);
  return model.session({.capacity = std::max<std::size_t>(needed, 1)});
}

void print_anatomy(const TextOptions& options, const bora::AnyModelInfo& model, std::size_t cache_bytes) {
  const bora::ModelDescription d = bora::describe(options.model.path);
  const bora::PolicyDescription &a = d.attention.front(), &f = d.feed_forward.front();
  if (options.kernels) std::fprintf(stderr, "kernels     %s\n", model.kernels.c_str());
  std::fprintf(stderr, "layers      %zu of width %zu, a vocabulary of %zu\n", model.layers, model.dim,
               model.vocab_size);
  std::fprintf(stderr, "attention   %zu heads of %zu, %zu of keys and values, ", a.size("heads"), a.size("head_dim"),
               a.size("kv_heads"));
  if (a.size("mask.window") == 0)
    std::fprintf(stderr, "over all %zu tokens\n", model.context);
  else
    std::fprintf(stderr, "over a window of %zu tokens\n", a.size("mask.window"));
  if (f.has("experts"))
    std::fprintf(stderr, "experts     %zu of width %zu, %zu for a token\n", f.size("experts"), f.size("expert.hidden"),
                 f.size("router.experts_per_token"));
  std::fprintf(stderr, "parameters  %zu, %zu active for a token\n", model.parameters, model.active_parameters);
  std::fprintf(stderr, "memory      %.1f MiB of weights in %s, %.1f MiB of keys and values\n\n",
               static_cast<double>(model.weight_bytes) / 0x1p20, model.format.c_str(),
               static_cast<double>(cache_bytes) / 0x1p20);
}

/// Ends the text: on a terminal with a line's end, elsewhere as it is.
void print_speed(std::size_t tokens, double seconds) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  if (terminal) program::write("\n");
  std::fprintf(stderr, "%s\n%zu tokens", terminal ? "" : "\n", tokens);
  if (seconds > 0) std::fprintf(stderr, " at %.0f tokens/s", static_cast<double>(tokens) / seconds);
  std::fputs("\n", stderr);
}

/// Works on all of the prompt but its last token, which the first token drawn follows; returns that last one.
std::vector<bora::TokenId> read_prompt(bora::AnySequence& sequence, std::vector<bora::TokenId> prompt) {
  if (prompt.empty()) return prompt;
  const std::vector<bora::TokenId> last{prompt.back()};
  prompt.pop_back();
  program::ProgressLine progress("reading the prompt");
  if (!prompt.empty())
    sequence.prefill(prompt, [&](std::size_t done, std::size_t total) { return progress(done, total); });
  return last;
}

/// What is noted of each token for `--json`.
class Record {
 public:
  explicit Record(const TextOptions& options) : log_probs_(options.log_probs > 0) {}
  template <class Tokens>
  void add(bora::TokenId id, const Tokens& tokens) {
    ids_.push_back(id);
    if (!log_probs_) return;
    const bora::LogProbabilities& found = tokens.log_probabilities();
    if (ids_.size() > 1) text_ += ", ";
    text_ += "{\"log_prob\": ";
    command::add_number(text_, found.chosen.log_probability);
    text_ += ", \"top\": [";
    for (const bora::TokenLogProbability& one : found.top) {
      text_ += text_.back() == '[' ? "{\"id\": " : ", {\"id\": ";
      command::add_number(text_, one.token);
      text_ += ", \"log_prob\": ";
      command::add_number(text_, one.log_probability);
      text_ += '}';
    }
    text_ += "]}";
  }
  std::size_t size() const noexcept { return ids_.size(); }
  /// Members of an object.
  std::string json() const {
    return "\"ids\": " + command::json_list(ids_) + (log_probs_ ? ", \"log_probs\": [" + text_ + "]" : "");
  }

 private:
  bool log_probs_;
  std::vector<bora::TokenId> ids_;
  std::string text_;
};

bora::GenerateOptions draws(const TextOptions& options) {
  bora::GenerateOptions drawing = options.drawing;
  if (options.log_probs > 0) drawing.top_log_probabilities = options.log_probs;
  return drawing;
}

/// The ids that follow those given.
void write_ids(bora::AnyModel& model, const TextOptions& options) {
  const auto session = session_for(model, options, options.ids.size());
  bora::AnySequence sequence(*session);
  const std::vector<bora::TokenId> last = read_prompt(sequence, options.ids);
  Record drawn(options);
  auto tokens = bora::generate(sequence, last, draws(options));
  for (auto token = tokens.begin(); token != tokens.end() && !program::interrupted(); ++token) {
    drawn.add(*token, tokens);
    if (!options.json) program::write((drawn.size() > 1 ? " " : "") + std::to_string(*token));
  }
  program::write(options.json ? "{" + drawn.json() + "}\n" : "\n");
}

/// The text that follows the prompt, whole characters at a time, until it ends or Ctrl-C does.
void write_characters(bora::AnyModel& model, const TextOptions& options) {
  const bora::Tokenizer tokenizer = command::tokenizer_of(options.model.path, model.info().vocab_size);
  const std::vector<bora::TokenId> prompt = command::prompt_ids(tokenizer, options.prompt);
  auto text = tokenizer.stream();
  const auto session = session_for(model, options, prompt.size());
  bora::AnySequence sequence(*session);
  if (!options.json) {
    print_anatomy(options, model.info(), session->cache_bytes());
    for (const bora::TokenId t : prompt) program::write(text.push(t));
  } else {
    for (const bora::TokenId t : prompt) text.push(t);
  }
  const std::vector<bora::TokenId> last = read_prompt(sequence, prompt);
  bora::GenerateOptions drawing = draws(options);
  drawing.stop = command::stop_ids(options.model.path, tokenizer);
  drawing.vocab_size = tokenizer.vocab_size();
  auto tokens = bora::generate(sequence, last, drawing);
  auto token = tokens.begin();
  const auto start = std::chrono::steady_clock::now();
  Record drawn(options);
  bora::StopStrings stops(options.stop);
  std::string written;
  for (; token != tokens.end() && !program::interrupted() && !stops.stopped_by(); ++token) {
    drawn.add(*token, tokens);
    const std::string characters = stops.push(text.push(*token));
    options.json ? void(written += characters) : program::write(characters);
  }
  written += stops.push(text.finish()) + stops.finish();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    program::write("{\"text\": " + command::json_text(written) + ", " + drawn.json() + "}\n");
  } else {
    program::write(written);
    print_speed(drawn.size(), seconds);
  }
}

}  // namespace

void command::write_text(const TextOptions& options) {
  const program::CatchInterrupt until_it_is_written;
  const auto model = options.model.open(options.ids.empty() ? "" : "F32");
  options.ids.empty() ? write_characters(*model, options) : write_ids(*model, options);
}
