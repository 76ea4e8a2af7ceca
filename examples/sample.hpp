// The sample that a training program ends with: what `generate` writes, from the folder that was saved.
#pragma once
#include "command/write_text.hpp"
#include "program/program.hpp"
#include <cstdio>
#include <filesystem>
#include <string>

namespace sample {

/// Some lines by the model in `folder`, and how to have more.
inline void write(const std::filesystem::path& folder, const std::string& prompt) {
  std::printf("\na sample:\n");
  command::TextOptions options;
  options.model.path = folder;
  options.prompt = prompt;
  options.drawing.max_tokens = 200;
  options.drawing.temperature = 0.8;
  command::write_text(options);
  std::printf("\n\nto write more: %s '%s' --temperature 0.8 --prompt TEXT\n", program::beside("generate").c_str(),
              folder.string().c_str());
}

}  // namespace sample
