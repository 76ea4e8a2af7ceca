// The sample that a training program ends with: what `generate` writes, from the folder that was saved.
#pragma once
#include "generate/generate.hpp"
#include "program/program.hpp"
#include <bora/core/error.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

namespace sample {

/// Some lines by the model in `folder`, and how to have more.
inline void write(generate::Attempt attempt, const std::filesystem::path& folder, const std::string& prompt) {
  std::printf("\na sample:\n");
  const std::optional<std::string> refused =
      attempt({.model = folder, .prompt = prompt, .tokens = 200, .temperature = 0.8});
  if (refused) throw bora::ConfigError(*refused);
  std::printf("\n\nto write more: %s '%s' --temperature 0.8 --prompt TEXT\n", program::beside("generate").c_str(),
              folder.string().c_str());
}

}  // namespace sample
