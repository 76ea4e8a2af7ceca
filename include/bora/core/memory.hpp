/// Memory for numbers: aligned to a cache line, zeroed, never resized.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bora::inline BORA_ABI {

/// Bytes that panels, rows of caches and scratch start on.
inline constexpr std::size_t alignment = 64;

/// The least multiple of `multiple` that is at least `size`.
constexpr std::size_t round_up(std::size_t size, std::size_t multiple) noexcept {
  return (size + multiple - 1) / multiple * multiple;
}

namespace detail {

/// Zeroed bytes. Blocks of 1 MB and more ask the kernel for huge pages: a matrix then costs 512 times fewer TLB misses,
/// and lies in a cache without conflicts that depend on which small pages there happened to be.
inline void* allocate_zeroed(std::size_t bytes) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  const bool large = bytes >= huge / 2;
  void* block = std::aligned_alloc(large ? huge : alignment, round_up(bytes, large ? huge : alignment));
  if (block == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  if (large) madvise(block, round_up(bytes, huge), MADV_HUGEPAGE);
#endif
  std::memset(block, 0, bytes);
  return block;
}

}  // namespace detail

/// A zeroed array of `size` numbers, aligned to `alignment`. Move-only; throws std::bad_alloc.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "bora: Buffer: holds plain numbers only");

 public:
  Buffer() = default;
  /// `size` zeros. Throws std::bad_alloc.
  explicit Buffer(std::size_t size)
      : data_(size == 0 ? nullptr : static_cast<T*>(detail::allocate_zeroed(size * sizeof(T)))), size_(size) {}
  /// Leaves `other` empty.
  Buffer(Buffer&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  T* data() noexcept { return data_.get(); }
  const T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  /// Of all elements.
  std::size_t bytes() const noexcept { return size_ * sizeof(T); }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }
  std::span<T> span() noexcept { return {data(), size_}; }
  std::span<const T> span() const noexcept { return {data(), size_}; }

 private:
  struct Free {
    void operator()(T* block) const noexcept { std::free(block); }
  };
  std::unique_ptr<T[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace bora::inline BORA_ABI
