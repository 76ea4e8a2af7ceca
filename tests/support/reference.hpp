/// The folder of published models, tokenizers and expected numbers. It is too large for the repository: tests
/// that compare with it run where BORA_REFERENCE_DIR names it, and say so where it does not.
#pragma once
#include "support/catch.hpp"
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace support {

/// The folder, or nothing where BORA_REFERENCE_DIR is unset or empty. A folder that is named but lacks a file is
/// a failure, not a reason to skip.
inline std::optional<std::filesystem::path> reference_folder() {
  const char* folder = std::getenv("BORA_REFERENCE_DIR");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return std::filesystem::path(folder);
}

/// Ends a test that cannot run: `if (!folder) return support::skip("what was to be compared");`. CTest may look
/// for "skipped: "; Catch2 v2 has no SKIP.
inline void skip(std::string_view what) {
  WARN("skipped: " + std::string(what) + " needs BORA_REFERENCE_DIR");
  SUCCEED();
}

}  // namespace support
