// A conversation with an instruction-tuned model, and a tokenizer at work.
#include "commands.hpp"
#include "drawing.hpp"
#include "opened.hpp"
#include "text.hpp"
#include "tokenize.hpp"
#include <bora/any/any_model.hpp>
#include <bora/core/error.hpp>
#include <bora/infer/generate.hpp>
#include <bora/infer/stop_strings.hpp>
#include <bora/io/chat_template_file.hpp>
#include <bora/io/gguf_file.hpp>
#include <bora/text/chat.hpp>
#include <unistd.h>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#if defined(BORA_LINE_EDITING)
#include <editline/readline.h>
#endif

namespace {

struct ChatOptions : command::DrawingOptions {
  command::ModelOptions model;
  std::string form, system;
  bool guardrail = false;
  std::size_t context = 4096;

  ChatOptions() {
    drawing.temperature = 0.7;
    drawing.top_p = 0.95;
    drawing.max_tokens = 1024;
  }
};

/// The template that was asked for, or the model's own.
bora::ChatTemplate template_of(const ChatOptions& o, const bora::Tokenizer& tokenizer) {
  if (!o.form.empty()) {
    if (auto found = bora::find_chat_template(o.form)) return *found;
    std::string known;
    for (const bora::ChatTemplate& one : bora::chat_templates()) known += (known.empty() ? "" : ", ") + one.name;
    throw program::UsageError("--template is \"" + o.form + "\", expected one of " + known);
  }
  std::optional<std::string> source;
  const std::filesystem::path beside = o.model.path / "tokenizer.gguf";
  const bool in_gguf = o.model.path.extension() == ".gguf";
  if (in_gguf || std::filesystem::exists(beside)) {
    const bora::GgufFiles files(in_gguf ? o.model.path : beside);
    if (const auto* value = files.find("tokenizer.chat_template")) source = std::string(value->text());
  } else {
    source = bora::read_chat_template(std::filesystem::is_directory(o.model.path) ? o.model.path
                                                                                  : o.model.path.parent_path() / ".");
  }
  if (!source) throw bora::ConfigError(o.model.path.string() + ": names no chat template: choose one with --template");
  return bora::match_chat_template(*source, tokenizer);
}

/// A line that the user writes, with editing where standard input is a terminal; nothing at its end.
std::optional<std::string> read_line() {
#if defined(BORA_LINE_EDITING)
  if (::isatty(STDIN_FILENO) != 0) {
    char* const line = ::readline("> ");
    if (line == nullptr) return std::nullopt;
    std::string text = line;
    if (!text.empty()) ::add_history(line);
    std::free(line);
    return text;
  }
#endif
  if (::isatty(STDIN_FILENO) != 0) program::write("> ");
  std::string text;
  return std::getline(std::cin, text) ? std::optional(text) : std::nullopt;
}

/// The model's answer to one turn; a Ctrl-C ends the answer, and the conversation goes on.
void answer(bora::AnySequence& sequence, bora::Chat& chat, const bora::Tokenizer& tokenizer, const ChatOptions& o,
            const std::string& line) {
  const program::CatchInterrupt until_it_is_written;
  const std::vector<bora::TokenId> turn = chat.begin_turn(line);
  auto text = tokenizer.stream();
  std::vector<bora::TokenId> ids;
  std::chrono::steady_clock::time_point start;
  bora::GenerateOptions drawing = o.drawing;
  drawing.stop = chat.stop();
  drawing.vocab_size = tokenizer.vocab_size();
  bora::StopStrings stops(o.stop);
  auto tokens = bora::generate(sequence, turn, drawing);
  auto token = tokens.begin();
  start = std::chrono::steady_clock::now();
  for (; token != tokens.end() && !program::interrupted() && !stops.stopped_by(); ++token) {
    ids.push_back(*token);
    program::write(stops.push(text.push(*token)));
  }
  program::write(stops.push(text.finish()) + stops.finish() + "\n");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (::isatty(STDERR_FILENO) != 0 && seconds > 0)
    std::fprintf(stderr, "[%zu tokens at %.0f tokens/s]\n", ids.size(), static_cast<double>(ids.size()) / seconds);
  if (const auto stop = tokens.stopped_by()) ids.push_back(*stop);
  chat.end_turn(ids);
}

void converse(const ChatOptions& o) {
  const auto model = o.model.open();
  const bora::Tokenizer tokenizer = command::tokenizer_of(o.model.path, model->info().vocab_size);
  const std::string system =
      o.guardrail ? std::string(bora::guardrail_prompt) + (o.system.empty() ? "" : "\n" + o.system) : o.system;
  bora::Chat chat(tokenizer, template_of(o, tokenizer), {.system = system});
  const std::size_t most = model->info().positions;
  const auto session = model->session({.capacity = most == 0 ? o.context : std::min(o.context, most)});
  bora::AnySequence sequence(*session);
  if (::isatty(STDIN_FILENO) != 0)
    std::fprintf(stderr, "template %s; Ctrl-C ends an answer, Ctrl-D the conversation\n", chat.form().name.c_str());
  while (const auto line = read_line())
    if (!line->empty()) answer(sequence, chat, tokenizer, o, *line);
}

}  // namespace

program::Command command::chat() {
  const auto options = std::make_shared<ChatOptions>();
  return {.name = "chat",
          .purpose = "Talks with an instruction-tuned model; each line that is read is a turn.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.option("--template", program::text(options->form),
                             "how turns are marked, such as chatml or llama-3; by default as the model's files say");
            arguments.option("--system", program::text(options->system), "instructions in front of the first turn");
            arguments.option("--guardrail", program::flag(options->guardrail), "instructions to answer with care");
            options->declare(arguments);
            arguments.option("--max-tokens", program::whole(options->drawing.max_tokens), "most tokens of an answer");
            arguments.option("--context", program::whole(options->context),
                             "tokens that the conversation has room for");
            arguments.example("bora chat FOLDER --system 'Be brief.'");
            arguments.example("echo 'Who wrote Faust?' | bora chat model.gguf --temperature 0");
            return [options] { return converse(*options), 0; };
          }};
}

program::Command command::tokenize_command() {
  struct Options {
    std::filesystem::path path;
    std::string special;
    TokenizeOptions work;
  };
  const auto options = std::make_shared<Options>();
  return {.name = "tokenize",
          .purpose = "Turns text from standard input into token ids, or back.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            arguments.required("PATH", program::path(options->path), "a model, or its tokenizer's file or folder");
            arguments.option("--jsonl", program::flag(options->work.jsonl),
                             "read {\"text\": …} lines and write {\"ids\": […]} lines");
            arguments.option("--decode", program::flag(options->work.decode), "ids to text");
            arguments.option("--special", program::word(options->special, {"parse", "plain"}),
                             "whether a text can spell special tokens; by default as the tokenizer's own program does");
            arguments.example("echo 'Once upon a time' | bora tokenize examples/pocket");
            arguments.example("bora tokenize FOLDER --jsonl <texts.jsonl >ids.jsonl");
            return [options] {
              if (!options->special.empty()) options->work.parse_special = options->special == "parse";
              return tokenize(tokenizer_of(options->path), options->work, std::cin, std::cout);
            };
          }};
}
