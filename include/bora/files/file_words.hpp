/// Common parts of this library's own file formats: 64-bit words, names stored in words, and the checksum
/// (core/checksum.hpp).
#pragma once
#include <bora/core/checksum.hpp>
#include <bora/core/printable.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

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

}}}  // namespace bora::BORA_ABI::detail
