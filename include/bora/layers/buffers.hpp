/// Memory of a forward pass: rows of activations, carved from one allocation.
#pragma once
#include <bora/core/lane.hpp>
#include <bora/core/memory.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// A row of a forward pass: its sequence, and its position in it.
struct RowPlace {
  std::size_t sequence;  ///< of the cache's, from 0
  std::size_t position;  ///< in that sequence, from 0
};

/// Whether forward saves the activations of each layer for backward, or all layers share one set of buffers.
enum class Keep { nothing, everything };

/// A bump allocator over memory whose size was found by a dry run of the same requests.
class Arena {
 public:
  Arena() = default;  ///< dry run: counts bytes, and returns null
  /// Allocates from `memory`, whose size a dry run found, for a forward on `lanes` lanes.
  explicit Arena(std::byte* memory, Keep keep = Keep::everything, std::size_t lanes = 1) noexcept
      : memory_(memory), keep_(keep), lanes_(lanes) {}

  /// Memory for `count` elements, aligned to `alignment`; null in a dry run.
  template <class T>
  T* take(std::size_t count) noexcept {
    used_ = round_up(used_, alignment);
    T* block = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + used_);
    used_ += count * sizeof(T);
    return block;
  }
  /// Calls the parts, whose buffers are never in use at the same time: they overlap if `may` is true and activations
  /// are not saved.
  template <class... Part>
  void overlay(bool may, Part&&... part) {
    const std::size_t begin = used_;
    std::size_t end = begin;
    ((used_ = may && !saves() ? begin : end, part(), end = std::max(end, used_)), ...);
    used_ = end;
  }
  /// Bytes handed out so far.
  std::size_t used() const noexcept { return round_up(used_, alignment); }
  /// Whether activations are saved for backward, so that nothing may be overwritten before it.
  bool saves() const noexcept { return keep_ == Keep::everything; }
  /// Most lanes that work at the same time.
  std::size_t lanes() const noexcept { return lanes_; }

 private:
  std::byte* memory_ = nullptr;
  std::size_t used_ = 0;
  Keep keep_ = Keep::everything;
  std::size_t lanes_ = 1;
};

/// Allocates all buffers that `carve(Arena&)` requests, after a dry run that counts them. Throws MemoryError, whose
/// message says what the memory was for.
template <class Carve>
Buffer<std::byte> carve_buffer(const char* what, Carve&& carve, Keep keep = Keep::everything, std::size_t lanes = 1) {
  Arena counting(nullptr, keep, lanes);
  carve(counting);
  Buffer<std::byte> memory(counting.used(), what);
  Arena arena(memory.data(), keep, lanes);
  carve(arena);
  return memory;
}

/// Whether the buffers of a `Kept` may overlap with others that are not in use at the same time, as it declares. They
/// may not if a product reads their padding (a width that is odd for the format), which must stay zero.
template <class Kept>
inline constexpr bool overlays = false;
template <class Kept>
  requires requires { Kept::overlays; }
inline constexpr bool overlays<Kept> = Kept::overlays;

/// Elements between rows of an activation buffer: whole blocks, the padding stays zero. A stride that is a multiple of
/// a page would map all rows of a tile to the same sets of L1, so it gets one more cache line.
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
  /// The columns from c on.
  Rows columns(std::size_t c) const noexcept { return {data + c, stride}; }
  /// Read-only.
  operator Rows<const T>() const noexcept  // NOLINT: reading is always allowed
    requires(!std::is_const_v<T>)
  {
    return {data, stride};
  }
};

/// Memory for `rows` rows of `width` elements, each padded to `row_stride(width)`.
template <class T>
Rows<T> take_rows(Arena& arena, std::size_t rows, std::size_t width) noexcept {
  return {arena.take<T>(rows * row_stride(width)), row_stride(width)};
}

/// Activations that are read only by the lane that computed them, and by backward. In training all columns are saved;
/// in a session each lane has memory for some of its columns, and processes group after group of columns in it.
template <class T>
struct LaneRows : Rows<T> {
  std::size_t lane_size = 0;  ///< elements of a lane's memory; 0: all columns are saved

  /// Memory of this size stays in L2. simd::matmul groups 96, 192 or 384 columns: fewer would read x more often.
  static constexpr std::size_t block_columns = 192;
  static constexpr std::size_t block_rows = 512;  ///< rows for which that size is chosen

  /// Columns that fit a lane's memory with `rows` rows.
  std::size_t block_width(std::size_t rows) const noexcept {
    if (lane_size == 0) return this->stride;
    const std::size_t fit = lane_size / rows;
    return fit - fit % (fit < block_columns ? simd::block_lanes : block_columns);
  }
  /// A lane's memory for some of its columns: rows begin with the first of them.
  Rows<T> block(const Lane& lane, Range columns) const noexcept {
    if (lane_size == 0) return this->columns(columns.begin);
    return {this->data + lane.index * lane_size, round_up(columns.size(), simd::block_lanes)};
  }
  /// The rows from r on.
  LaneRows from(std::size_t r) const noexcept { return lane_size == 0 ? LaneRows{Rows<T>::from(r)} : *this; }
};

/// Memory for `rows` rows of `width` elements.
template <class T>
LaneRows<T> take_lane_rows(Arena& arena, std::size_t rows, std::size_t width) noexcept {
  using R = LaneRows<T>;
  if (arena.saves()) return {take_rows<T>(arena, rows, width)};
  const std::size_t panels = (width + simd::block_lanes - 1) / simd::block_lanes;
  const std::size_t share = (panels + arena.lanes() - 1) / arena.lanes() * simd::block_lanes;
  const std::size_t size = std::min(rows * share, std::max(rows, R::block_rows) * R::block_columns);
  return {{arena.take<T>(arena.lanes() * size), 0}, size};
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
