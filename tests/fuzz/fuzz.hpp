/// What the fuzz targets share: a folder in memory, the property that every reader has, and mutations that start from
/// good files, so that no corpus has to be kept.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/file_words.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <vector>

extern "C" {
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);
}

namespace fuzz {

using Random = std::minstd_rand;

/// The files of this process, in memory where the system has such a place.
class Folder {
 public:
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    const auto base = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    path_ = base / ("bora-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directory(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  std::filesystem::path file(std::string_view name, std::string_view bytes) const {
    std::filesystem::path path = path_ / name;
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) std::abort();
    std::fclose(file);
    return path;
  }

 private:
  std::filesystem::path path_;
};

inline const Folder& folder() {
  static const Folder folder;
  return folder;
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

[[noreturn]] inline void fail(std::string_view rule, std::string_view found) {
  std::fprintf(stderr, "broken rule: %.*s\nfound: %.*s\n", static_cast<int>(rule.size()), rule.data(),
               static_cast<int>(found.size()), found.data());
  std::abort();
}
inline void require(bool holds, std::string_view rule) {
  if (!holds) fail(rule, "the contrary");
}

/// The property: `action` returns, or it throws one of the library's errors with a sentence that can be read.
template <class Action>
bool survives(Action&& action) {
  constexpr std::size_t longest = 2'000;
  try {
    action();
    return true;
  } catch (const bora::Error& error) {
    if (std::string_view(error.what()).size() > longest) fail("an error is a sentence", error.what());
  } catch (const std::exception& error) {
    fail("only bora::Error is thrown", error.what());
  }
  return false;
}

inline const std::string& one_of(const std::vector<std::string>& all, Random& random) {
  return all[random() % all.size()];
}

/// libFuzzer's own mutation, with room for some more bytes.
inline std::string mutated(std::string bytes) {
  const std::size_t size = bytes.size();
  bytes.resize(size + 64);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes.size()));
  return bytes;
}

/// Replaces a run of the characters that `belongs` accepts, beginning at a random place.
template <class Belongs>
std::string with_another_run(std::string text, std::string_view by, Random& random, Belongs belongs) {
  std::size_t begin = text.empty() ? 0 : random() % text.size();
  while (begin < text.size() && !belongs(text[begin])) ++begin;
  std::size_t end = begin;
  while (end < text.size() && belongs(text[end])) ++end;
  return text.replace(begin, end - begin, by);
}

/// JSON that is still JSON most of the time: another number, another word, a part twice or gone; or any mutation.
inline std::string mutated_json(std::string text, const std::vector<std::string>& words, Random& random) {
  static const std::vector<std::string> numbers = {"0",
                                                   "1",
                                                   "2",
                                                   "-1",
                                                   "4",
                                                   "8",
                                                   "12",
                                                   "16",
                                                   "1.0",
                                                   "0.5",
                                                   "1e-5",
                                                   "1e309",
                                                   "1e-400",
                                                   "2147483648",
                                                   "4294967295",
                                                   "4294967296",
                                                   "null",
                                                   "[]",
                                                   "{}",
                                                   "true",
                                                   "\"1\"",
                                                   "9223372036854775807",
                                                   "18446744073709551608",
                                                   "[1]",
                                                   "-0",
                                                   "1e18",
                                                   "18446744073709551615",
                                                   "18446744073709551616"};
  if (text.empty()) return text;
  const std::size_t at = random() % text.size(), count = 1 + random() % 60;
  switch (random() % 6) {
    case 0:
      return with_another_run(text, one_of(numbers, random), random,
                              [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    case 1:
      return with_another_run(text, one_of(words, random), random,
                              [](char c) { return c > ' ' && c != '"' && c != ':' && c != ',' && c != '}'; });
    case 2:
      return text.insert(random() % text.size(), text.substr(at, count));
    case 3:
      return text.erase(at, count);
    case 4: {  // a member twice
      const std::size_t comma = text.find(',', at), next = comma == text.npos ? comma : text.find(',', comma + 1);
      return next == text.npos ? text : text.insert(comma, text.substr(comma, next - comma));
    }
    default:
      return mutated(std::move(text));
  }
}

/// With the checksum that belongs to the words before it, as token files and sessions end.
inline std::string sealed(std::string bytes) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  if (bytes.size() < word) return bytes;
  bora::detail::Checksum sum;
  sum.add(std::as_bytes(std::span(bytes)).first(bytes.size() - word));
  const std::uint64_t value = sum.value();
  std::memcpy(&bytes[bytes.size() - word], &value, word);
  return bytes;
}

/// Bytes to go on from: those given, or, at the beginning and sometimes later, a good file.
inline std::string base_of(const std::uint8_t* data, std::size_t size, const std::vector<std::string>& good,
                           Random& random) {
  return size < 4 || random() % 256 == 0 ? one_of(good, random) : std::string(text_of(data, size));
}
inline std::size_t give(std::string_view bytes, std::uint8_t* data, std::size_t max_size) {
  return bytes.copy(reinterpret_cast<char*>(data), max_size);
}

}  // namespace fuzz
