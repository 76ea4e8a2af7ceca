// Streams text from a checkpoint: a Hugging Face folder or a llama2.c .bin.
//
//     build/bin/generate FOLDER [--prompt TEXT] [--tokens N] [--temperature T] [--top-p P] [--seed S] [--threads N]
//
// A model is a type, so the program knows those it was compiled with: the list in `main`. Another checkpoint is
// answered with the type to add to it.
#include "pocket.hpp"
#include "spec_text.hpp"
#include <bora/infer.hpp>
#include <bora/model/zoo/llama.hpp>
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Options {
  std::filesystem::path model;
  std::string prompt;
  std::size_t tokens = 256, threads = 1;
  double temperature = 0, top_p = 1;
  std::uint64_t seed = 0;
};

/// A model this program knows, and the format it holds the weights in.
template <bora::ModelSpec S, bora::WeightFormat F>
struct Known {
  using Spec = S;
  using Format = F;
};

void print_anatomy(const bora::ModelDescription& d, std::size_t weight_bytes, std::size_t cache_bytes) {
  const bora::AttentionDescription& a = d.attention.front();
  const bora::FeedForwardDescription& f = d.feed_forward.front();
  std::fprintf(stderr, "kernels     %s\n", bora::simd::target_name().c_str());
  std::fprintf(stderr, "layers      %zu of width %zu, a vocabulary of %zu\n", d.layers, d.dim, d.vocab_size);
  std::fprintf(stderr, "attention   %zu heads of %zu, %zu of keys and values, ", a.heads, a.head_dim, a.kv_heads);
  if (a.window == 0)
    std::fprintf(stderr, "over all %zu tokens\n", d.context);
  else
    std::fprintf(stderr, "over a window of %zu tokens\n", a.window);
  if (f.experts > 0)
    std::fprintf(stderr, "experts     %zu of width %zu, %zu for a token\n", f.experts, f.hidden, f.choices);
  std::fprintf(stderr, "parameters  %zu, %zu active for a token\n", d.parameters, d.active_parameters);
  std::fprintf(stderr, "memory      %.1f MiB of weights, %.1f MiB of keys and values\n\n",
               static_cast<double>(weight_bytes) / 0x1p20, static_cast<double>(cache_bytes) / 0x1p20);
}

/// A prompt in the model's tokens, and how to go on from it.
struct Text {
  std::vector<bora::TokenId> prompt, stop;
  std::function<std::string(bora::TokenId)> push;  ///< the characters that a token completes
  std::function<std::string()> finish;
};

template <class Tokenizer>
Text text_by(Tokenizer tokenizer, const std::string& prompt, std::vector<bora::TokenId> stop) {
  struct Kept {  // where it is made it stays: the stream points to the tokenizer
    explicit Kept(Tokenizer t) : tokenizer(std::move(t)), stream(tokenizer.stream()) {}
    Tokenizer tokenizer;
    decltype(tokenizer.stream()) stream;
  };
  const auto kept = std::make_shared<Kept>(std::move(tokenizer));
  return {.prompt = kept->tokenizer.encode(prompt),
          .stop = std::move(stop),
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

/// The tokenizer lies in the model's folder. Without one the tokens are the bytes.
Text begin_text(const Options& options, std::size_t vocab_size) {
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

/// Prints the prompt and what follows it, whole characters at a time.
template <class Session>
void run(Session& session, std::size_t weight_bytes, const Options& options) {
  using Spec = typename Session::Spec;
  const Text text = begin_text(options, Spec::vocab_size);
  auto tokens = bora::generate(session, text.prompt,
                               {.temperature = options.temperature,
                                .top_p = options.top_p,
                                .max_tokens = options.tokens,
                                .seed = options.seed,
                                .stop = text.stop});
  print_anatomy(bora::describe<Spec>(), weight_bytes, session.cache_bytes());
  for (const bora::TokenId t : text.prompt) std::fputs(text.push(t).c_str(), stdout);
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (const bora::TokenId t : tokens) {
    std::fputs(text.push(t).c_str(), stdout);
    std::fflush(stdout);
    ++count;
  }
  std::fputs(text.finish().c_str(), stdout);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::fflush(stdout);
  std::fprintf(stderr, "\n\n%zu tokens at %.0f tokens/s\n", count, static_cast<double>(count) / seconds);
}

/// The checkpoint as a model of type S; nothing, and why, where it is of another shape.
template <class Model>
std::optional<bora::Decoder<typename Model::Spec, typename Model::Format>> load_if_it_fits(const Options& options,
                                                                                           std::string& reasons) {
  try {
    return bora::load<typename Model::Spec, typename Model::Format>(options.model);
  } catch (const bora::ConfigError& e) {
    if (reasons.find(e.what()) == std::string::npos) reasons += std::string("\n  ") + e.what();
    return std::nullopt;
  }
}

template <class Model>
bool run_if_it_fits(const Options& options, std::string& reasons) {
  const auto model = load_if_it_fits<Model>(options, reasons);
  if (!model) return false;
  bora::ThreadPool pool{options.threads};
  bora::Session session{*model, {.pool = &pool}};
  run(session, model->weight_bytes(), options);
  return true;
}

/// Runs the first of the models that the checkpoint fits; otherwise says why each does not, and which would.
template <class... Models>
void run_any(const Options& options) {
  std::string reasons;
  if ((run_if_it_fits<Models>(options, reasons) || ...)) return;
  throw bora::ConfigError("no model compiled into this program fits " + options.model.string() + ":" + reasons +
                          "\n\n" + spec_text::for_checkpoint(options.model));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Streams text from a checkpoint."};
  app.add_option("model", options.model, "Hugging Face folder or llama2.c .bin")->required();
  app.add_option("--prompt", options.prompt, "how the text begins");
  app.add_option("--tokens", options.tokens, "most tokens to write")->capture_default_str();
  app.add_option("--temperature", options.temperature, "0 takes the most probable token")->capture_default_str();
  app.add_option("--top-p", options.top_p, "share of probability to draw from")->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--threads", options.threads)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    run_any<Known<bora::Stories260K, bora::F32>, Known<Pocket, bora::Bf16>, Known<bora::TinyLlama1_1B, bora::Bf16>>(
        options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "generate: %s\n", e.what());
    return 1;
  }
}
