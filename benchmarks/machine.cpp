#include "machine.hpp"
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

/// Seconds of work(lane) on all lanes.
template <class Work>
double seconds(bora::Executor& pool, bool alone, Work&& work) {
  const double start = now(alone);
  bora::run_gang(&pool, work);
  return std::max(1e-6, now(alone) - start);
}

constexpr std::size_t rounds = 1'000'000, chains = 16;

/// A lane's chains of `step(sum)`, which touches no memory. Each begins elsewhere, or the compiler would make them one.
template <class Step>
void run_chains(const bora::Lane& lane, std::size_t times, Step&& step) noexcept {
  Block sum[chains];
  for (std::size_t c = 0; c < chains; ++c) sum[c] = Block::broadcast(sink + static_cast<float>(c));
  for (std::size_t i = 0; i < times; ++i)
#pragma GCC unroll 16
    for (std::size_t c = 0; c < chains; ++c) sum[c] = step(sum[c]);
  Block total = Block::zero();
  for (auto& s : sum) total = total + s;
  if (lane.index == 0) sink = total.sum() > 0 ? 0 : 1;
}

const auto multiply_add = [one = Block::broadcast(1)](Block sum) { return mul_add(one, one, sum); };
const auto multiply_pairs = [] {
  const bora::bfloat16 numbers[2 * bora::simd::block_lanes] = {};
  return [pairs = Block::Pairs::load(numbers)](Block sum) { return dot_pairs(pairs, pairs, sum); };
}();
constexpr double operations_of_add = 2 * bora::simd::block_lanes, operations_of_pairs = 2 * operations_of_add;

/// Reads floats [from, from + size), four streams of a quarter each. A stream is asked for ahead where `ahead` is not
/// 0.
template <std::size_t ahead>
float read(const float* from, std::size_t size) noexcept {
  constexpr std::size_t streams = 4;
  const std::size_t quarter = size / streams / bora::simd::block_lanes * bora::simd::block_lanes;
  Block sum[streams] = {Block::zero(), Block::zero(), Block::zero(), Block::zero()};
  for (std::size_t i = 0; i < quarter; i += bora::simd::block_lanes)
#pragma GCC unroll 4
    for (std::size_t s = 0; s < streams; ++s) {
      const float* at = from + s * quarter + i;
      if constexpr (ahead != 0) __builtin_prefetch(at + ahead / sizeof(float));
      sum[s] = sum[s] + Block::load(at);
    }
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])).sum();
}

template <class Work>
double best_rate(bora::ThreadPool& pool, double amount, Work&& work) {
  double best = 0;
  for (int i = 0; i < 7; ++i) best = std::max(best, amount / seconds(pool, pool.lanes() == 1, work));
  return best;
}

template <class Step>
double peak(bora::ThreadPool& pool, double operations, const Step& step) {
  return best_rate(pool, operations * static_cast<double>(pool.lanes() * rounds * chains),
                   [&](const bora::Lane& lane) noexcept { run_chains(lane, rounds, step); });
}

/// Bytes a second of reading `little` floats a lane, again and again until `much` have been read.
double cache_rate(bora::ThreadPool& pool, const bora::Buffer<float>& memory, std::size_t little, std::size_t much) {
  return best_rate(pool, static_cast<double>(pool.lanes() * much * sizeof(float)),
                   [&](const bora::Lane& lane) noexcept {
                     float sum = 0;
                     for (std::size_t done = 0; done < much; done += little)
                       sum += read<0>(memory.data() + lane.index * little, little);
                     if (lane.index == 0) sink = sum > 0 ? 0 : 1;
                   });
}

Machine measure(std::size_t threads) {
  bora::ThreadPool pool{threads, bora::WhenCrowded::keep_all_lanes};
  constexpr std::size_t much = std::size_t{64} << 20, little = std::size_t{64} << 10;
  const bora::Buffer<float> memory(threads * much);
  double reading = 0;
  for (int i = 0; i < 5; ++i) reading = std::max(reading, read_rate_now(pool, memory));
  return {.f32_peak = peak(pool, operations_of_add, multiply_add),
          .bf16_peak = peak(pool, operations_of_pairs, multiply_pairs),
          .memory = reading,
          .cache = cache_rate(pool, memory, little, much)};
}

}  // namespace

const Machine& machine(std::size_t threads) {
  static std::map<std::size_t, Machine> known;
  const auto found = known.find(threads);
  return found != known.end() ? found->second : known.emplace(threads, measure(threads)).first->second;
}

double bf16_peak_now(bora::Executor& pool) {
  const double time =
      seconds(pool, false, [&](const bora::Lane& lane) noexcept { run_chains(lane, 4 * rounds, multiply_pairs); });
  return operations_of_pairs * static_cast<double>(pool.lanes() * 4 * rounds * chains) / time;
}

double read_rate_now(bora::Executor& pool, const bora::Buffer<float>& memory) {
  const double time = seconds(pool, pool.lanes() == 1, [&](const bora::Lane& lane) noexcept {
    const bora::Range share = lane.share(memory.size(), 64);
    const float sum = read<2048>(memory.data() + share.begin, share.size());
    if (lane.index == 0) sink = sum > 0 ? 0 : 1;
  });
  return static_cast<double>(memory.bytes()) / time;
}
