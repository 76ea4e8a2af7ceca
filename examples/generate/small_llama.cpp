#include "run.hpp"
#include "../small_llama.hpp"

std::optional<std::string> generate::attempt_small_llama(const Options& options) {
  return attempt<SmallLlama, bora::Bf16>(options);
}
