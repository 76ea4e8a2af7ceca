/// Memory of a forward pass: rows of numbers, cut from one block.
#pragma once
#include <bora/core/memory.hpp>
#include <bora/simd/block.hpp>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// Rows that one forward works on: where each stands in its sequence.
struct RowPlace {
  std::size_t sequence;  ///< of the cache's, from 0
  std::size_t position;  ///< in that sequence, from 0
};

/// A bump allocator over memory that was sized by a dry run of the same carving.
class Arena {
 public:
  Arena() = default;  ///< dry: counts, and hands out null
  /// Cuts from `memory`, as large as a dry run said.
  explicit Arena(std::byte* memory) : memory_(memory) {}

  /// Room for `count` numbers on a boundary of `alignment`; null while dry.
  template <class T>
  T* take(std::size_t count) noexcept {
    used_ = round_up(used_, alignment);
    T* block = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + used_);
    used_ += count * sizeof(T);
    return block;
  }
  /// Bytes handed out so far.
  std::size_t used() const noexcept { return round_up(used_, alignment); }
  /// Gives back what was taken since `used()` said so.
  void rewind(std::size_t used) noexcept { used_ = used; }

 private:
  std::byte* memory_ = nullptr;
  std::size_t used_ = 0;
};

/// One block for all that `carve(Arena&)` takes: counted dry, then cut. Throws MemoryError, which says what it was for.
template <class Carve>
Buffer<std::byte> carve_buffer(const char* what, Carve&& carve) {
  Arena counting;
  carve(counting);
  Buffer<std::byte> memory(counting.used(), what);
  Arena arena(memory.data());
  carve(arena);
  return memory;
}

/// Elements between rows of an activation buffer: whole blocks, the padding stays zero. Strides that are a multiple of
/// a page would send all rows of a tile to the same sets of the first-level cache; they get a cache line more.
constexpr std::size_t row_stride(std::size_t n) noexcept {
  const std::size_t blocks = round_up(n, simd::block_lanes);
  return blocks % 1024 == 0 ? blocks + 2 * simd::block_lanes : blocks;
}

/// A buffer of rows; a view.
template <class T>
struct Rows {
  T* data = nullptr;       ///< where row 0 begins
  std::size_t stride = 0;  ///< elements from one row to the next
  /// Where a row begins.
  T* row(std::size_t r) const noexcept { return data + r * stride; }
  /// The rows from r on.
  Rows from(std::size_t r) const noexcept { return {data + r * stride, stride}; }
  /// Read-only.
  operator Rows<const T>() const noexcept  // NOLINT: reading is always allowed
    requires(!std::is_const_v<T>)
  {
    return {data, stride};
  }
};

/// Memory for `rows` rows of `width` numbers, each padded to `row_stride(width)`.
template <class T>
Rows<T> take_rows(Arena& arena, std::size_t rows, std::size_t width) noexcept {
  return {arena.take<T>(rows * row_stride(width)), row_stride(width)};
}

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
