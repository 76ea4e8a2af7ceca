/// Gradients of a whole model by finite differences in F64.
#pragma once
#include "support/machine.hpp"
#include <bora/core/random.hpp>
#include <bora/model/decoder.hpp>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace differences {

/// The worst error of `gradients` against central differences of `loss`, each tensor moved along a random direction,
/// relative to the gradient's length.
template <class S, class Loss>
double worst_error(const bora::Parameters<S, double>& at, const bora::Parameters<S, double>& gradients, Loss&& loss) {
  bora::Parameters<S, double> moved;
  std::copy(at.values().begin(), at.values().end(), moved.values().begin());
  bora::Random random(2);
  double worst = 0;
  std::size_t begin = 0;
  if (support::sanitized) return worst;
  gradients.for_each([&](bora::TensorId, bora::TensorShape shape, std::span<const double> gradient) {
    const std::span<double> tensor = moved.values().subspan(begin, shape.size());
    std::vector<double> direction(tensor.size());
    for (double& d : direction) d = random.normal();
    const auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < tensor.size(); ++i) tensor[i] = at.values()[begin + i] + step * direction[i];
      return loss(bora::Decoder<S, bora::F64>(moved));
    };
    // Fourth order: the error of the differences themselves stays far below 1e-6.
    constexpr double step = 1e-4;
    const double difference =
        (8 * (loss_at(step) - loss_at(-step)) - (loss_at(2 * step) - loss_at(-2 * step))) / (12 * step);
    double expected = 0, square = 0;
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      expected += gradient[i] * direction[i];
      square += gradient[i] * gradient[i];
    }
    worst = std::max(worst, std::abs(difference - expected) / (std::sqrt(square) + 1e-4));
    loss_at(0);
    begin += shape.size();
  });
  return worst;
}

}  // namespace differences
