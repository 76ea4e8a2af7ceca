/// Cache policies: which kind of cache a session uses, and its element format.
#pragma once
#include <bora/core/format.hpp>
#include <concepts>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Where the runs of a layer are placed in memory.
enum class CacheKind { linear, rolling, paged };

/// Keeps every key, up to the session's capacity.
template <CacheFormat E>
struct LinearCache {
  using Element = E;
  static constexpr std::size_t page = 0;       ///< nothing is paged
  static constexpr bool needs_window = false;  ///< holds the keys of any mask
  static constexpr CacheKind kind(std::size_t) noexcept { return CacheKind::linear; }
};

/// A ring per layer (Jiang et al. 2023, §2, "Rolling Buffer Cache") with exactly as many runs as the layer's window,
/// the prefill chunk and the promised rewind need. Rejected for a mask without a window.
template <CacheFormat E>
struct RollingCache {
  using Element = E;
  static constexpr std::size_t page = 0;      ///< nothing is paged
  static constexpr bool needs_window = true;  ///< every layer's mask must have a window
  static constexpr CacheKind kind(std::size_t) noexcept { return CacheKind::rolling; }
};

/// Pages of `page_` positions drawn from one pool; forked sequences share pages until one writes.
template <std::size_t page_, CacheFormat E>
struct PagedCache {
  static_assert(page_ > 0 && page_ % 16 == 0,
                "bora: PagedCache: a page holds whole runs; use a multiple of 16 positions");
  using Element = E;
  static constexpr std::size_t page = page_;   ///< positions a page
  static constexpr bool needs_window = false;  ///< holds the keys of any mask
  static constexpr CacheKind kind(std::size_t) noexcept { return CacheKind::paged; }
};

/// Chosen by the mask: a ring for layers with a window, a linear cache for the others.
template <class Spec, CacheFormat E>
struct DefaultCache {
  using Element = E;
  static constexpr std::size_t page = 0;       ///< nothing is paged
  static constexpr bool needs_window = false;  ///< holds the keys of any mask
  static constexpr CacheKind kind(std::size_t window) noexcept {
    return window == 0 ? CacheKind::linear : CacheKind::rolling;
  }
};

/// An element format, and which kind of cache a layer of a given window gets; `page` is 0 where nothing is paged.
template <class C>
concept CachePolicy = requires(std::size_t window) {
  requires CacheFormat<typename C::Element>;
  { C::kind(window) } -> std::same_as<CacheKind>;
  { C::page } -> std::convertible_to<std::size_t>;
  { C::needs_window } -> std::convertible_to<bool>;
};

}}  // namespace bora::BORA_ABI
