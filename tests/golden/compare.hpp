/// Comparisons with the expected numbers of a case: everything a file holds must be found, to a tolerance.
#pragma once
#include "support/catch.hpp"
#include <bora/core/format.hpp>
#include <bora/io/parameter_names.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/model/forward.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace golden {

/// Differences that are no mistake. Expected numbers were computed in float64 and rounded to float32. In F64 nothing
/// but that rounding is left: half a unit in the last place. In F32 it is ten times what float32 was seen to lose.
template <class F>
struct Tolerance {
  static constexpr double values = 5e-5;     ///< of numbers up to sixteen: streams, logits, routers, trained parameters
  static constexpr double losses = 1e-5;     ///< of numbers up to eight
  static constexpr double gradients = 5e-5;  ///< of a tensor's largest
  static constexpr double vanishing = 1e-7;  ///< of gradients that are zero by mathematics
};
template <>
struct Tolerance<bora::F64> {
  static constexpr double values = 5e-7, losses = 2.5e-7, gradients = 1.2e-7, vanishing = 1e-14;
};

inline double largest(std::span<const float> values) {
  double most = 0;
  for (const float x : values) most = std::max(most, std::abs(static_cast<double>(x)));
  return most;
}

template <class T>
void check_near(std::span<const T> found, std::span<const float> expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  double error = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double e = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    if (e > error || std::isnan(e)) error = e;
  }
  CHECK(error <= tolerance);
}
template <class T>
void check_near(const std::vector<T>& found, const std::vector<float>& expected, double tolerance) {
  check_near(std::span<const T>(found), std::span<const float>(expected), tolerance);
}

/// The residual stream of a forward that keeps everything beside hidden_states [layers + 1, rows, dim]: after the
/// embedding and after each block, so that it says where an error begins.
template <class S, class F>
void check_streams(bora::detail::Forward<S, F>& forward, const bora::SafeTensors& expected) {
  const std::vector<float> all = expected.read("hidden_states");
  const std::size_t rows = all.size() / ((S::layers + 1) * S::dim);
  for (std::size_t l = 0; l <= S::layers; ++l) {
    INFO("the residual stream after " << l << " blocks");
    std::vector<typename F::Number> found;
    for (std::size_t r = 0; r < rows; ++r)
      found.insert(found.end(), forward.stream(l).row(r), forward.stream(l).row(r) + S::dim);
    check_near<typename F::Number>(found, std::span(all).subspan(l * found.size(), found.size()), Tolerance<F>::values);
  }
}

/// What a golden file holds of a matrix [rows, cols]: the sums of its rows weighted by cos(c) and by sin(c), [2, rows].
inline std::vector<float> projections(std::span<const float> matrix, std::size_t rows) {
  const std::size_t cols = matrix.size() / rows;
  std::vector<float> sums;
  for (const auto weight : {+[](double c) { return std::cos(c); }, +[](double c) { return std::sin(c); }})
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (std::size_t c = 0; c < cols; ++c)
        sum += static_cast<double>(matrix[r * cols + c]) * weight(static_cast<double>(c));
      sums.push_back(static_cast<float>(sum));
    }
  return sums;
}

/// Every tensor of `found` beside prefix + its name in the file, whole or by its projections; one that the file lacks
/// must be zero. May be off by `absolute` and by `relative` of the tensor's largest.
template <class S, class T>
void check_tensors(const bora::Parameters<S, T>& found, const bora::SafeTensors& expected, const std::string& prefix,
                   double absolute, double relative) {
  std::size_t compared = 0;
  for (const bora::FileTensor& tensor : bora::file_tensors(found.names, bora::describe<S>(), bora::tensors_of<S>())) {
    const std::string name = prefix + tensor.name();
    INFO(name);
    std::vector<float> values(tensor.size());
    tensor.gather(found.values(), values);
    std::vector<float> wanted(values.size());
    if (expected.contains("projections." + name)) {
      values = projections(values, tensor.shape().front());
      wanted = expected.read("projections." + name);
      ++compared;
    } else if (expected.contains(name)) {
      wanted = expected.read(name);
      ++compared;
    }
    check_near(values, wanted, absolute + relative * largest(wanted));
  }
  std::size_t there = 0;
  for (const std::string& name : expected.names())
    there += name.starts_with(prefix) || name.starts_with("projections." + prefix);
  CHECK(compared == there);
  CHECK(there > 0);
}

}  // namespace golden
