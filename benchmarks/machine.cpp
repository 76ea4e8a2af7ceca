#include "machine.hpp"
#include <bora/core/executor.hpp>
#include <bora/core/memory.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>

namespace {

using Block = bora::simd::FloatBlock;
volatile float sink = 0;  // keeps what is measured from being optimised away

double now(bool alone) {
  if (alone) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// work(lane) on all lanes, several times; the rate of `amount` in the best of them.
template <class Work>
double best_rate(bora::ThreadPool& pool, double amount, Work&& work) {
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const double start = now(pool.lanes() == 1);
    bora::run_gang(&pool, work);
    best = std::max(best, amount / std::max(1e-6, now(pool.lanes() == 1) - start));
  }
  return best;
}

/// Operations a second of `step(sum)`, which makes `operations` of them without touching memory.
template <class Step>
double peak(bora::ThreadPool& pool, double operations, Step&& step) {
  constexpr std::size_t rounds = 1'000'000, chains = 16;
  return best_rate(pool, operations * static_cast<double>(pool.lanes() * rounds * chains),
                   [&](const bora::Lane& lane) noexcept {
                     Block sum[chains];
                     for (auto& s : sum) s = Block::zero();
                     for (std::size_t i = 0; i < rounds; ++i)
#pragma GCC unroll 16
                       for (std::size_t c = 0; c < chains; ++c) sum[c] = step(sum[c]);
                     Block total = Block::zero();
                     for (auto& s : sum) total = total + s;
                     if (lane.index == 0) sink = total.sum();
                   });
}

/// Bytes a second of reading `size` floats a lane, again and again until `total` have been read.
double read_rate(bora::ThreadPool& pool, const bora::Buffer<float>& memory, std::size_t size, std::size_t total) {
  const double bytes = static_cast<double>(pool.lanes() * (total / size) * size * sizeof(float));
  return best_rate(pool, bytes, [&](const bora::Lane& lane) noexcept {
    const float* from = memory.data() + lane.index * size;
    Block sum[4] = {Block::zero(), Block::zero(), Block::zero(), Block::zero()};
    for (std::size_t done = 0; done + size <= total; done += size) {
      for (std::size_t i = 0; i + 64 <= size; i += 64)
        for (std::size_t j = 0; j < 4; ++j) sum[j] = sum[j] + Block::load(from + i + 16 * j);
      sink = sum[0].sum();
    }
    if (lane.index == 0) sink = (sum[0] + sum[1] + sum[2] + sum[3]).sum();
  });
}

Machine measure(std::size_t threads) {
  bora::ThreadPool pool{threads};
  constexpr std::size_t much = std::size_t{32} << 20, little = std::size_t{64} << 10;
  const bora::Buffer<float> memory(threads * much);
  const Block one = Block::broadcast(1);
  bora::bfloat16 numbers[2 * bora::simd::block_lanes] = {};
  const auto pairs = Block::Pairs::load(numbers);
  constexpr double lanes = bora::simd::block_lanes;
  return {.f32_peak = peak(pool, 2 * lanes, [=](Block sum) { return mul_add(one, one, sum); }),
          .bf16_peak = peak(pool, 4 * lanes, [=](Block sum) { return dot_pairs(pairs, pairs, sum); }),
          .memory = read_rate(pool, memory, much, much),
          .cache = read_rate(pool, memory, little, much)};
}

}  // namespace

const Machine& machine(std::size_t threads) {
  static std::map<std::size_t, Machine> known;
  const auto found = known.find(threads);
  return found != known.end() ? found->second : known.emplace(threads, measure(threads)).first->second;
}
