/// Memory for arrays of numbers: aligned to a cache line, zeroed, never resized.
#pragma once
#include <bora/core/error.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bora { inline namespace BORA_ABI {

/// Alignment in bytes of panels, rows of caches and scratch memory.
inline constexpr std::size_t alignment = 64;

/// The least multiple of `multiple` that is at least `size`.
constexpr std::size_t round_up(std::size_t size, std::size_t multiple) noexcept {
  return (size + multiple - 1) / multiple * multiple;
}

namespace detail {

[[noreturn]] inline void refuse_memory(const char* what, std::size_t bytes) {
  throw MemoryError(message("there is no memory for ", what, ": ", bytes, " bytes were asked for"));
}

/// Bytes of a huge page (one TLB entry), and the size from which a buffer gets its own pages from the system.
inline constexpr std::size_t huge_page = std::size_t{2} << 20, large_block = huge_page / 2;

#if defined(__linux__)
/// Zeroed pages from the system, resident once they are written to; null if the system refuses.
BORA_NOINLINE inline void* map_zeroed(std::size_t bytes) noexcept {
  const std::size_t size = round_up(bytes, huge_page), room = size + huge_page;
  if (room < bytes) return nullptr;
  void* block = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(block);
  const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(block) % huge_page) % huge_page;
  if (before != 0) munmap(begin, before);
  munmap(begin + before + size, huge_page - before);
  return begin + before;
}
#endif

/// Zeroed bytes. Large allocations are pages that the system zeroes on first write, so unused parts take no memory. Not
/// inlined: g++ 12 would warn of sizes that occur only in its inlined copies.
BORA_NOINLINE inline void* allocate_zeroed(std::size_t bytes, const char* what) {
#if defined(__linux__)
  if (bytes >= large_block) {
    if (void* block = map_zeroed(bytes)) return block;
    refuse_memory(what, bytes);
  }
#endif
  void* block = std::aligned_alloc(alignment, round_up(bytes, alignment));
  if (block == nullptr) refuse_memory(what, bytes);
  std::memset(block, 0, bytes);
  return block;
}
BORA_NOINLINE inline void free_zeroed(void* block, std::size_t bytes) noexcept {
#if defined(__linux__)
  if (bytes >= large_block) {
    munmap(block, round_up(bytes, huge_page));
    return;
  }
#endif
  std::free(block);
}

/// Asks for the huge pages that lie entirely in [begin, end): a TLB entry then covers 2 MB of a matrix instead of 4 KB,
/// and cache conflicts no longer depend on which small pages the system happened to hand out.
inline void advise_huge([[maybe_unused]] std::byte* begin, [[maybe_unused]] std::byte* end) noexcept {
#if defined(__linux__)
  begin += (huge_page - reinterpret_cast<std::uintptr_t>(begin) % huge_page) % huge_page;
  end -= reinterpret_cast<std::uintptr_t>(end) % huge_page;
  if (begin < end) madvise(begin, static_cast<std::size_t>(end - begin), MADV_HUGEPAGE);
#endif
}

}  // namespace detail

/// How much of a buffer is expected to be used.
enum class Use {
  whole,       ///< all of it: large buffers ask for huge pages
  as_it_grows  ///< from the front, perhaps never to the end: the owner chooses which bytes may use huge pages
};

/// A zeroed array of `size` elements, aligned to `alignment`. Large arrays take memory as they are written to.
/// Move-only.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "bora: Buffer: holds plain numbers only");

 public:
  Buffer() = default;
  /// `size` zeros. Throws MemoryError, whose message says what the memory was for.
  explicit Buffer(std::size_t size, const char* what = "numbers", Use use = Use::whole) {
    if (size > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T))
      throw MemoryError(detail::message("there is no memory for ", what, ": ", size, " numbers were asked for"));
    if (size == 0) return;
    data_ = static_cast<T*>(detail::allocate_zeroed(size * sizeof(T), what));
    size_ = size;
    if (use == Use::whole) allow_huge_pages(0, round_up(bytes(), detail::huge_page));  // as much is mapped
  }
  /// Leaves `other` empty.
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    Buffer(std::move(other));  // destroys this buffer's old contents
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) detail::free_zeroed(data_, bytes());
  }

  /// Allows huge pages for the bytes [begin, end) of a large buffer, as far as they lie entirely within it. Writes
  /// there make 2 MB resident at a time. For Use::as_it_grows.
  void allow_huge_pages(std::size_t begin, std::size_t end) noexcept {
    if (bytes() < detail::large_block) return;
    auto* memory = reinterpret_cast<std::byte*>(data_);
    if (begin < end) detail::advise_huge(memory + begin, memory + end);
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  /// Bytes of all elements.
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
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}}  // namespace bora::BORA_ABI
