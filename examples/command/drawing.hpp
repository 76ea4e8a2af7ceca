// How tokens are drawn, as every command that writes text lets one choose.
#pragma once
#include "../program/program.hpp"
#include <bora/infer/generate.hpp>
#include <string>
#include <vector>

namespace command {

struct DrawingOptions {
  bora::GenerateOptions drawing{.temperature = 0, .max_tokens = 256};
  std::vector<std::string> stop;  ///< texts that end the text, and are no part of it

  void declare(program::Arguments& arguments);
};

}  // namespace command
