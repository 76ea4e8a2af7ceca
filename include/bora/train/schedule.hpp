/// Learning rates by step.
#pragma once
#include <bora/core/error.hpp>
#include <bora/train/option_check.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// How the rate falls after the warm-up.
enum class Decay { cosine, linear, constant };

/// Linear warm-up to `peak`, then down to `floor` where the cool-down begins, then linearly to 0 at the last of
/// `steps`. Without `steps` there is no end to come down to, and the rate stays at the peak:
///     rate(s) = peak (s + 1) / warmup                                           while s < warmup
///               peak (f + (1 - f) s / warmup)                                   the same, from a share f of the peak
///     cosine    floor + (peak - floor) (1 + cos(pi u)) / 2      u = (s - warmup) / (steps - cooldown - warmup)
///     linear    peak + (floor - peak) u
///     rate(steps - cooldown) (steps - s) / cooldown                             in the last `cooldown` steps
///
/// The cosine is that of SGDR (Loshchilov and Hutter 2017, eq. 5), without restarts.
///
/// OLMo's (Groeneveld et al. 2024, §3.2, Table 5 and olmo/optim.py) warm up from a tenth of the peak and fall to one:
/// the 7B in a line, with 1000 steps more to 0; the 1B, as it was released, along a cosine.
struct LearningRate {
  double peak = 3e-4;                      ///< rate that the warm-up ends at
  double floor = 0;                        ///< rate that the decay ends at; not used by `constant`
  std::size_t warmup = 0;                  ///< first steps, in which the rate rises; 0: none
  std::size_t steps = 0;                   ///< of the whole run; 0: no end
  Decay decay = Decay::cosine;             ///< between warm-up and cool-down
  std::optional<double> warmup_from = {};  ///< where the warm-up begins, as a share of the peak; else one step above 0
  std::size_t cooldown = 0;                ///< last steps, in which the rate falls to 0; 0: none

  /// Throws ConfigError for rates that are negative or not numbers, and a cool-down that leaves no step between it and
  /// the warm-up.
  void check() const {
    detail::check_not_negative("learning_rate", "peak", peak);
    detail::check_not_negative("learning_rate", "floor", floor);
    if (warmup_from)
      detail::check_option(*warmup_from >= 0 && *warmup_from <= 1, "learning_rate", "warmup_from", *warmup_from,
                           "a share of the peak, 0 to 1");
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
    if (s < warmup && warmup_from) return peak * *warmup_from + peak * (1 - *warmup_from) * ratio(s, warmup);
    if (s < warmup) return peak * static_cast<double>(s + 1) / static_cast<double>(warmup);
    if (decay == Decay::constant || steps == 0) return peak;
    const double u = end <= warmup ? 1 : std::min(1.0, ratio(s - warmup, end - warmup));
    if (decay == Decay::linear) return peak + (floor - peak) * u;
    return floor + (peak - floor) * (1 + std::cos(std::numbers::pi * u)) / 2;
  }
  static double ratio(std::size_t a, std::size_t b) noexcept { return static_cast<double>(a) / static_cast<double>(b); }
};

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
