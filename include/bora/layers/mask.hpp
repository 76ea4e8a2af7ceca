/// Which keys a query sees. A mask is a range, not a branch: it answers where the visible keys begin, and
/// they always end with the query itself.
#pragma once
#include <bora/core/abi.hpp>
#include <concepts>
#include <cstddef>

namespace bora::inline BORA_ABI {

/// A type with `first_visible(position)`, non-decreasing and at most `position`, and `window`: the most keys a
/// query ever sees, 0 if there is no bound.
template <class M>
concept MaskPolicy = requires(std::size_t position) {
  { M::first_visible(position) } noexcept -> std::convertible_to<std::size_t>;
  { M::window } -> std::convertible_to<std::size_t>;
};

/// Every key up to the query itself.
struct Causal {
  static constexpr std::size_t window = 0;  ///< no bound
  /// The first token.
  static constexpr std::size_t first_visible(std::size_t) noexcept { return 0; }
};

/// Sliding-window attention (Jiang et al. 2023, "Mistral 7B", §2): query i sees key j when i - keys < j <= i:
/// `keys` of them, its own included, as the paper's figures and Mistral's code have it (its text says one more).
template <std::size_t keys>
struct SlidingWindow {
  static_assert(keys > 0, "bora: SlidingWindow: the window counts the current token; use 1 or more");
  static_assert(keys <= 0xffffffff, "bora: SlidingWindow: no sequence is that long; use Causal");
  static constexpr std::size_t window = keys;  ///< keys a query sees at most, its own included
  /// The oldest key that `position` sees.
  static constexpr std::size_t first_visible(std::size_t position) noexcept {
    return position < window ? 0 : position + 1 - window;
  }
};

}  // namespace bora::inline BORA_ABI
