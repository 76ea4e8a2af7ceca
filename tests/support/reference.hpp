/// The folder of published models, tokenizers and expected numbers. It is too large for the repository: tests
/// that compare with it run where BORA_REFERENCE_DIR names it, and say so where it does not.
#pragma once
#include "support/catch.hpp"
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace support {

/// The folder, or nothing where BORA_REFERENCE_DIR is unset or empty. A folder that is named but lacks a file is
/// a failure, not a reason to skip.
inline std::optional<std::filesystem::path> reference_folder() {
  const char* folder = std::getenv("BORA_REFERENCE_DIR");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return std::filesystem::path(folder);
}

/// Ends a test that has nothing to compare with: `if (!folder) return support::skip_without_reference("what it
/// compares");`.
inline void skip_without_reference(const std::string& what) { skip(what + " needs BORA_REFERENCE_DIR"); }

}  // namespace support
