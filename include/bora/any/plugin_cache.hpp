/// The folder of compiled plugins: what they are called, how a whole one is told from a broken one, and how several
/// programs make them at the same time.
///
/// A file in it ends with a seal, which programs that load it skip:
///
///     "bora-so\n"   bytes before the seal   their sum   sum of the identity
///
/// All numbers are little-endian, 64 bits wide. A file is written under a temporary name and renamed; while it is made,
/// its maker holds a lock.
#pragma once
#include <bora/core/checksum.hpp>
#include <bora/core/error.hpp>
#include <bora/any/compiler.hpp>
#include <bora/files/atomic_file.hpp>
#include <bora/files/file_lock.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/folder.hpp>
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// The sum of a text.
inline std::uint64_t text_sum(std::string_view text) noexcept {
  Checksum sum;
  sum.add(static_cast<std::uint64_t>(text.size()));
  sum.add(std::as_bytes(std::span(text)));
  return sum.value();
}
/// 16 hexadecimal digits.
inline std::string hex_text(std::uint64_t number) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
  return text;
}

/// $XDG_CACHE_HOME/bora, or ~/.cache/bora. Throws ConfigError if neither variable is set.
inline std::filesystem::path plugin_folder() {
  const std::filesystem::path cache = environment("XDG_CACHE_HOME");
  if (cache.is_absolute()) return cache / "bora";
  const std::string home = environment("HOME");
  if (home.empty())
    throw ConfigError(
        "compiled models are kept in $XDG_CACHE_HOME/bora or ~/.cache/bora, and neither XDG_CACHE_HOME nor HOME is "
        "set");
  return std::filesystem::path(home) / ".cache" / "bora";
}

/// The end of a file of the cache.
struct Seal {
  std::uint64_t magic = name_word("bora-so\n"), bytes = 0, sum = 0, identity = 0;
};

inline std::uint64_t bytes_sum(std::span<const std::byte> bytes) noexcept {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

/// Why a file is not the whole one of that identity, as the end of a sentence; "" if it is. Nothing of it is run.
inline std::string broken_seal(const std::filesystem::path& path, std::string_view identity) try {
  const MappedFile file(path, FileAccess::read);
  Seal seal;
  if (file.size() < sizeof seal) return message("has ", file.size(), " bytes, expected more than ", sizeof seal);
  const std::size_t bytes = file.size() - sizeof seal;
  seal = load_number<Seal>(file.bytes().data() + bytes);
  if (seal.magic != Seal().magic) return "was not written by bora, or is cut off";
  if (seal.bytes != bytes) return message("has ", bytes, " bytes before its seal, expected ", seal.bytes);
  if (seal.identity != text_sum(identity)) return "was made of something else";
  if (seal.sum != bytes_sum(file.bytes().first(bytes))) return "is damaged: its sum is another one";
#if defined(BORA_POSIX_FILES)
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0 || (facts.st_uid != ::geteuid() && facts.st_uid != 0))
    return "belongs to another user";
#endif
  return "";
} catch (const FileError& error) {
  return error.what();
}

/// Puts a finished file into its place, sealed.
inline void seal_file(const std::filesystem::path& made, const std::filesystem::path& target,
                      std::string_view identity) {
  const MappedFile file(made, FileAccess::read);
  const Seal seal{.bytes = file.size(), .sum = bytes_sum(file.bytes()), .identity = text_sum(identity)};
  AtomicFile out(target);
  out.write(file.bytes());
  out.write(std::as_bytes(std::span(&seal, 1)));
  out.commit();
}

/// Waits, and says so: what the program waits for and the seconds since; false ends it with Cancelled.
using WaitFunction = std::function<bool(std::string_view what, double seconds)>;

/// Calls `wait` some times a second until `done` returns true.
template <class Done>
void wait_until(const WaitFunction& wait, std::string_view what, Done&& done) {
  const auto start = std::chrono::steady_clock::now();
  while (!done()) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (wait && !wait(what, seconds)) throw Cancelled(message(what, " was cancelled"));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

/// Holds the right to make one file of the cache. Other programs wait for it.
class MakerLock {
 public:
  /// \param target  the file that will be made
  MakerLock(const std::filesystem::path& target, const WaitFunction& wait) : path_(target) {
    path_ += ".lock";
    wait_until(wait, "waiting for another program that compiles the same", [&] {
      const LockState state = lock_.make(path_);
      if (!lock_.open()) refuse_file(path_, "cannot be opened: ", system_message(errno));
      return state != LockState::in_use && lock_.is_at(path_);  // its last holder removes it
    });
  }
  MakerLock(const MakerLock&) = delete;
  MakerLock& operator=(const MakerLock&) = delete;
  ~MakerLock() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

 private:
  std::filesystem::path path_;
  FileLock lock_;
};

/// A folder in the cache for the files of one compilation, removed with this object. Those of killed programs are
/// removed by the next maker of the same file, who must hold its MakerLock.
class MakerFolder {
 public:
  explicit MakerFolder(const std::filesystem::path& target) {
    const std::string prefix = target.filename().string() + ".making-";
    std::error_code error;
    std::vector<std::filesystem::path> left;
    for (std::filesystem::directory_iterator entry(target.parent_path(), error), end; !error && entry != end;
         entry.increment(error))
      if (entry->path().filename().string().starts_with(prefix)) left.push_back(entry->path());
    for (const std::filesystem::path& folder : left) std::filesystem::remove_all(folder, error);
    for (std::size_t n = 0;; ++n) {
      path_ = target.parent_path() / message(prefix, process(), '-', n);
      if (std::filesystem::create_directory(path_, error)) return;
      if (error || n == 1000) refuse_file(path_, "cannot be made a folder", error ? ": " + error.message() : "");
    }
  }
  MakerFolder(const MakerFolder&) = delete;
  MakerFolder& operator=(const MakerFolder&) = delete;
  ~MakerFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  static long process() noexcept {
#if defined(BORA_POSIX_FILES)
    return static_cast<long>(::getpid());
#else
    return 0;
#endif
  }
  std::filesystem::path path_;
};

}}}  // namespace bora::BORA_ABI::detail
