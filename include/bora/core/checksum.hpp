/// A checksum over 64-bit words, for contents of files and for descriptions of models.
#pragma once
#include <bora/core/load_number.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A 64-bit sum of words: each step is a bijection, so a change of any one word is seen.
class Checksum {
 public:
  void add(std::uint64_t word) noexcept {
    sum_ = (sum_ ^ word) * 0x9e3779b97f4a7c15u;
    sum_ ^= sum_ >> 32;
  }
  void add(double number) noexcept { add(std::bit_cast<std::uint64_t>(number)); }
  /// The last word is padded with zeros: callers that add text must add its size too.
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

}}}  // namespace bora::BORA_ABI::detail
