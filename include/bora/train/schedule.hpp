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
namespace bora { inline namespace BORA_ABI {

/// How the rate falls after the warm-up. Checkpoints store the values: new ones are appended.
enum class Decay { cosine, linear, constant, inverse_sqrt };

/// How the rate falls in the cool-down.
enum class Cooldown { linear, cosine, one_minus_sqrt, exponential };

/// Linear warm-up to `peak`, then a decay to `floor`, which ends where the cool-down begins, then the cool-down to
/// `cooldown_floor` at `steps`. The rate of step s = 0, 1, …:
///     warm-up       peak (s + 1) / warmup                            while s < warmup
///                   peak (f + (1 - f) s / warmup)                    the same, from a share f of the peak
///     cosine        floor + (peak - floor) (1 + cos(pi u)) / 2       u = (s - warmup) / (steps - cooldown - warmup)
///     linear        peak + (floor - peak) u
///     constant      peak
///     inverse_sqrt  max(floor, peak sqrt(w / (w + s - warmup)))      w = max(warmup, 1)
/// and in the last `cooldown` steps, from the rate r that the decay reached to e = `cooldown_floor`, with v = 0 at the
/// cool-down's first step and 1 at `steps`:
///     linear          e + (r - e) (1 - v)
///     cosine          e + (r - e) (1 + cos(pi v)) / 2
///     one_minus_sqrt  e + (r - e) (1 - sqrt(v))
///     exponential     r (e / r)^v
/// From `steps` on the rate keeps its last value, except for `inverse_sqrt` without a cool-down, which keeps falling.
/// Without `steps`, cosine and linear have no end to fall towards and stay at the peak.
///
/// Warm-up, stable, decay (WSD; Hu et al. 2024, "MiniCPM", §4) is `constant` with a cool-down: theirs is `exponential`
/// and takes 10 % of the steps; `one_minus_sqrt` is that of Hägele et al. 2024. The cosine is that of SGDR (Loshchilov
/// and Hutter 2017, eq. 5), without restarts; inverse_sqrt that of Vaswani et al. 2017, eq. 3, with the peak for its
/// factor, one step later, so that every decay begins at the peak.
///
/// OLMo's (Groeneveld et al. 2024, §3.2, Table 5 and olmo/optim.py) warm up from a tenth of the peak and fall to one:
/// the 7B in a line, with 1000 steps more to 0; the 1B, as it was released, along a cosine.
struct LearningRate {
  double peak = 3e-4;                          ///< rate that the warm-up ends at
  double floor = 0;                            ///< rate that the decay ends at; not used by `constant`
  std::size_t warmup = 0;                      ///< first steps, in which the rate rises; 0: none
  std::size_t steps = 0;                       ///< of the whole run; 0: no end
  Decay decay = Decay::cosine;                 ///< between warm-up and cool-down
  std::optional<double> warmup_from = {};      ///< where the warm-up begins, as a share of the peak; else one step up
  std::size_t cooldown = 0;                    ///< last steps, in which the rate falls to `cooldown_floor`; 0: none
  Cooldown cooldown_shape = Cooldown::linear;  ///< how it falls in them
  double cooldown_floor = 0;                   ///< rate that the cool-down ends at; above 0 for `exponential`

  /// Throws ConfigError for rates that are negative or not numbers, a cool-down that leaves no step between it and the
  /// warm-up, and one that would rise or, being exponential, fall to 0.
  void check() const {
    detail::check_not_negative("learning_rate", "peak", peak);
    detail::check_not_negative("learning_rate", "floor", floor);
    detail::check_not_negative("learning_rate", "cooldown_floor", cooldown_floor);
    if (warmup_from)
      detail::check_option(*warmup_from >= 0 && *warmup_from <= 1, "learning_rate", "warmup_from", *warmup_from,
                           "a share of the peak, 0 to 1");
    if (cooldown > 0) check_cooldown();
  }
  /// The rate of step s = 0, 1, …
  double at(std::size_t s) const noexcept {
    const std::size_t end = steps - std::min(cooldown, steps);  // of the decay
    if (s < end || cooldown == 0) return decayed(s, end);
    return cooled(decayed(end, end), std::min(s, steps) - end);
  }
  /// Whether the rate is 0 from `steps` on, so that further steps would change nothing.
  bool ends_at_zero() const noexcept { return steps > 0 && peak > 0 && at(std::max(steps, warmup)) == 0; }

  friend bool operator==(const LearningRate&, const LearningRate&) = default;

 private:
  void check_cooldown() const {
    if (warmup >= steps || cooldown >= steps - warmup)
      throw ConfigError(detail::message("learning_rate: a warm-up of ", warmup, " steps and a cool-down of ", cooldown,
                                        " leave nothing of ", steps, " steps between them"));
    const double from = decayed(steps - cooldown, steps - cooldown);
    detail::check_option(cooldown_floor <= from, "learning_rate", "cooldown_floor", cooldown_floor,
                         detail::message("at most ", from, ", the rate that the cool-down begins at"));
    detail::check_option(cooldown_shape != Cooldown::exponential || cooldown_floor > 0, "learning_rate",
                         "cooldown_floor", cooldown_floor, "a number above 0, which an exponential cool-down reaches");
  }
  double decayed(std::size_t s, std::size_t end) const noexcept {
    if (s < warmup && warmup_from) return peak * *warmup_from + peak * (1 - *warmup_from) * ratio(s, warmup);
    if (s < warmup) return peak * static_cast<double>(s + 1) / static_cast<double>(warmup);
    if (decay == Decay::inverse_sqrt) {
      const std::size_t w = std::max<std::size_t>(warmup, 1);
      return std::max(floor, peak * std::sqrt(static_cast<double>(w) / static_cast<double>(w + (s - warmup))));
    }
    if (decay == Decay::constant || steps == 0) return peak;
    const double u = end <= warmup ? 1 : std::min(1.0, ratio(s - warmup, end - warmup));
    if (decay == Decay::linear) return peak + (floor - peak) * u;
    return floor + (peak - floor) * (1 + std::cos(std::numbers::pi * u)) / 2;
  }
  /// After `s` steps of the cool-down, which began at `from`.
  double cooled(double from, std::size_t s) const noexcept {
    if (s == 0) return from;
    if (s == cooldown) return cooldown_floor;
    const double left = ratio(cooldown - s, cooldown), v = ratio(s, cooldown), fall = from - cooldown_floor;
    switch (cooldown_shape) {
      case Cooldown::cosine:
        return cooldown_floor + fall * (1 + std::cos(std::numbers::pi * v)) / 2;
      case Cooldown::one_minus_sqrt:
        return cooldown_floor + fall * (1 - std::sqrt(v));
      case Cooldown::exponential:
        return from * std::pow(cooldown_floor / from, v);
      case Cooldown::linear:
        break;
    }
    return cooldown_floor + fall * left;
  }
  static double ratio(std::size_t a, std::size_t b) noexcept { return static_cast<double>(a) / static_cast<double>(b); }
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
