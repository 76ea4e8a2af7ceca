#include "generate.hpp"
#include "../program/program.hpp"
#include <bora/io/generation_config.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <unistd.h>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

namespace {

/// Of the folder that the model is in; raw bytes where it holds none and the model has 256 ids.
bora::Tokenizer tokenizer_of(const generate::Options& options, std::size_t vocab_size) try {
  const bool is_folder = std::filesystem::is_directory(options.model);
  return bora::load_tokenizer(is_folder ? options.model : options.model.parent_path() / ".");
} catch (const bora::FileError&) {
  if (vocab_size == bora::ByteTokenizer::vocab_size()) return bora::ByteTokenizer();
  throw;
}

generate::Text text_of(const generate::Options& options, std::size_t vocab_size) {
  const bora::Tokenizer tokenizer = tokenizer_of(options, vocab_size);
  // A session begins with a token, so there must be one.
  const bool none = options.prompt.empty() && !tokenizer.facts().adds_bos;
  const auto stream = std::make_shared<bora::Tokenizer::Stream>(tokenizer.stream());
  generate::Text text{.prompt = tokenizer.encode(none ? "\n" : options.prompt),
                      .stop = {},
                      .vocab_size = tokenizer.vocab_size(),
                      .push = [stream](bora::TokenId id) { return stream->push(id); },
                      .finish = [stream] { return stream->finish(); }};
  for (const std::optional<bora::TokenId> id : {tokenizer.facts().bos, tokenizer.facts().eos})
    if (id) text.stop.push_back(*id);
  return text;
}

}  // namespace

generate::Text generate::begin_text(const Options& options, std::size_t vocab_size) {
  Text text = text_of(options, vocab_size);
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
