/// Files for reading: mapped into memory, and the words for what is wrong with one.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
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

namespace bora::inline BORA_ABI {

namespace detail {

static_assert(std::endian::native == std::endian::little,
              "bora: MappedFile: files hold little-endian numbers, and this machine's are not");

/// Throws FileError: the file, then the sentence that the parts make.
[[noreturn]] inline void refuse_file_for(const std::filesystem::path& file, std::initializer_list<Part> sentence) {
  throw FileError(message(file.string(), ": ", join(sentence)));
}
template <class... Parts>
[[noreturn]] void refuse_file(const std::filesystem::path& file, const Parts&... parts) {
  refuse_file_for(file, {Part(parts)...});
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

#if defined(BORA_POSIX_FILES)
/// A file while it is open or mapped: its number is not given to another one before.
struct FileIdentity {
  FileIdentity() = default;
  FileIdentity(const struct stat& facts) : device(facts.st_dev), number(facts.st_ino) {}
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
  dev_t device = 0;
  ino_t number = 0;
};
#endif

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
    return ::stat(path_.c_str(), &now) == 0 && detail::FileIdentity(now) == identity_;
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
  detail::FileIdentity identity_;
#endif
};

}  // namespace bora::inline BORA_ABI
