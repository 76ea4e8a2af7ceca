/// Functions of many numbers with a gradient, and the three things that every gradient of the library must fulfil:
/// finite differences in F64, the same numbers in F32, the same bits for every number of threads.
#pragma once
#include "support/catch.hpp"
#include <bora/core/executor.hpp>
#include <bora/core/random.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace support {

/// Whether this build looks for wrong accesses rather than wrong numbers, ten times slower: differences are left out.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// One tensor among a machine's inputs; a vector has cols 0.
struct Part {
  std::string name;
  std::size_t rows, cols, begin;
  std::size_t size() const { return cols == 0 ? rows : rows * cols; }
};

/// Tells apart on which sides of its kinks (ReLU, clipping, choice of experts) a function was evaluated.
class Pattern {
 public:
  void add(std::uint64_t value) { hash_ = bora::Random(hash_, value).at(0); }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 1;
};

/// An objective of a layer or a model. The checks below see this interface only, so they are compiled once.
template <class T>
class Machine {
 public:
  virtual ~Machine() = default;
  std::vector<Part> parts;
  std::size_t size() const { return parts.back().begin + parts.back().size(); }

  /// The objective, and its gradient with respect to all inputs.
  virtual double run(std::span<const T> inputs, bora::Executor* pool, std::vector<T>& gradient) = 0;
  /// The objective alone.
  virtual double value(std::span<const T> inputs) {
    std::vector<T> ignored;
    return run(inputs, nullptr, ignored);
  }
  /// Of the last run.
  virtual std::uint64_t pattern() const = 0;

 protected:
  void add_part(const std::string& name, std::size_t rows, std::size_t cols) {
    parts.push_back({name, rows, cols, parts.empty() ? 0 : size()});
  }
};

/// Inputs at which nothing is zero by accident: matrices of deviation 1 / sqrt(fan-in), norms near one, biases of 0.3,
/// all of them floats, so that F32 and F64 start from the same numbers.
template <class T>
std::vector<double> random_inputs(const Machine<T>& machine, std::uint64_t seed) {
  std::vector<double> inputs(machine.size());
  bora::Random random(seed);
  for (const Part& part : machine.parts) {
    double deviation = part.cols == 0 ? 0.3 : 1 / std::sqrt(static_cast<double>(part.cols));
    if (part.name == "x" || part.name.ends_with("relative_bias")) deviation = 1;
    const double mean = part.cols == 0 && part.name.ends_with("norm") ? 1 : 0;
    for (std::size_t i = 0; i < part.size(); ++i)
      inputs[part.begin + i] = static_cast<float>(mean + deviation * random.normal());
  }
  return inputs;
}

template <class T>
double largest(std::span<const T> values) {
  double most = 0;
  for (const T value : values) most = std::max(most, std::abs(static_cast<double>(value)));
  return most;
}

/// What errors of a part's gradient are measured by: its largest value. A gradient that is zero by mathematics (the key
/// bias without rotation: a constant added to all scores of a query) is measured by the largest of all parts.
inline double scale_of(std::span<const double> gradient, const Part& part) {
  const double own = largest(gradient.subspan(part.begin, part.size())), all = largest(gradient);
  return own > 1e-9 * all ? own : all;
}

/// Central differences along `direction`, at a step at which no kink is crossed: where the pattern differs from that of
/// `inputs` on either side, the step is quartered.
inline double central_difference(Machine<double>& machine, const std::vector<double>& inputs, const Part& part,
                                 const std::vector<double>& direction, std::uint64_t pattern) {
  std::vector<double> moved = inputs;
  const auto value_at = [&](double step) {
    for (std::size_t i = 0; i < part.size(); ++i) moved[part.begin + i] = inputs[part.begin + i] + step * direction[i];
    return machine.value(moved);
  };
  for (double step = 2e-5; step > 1e-7; step /= 4) {
    const double above = value_at(step);
    if (machine.pattern() != pattern) continue;
    const double below = value_at(-step);
    if (machine.pattern() != pattern) continue;
    return (above - below) / (2 * step);
  }
  return std::nan("");  // fails the comparison
}

/// Gradients equal finite differences to 1e-6 of the part's largest: some entries of each part one by one, then all of
/// them at once along a random direction, so that no entry goes unchecked.
inline void check_differences(Machine<double>& machine, const std::vector<double>& inputs, std::size_t samples) {
  std::vector<double> gradient;
  const double at_inputs = machine.run(inputs, nullptr, gradient);
  const std::uint64_t pattern = machine.pattern();
  CHECK(std::isfinite(at_inputs));
  if (sanitized) return;
  bora::Random random(99);
  for (const Part& part : machine.parts) {
    INFO("gradient of " << part.name);
    const double scale = scale_of(gradient, part);
    double worst = 0;
    const auto compare = [&](const std::vector<double>& direction) {
      double expected = 0;
      for (std::size_t i = 0; i < part.size(); ++i) expected += direction[i] * gradient[part.begin + i];
      const double error = std::abs(central_difference(machine, inputs, part, direction, pattern) - expected) / scale;
      if (!(error <= worst)) worst = error;
    };
    const std::size_t count = std::min(samples, part.size());
    for (std::size_t s = 0; s < count; ++s) {
      std::vector<double> direction(part.size());
      direction[count == part.size() ? s : random.below(part.size())] = 1;
      compare(direction);
    }
    std::vector<double> direction(part.size());
    for (double& d : direction) d = random.normal() / std::sqrt(static_cast<double>(part.size()));
    compare(direction);
    CHECK(worst <= 1e-6);
  }
}

inline std::vector<float> to_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// The F32 kernels' gradients are those of F64 to 2e-5 of each part's largest: a few hundred roundings of 6e-8.
inline void check_single_precision(Machine<float>& single, Machine<double>& exact, const std::vector<double>& inputs) {
  std::vector<double> expected;
  std::vector<float> found;
  const double exact_value = exact.run(inputs, nullptr, expected);
  const double value = single.run(to_floats(inputs), nullptr, found);
  REQUIRE(single.pattern() == exact.pattern());  // no kink lies between the two
  CHECK(std::abs(value - exact_value) <= 1e-5 * (1 + std::abs(exact_value)));
  for (const Part& part : exact.parts) {
    INFO("gradient of " << part.name << " in F32");
    double error = 0;
    for (std::size_t i = part.begin; i < part.begin + part.size(); ++i) {
      const double e = std::abs(static_cast<double>(found[i]) - expected[i]);
      if (!(e <= error)) error = e;
    }
    CHECK(error / scale_of(expected, part) <= 2e-5);
  }
}

/// Loss and gradients have the same bits whatever the number of threads: 2, 3 and 5 against none.
inline void check_threads(Machine<float>& machine, const std::vector<double>& inputs) {
  constexpr auto keep = bora::WhenCrowded::keep_all_lanes;  // or a busy machine would test fewer
  static bora::ThreadPool one(1), two(2, keep), three(3, keep), five(5, keep);
  const std::vector<float> floats = to_floats(inputs);
  std::vector<float> expected, found;
  const double expected_value = machine.run(floats, nullptr, expected);
  for (bora::ThreadPool* pool : {&one, &two, &three, &five}) {
    INFO(pool->lanes() << " threads");
    const double value = machine.run(floats, pool, found);
    CHECK(std::memcmp(&value, &expected_value, sizeof(double)) == 0);
    CHECK(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) == 0);
  }
}

/// All three, at inputs drawn from the machine's name.
inline void check_machine(const std::string& name, Machine<double>& exact, Machine<float>& single,
                          std::size_t samples = 6) {
  INFO(name);
  std::uint64_t seed = 7;
  for (const char c : name) seed = seed * 131 + static_cast<unsigned char>(c);
  const std::vector<double> inputs = random_inputs(exact, seed);
  check_differences(exact, inputs, samples);
  check_single_precision(single, exact, inputs);
  check_threads(single, inputs);
}

}  // namespace support
