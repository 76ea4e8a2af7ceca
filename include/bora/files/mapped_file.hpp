/// Files for reading, mapped into memory, and the errors for faulty ones.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/load_number.hpp>
#include <bora/core/printable.hpp>
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
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

namespace bora { inline namespace BORA_ABI {

namespace detail {

static_assert(std::endian::native == std::endian::little,
              "bora: MappedFile: files hold little-endian numbers, and this machine's are not");

/// Throws FileError; the message is the file's name and then the parts, joined.
[[noreturn]] inline void refuse_file_for(const std::filesystem::path& file, std::initializer_list<Part> sentence) {
  throw FileError(message(file.string(), ": ", join(sentence)));
}
template <class... Parts>
[[noreturn]] void refuse_file(const std::filesystem::path& file, const Parts&... parts) {
  refuse_file_for(file, {Part(parts)...});
}

inline std::string system_message(int error) { return std::generic_category().message(error); }

/// Whether a weight is finite; tested on its bits, so that no compiler flag (-ffinite-math-only) removes the test.
inline bool finite_bits(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u;
}

/// Throws FileError for a NaN or an infinity among a tensor's elements; `first` is the index of values[0] in the
/// tensor.
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

/// Whether something exists at the path. A path that the system refuses to examine counts as existing: opening it then
/// throws with the reason.
inline bool is_there(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() != std::filesystem::file_type::not_found;
}
/// Whether the name exists, including dangling links: opening one throws an error that says so.
inline bool is_named(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::symlink_status(path, ignored).type() != std::filesystem::file_type::not_found;
}
inline bool is_folder(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}
/// Throws FileError for a path that does not exist; for a link, such as those in a download cache, the message names
/// its target.
[[noreturn]] inline void refuse_missing(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(path, error);
  if (error) refuse_file(path, "does not exist");
  refuse_file(path, "does not exist: it is a link to ", printable(target.string()),
              ", which is missing: the download was not finished, or links were copied without their files");
}
/// Throws FileError if nothing exists at the path, or it cannot be reached.
inline void require_there(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found) refuse_missing(path);
  if (error) refuse_file(path, "cannot be opened: ", error.message());
}

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

#if defined(BORA_POSIX_FILES)
/// Device and inode; not reused while the file is open or mapped.
struct FileIdentity {
  FileIdentity() = default;
  FileIdentity(const struct stat& facts) : device(facts.st_dev), number(facts.st_ino) {}
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
  dev_t device = 0;
  ino_t number = 0;
};

/// A regular file that is open for reading. Checks apply to the opened file, whatever its path names later.
class OpenFile {
 public:
  OpenFile() = default;  ///< none
  /// Throws FileError where the file is missing, a folder, no regular file, or cannot be opened.
  explicit OpenFile(const std::filesystem::path& file) : OpenFile() {  // delegates: exceptions close it
    // Without this flag, opening a pipe would wait for its writer; regular files ignore it.
    handle_ = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    const int error = errno;
    struct stat facts{};
    if (handle_ >= 0 ? ::fstat(handle_, &facts) != 0 : ::stat(file.c_str(), &facts) != 0) {
      if (handle_ < 0 && (error == ENOENT || error == ENOTDIR)) refuse_missing(file);
      refuse_file(file, "cannot be opened: ", system_message(error));
    }
    if (S_ISDIR(facts.st_mode)) refuse_file(file, "is a folder, expected a file");
    if (!S_ISREG(facts.st_mode)) refuse_file(file, "is a device or pipe, expected a file");
    if (handle_ < 0) refuse_file(file, "cannot be opened: ", system_message(error));
    identity_ = facts;
    size_ = static_cast<std::uintmax_t>(facts.st_size);
  }
  OpenFile(OpenFile&& other) noexcept { swap(other); }
  OpenFile& operator=(OpenFile&& other) noexcept {
    swap(other);
    return *this;
  }
  ~OpenFile() { close(); }

  bool open() const noexcept { return handle_ >= 0; }
  int handle() const noexcept { return handle_; }
  /// Releases the handle: the caller closes it from now on.
  int release() noexcept { return std::exchange(handle_, -1); }
  /// In bytes, when it was opened.
  std::uintmax_t size() const noexcept { return size_; }
  const FileIdentity& identity() const noexcept { return identity_; }

  /// Reads bytes [at, at + out.size()); several threads may read at once. Throws FileError, naming `file`, if the disk
  /// fails or the file has become shorter.
  void read(std::uintmax_t at, std::span<std::byte> out, const std::filesystem::path& file) const {
    while (!out.empty()) {
      const ssize_t got =
          ::pread(handle_, out.data(), std::min(out.size(), std::size_t{1} << 30), static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuse_file(file, "cannot be read: ", system_message(errno));
      if (got == 0) refuse_file(file, "ended after ", at, " bytes, expected ", at + out.size(), " or more");
      at += static_cast<std::uintmax_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }

 private:
  void swap(OpenFile& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(size_, other.size_);
    std::swap(identity_, other.identity_);
  }
  void close() noexcept {
    if (handle_ >= 0) ::close(handle_);
  }

  int handle_ = -1;
  std::uintmax_t size_ = 0;
  FileIdentity identity_;
};
#endif

/// A regular file as a stream. Throws FileError where it is missing, a folder, no regular file, or cannot be opened.
inline FileHandle open_stream(const std::filesystem::path& path) {
#if defined(BORA_POSIX_FILES)
  OpenFile opened(path);
  FileHandle file(::fdopen(opened.handle(), "rb"));
  if (file != nullptr) opened.release();
#else
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) refuse_missing(path);
  if (error) refuse_file(path, "cannot be opened: ", error.message());
  if (std::filesystem::is_directory(status)) refuse_file(path, "is a folder, expected a file");
  if (!std::filesystem::is_regular_file(status)) refuse_file(path, "is a device or pipe, expected a file");
  FileHandle file(std::fopen(path.string().c_str(), "rb"));
#endif
  if (file == nullptr) refuse_file(path, "cannot be opened: ", system_message(errno));
  return file;
}

}  // namespace detail

/// How a file is read into memory.
enum class FileAccess {
  map,   ///< pages are read when they are touched; small files, and those that cannot be mapped, are read
  read,  ///< all at once: for files that others may change meanwhile
};

/// The bytes of a file, read-only. A mapped file must not be truncated by others while it is in use: touching the
/// missing pages ends the program (SIGBUS). Files of up to `largest_read` bytes are never mapped.
class MappedFile {
 public:
  /// Files up to this size are always read, never mapped: configs and indexes, which editors rewrite in place.
  static constexpr std::size_t largest_read = std::size_t{1} << 20;

  /// Throws FileError where the file is missing, a folder, no regular file, unreadable, empty or larger than memory.
  explicit MappedFile(std::filesystem::path file, FileAccess access = FileAccess::map) : path_(std::move(file)) {
#if defined(BORA_POSIX_FILES)
    file_ = detail::OpenFile(path_);
    identity_ = file_.identity();
    if (access == FileAccess::read || file_.size() <= largest_read || !map()) read();
#else
    static_cast<void>(access);
    read();
#endif
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

  /// The path, as given.
  const std::filesystem::path& path() const noexcept { return path_; }
  /// All of the file.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// In bytes.
  std::size_t size() const noexcept { return bytes_.size(); }
  /// All of the file.
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  /// The same bytes, writable: writes stay in this program's memory and never reach the file. Throws FileError if the
  /// system refuses.
  std::span<std::byte> private_bytes() {
#if defined(BORA_POSIX_FILES)
    if (mapped_ && ::mprotect(const_cast<std::byte*>(bytes_.data()), bytes_.size(), PROT_READ | PROT_WRITE) != 0)
      refuse("cannot be made writable in memory: ", detail::system_message(errno));
#endif
    return {const_cast<std::byte*>(bytes_.data()), bytes_.size()};
  }
  /// Whether the path still names the file that was opened; false if another file was moved there since.
  bool still_in_place() const noexcept {
#if defined(BORA_POSIX_FILES)
    struct stat now{};
    return ::stat(path_.c_str(), &now) == 0 && detail::FileIdentity(now) == identity_;
#else
    return true;  // an open file cannot be replaced on this system
#endif
  }
  /// Tells the system that a part of bytes() was read and need not stay in memory: a hint for whole pages, which
  /// changes no byte. The part may still be read; mapped pages then are loaded from the file again.
  void release(std::span<const std::byte> part) const noexcept {
#if defined(BORA_POSIX_FILES)
    if (!mapped_ || part.empty()) return;
    static const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t offset = static_cast<std::size_t>(part.data() - bytes_.data());
    const std::size_t begin = (offset + page - 1) / page * page;
    // At the end of the file the last page is included: no other part shares it.
    const std::size_t end =
        offset + part.size() == bytes_.size() ? bytes_.size() : (offset + part.size()) / page * page;
    if (begin < end) ::madvise(const_cast<std::byte*>(bytes_.data()) + begin, end - begin, MADV_DONTNEED);
#else
    static_cast<void>(part);
#endif
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    detail::refuse_file(path_, parts...);
  }

#if defined(BORA_POSIX_FILES)
  /// The mapping stays when the file is closed.
  bool map() noexcept {
    if (file_.size() > std::numeric_limits<std::size_t>::max()) return false;
    const std::size_t size = static_cast<std::size_t>(file_.size());
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file_.handle(), 0);
    mapped_ = memory != MAP_FAILED;
    if (!mapped_) return false;
    bytes_ = {static_cast<const std::byte*>(memory), size};
    const detail::OpenFile closed(std::move(file_));
    return true;
  }
  void read() {
    make_room(file_.size());
    file_.read(0, owned_, path_);
    bytes_ = owned_;
  }
#else
  void read() {
    const detail::FileHandle file = detail::open_stream(path_);
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path_, error);
    if (error) refuse("cannot be read: ", error.message());
    make_room(size);
    const std::size_t got = std::fread(owned_.data(), 1, owned_.size(), file.get());
    if (std::ferror(file.get())) refuse("cannot be read: ", detail::system_message(errno));
    if (got != owned_.size()) refuse("ended after ", got, " bytes, expected ", owned_.size());
    bytes_ = owned_;
  }
#endif
  /// Allocation can fail for a sparse file: its size may exceed memory although it occupies little disk.
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
    std::swap(file_, other.file_);
    std::swap(identity_, other.identity_);
#endif
    owned_.swap(other.owned_);  // keeps the addresses of its bytes
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
  }

  std::filesystem::path path_;
  std::vector<std::byte> owned_;
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
#if defined(BORA_POSIX_FILES)
  detail::OpenFile file_;  ///< open unless mapped, so that its inode is not reused
  detail::FileIdentity identity_;
#endif
};

}}  // namespace bora::BORA_ABI
