/// Files as the system gives them: mapped into memory for reading, and replaced whole when written.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#define BORA_POSIX_FILES 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace bora::inline BORA_ABI {

namespace detail {

static_assert(std::endian::native == std::endian::little,
              "bora: MappedFile: files hold little-endian numbers, and this machine's are not");

/// Throws FileError: the file, then the sentence that the parts make.
template <class... Parts>
[[noreturn]] void refuse_file(const std::filesystem::path& file, const Parts&... parts) {
  throw FileError(message(file.string(), ": ", parts...));
}

inline std::string system_message(int error) { return std::generic_category().message(error); }

/// A name from a file as it may stand in a message: short, and printable whatever it holds.
inline std::string printable(std::string_view name) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::size_t longest = 120;
  std::size_t shown = std::min(name.size(), longest);
  while (shown < name.size() && shown > 0 && (static_cast<unsigned char>(name[shown]) & 0xc0) == 0x80)
    --shown;  // not half of a character
  std::string text = "'";
  for (const char c : name.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f)
      text += c;
    else
      text += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
  }
  return text + (name.size() > longest ? "…'" : "'");
}

/// A number at `from`, which need not be aligned.
template <class T>
T load_number(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Whether a weight can be computed with; by its bits, so that no compiler flag assumes it away.
inline bool finite_bits(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

/// Throws FileError for a NaN or an infinity among a tensor's numbers; `first` is the index of values[0] there.
inline void require_finite(std::span<const float> values, const std::filesystem::path& file, std::string_view tensor,
                           std::size_t first = 0) {
  std::uint32_t bad = 0;  // not a bool: compilers vectorise this
  for (const float value : values) bad |= finite_bits(value) ? 0u : 1u;
  if (bad == 0) return;
  std::size_t i = 0;
  while (finite_bits(values[i])) ++i;
  const bool nan = (std::bit_cast<std::uint32_t>(values[i]) & 0x007fffffu) != 0;
  refuse_file(file, "tensor ", printable(tensor), ": element ", first + i, " is ", nan ? "NaN" : "infinite",
              ", expected finite numbers only");
}

/// Whether something is there. What the system refuses to look at counts: whoever opens it says why it cannot be.
inline bool is_there(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() != std::filesystem::file_type::not_found;
}
inline bool is_folder(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}
/// Throws FileError where nothing is there, or where it cannot be reached.
inline void require_there(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found)
    refuse_file(path, "does not exist");
  if (error) refuse_file(path, "cannot be opened: ", error.message());
}

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace detail

/// How a file's bytes come into memory.
enum class FileAccess {
  map,   ///< pages are read when they are touched; falls back to `read` where a file cannot be mapped
  read,  ///< all at once: for files that others may change meanwhile
};

/// The bytes of a file, read-only. A mapped file must not be truncated by others while it is in use: the system
/// ends programs that touch what is gone.
class MappedFile {
 public:
  /// Throws FileError where the file is missing, a folder, no regular file, unreadable or empty.
  explicit MappedFile(std::filesystem::path file, FileAccess access = FileAccess::map) : path_(std::move(file)) {
    check_regular();
    if (access == FileAccess::read || !map()) read();
    if (bytes_.empty()) refuse("is empty");
  }
  /// Leaves `other` without a file.
  MappedFile(MappedFile&& other) noexcept { swap(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    MappedFile taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~MappedFile() {
#if defined(BORA_POSIX_FILES)
    if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
#endif
  }

  /// As it was given.
  const std::filesystem::path& path() const noexcept { return path_; }
  /// All of the file.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// In bytes.
  std::size_t size() const noexcept { return bytes_.size(); }
  /// All of the file.
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  /// Whether the path still names the file that was opened: not where another one was moved there since.
  bool still_in_place() const noexcept {
#if defined(BORA_POSIX_FILES)
    struct stat now{};
    return ::stat(path_.c_str(), &now) == 0 && Identity(now) == identity_;
#else
    return true;  // what is open cannot be replaced there
#endif
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    detail::refuse_file(path_, parts...);
  }

  void check_regular() const {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path_, error);
    if (status.type() == std::filesystem::file_type::not_found) refuse("does not exist");
    if (error) refuse("cannot be opened: ", error.message());
    if (std::filesystem::is_directory(status)) refuse("is a folder, expected a file");
    if (!std::filesystem::is_regular_file(status)) refuse("is a device or pipe, expected a file");
  }

  bool map() noexcept {
#if defined(BORA_POSIX_FILES)
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    struct stat facts{};
    void* memory = MAP_FAILED;
    if (::fstat(file, &facts) == 0 && facts.st_size > 0)
      memory = ::mmap(nullptr, static_cast<std::size_t>(facts.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    identity_ = facts;
    ::close(file);  // the mapping stays
    mapped_ = memory != MAP_FAILED;
    if (mapped_) bytes_ = {static_cast<const std::byte*>(memory), static_cast<std::size_t>(facts.st_size)};
#endif
    return mapped_;
  }

  void read() {
    const detail::FileHandle file(std::fopen(path_.string().c_str(), "rb"));
    if (file == nullptr) refuse("cannot be opened: ", detail::system_message(errno));
    make_room(size_of(*file));
    const std::size_t got = std::fread(owned_.data(), 1, owned_.size(), file.get());
    if (std::ferror(file.get())) refuse("cannot be read: ", detail::system_message(errno));
    if (got != owned_.size()) refuse("ended after ", got, " bytes, expected ", owned_.size());
    bytes_ = owned_;
  }

  /// Of the open file: by now its path may name another one.
  std::uintmax_t size_of([[maybe_unused]] std::FILE& file) {
#if defined(BORA_POSIX_FILES)
    struct stat facts{};
    if (::fstat(::fileno(&file), &facts) != 0) refuse("cannot be read: ", detail::system_message(errno));
    identity_ = facts;
    return static_cast<std::uintmax_t>(facts.st_size);
#else
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path_, error);
    if (error) refuse("cannot be read: ", error.message());
    return size;
#endif
  }
  /// A file may claim to be of any size and hold nothing: one that is mostly a hole costs its writer no disk.
  void make_room(std::uintmax_t size) {
    try {
      if (size > owned_.max_size()) throw std::bad_alloc();
      owned_.resize(static_cast<std::size_t>(size));
    } catch (const std::bad_alloc&) {
      refuse("is ", size, " bytes long, more than there is memory for");
    }
  }

  void swap(MappedFile& other) noexcept {
    path_.swap(other.path_);
#if defined(BORA_POSIX_FILES)
    std::swap(identity_, other.identity_);
#endif
    owned_.swap(other.owned_);  // keeps the addresses of what it holds
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
  }

  std::filesystem::path path_;
  std::vector<std::byte> owned_;
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
#if defined(BORA_POSIX_FILES)
  /// A file while it is open or mapped: its number is not given to another one before.
  struct Identity {
    Identity() = default;
    Identity(const struct stat& facts) : device(facts.st_dev), number(facts.st_ino) {}
    friend bool operator==(const Identity&, const Identity&) = default;
    dev_t device = 0;
    ino_t number = 0;
  };
  Identity identity_;
#endif
};

/// A file written beside its place and moved there when it is whole: readers see the old one or the new one, and a full
/// disk or an exception leaves the old one and nothing else.
class AtomicFile {
 public:
  /// Throws FileError where no file can be made beside `target`. A link is followed: what it names is replaced.
  explicit AtomicFile(std::filesystem::path target) : asked_(std::move(target)), target_(asked_) {
    check_target();
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
    sync_folder();
  }

 private:
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
      partial_ += detail::message(".", unique(), ".partial");
      file_.reset(std::fopen(partial_.string().c_str(), "wbx"));  // x: never another program's file
      if (file_ != nullptr) return;
      const int error = errno;
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
};

}  // namespace bora::inline BORA_ABI
