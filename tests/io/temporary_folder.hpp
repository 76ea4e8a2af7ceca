/// A place for the files of one test.
#pragma once
#include <bora/core/error.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace support {

/// A folder that is gone with its test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    // CTest may run each case as a process of its own, side by side: a counter would not do.
    std::random_device random;
    const std::string unique = std::to_string(random()) + "-" + std::to_string(random());
    path_ = std::filesystem::temp_directory_path() / ("bora-io-" + unique);
    std::filesystem::create_directory(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  /// The path of a file in it, made to hold `bytes`.
  std::filesystem::path file(std::string_view name, std::string_view bytes) const {
    const std::filesystem::path path = path_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  /// How many files are in it.
  std::size_t count() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A number as a little-endian file holds it.
template <class T>
std::string as_bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// "" where `part` is in `text`, else what was found: `CHECK(lacks(...) == "")` shows it. (Catch2 2 and 3 name the
/// matcher differently.)
inline std::string lacks(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos ? "" : "found: " + text;
}

/// What `action` is refused with, without the path in front; "accepted" where it is not.
template <class Refusal = bora::FileError, class Action>
std::string refusal(const std::filesystem::path& path, Action action) {
  try {
    action();
  } catch (const Refusal& error) {
    const std::string start = path.string() + ": ", text = error.what();
    return text.starts_with(start) ? text.substr(start.size()) : "no path in: " + text;
  }
  return "accepted";
}

}  // namespace support
