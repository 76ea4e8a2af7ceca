/// Learning rates by step.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// How the rate falls after the warm-up.
enum class Decay { cosine, linear, constant };

/// Linear warm-up to `peak`, then down to `floor` at the last of `steps`:
///     rate(s) = peak (s + 1) / warmup                                           while s < warmup
///     cosine    floor + (peak - floor) (1 + cos(pi u)) / 2      u = (s - warmup) / (steps - warmup)
///     linear    peak + (floor - peak) u
struct LearningRate {
  double peak = 3e-4, floor = 0;
  std::size_t warmup = 0, steps = 1;
  Decay decay = Decay::cosine;

  /// Throws ConfigError for rates that are negative or not numbers.
  void check() const {
    if (!(peak >= 0 && floor >= 0 && std::isfinite(peak) && std::isfinite(floor)))
      throw ConfigError(detail::message("learning_rate: peak ", peak, " and floor ", floor, " must be 0 or more"));
  }
  /// The rate of step s = 0, 1, …; beyond the last step it stays where it ended.
  double at(std::size_t s) const noexcept {
    if (s < warmup) return peak * static_cast<double>(s + 1) / static_cast<double>(warmup);
    if (decay == Decay::constant) return peak;
    const double u =
        steps <= warmup ? 1 : std::min(1.0, static_cast<double>(s - warmup) / static_cast<double>(steps - warmup));
    if (decay == Decay::linear) return peak + (floor - peak) * u;
    return floor + (peak - floor) * (1 + std::cos(std::numbers::pi * u)) / 2;
  }
};

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
