// What a training program prints.
#pragma once
#include <bora/train/progress.hpp>
#include <cstdio>

namespace training_line {

/// Says before the first step that the run goes on from a checkpoint, where it does.
inline void announce(const bora::RunStart& start) {
  if (!start.resumed) return;
  std::printf("resuming from step %zu of %zu\n", start.step, start.steps);
  std::fflush(stdout);
}

/// step, loss, speed, gradient norm, learning rate, memory, time left; held-out loss if it is new.
inline void print(const bora::Progress& p) {
  const auto left = static_cast<unsigned long>(p.seconds_left + 0.5);
  std::printf("step %5zu/%zu  loss %.4f  %6.0f tokens/s  norm %.2f  rate %.1e  %zu MB  %lu:%02lu left", p.step, p.steps,
              p.loss, p.tokens_per_second, p.gradient_norm, p.learning_rate, p.memory_bytes >> 20, left / 60,
              left % 60);
  if (p.held_out_loss) std::printf("  held out %.4f", *p.held_out_loss);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace training_line
