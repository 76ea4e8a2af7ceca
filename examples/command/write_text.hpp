// Text that a model writes, as `bora run`, `bora generate` and the program `generate` stream it.
#pragma once
#include "drawing.hpp"
#include "opened.hpp"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace command {

struct TextOptions : DrawingOptions {
  ModelOptions model;
  std::string prompt;
  std::vector<std::int32_t> ids;  ///< in place of a prompt; the text then ends at no id
  std::size_t context = 0;        ///< positions that the session has room for; 0: the prompt's and the text's
  std::size_t log_probs = 0;      ///< with `json`: most probable tokens to name beside each token
  bool json = false;
  bool kernels = true;  ///< say which kernels run
};

/// Streams text to standard output, or ids where ids were given; says on standard error what the model is and how fast
/// it was.
void write_text(const TextOptions& options);

}  // namespace command
