/// What this machine can do, measured in the process that is measured against it.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/memory.hpp>
#include <cstddef>

/// Rates of some threads together, each the best of a few short runs.
struct Machine {
  double f32_peak, bf16_peak;  ///< operations a second of multiply-adds that stay in registers
  double memory, cache;        ///< bytes a second that are read from memory, and from 256 KB a thread
};

/// Measured at the first call for a number of threads. One thread is timed by its own processor time, which a busy
/// machine lengthens little; several are timed by the clock.
const Machine& machine(std::size_t threads);

/// One run by the clock: operations a second of products of bfloat16 that stay in registers, of all lanes together.
double bf16_peak_now(bora::Executor& pool);
/// One run by the clock: bytes a second at which all lanes together read `memory`, each its share as four streams that
/// are asked for ahead.
double read_rate_now(bora::Executor& pool, const bora::Buffer<float>& memory);
