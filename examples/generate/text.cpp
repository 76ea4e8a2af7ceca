#include "generate.hpp"
#include "../program/program.hpp"
#include <bora/io/generation_config.hpp>
#include <bora/io/tokenizer_json.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <unistd.h>
#include <cstdio>
#include <memory>
#include <utility>

namespace {

template <class Tokenizer>
generate::Text text_by(Tokenizer tokenizer, const std::string& prompt, std::vector<bora::TokenId> stop) {
  struct Kept {  // where it is made it stays: the stream points to the tokenizer
    explicit Kept(Tokenizer t) : tokenizer(std::move(t)), stream(tokenizer.stream()) {}
    Tokenizer tokenizer;
    decltype(tokenizer.stream()) stream;
  };
  const auto kept = std::make_shared<Kept>(std::move(tokenizer));
  return {.prompt = kept->tokenizer.encode(prompt),
          .stop = std::move(stop),
          .vocab_size = kept->tokenizer.vocab_size(),
          .push = [kept](bora::TokenId id) { return kept->stream.push(id); },
          .finish = [kept] { return kept->stream.finish(); }};
}

/// llama2.c's tokenizer, if the folder has it: tokenizer.bin, or any tok*.bin.
std::optional<std::filesystem::path> find_llama2c_tokenizer(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tok") && name.ends_with(".bin")) return entry.path();
  }
  return std::nullopt;
}

generate::Text text_of_folder(const generate::Options& options, std::size_t vocab_size) {
  const bool is_folder = std::filesystem::is_directory(options.model);
  const std::filesystem::path folder = is_folder ? options.model : options.model.parent_path() / ".";
  if (const std::filesystem::path json = folder / "tokenizer.json"; std::filesystem::exists(json)) {
    const bora::BpeTokenizer tokenizer = bora::load_tokenizer(json);
    return text_by(tokenizer, options.prompt, {tokenizer.bos(), tokenizer.eos()});
  }
  if (const auto bin = find_llama2c_tokenizer(folder)) {
    using Tokenizer = bora::Llama2cTokenizer;
    return text_by(Tokenizer(*bin, vocab_size), options.prompt, {Tokenizer::bos, Tokenizer::eos});
  }
  if (vocab_size == bora::ByteTokenizer::vocab_size())  // a session begins with a token, so there must be one
    return text_by(bora::ByteTokenizer(), options.prompt.empty() ? "\n" : options.prompt, {});
  throw bora::FileError(folder.string() + ": holds no tokenizer, expected tokenizer.json or llama2.c's tokenizer.bin");
}

}  // namespace

generate::Text generate::begin_text(const Options& options, std::size_t vocab_size) {
  Text text = text_of_folder(options, vocab_size);
  const std::vector<bora::TokenId> named = bora::stop_ids(options.model);
  text.stop.insert(text.stop.end(), named.begin(), named.end());
  return text;
}

void generate::print_anatomy(const bora::ModelDescription& model, std::size_t weight_bytes, std::size_t cache_bytes) {
  const bora::PolicyDescription &a = model.attention.front(), &f = model.feed_forward.front();
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
  std::fprintf(stderr, "memory      %.1f MiB of weights, %.1f MiB of keys and values\n\n",
               static_cast<double>(weight_bytes) / 0x1p20, static_cast<double>(cache_bytes) / 0x1p20);
}

void generate::print_speed(std::size_t tokens, double seconds) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  if (terminal) program::write("\n");
  std::fprintf(stderr, "%s\n%zu tokens", terminal ? "" : "\n", tokens);
  if (seconds > 0) std::fprintf(stderr, " at %.0f tokens/s", static_cast<double>(tokens) / seconds);
  std::fputs("\n", stderr);
}
