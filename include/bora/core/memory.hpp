/// Memory for numbers: aligned to a cache line, zeroed, never resized.
#pragma once
#include <bora/core/error.hpp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
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

[[noreturn]] inline void refuse_memory(const char* what, std::size_t bytes) {
  throw MemoryError(message("there is no memory for ", what, ": ", bytes, " bytes were asked for"));
}

/// Zeroed bytes. Blocks of 1 MB and more ask the kernel for huge pages: a translation then serves 2 MB of a matrix, not
/// 4 KB, and it lies in a cache without conflicts that depend on which small pages there happened to be.
/// Not inlined: g++ 12 would warn of sizes that its own copies of this function invent.
BORA_NOINLINE inline void* allocate_zeroed(std::size_t bytes, const char* what) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  const bool large = bytes >= huge / 2;
  void* block = std::aligned_alloc(large ? huge : alignment, round_up(bytes, large ? huge : alignment));
  if (block == nullptr) refuse_memory(what, bytes);
#if defined(__linux__)
  if (large) madvise(block, round_up(bytes, huge), MADV_HUGEPAGE);
#endif
  std::memset(block, 0, bytes);
  return block;
}

}  // namespace detail

/// A zeroed array of `size` numbers, aligned to `alignment`. Move-only.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "bora: Buffer: holds plain numbers only");

 public:
  Buffer() = default;
  /// `size` zeros. Throws MemoryError, which says what they were for.
  explicit Buffer(std::size_t size, const char* what = "numbers") : size_(size) {
    if (size > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T))
      throw MemoryError(detail::message("there is no memory for ", what, ": ", size, " numbers were asked for"));
    if (size != 0) data_.reset(static_cast<T*>(detail::allocate_zeroed(size * sizeof(T), what)));
  }
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
