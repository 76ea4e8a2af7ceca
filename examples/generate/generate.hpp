// What the sources of the program `generate` share: its options, the text it writes, and the models it knows.
#pragma once
#include <bora/model/description.hpp>
#include <bora/text/bytes.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace generate {

struct Options {
  std::filesystem::path model;
  std::string prompt;
  std::size_t tokens = 256, threads = 1;
  std::size_t context = 0;  ///< positions that the session has room for; 0: the prompt's and `tokens`
  double temperature = 0, top_p = 1;
  std::uint64_t seed = 0;
};

/// Streams text from the checkpoint if it is of one model's shape; returns why it is not, otherwise.
using Attempt = std::optional<std::string> (*)(const Options&);

// A source for each model, so that one alone decides what the compiler needs at a time.
std::optional<std::string> attempt_stories260k(const Options& options);
std::optional<std::string> attempt_pocket(const Options& options);
std::optional<std::string> attempt_small_llama(const Options& options);  // what train.cpp trains
std::optional<std::string> attempt_tiny_llama(const Options& options);

/// The models that the program tries, in this order.
inline constexpr Attempt attempts[] = {attempt_stories260k, attempt_pocket, attempt_small_llama, attempt_tiny_llama};

/// A prompt in the model's tokens, and how to go on from it.
struct Text {
  std::vector<bora::TokenId> prompt;
  std::vector<bora::TokenId> stop;                 ///< the tokenizer's, and those that the folder names
  std::size_t vocab_size;                          ///< the tokenizer's: ids from there on have no text
  std::function<std::string(bora::TokenId)> push;  ///< the characters that a token completes
  std::function<std::string()> finish;
};

/// The tokenizer lies in the model's folder. Without one the tokens are the bytes.
Text begin_text(const Options& options, std::size_t vocab_size);

/// On standard error.
void print_anatomy(const bora::ModelDescription& model, std::size_t weight_bytes, std::size_t cache_bytes);
/// Ends the text: on a terminal with a line's end, elsewhere as it is; and says on standard error how fast it was.
void print_speed(std::size_t tokens, double seconds);

}  // namespace generate
