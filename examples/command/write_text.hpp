// Text that a model writes, as `bora run`, `bora generate` and the program `generate` stream it.
#pragma once
#include "opened.hpp"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace command {

struct TextOptions {
  ModelOptions model;
  std::string prompt;
  std::vector<std::int32_t> ids;  ///< in place of a prompt; the text then ends at no id
  std::size_t tokens = 256;       ///< most to write
  std::size_t context = 0;        ///< positions that the session has room for; 0: the prompt's and `tokens`
  double temperature = 0, top_p = 1, min_p = 0;
  std::size_t top_k = 0;
  std::uint64_t seed = 0;
  bool json = false;
  bool kernels = true;  ///< say which kernels run
};

/// Streams text to standard output, or ids where ids were given; says on standard error what the model is and how fast
/// it was.
void write_text(const TextOptions& options);

}  // namespace command
