/// One writer a folder.
#pragma once
#include <bora/core/mapped_file.hpp>
#include <cerrno>
#include <filesystem>
#if defined(BORA_POSIX_FILES)
#include <sys/file.h>
#endif

namespace bora::inline BORA_ABI {

/// Holds the file `lock` of a folder for as long as it lives; the system lets go of it when the program ends, however
/// it ends. Where the file system has no locks, nothing is held.
class FolderLock {
 public:
  /// Throws FileError where another program holds the folder, or nothing can be written there.
  explicit FolderLock(const std::filesystem::path& folder) {
#if defined(BORA_POSIX_FILES)
    const std::filesystem::path file = folder / "lock";
    handle_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (handle_ < 0) detail::refuse_file(file, "cannot be opened: ", detail::system_message(errno));
    if (::flock(handle_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    ::close(handle_);
    detail::refuse_file(folder, "is in use by another program: expected to be the only one that writes there");
#endif
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
#if defined(BORA_POSIX_FILES)
    ::close(handle_);
#endif
  }

 private:
  [[maybe_unused]] int handle_ = -1;
};

}  // namespace bora::inline BORA_ABI
