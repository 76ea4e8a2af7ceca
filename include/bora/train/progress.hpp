/// Progress reports and loss history of a training run.
#pragma once
#include <bora/core/abi.hpp>
#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

namespace bora { inline namespace BORA_ABI {

/// A point of a loss curve.
struct LossPoint {
  std::size_t step;  ///< 1, 2, …: after that step for held-out text, in it for training
  double loss;       ///< the objective in training; for held-out text the cross entropy

  friend bool operator==(const LossPoint&, const LossPoint&) = default;
};

/// Progress of a training run after a step.
struct Progress {
  std::size_t step;                     ///< steps done
  std::size_t steps;                    ///< steps of the whole run
  double loss;                          ///< of the step's batches, before its update: the objective
  double cross_entropy;                 ///< the part that is comparable with `held_out_loss`
  double learning_rate;                 ///< of the step
  double gradient_norm;                 ///< global, before clipping
  double tokens_per_second;             ///< since the last report; evaluation and checkpoints not counted
  double flops_per_second;              ///< the same, by `flops_per_token`: backward costs twice what forward does
  std::optional<double> share_of_peak;  ///< of FitOptions::peak_flops_per_second, where that is given
  std::optional<double> held_out_loss;  ///< where it was measured after this step
  std::optional<LossPoint> best;        ///< the lowest held-out loss so far
  std::size_t memory_bytes;             ///< peak memory of the program so far; 0 if the system does not report it
  double seconds_left;                  ///< at the mean speed so far, everything counted
  bool one_build;                       ///< false if another build of the library did part of the training run
};

/// Called with a training run's progress; an exception from it ends the run and passes through.
using ProgressCallback = std::function<void(const Progress&)>;

/// Facts about a training run before its first step.
struct RunStart {
  bool resumed;                   ///< whether the training run resumes from a checkpoint
  std::size_t step;               ///< steps done before
  std::size_t steps;              ///< steps of the whole run; if not more than `step`, nothing is left to do
  double learning_rate;           ///< of the next step
  std::optional<LossPoint> best;  ///< the lowest held-out loss so far
  bool one_build;                 ///< as in Progress
};

/// Called once, before the first step of a training run; an exception from it ends the run and passes through.
using StartCallback = std::function<void(const RunStart&)>;

/// The losses of a run from its first step on, however often it was interrupted. A curve holds at most `most_points`:
/// steps are grouped into stretches of 1, 2, 4, …, long enough that there are at most that many stretches, and the
/// newest point of each is kept. Which points are kept depends on the points alone.
struct LossHistory {
  static constexpr std::size_t most_points = 4096;  ///< in each curve
  std::vector<LossPoint> training;                  ///< by step, rising
  std::vector<LossPoint> held_out;                  ///< by step, rising; empty where nothing is evaluated

  /// Appends to one of the two, and thins it.
  static void append(std::vector<LossPoint>& curve, LossPoint point) {
    std::size_t stretch = 1;
    while (stretch_of(point, stretch) > most_points) stretch *= 2;
    const auto together = [stretch](const LossPoint& a, const LossPoint& b) {
      return stretch_of(a, stretch) == stretch_of(b, stretch);
    };
    if (!curve.empty() && together(curve.back(), point)) curve.pop_back();
    curve.push_back(point);
    if (curve.size() <= most_points) return;
    // Scanning from the back, the first point of a stretch is its newest.
    const auto kept = std::unique(curve.rbegin(), curve.rend(), together);
    curve.erase(curve.begin(), kept.base());
  }

  friend bool operator==(const LossHistory&, const LossHistory&) = default;

 private:
  /// Steps 1 .. stretch are the first.
  static std::size_t stretch_of(const LossPoint& point, std::size_t stretch) noexcept {
    return point.step / stretch + (point.step % stretch != 0);
  }
};

namespace detail {

inline std::size_t most_memory() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#if defined(__APPLE__)
  return static_cast<std::size_t>(usage.ru_maxrss);
#else
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
#endif
#else
  return 0;
#endif
}

}  // namespace detail
}}  // namespace bora::BORA_ABI
