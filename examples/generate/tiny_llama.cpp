#include "run.hpp"
#include <bora/model/zoo/llama.hpp>

std::optional<std::string> generate::attempt_tiny_llama(const Options& options) {
  return attempt<bora::TinyLlama1_1B, bora::Bf16>(options);
}
