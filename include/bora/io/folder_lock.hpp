/// A lock that admits one writer to a folder.
#pragma once
#include <bora/files/file_lock.hpp>
#include <cerrno>
#include <filesystem>

namespace bora { inline namespace BORA_ABI {

/// Locks the file `lock` of a folder for its own lifetime. On a file system without locks, this does nothing.
class FolderLock {
 public:
  /// Throws FileError where another program holds the folder, or nothing can be written there.
  explicit FolderLock(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "lock";
    const detail::LockState state = lock_.make(file);
    if (!lock_.open()) detail::refuse_file(file, "cannot be opened: ", detail::system_message(errno));
    if (state == detail::LockState::in_use)
      detail::refuse_file(folder, "is in use by another program: expected to be the only one that writes there");
  }

 private:
  detail::FileLock lock_;
};

}}  // namespace bora::BORA_ABI
