/// A pseudo-random permutation that is computed at any index, without a list.
#pragma once
#include <bora/core/random.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bora { inline namespace BORA_ABI {

/// A permutation of 0 .. size - 1, decided by (seed, stream): a Feistel network (Luby and Rackoff 1988) over the next
/// even number of bits, walked along its cycle until it lands inside (Black and Rogaway 2002, §3). The expected length
/// of the walk is below four.
class ShuffledOrder {
 public:
  /// \param size  1 or more, below 2^62
  ShuffledOrder(std::uint64_t size, std::uint64_t seed, std::uint64_t stream) noexcept
      : size_(size), half_((static_cast<int>(std::bit_width(size - 1)) + 1) / 2), keys_(seed, stream) {}

  /// Of the permutation.
  std::uint64_t size() const noexcept { return size_; }

  /// The element at index i < size().
  std::uint64_t at(std::uint64_t i) const noexcept {
    do i = encipher(i);
    while (i >= size_);
    return i;
  }

 private:
  /// More than the four that theory asks for: a corpus may have a handful of rows, and halves of two bits mix slowly.
  static constexpr std::uint64_t rounds = 8;

  std::uint64_t encipher(std::uint64_t i) const noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << half_) - 1;
    std::uint64_t left = i >> half_, right = i & mask;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const std::uint64_t mixed = left ^ (keys_.at(right * rounds + round) & mask);
      left = right;
      right = mixed;
    }
    return left << half_ | right;
  }

  std::uint64_t size_;
  int half_;  ///< bits
  Random keys_;
};

}}  // namespace bora::BORA_ABI
