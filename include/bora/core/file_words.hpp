/// What this library's own files have in common: 64-bit words, names in them, and their checksum.
#pragma once
#include <bora/core/mapped_file.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace bora::inline BORA_ABI::detail {

/// A 64-bit sum of words: each step is a bijection, so a change of any one word is seen.
class Checksum {
 public:
  void add(std::uint64_t word) noexcept {
    sum_ = (sum_ ^ word) * 0x9e3779b97f4a7c15u;
    sum_ ^= sum_ >> 32;
  }
  void add(double number) noexcept { add(std::bit_cast<std::uint64_t>(number)); }
  /// Bytes that do not fill a word are filled up with zeros: whoever adds a text must keep its size too.
  void add(std::span<const std::byte> bytes) noexcept {
    for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t)))
      add(load_number<std::uint64_t>(bytes.data()));
    if (bytes.empty()) return;
    std::uint64_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    add(rest);
  }
  std::uint64_t value() const noexcept { return sum_; }

 private:
  std::uint64_t sum_ = 0xcbf29ce484222325u;
};

/// A name of up to 8 characters as a number.
inline std::uint64_t name_word(std::string_view name) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, name.data(), std::min(name.size(), sizeof word));
  return word;
}
inline std::string name_text(std::uint64_t word) {
  const auto bytes = std::bit_cast<std::array<char, sizeof word>>(word);
  const std::string_view text(bytes.data(), bytes.size());
  return printable(text.substr(0, std::min(text.size(), text.find('\0'))));
}

}  // namespace bora::inline BORA_ABI::detail
