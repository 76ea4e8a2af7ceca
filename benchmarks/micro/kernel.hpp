/// How a kernel is registered: one source, compiled once for each backend, gives
/// BM_<kernel>/backend:<name>/<arguments>.
///
/// A kernel runs on one thread, so its times are processor times.
#pragma once
#include "../machine.hpp"
#include <benchmark/benchmark.h>
#include <bora/core/error.hpp>
#include <bora/core/memory.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

// The backend's namespace: the three copies of these functions differ.
namespace bora { inline namespace BORA_ABI { namespace benchmarks {

/// What one call of a kernel does, and which limits of the machine it could reach.
struct Work {
  double flops = 0;  ///< 0: not counted, the kernel is bound by what it reads and writes
  double bytes = 0;
  double Machine::* peak = &Machine::f32_peak;
  double Machine::* bandwidth = &Machine::memory;
};

/// Rates, and the share of the nearer limit: the time in which the machine could have done the work over the time
/// taken.
inline void report(benchmark::State& state, const Work& work) {
  using benchmark::Counter;
  const Machine& limits = machine(1);
  const double computing = work.flops / limits.*work.peak, reading = work.bytes / limits.*work.bandwidth;
  const auto rate = [&](double amount) { return Counter(amount, Counter::kIsIterationInvariantRate); };
  if (work.flops != 0) state.counters["flops"] = rate(work.flops);
  state.counters["bytes"] = rate(work.bytes);
  state.counters["share"] = rate(std::max(computing, reading));
  state.SetLabel(computing > reading ? "peak" : work.bandwidth == &Machine::cache ? "cache" : "memory");
}

/// Registers a kernel. make() fills its memory, outside the time, and returns what is timed.
template <class Make>
void add(const std::string& kernel, const std::string& arguments, const Work& work, Make make) {
  const std::string name = detail::message("BM_", kernel, "/backend:", simd::backend_name, "/", arguments);
  benchmark::RegisterBenchmark(name.c_str(), [work, make](benchmark::State& state) {
    auto call = make();
    call();
    for ([[maybe_unused]] auto _ : state) {
      call();
      benchmark::ClobberMemory();
    }
    report(state, work);
  });
}

template <class T>
T number_from(float x) noexcept {
  if constexpr (std::is_same_v<T, bfloat16>)
    return to_bfloat16(x);
  else
    return static_cast<T>(x);
}

/// Numbers between -1 and 1, cheap to make.
template <class T>
Buffer<T> numbers(std::size_t size) {
  Buffer<T> out(size);
  std::uint32_t state = 1;
  for (T& x : out) {
    state = state * 1664525u + 1013904223u;
    x = number_from<T>(static_cast<float>(state >> 8) * 0x1p-23f - 1);
  }
  return out;
}

}}}  // namespace bora::BORA_ABI::benchmarks
