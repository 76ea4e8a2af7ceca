/// Which keys a query sees. A mask is a range: it gives the first visible key, and the last one is always the query's
/// own.
#pragma once
#include <bora/core/abi.hpp>
#include <bora/layers/policy_description.hpp>
#include <concepts>
#include <cstddef>
#include <type_traits>

namespace bora { inline namespace BORA_ABI {

/// A type with `first_visible(position)`, non-decreasing and at most `position`, and `window`: the most keys a
/// query ever sees, 0 if there is no bound. A model checks these rules over its context while it is compiled.
template <class M>
concept MaskPolicy = requires(std::size_t position) {
  { M::first_visible(position) } noexcept -> std::convertible_to<std::size_t>;
  { M::window } -> std::convertible_to<std::size_t>;
};

/// Every key up to the query itself.
struct Causal {
  static constexpr std::size_t window = 0;  ///< no bound
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Causal> = {}) { return PolicyDescription("Causal"); }
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
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SlidingWindow> = {}) {
    PolicyDescription d("SlidingWindow");
    d.add("window", window);
    return d;
  }
  /// The oldest key that `position` sees.
  static constexpr std::size_t first_visible(std::size_t position) noexcept {
    return position < window ? 0 : position + 1 - window;
  }
};

namespace detail {

/// Which rule of MaskPolicy a mask breaks.
enum class MaskFault { none, sees_ahead, falls, exceeds_window, too_slow };

/// The first rule that is broken at a position before `end`. All positions below `dense` are checked, then positions at
/// growing distances, and the first position at which a window excludes a key.
template <class Mask>
constexpr MaskFault mask_fault(std::size_t end, std::size_t dense) {
  const std::size_t window = Mask::window;
  std::size_t before = 0;
  for (std::size_t p = 0; p < end;) {
    const std::size_t first = Mask::first_visible(p);
    if (first > p) return MaskFault::sees_ahead;
    if (first < before) return MaskFault::falls;
    if (window != 0 && p - first >= window) return MaskFault::exceeds_window;
    before = first;
    const std::size_t next = p < dense ? p + 1 : p + 1 + p / 8;
    p = p < window && next > window ? window : next;
  }
  return MaskFault::none;
}

/// Whether the compiler can evaluate that: it rejects constant expressions that take too many steps.
template <class Mask, std::size_t end, std::size_t dense>
inline constexpr bool mask_computes =
    requires { typename std::integral_constant<MaskFault, mask_fault<Mask>(end, dense)>; };

/// The rule that a mask breaks, checked as closely as the compiler's limit allows: for slow masks at fewer positions,
/// and finally only up to twice the window, where a wrong window shows.
template <class Mask, std::size_t context>
constexpr MaskFault find_mask_fault() {
  constexpr std::size_t window = Mask::window, near = window == 0 ? 128 : window;
  constexpr std::size_t end = near < context / 2 ? 2 * near : context;
  if constexpr (mask_computes<Mask, context, 1024>)
    return mask_fault<Mask>(context, 1024);
  else if constexpr (mask_computes<Mask, context, 16>)
    return mask_fault<Mask>(context, 16);
  else if constexpr (mask_computes<Mask, end, 16>)
    return mask_fault<Mask>(end, 16);
  else
    return MaskFault::too_slow;
}

/// Checks the rules of MaskPolicy over a context, each with its own message.
template <class Mask, std::size_t context>
struct MaskCheck {
  static constexpr bool is_constexpr = mask_computes<Mask, (context < 2 ? context : 2), 0>;
  static_assert(
      is_constexpr,
      "bora: MaskPolicy: first_visible and window must be constexpr: a model checks the mask over its context "
      "while it is compiled");
  static constexpr MaskFault fault = [] {
    if constexpr (is_constexpr)
      return find_mask_fault<Mask, context>();
    else
      return MaskFault::none;
  }();
  static_assert(fault != MaskFault::sees_ahead,
                "bora: MaskPolicy: first_visible(position) exceeds the position: a query sees at least itself");
  static_assert(
      fault != MaskFault::falls,
      "bora: MaskPolicy: first_visible falls as the position grows: a key that was hidden cannot be seen again");
  static_assert(fault != MaskFault::exceeds_window,
                "bora: MaskPolicy: a query sees more keys than window says, and a ring would overwrite them: make "
                "window the largest position - first_visible(position) + 1, or 0 for no bound");
  static_assert(fault != MaskFault::too_slow,
                "bora: MaskPolicy: first_visible takes the compiler too many steps: make it a formula of the position "
                "(or raise -fconstexpr-ops-limit, of clang -fconstexpr-steps)");
  static constexpr bool sound = is_constexpr && fault == MaskFault::none;
};
template <std::size_t context>
struct MaskCheck<Causal, context> {
  static constexpr bool sound = true;
};
template <std::size_t keys, std::size_t context>
struct MaskCheck<SlidingWindow<keys>, context> {
  static constexpr bool sound = true;
};

}  // namespace detail

}}  // namespace bora::BORA_ABI
