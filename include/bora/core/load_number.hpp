/// Reads numbers from unaligned bytes.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <cstring>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A number at `from`, which need not be aligned.
template <class T>
T load_number(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}}}  // namespace bora::BORA_ABI::detail
