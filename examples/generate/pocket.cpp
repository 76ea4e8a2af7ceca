#include "run.hpp"
#include "../pocket.hpp"

std::optional<std::string> generate::attempt_pocket(const Options& options) {
  return attempt<Pocket, bora::Bf16>(options);
}
