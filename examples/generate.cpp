// Streams text from a checkpoint: a Hugging Face folder or a llama2.c .bin.
//
//     build/bin/generate FOLDER [--prompt TEXT] [--tokens N] [--temperature T] [--top-p P] [--seed S] [--threads N]
//
// A model is a type, so the program knows those it was compiled with (the list in `main`). Another checkpoint is
// refused with the keys that differ; add its type to the list.
#include <bora/infer.hpp>
#include <bora/model/zoo/llama.hpp>
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Options {
  std::filesystem::path model;
  std::string prompt;
  std::size_t tokens = 256, threads = 1;
  double temperature = 0, top_p = 1;
  std::uint64_t seed = 0;
};

/// llama2.c's tokenizer beside the model: tokenizer.bin, or any tok*.bin.
std::filesystem::path find_tokenizer(const std::filesystem::path& model) {
  const std::filesystem::path folder = std::filesystem::is_directory(model) ? model : model.parent_path() / ".";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tok") && name.ends_with(".bin")) return entry.path();
  }
  throw bora::FileError(folder.string() + ": holds no tokenizer, expected llama2.c's tokenizer.bin (or tok*.bin)");
}

template <class Spec>
void print_anatomy(const bora::Decoder<Spec, bora::F32>& model, std::size_t cache_bytes) {
  std::fprintf(stderr, "kernels     %s\n", bora::simd::target_name().c_str());
  std::fprintf(stderr, "parameters  %zu, %zu active for a token\n", bora::parameter_count<Spec>,
               bora::active_parameter_count<Spec>);
  std::fprintf(stderr, "memory      %.1f MiB of weights, %.1f MiB of keys and values\n\n",
               static_cast<double>(model.weight_bytes()) / 0x1p20, static_cast<double>(cache_bytes) / 0x1p20);
}

template <class Spec>
void run(const Options& options) {
  const auto model = bora::load<Spec, bora::F32>(options.model);
  const bora::Llama2cTokenizer tokenizer(find_tokenizer(options.model), Spec::vocab_size);
  bora::ThreadPool pool{options.threads};
  bora::Session session{model, {.pool = &pool}};
  print_anatomy(model, session.cache_bytes());

  const std::vector<bora::TokenId> prompt = tokenizer.encode(options.prompt);
  auto stream = tokenizer.stream();
  for (const bora::TokenId t : prompt) std::fputs(stream.push(t).c_str(), stdout);
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  for (const bora::TokenId t : bora::generate(session, prompt,
                                              {.temperature = options.temperature,
                                               .top_p = options.top_p,
                                               .max_tokens = options.tokens,
                                               .seed = options.seed,
                                               .stop = {bora::Llama2cTokenizer::bos, bora::Llama2cTokenizer::eos}})) {
    std::fputs(stream.push(t).c_str(), stdout);
    std::fflush(stdout);
    ++count;
  }
  std::fputs(stream.finish().c_str(), stdout);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::fflush(stdout);
  std::fprintf(stderr, "\n\n%zu tokens at %.0f tokens/s\n", count, static_cast<double>(count) / seconds);
}

/// Runs the first of the compiled types that the checkpoint fits; otherwise says why each does not.
template <class... Specs>
void run_any(const Options& options) {
  std::string reasons;
  const auto attempt = [&]<class Spec>() {
    try {
      run<Spec>(options);
      return true;
    } catch (const bora::ConfigError& e) {
      reasons += std::string("\n  ") + e.what();
      return false;
    }
  };
  if (!(attempt.template operator()<Specs>() || ...))
    throw bora::ConfigError("no model compiled into this program fits " + options.model.string() + ":" + reasons);
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
    run_any<bora::Stories260K>(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "generate: %s\n", e.what());
    return 1;
  }
}
