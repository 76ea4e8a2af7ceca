// The benchmarks' program: kernels of every backend (micro/), whole models (models.cpp). benchmarks/run.sh builds and
// runs it; alone it takes the options of Google Benchmark.
#include "machine.hpp"
#include <benchmark/benchmark.h>
#include <bora/simd/target.hpp>
#include <cstdio>
#include <string>

namespace {

void add_rates(std::size_t threads) {
  const auto add = [&](const char* name, double rate, double unit, const char* what) {
    char value[64];
    std::snprintf(value, sizeof value, "%.1f %s", rate / unit, what);
    benchmark::AddCustomContext("threads_" + std::to_string(threads) + "_" + name, value);
  };
  const Machine& m = machine(threads);
  add("f32_peak", m.f32_peak, 1e9, "GFLOP/s");
  add("bf16_peak", m.bf16_peak, 1e9, "GFLOP/s");
  add("memory", m.memory, 1e9, "GB/s");
  add("cache", m.cache, 1e9, "GB/s");
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const std::size_t threads = bora::usable_cores();
  benchmark::AddCustomContext("simd_target", bora::simd::target_name());
  add_rates(1);
  if (threads > 1) add_rates(threads);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
