/// Where models, tokenizers and expected numbers to compare with are. One small model of each family is in
/// tests/golden/ and always compared with; the rest is too large for the repository: tests that need it run where
/// BORA_REFERENCE_DIR names its folder, and say so where it does not.
#pragma once
#include "support/catch.hpp"
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace support {

/// tests/golden/ of the source tree.
std::filesystem::path golden_folder();

/// The folder, or nothing where BORA_REFERENCE_DIR is unset or empty. A folder that is named but lacks a file is
/// a failure, not a reason to skip.
inline std::optional<std::filesystem::path> reference_folder() {
  const char* folder = std::getenv("BORA_REFERENCE_DIR");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return std::filesystem::path(folder);
}

/// The folder of a case: in tests/golden/ if it is one of those, else in the reference folder, which must be known.
inline std::filesystem::path case_folder(const std::string& name) {
  const std::filesystem::path golden = golden_folder() / name;
  return exists(golden) ? golden : reference_folder().value() / name;
}

/// Ends a test that has nothing to compare with: `if (!folder) return support::skip_without_reference("what it
/// compares");`.
inline void skip_without_reference(const std::string& what) { skip(what + " needs BORA_REFERENCE_DIR"); }

}  // namespace support
