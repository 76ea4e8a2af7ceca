/// Files that are replaced atomically when written.
#pragma once
#include <bora/files/file_lock.hpp>
#include <bora/files/folder.hpp>
#include <bora/files/mapped_file.hpp>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#if defined(BORA_POSIX_FILES)
#include <dirent.h>
#else
#include <random>
#endif

namespace bora { inline namespace BORA_ABI {

#if defined(BORA_POSIX_FILES)
namespace detail {
struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
}  // namespace detail
#endif

/// A file that is written beside its target, as TARGET.PID-N.partial, and renamed when it is complete: readers see
/// either the old file or the new one, and a full disk or an exception leaves only the old one. Partial files of a
/// killed program are removed by the next program that writes the same target.
class AtomicFile {
 public:
  /// Throws FileError where no file can be made beside `target`. A link is followed: the file that it names is
  /// replaced, and the new file gets the old one's permissions.
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

  /// Syncs the file to the disk and renames it to the target; nothing may be written afterwards.
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
    detail::sync_folder(folder_);  // so that the rename survives a power failure too
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
      file_.reset(open_new(partial_, target_));
      const int error = file_ != nullptr ? EEXIST : errno;
      if (file_ != nullptr && hold()) return;
      partial_.clear();
      if (error != EEXIST || attempt == 8)
        refuse("cannot be written: ", detail::system_message(error), " (in its folder)");
    }
  }
  /// Creates a new file, never opening one of another program; child processes do not inherit it. It gets the
  /// permissions of the file that it replaces before its first byte is written, so a private file stays private.
  static std::FILE* open_new(const std::filesystem::path& path, const std::filesystem::path& replaced) noexcept {
#if defined(BORA_POSIX_FILES)
    struct stat old{};
    const bool replaces = ::stat(replaced.c_str(), &old) == 0;
    const int handle = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, replaces ? 0600 : 0666);
    if (handle < 0) return nullptr;
    if (replaces) static_cast<void>(::fchmod(handle, old.st_mode & 0777) == 0);  // otherwise only the owner can read it
    std::FILE* file = ::fdopen(handle, "wb");
    if (file != nullptr) return file;
    const int error = errno;
    ::close(handle);
    ::unlink(path.c_str());
    errno = error;
    return nullptr;
#else
    static_cast<void>(replaced);
    return std::fopen(path.string().c_str(), "wbx");
#endif
  }
  /// Locks the partial file until it is renamed; false if another program was faster and took it for abandoned.
  bool hold() noexcept {
    const detail::LockState state = lock_.take(*file_);
    return state == detail::LockState::unknown || (state == detail::LockState::held && lock_.is_at(partial_));
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
  /// Reads the folder as the system gives it: std::filesystem ends the program where an allocation fails meanwhile.
  void remove_abandoned() const {
#if defined(BORA_POSIX_FILES)
    const std::unique_ptr<DIR, detail::CloseFolder> folder(::opendir(folder_.c_str()));
    if (folder == nullptr) return;
    while (const dirent* entry = ::readdir(folder.get())) {
      if (!is_partial(entry->d_name)) continue;
      const std::filesystem::path path = folder_ / entry->d_name;
      detail::FileLock lock;
      std::error_code ignored;
      if (lock.take(path) == detail::LockState::held && lock.is_at(path)) std::filesystem::remove(path, ignored);
    }
#endif
  }

  void discard() noexcept {
    file_.reset();
    std::error_code ignored;
    if (!partial_.empty()) std::filesystem::remove(partial_, ignored);
  }

  std::filesystem::path asked_, target_, partial_, folder_;
  detail::FileHandle file_;
  detail::FileLock lock_;
};

/// Replaces the file by `text` atomically. Throws FileError where it cannot be written.
inline void write_file(const std::filesystem::path& file, std::string_view text) {
  AtomicFile out(file);
  out.write(text);
  out.commit();
}

}}  // namespace bora::BORA_ABI
