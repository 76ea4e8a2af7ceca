/// Files that are replaced whole when written.
#pragma once
#include <bora/core/mapped_file.hpp>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#if defined(BORA_POSIX_FILES)
#include <sys/file.h>
#endif

namespace bora::inline BORA_ABI {

namespace detail {

/// A partial file while it is written, or while someone looks whether it still is: the system lets go of it when the
/// program ends, however it ends. Where the file system has no locks, nothing is held.
class PartialFileLock {
 public:
  PartialFileLock() = default;
  PartialFileLock(const PartialFileLock&) = delete;
  PartialFileLock& operator=(const PartialFileLock&) = delete;
  ~PartialFileLock() { release(); }

#if defined(BORA_POSIX_FILES)
  /// Takes the file that was just made at `path`; false where someone was faster and took it for abandoned.
  bool hold(std::FILE& file, const std::filesystem::path& path) noexcept {
    release();
    handle_ = ::fcntl(::fileno(&file), F_DUPFD_CLOEXEC, 0);  // the lock outlives the file: until it is in its place
    if (::flock(handle_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    return handle_ < 0 || is_at(path);
  }
  /// Takes a file that someone left; false where it is being written, or nobody can tell.
  bool take_over(const std::filesystem::path& path) noexcept {
    release();
    handle_ = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return handle_ >= 0 && ::flock(handle_, LOCK_EX | LOCK_NB) == 0 && is_at(path);
  }
  void release() noexcept {
    if (handle_ >= 0) ::close(handle_);
    handle_ = -1;
  }

 private:
  bool is_at(const std::filesystem::path& path) const noexcept {
    struct stat held{}, there{};
    return ::fstat(handle_, &held) == 0 && S_ISREG(held.st_mode) && ::lstat(path.c_str(), &there) == 0 &&
           FileIdentity(held) == FileIdentity(there);
  }
  int handle_ = -1;
#else
  bool hold(std::FILE&, const std::filesystem::path&) noexcept { return true; }
  bool take_over(const std::filesystem::path&) noexcept { return false; }
  void release() noexcept {}
#endif
};

}  // namespace detail

/// A file written beside its place, as TARGET.PID-N.partial, and moved there when it is whole: readers see the old one
/// or the new one, and a full disk or an exception leaves the old one and nothing else. What a program that was killed
/// left beside it, the next one that writes the same file removes.
class AtomicFile {
 public:
  /// Throws FileError where no file can be made beside `target`. A link is followed: what it names is replaced.
  explicit AtomicFile(std::filesystem::path target) : asked_(std::move(target)), target_(asked_) {
    check_target();
    remove_abandoned();
    open();
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  /// Appends. Throws FileError on a full disk and the like.
  void write(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail(errno);
  }
  /// Appends text.
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Brings everything to the disk and puts the file in its place; nothing may be written after.
  void commit() {
    if (std::fflush(file_.get()) != 0) fail(errno);
#if defined(BORA_POSIX_FILES)
    if (::fsync(::fileno(file_.get())) != 0 && errno != EINVAL && errno != ENOTSUP) fail(errno);
#endif
    if (std::fclose(file_.release()) != 0) fail(errno);
    std::error_code error;
    std::filesystem::rename(partial_, target_, error);
    if (error) detail::refuse_file(asked_, "cannot be put in place: ", error.message());
    partial_.clear();
    lock_.release();
    sync_folder();
  }

 private:
  static constexpr std::string_view suffix = ".partial";

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    detail::refuse_file(asked_, parts...);
  }
  [[noreturn]] void fail(int error) const {
    refuse("cannot be written: ", detail::system_message(error), "; what was there before is unchanged");
  }

  void check_target() {
    if (target_.filename().empty()) refuse("cannot be written: the path names no file");
    std::error_code error;
    if (std::filesystem::is_symlink(target_, error)) {
      const std::filesystem::path named = std::filesystem::canonical(target_, error);
      if (!error) target_ = named;
    }
    folder_ = target_.has_parent_path() ? target_.parent_path() : ".";
    // Moving a file over a device would replace the device.
    const std::filesystem::file_status status = std::filesystem::status(target_, error);
    if (std::filesystem::is_directory(status)) refuse("cannot be written: it is a folder");
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
      refuse("cannot be written: it is a device or pipe, expected a file");
  }

  void open() {
    for (int attempt = 0;; ++attempt) {
      partial_ = target_;
      partial_ += detail::message(".", unique(), suffix);
      file_.reset(std::fopen(partial_.string().c_str(), "wbx"));  // x: never another program's file
      const int error = file_ != nullptr ? EEXIST : errno;
      if (file_ != nullptr && lock_.hold(*file_, partial_)) return;
      partial_.clear();
      if (error != EEXIST || attempt == 8)
        refuse("cannot be written: ", detail::system_message(error), " (in its folder)");
    }
  }
  static std::string unique() {
    static std::atomic<unsigned> count{0};
#if defined(BORA_POSIX_FILES)
    const auto process = static_cast<unsigned long>(::getpid());
#else
    static const unsigned long process = std::random_device{}();
#endif
    return detail::message(process, "-", count.fetch_add(1));
  }
  /// Whether a file's name is one that `open` gives for this target.
  bool is_partial(std::string_view name) const {
    const std::string own = target_.filename().string() + ".";
    if (!name.starts_with(own) || !name.ends_with(suffix) || name.size() <= own.size() + suffix.size()) return false;
    const std::string_view middle = name.substr(own.size(), name.size() - own.size() - suffix.size());
    return middle.find_first_not_of("-0123456789") == middle.npos;
  }
  void remove_abandoned() const {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
         entry.increment(error)) {
      detail::PartialFileLock lock;
      std::error_code ignored;
      if (is_partial(entry->path().filename().string()) && lock.take_over(entry->path()))
        std::filesystem::remove(entry->path(), ignored);
    }
  }

  /// The new name too should survive a loss of power; where a folder cannot be synced there is nothing to be done.
  void sync_folder() const noexcept {
#if defined(BORA_POSIX_FILES)
    const int handle = ::open(folder_.c_str(), O_RDONLY | O_CLOEXEC);
    if (handle < 0) return;
    ::fsync(handle);
    ::close(handle);
#endif
  }

  void discard() noexcept {
    file_.reset();
    std::error_code ignored;
    if (!partial_.empty()) std::filesystem::remove(partial_, ignored);
  }

  std::filesystem::path asked_, target_, partial_, folder_;
  detail::FileHandle file_;
  detail::PartialFileLock lock_;
};

}  // namespace bora::inline BORA_ABI
