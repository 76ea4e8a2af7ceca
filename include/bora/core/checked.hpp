/// Sizes that come from files. Every product, sum and padding of them goes through this one type, so an
/// overflow is an exception and never a small buffer.
#pragma once
#include <bora/core/error.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace bora { inline namespace BORA_ABI {

/// A std::size_t whose arithmetic throws FileError where it would wrap.
class CheckedSize {
 public:
  /// Throws FileError if it does not fit a std::size_t.
  constexpr CheckedSize(std::uint64_t value = 0) : value_(narrow(value)) {}  // NOLINT: a size is a size

  friend constexpr CheckedSize operator*(CheckedSize a, CheckedSize b) {
    if (b.value_ != 0 && a.value_ > std::numeric_limits<std::size_t>::max() / b.value_) overflow();
    return a.value_ * b.value_;
  }
  friend constexpr CheckedSize operator+(CheckedSize a, CheckedSize b) {
    if (a.value_ > std::numeric_limits<std::size_t>::max() - b.value_) overflow();
    return a.value_ + b.value_;
  }
  /// Throws where the difference would be negative.
  friend constexpr CheckedSize operator-(CheckedSize a, CheckedSize b) {
    if (a.value_ < b.value_) overflow();
    return a.value_ - b.value_;
  }
  constexpr CheckedSize& operator*=(CheckedSize b) { return *this = *this * b; }
  constexpr CheckedSize& operator+=(CheckedSize b) { return *this = *this + b; }
  friend constexpr auto operator<=>(CheckedSize, CheckedSize) = default;

  /// The size.
  constexpr std::size_t value() const noexcept { return value_; }

 private:
  static constexpr std::size_t narrow(std::uint64_t value) {
    if (value > std::numeric_limits<std::size_t>::max()) overflow();
    return static_cast<std::size_t>(value);
  }
  [[noreturn]] static void overflow() {
    throw FileError("a size in the file does not fit into memory: its arithmetic overflows");
  }

  std::size_t value_;
};

}}  // namespace bora::BORA_ABI
