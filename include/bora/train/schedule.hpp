/// Learning rates by step.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// How the rate falls after the warm-up. `olmo` (Groeneveld et al. 2024, §3.2, Table 5 and olmo/optim.py): linear to a
/// tenth of the peak, after a warm-up that begins at a tenth of it; OLMo 7B then cooled down to 0 in 1000 steps.
enum class Decay { cosine, linear, constant, olmo };

/// Linear warm-up to `peak`, then down to `floor` where the cool-down begins, then linearly to 0 at the last of
/// `steps`:
///     rate(s) = peak (s + 1) / warmup                                           while s < warmup
///     cosine    floor + (peak - floor) (1 + cos(pi u)) / 2      u = (s - warmup) / (steps - cooldown - warmup)
///     linear    peak + (floor - peak) u
///     olmo      the same with floor = peak / 10; while s < warmup: peak (1 / 10 + 9 / 10 s / warmup)
///     rate(steps - cooldown) (steps - s) / cooldown                             in the last `cooldown` steps
struct LearningRate {
  double peak = 3e-4, floor = 0;
  std::size_t warmup = 0, steps = 1;
  Decay decay = Decay::cosine;
  std::size_t cooldown = 0;

  /// Throws ConfigError for rates that are negative or not numbers, a floor beside OLMo's own, and a cool-down that
  /// leaves no step between it and the warm-up.
  void check() const {
    if (!(peak >= 0 && floor >= 0 && std::isfinite(peak) && std::isfinite(floor)))
      throw ConfigError(detail::message("learning_rate: peak ", peak, " and floor ", floor, " must be 0 or more"));
    if (decay == Decay::olmo && floor != 0)
      throw ConfigError(detail::message("learning_rate: floor ", floor, " was given, but OLMo's schedule falls to a ",
                                        "tenth of the peak; leave it out"));
    if (cooldown > 0 && (warmup >= steps || cooldown >= steps - warmup))
      throw ConfigError(detail::message("learning_rate: a warm-up of ", warmup, " steps and a cool-down of ", cooldown,
                                        " leave nothing of ", steps, " steps between them"));
  }
  /// The rate of step s = 0, 1, …; beyond the last step it stays where it ended.
  double at(std::size_t s) const noexcept {
    const std::size_t end = steps - std::min(cooldown, steps);  // of the decay
    if (s < end || cooldown == 0) return decayed(s, end);
    return decayed(end, end) * (static_cast<double>(steps - std::min(s, steps)) / static_cast<double>(cooldown));
  }

 private:
  double decayed(std::size_t s, std::size_t end) const noexcept {
    const bool olmo = decay == Decay::olmo;
    const double lowest = olmo ? peak / 10 : floor;
    if (s < warmup && olmo) return lowest + (peak - lowest) * ratio(s, warmup);
    if (s < warmup) return peak * static_cast<double>(s + 1) / static_cast<double>(warmup);
    if (decay == Decay::constant) return peak;
    const double u = end <= warmup ? 1 : std::min(1.0, ratio(s - warmup, end - warmup));
    if (decay != Decay::cosine) return peak + (lowest - peak) * u;
    return lowest + (peak - lowest) * (1 + std::cos(std::numbers::pi * u)) / 2;
  }
  static double ratio(std::size_t a, std::size_t b) noexcept { return static_cast<double>(a) / static_cast<double>(b); }
};

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
