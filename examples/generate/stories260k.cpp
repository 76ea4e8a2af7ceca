#include "run.hpp"
#include <bora/model/zoo/llama.hpp>

std::optional<std::string> generate::attempt_stories260k(const Options& options) {
  return attempt<bora::Stories260K, bora::F32>(options);
}
