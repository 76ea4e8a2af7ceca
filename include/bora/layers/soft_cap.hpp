/// Soft caps of scores and logits.
#pragma once
#include <bora/layers/policy_description.hpp>
#include <bora/layers/position.hpp>
#include <concepts>

namespace bora { inline namespace BORA_ABI {

/// No cap.
struct NoSoftCap {
  static constexpr double cap = 0;  ///< none
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NoSoftCap> = {}) { return PolicyDescription("NoSoftCap"); }
};

/// x becomes cap * tanh(x / cap) (Gemma Team 2024, "Gemma 2", §2): as an option of attention the scaled scores, with
/// their bias and before the mask; as a spec's LogitCap the logits.
template <auto cap_>
struct SoftCap {
  static constexpr double cap = cap_;  ///< no magnitude exceeds it
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SoftCap> = {}) {
    return detail::number_description("SoftCap", "cap", cap);
  }
  static_assert(detail::fractional<decltype(cap_)>, "bora: SoftCap: the cap is a double: write SoftCap<50.0>");
  static_assert(cap_ > 0, "bora: SoftCap: the cap must be positive; leave it out for none");
};

/// A cap of logits: `cap`, 0 for none.
template <class C>
concept SoftCapPolicy = requires {
  { C::cap } -> std::convertible_to<double>;
};

}}  // namespace bora::BORA_ABI
