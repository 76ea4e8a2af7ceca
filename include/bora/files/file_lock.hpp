/// Locks that tell other programs a file or folder is in use.
#pragma once
#include <bora/files/mapped_file.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#if defined(BORA_POSIX_FILES)
#include <sys/file.h>
#endif

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Result of a request for a lock.
enum class LockState {
  held,
  in_use,   ///< someone else holds it
  unknown,  ///< the file cannot be opened, or its file system has no locks
};

/// A lock on a file or folder: requests never wait. The system releases it when the program ends, even by a crash.
class FileLock {
 public:
  FileLock() = default;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { release(); }

#if defined(BORA_POSIX_FILES)
  /// Tries to lock the file or folder at `path`.
  LockState take(const std::filesystem::path& path) noexcept {
    return lock(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  /// Tries to lock a file, which is created if it is missing; if it cannot be created, errno says why.
  LockState make(const std::filesystem::path& path) noexcept {
    return lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  }
  /// Tries to lock an open file; the lock stays when that file is closed.
  LockState take(std::FILE& file) noexcept { return lock(::fcntl(::fileno(&file), F_DUPFD_CLOEXEC, 0)); }
  /// Whether the file or folder could be opened.
  bool open() const noexcept { return handle_ >= 0; }
  /// Whether the locked file is still the one at `path`, and `path` is not a link.
  bool is_at(const std::filesystem::path& path) const noexcept {
    struct stat mine{}, there{};
    return ::fstat(handle_, &mine) == 0 && S_ISREG(mine.st_mode) && ::lstat(path.c_str(), &there) == 0 &&
           FileIdentity(mine) == FileIdentity(there);
  }
  void release() noexcept {
    if (handle_ >= 0) ::close(handle_);
    handle_ = -1;
  }

 private:
  LockState lock(int handle) noexcept {
    release();
    handle_ = handle;
    if (handle_ < 0) return LockState::unknown;
    if (::flock(handle_, LOCK_EX | LOCK_NB) == 0) return LockState::held;
    return errno == EWOULDBLOCK ? LockState::in_use : LockState::unknown;
  }
  int handle_ = -1;
#else
  LockState take(const std::filesystem::path&) noexcept { return LockState::unknown; }
  LockState make(const std::filesystem::path&) noexcept { return LockState::unknown; }
  LockState take(std::FILE&) noexcept { return LockState::unknown; }
  bool open() const noexcept { return true; }
  bool is_at(const std::filesystem::path&) const noexcept { return true; }
  void release() noexcept {}
#endif
};

}}}  // namespace bora::BORA_ABI::detail
