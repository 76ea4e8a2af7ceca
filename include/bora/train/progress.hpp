/// What a training run tells while it goes on, and what it remembers.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

namespace bora::inline BORA_ABI {

/// The state of a run after a step.
struct Progress {
  std::size_t step, steps;              ///< steps done, and all
  double loss;                          ///< of the step's batches, before its update
  double learning_rate, gradient_norm;  ///< the norm before clipping
  double tokens_per_second;             ///< since the last report; evaluation and checkpoints not counted
  double flops_per_second;              ///< the same, by `flops_per_token`: backward costs twice what forward does
  std::optional<double> held_out_loss;  ///< where it was measured after this step
  std::size_t memory_bytes;             ///< most that the program has held so far; 0 where the system does not say
  double seconds_left;                  ///< at the mean speed so far, everything counted
};

/// Called with the state of a run; what it throws ends the run and passes through.
using ProgressCallback = std::function<void(const Progress&)>;

/// A point of a loss curve.
struct LossPoint {
  std::size_t step;
  double loss;

  friend bool operator==(const LossPoint&, const LossPoint&) = default;
};

/// The losses of a run from its first step on, however often it was interrupted.
struct LossHistory {
  std::vector<LossPoint> training, held_out;

  friend bool operator==(const LossHistory&, const LossHistory&) = default;
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
}  // namespace bora::inline BORA_ABI
