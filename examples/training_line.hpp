// The line that a training program prints, and the peak that its share is taken of.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/simd/block.hpp>
#include <bora/train/progress.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <vector>

namespace training_line {

/// Floating-point operations a second of F32 multiply-adds that stay in registers, on all lanes together: what no
/// program exceeds. Takes a few tenths of a second.
inline double measure_peak(bora::Executor& pool) {
  using Block = bora::simd::FloatBlock;
  constexpr std::size_t rounds = 4'000'000, chains = 12;
  std::vector<float> totals(pool.lanes());
  const auto start = std::chrono::steady_clock::now();
  pool.run([&](std::size_t lane) noexcept {
    const Block factor = Block::broadcast(0.999f);
    Block sum[chains];
    for (std::size_t c = 0; c < chains; ++c) sum[c] = Block::broadcast(static_cast<float>(c));
    for (std::size_t i = 0; i < rounds; ++i)
#pragma GCC unroll 12
      for (std::size_t c = 0; c < chains; ++c) sum[c] = mul_add(factor, sum[c], factor);
    float total = 0;
    for (const Block& s : sum) total += s.sum();
    totals[lane] = total;
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  // What nobody reads is not computed.
  [[maybe_unused]] const volatile float used = std::accumulate(totals.begin(), totals.end(), 0.0f);
  return 2.0 * rounds * chains * bora::simd::block_lanes * static_cast<double>(pool.lanes()) / seconds;
}

/// step, loss, speed, share of the peak, gradient norm, learning rate, memory, time left; held-out loss if it is new.
inline void print(const bora::Progress& p) {
  const auto left = static_cast<unsigned long>(p.seconds_left + 0.5);
  std::printf(
      "step %5zu/%zu  loss %.4f  %6.0f tokens/s  %2.0f %% of peak  norm %.2f  rate %.1e  %zu MB  %lu:%02lu left",
      p.step, p.steps, p.loss, p.tokens_per_second, 100 * p.share_of_peak.value_or(0), p.gradient_norm, p.learning_rate,
      p.memory_bytes >> 20, left / 60, left % 60);
  if (p.held_out_loss) std::printf("  held out %.4f", *p.held_out_loss);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace training_line
