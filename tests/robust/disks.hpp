/// Disks that are full, and what is left in a folder after an action that met one.
#pragma once
#include "robust/small_checkpoints.hpp"
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>

namespace robust {

/// No file may grow beyond `bytes` while this lives: to a program that is a full disk.
class FileLimit {
 public:
  explicit FileLimit(std::size_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit now = before_;
    now.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit before_{};
  void (*old_handler_)(int) = nullptr;
};

/// A disk of one file system page for each file and a few more; nothing where the system allows none to be made.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& place) : place_(place) {
    std::filesystem::create_directory(place);
    mounted_ = ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=16k") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(place_.c_str());
  }
  explicit operator bool() const { return mounted_; }

 private:
  std::filesystem::path place_;
  bool mounted_;
};

/// All that is in a folder and below: names and bytes, or what a link names.
inline std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    std::string& found = all[entry.path().lexically_relative(folder).string()];
    if (entry.is_symlink())
      found = std::filesystem::read_symlink(entry.path()).string();
    else if (entry.is_regular_file())
      found = support::bytes_of(entry.path());
  }
  return all;
}

/// Under every limit on the size of files, an action that saves into `folder` is refused and changes nothing.
template <class Save>
void check_limits(const std::filesystem::path& folder, std::size_t largest_file, Save&& save) {
  const auto before = contents(folder);
  std::size_t refusals = 0;
  for (std::size_t limit = 0; limit < largest_file; limit += limit < 64 ? 9 : 401) {
    std::string says;
    {
      const FileLimit full(limit);
      says = refused(save);
    }
    INFO("at most " << limit << " bytes a file: " << says);
    CHECK(support::lacks(says, "cannot be written: File too large; what was there before is unchanged") == "");
    CHECK(contents(folder) == before);
    ++refusals;
  }
  CHECK(refusals > 10);
}

inline std::size_t largest_file(const std::filesystem::path& folder) {
  std::size_t largest = 0;
  for (const auto& [name, bytes] : contents(folder)) largest = std::max(largest, bytes.size());
  return largest;
}

}  // namespace robust
