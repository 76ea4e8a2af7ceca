/// Dense arrays for programs; together with token_batch.hpp, the inputs and outputs of a model.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/token_batch.hpp>
#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <limits>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A dense row-major array that owns its elements; the last index runs fastest.
template <class T, std::size_t rank>
class Tensor {
 public:
  Tensor() = default;
  /// All elements zero. Throws ConfigError for a shape whose size overflows the address space, MemoryError if the
  /// system does not have the memory.
  explicit Tensor(const std::array<std::size_t, rank>& shape) try : shape_(shape), values_(count(shape)) {
  } catch (const std::bad_alloc&) {
    throw MemoryError(detail::message("there is no memory for a tensor of the shape ", detail::shape_text(shape)));
  }

  /// Extents, the last index fastest.
  const std::array<std::size_t, rank>& shape() const noexcept { return shape_; }
  /// The length of one axis.
  std::size_t extent(std::size_t axis) const noexcept { return shape_[axis]; }
  std::size_t size() const noexcept { return values_.size(); }
  T* data() noexcept { return values_.data(); }
  const T* data() const noexcept { return values_.data(); }
  /// All elements, row-major.
  std::span<T> values() noexcept { return values_; }
  /// All elements, row-major.
  std::span<const T> values() const noexcept { return values_; }

  /// The last axis at the given leading indices: `logits.row(batch, time)` is [vocab].
  template <std::convertible_to<std::size_t>... Index>
    requires(sizeof...(Index) + 1 == rank)
  std::span<const T> row(Index... index) const noexcept {
    return std::span<const T>(values_).subspan(offset(static_cast<std::size_t>(index)...), shape_[rank - 1]);
  }
  /// The last dimension at these indices of the others.
  template <std::convertible_to<std::size_t>... Index>
    requires(sizeof...(Index) + 1 == rank)
  std::span<T> row(Index... index) noexcept {
    return std::span<T>(values_).subspan(offset(static_cast<std::size_t>(index)...), shape_[rank - 1]);
  }

 private:
  static std::size_t count(const std::array<std::size_t, rank>& shape) {
    constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T);
    if (std::ranges::find(shape, 0u) != shape.end()) return 0;  // before a product of the others could be too large
    std::size_t size = 1;
    for (const std::size_t extent : shape) {
      if (extent > most / size)
        throw ConfigError(detail::message("Tensor: the shape ", detail::shape_text(shape), " holds more than ", most,
                                          " numbers, expected what fits into memory"));
      size *= extent;
    }
    return size;
  }
  template <class... Index>
  std::size_t offset(Index... index) const noexcept {
    std::size_t at = 0, axis = 0;
    ((at = at * shape_[axis++] + index), ...);
    return at * shape_[rank - 1];
  }

  std::array<std::size_t, rank> shape_{};
  std::vector<T> values_;
};

}}  // namespace bora::BORA_ABI
