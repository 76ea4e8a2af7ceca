/// Next-token cross entropy, the usual loss of language models.
#pragma once
#include <bora/simd/rows.hpp>
#include <bora/train/objective.hpp>
#include <bora/train/option_check.hpp>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Sum of x [n]: first over its blocks element by element, then over the resulting block.
template <class T>
T sum_of(const T* x, std::size_t n) noexcept {
  using B = simd::Block<T>;
  B sum = B::zero();
  simd::detail::for_blocks(n,
                           [&](std::size_t i, std::size_t valid) { sum = sum + simd::detail::load<B>(x + i, valid); });
  return sum.sum();
}

}  // namespace detail

/// -log softmax(logits)[target], natural logarithm, mean over the targets by their weights. Evaluations measure it
/// without the two options.
struct NextTokenCrossEntropy {
  /// Coefficient of log²(sum of exp(logits)), which keeps logits from drifting (Chowdhery et al. 2022, §5: 1e-4).
  double z_loss = 0;
  /// Fraction of the target distribution that is spread evenly over the vocabulary (Szegedy et al. 2016, §7), from 0,
  /// less than 1.
  double label_smoothing = 0;

  /// Throws ConfigError for options that make no sense.
  void check() const {
    detail::check_not_negative("objective", "z_loss", z_loss);
    detail::check_option(label_smoothing >= 0 && label_smoothing < 1, "objective", "label_smoothing", label_smoothing,
                         "0 or more, and less than 1");
  }

  /// Options that decide the bits, for checkpoints to compare.
  std::string facts() const {
    return detail::message("NextTokenCrossEntropy, z_loss ", z_loss, ", label_smoothing ", label_smoothing);
  }

  /// A target's weight in the mean.
  double count(const Target& target) const noexcept { return target.weight; }

  /// The cross entropy.
  template <class T>
  double loss(const Target& target, std::span<const T> logits) const noexcept {
    return simd::log_sum_exp(logits.data(), logits.size()).cross_entropy(logits[static_cast<std::size_t>(target.id)]);
  }

  /// Replaces logits by weight * (softmax(logits) - 1 at the target), plus the terms of the options. The softmax is
  /// exp(x - largest) / sum: exp(x - log of the sum) would have a rounding error proportional to the logits.
  template <class T>
  RowLoss gradient(const Target& target, std::span<T> logits) const noexcept {
    const std::size_t n = logits.size(), id = static_cast<std::size_t>(target.id);
    const simd::LogSumExp<T> sum = simd::log_sum_exp(logits.data(), n);
    const double cross_entropy = sum.cross_entropy(logits[id]), log_sum = static_cast<double>(sum.value());
    const double even = label_smoothing == 0 ? 0 : even_cross_entropy(sum, logits);
    const T weight = static_cast<T>(target.weight);
    const T slope = z_loss == 0 ? weight : static_cast<T>(target.weight * (1 + 2 * z_loss * log_sum));
    simd::exp_shifted(logits.data(), sum.largest, slope / sum.sum, logits.data(), n);
    logits[id] -= label_smoothing == 0 ? weight : static_cast<T>(target.weight * (1 - label_smoothing));
    if (label_smoothing != 0) {
      const T share = static_cast<T>(target.weight * label_smoothing / static_cast<double>(n));
      for (T& logit : logits) logit -= share;
    }
    return {cross_entropy + label_smoothing * (even - cross_entropy) + z_loss * log_sum * log_sum, cross_entropy};
  }

 private:
  /// The cross entropy of an even distribution.
  template <class T>
  static double even_cross_entropy(const simd::LogSumExp<T>& sum, std::span<T> logits) noexcept {
    const T mean = detail::sum_of(logits.data(), logits.size()) / static_cast<T>(logits.size());
    return sum.cross_entropy(mean);
  }
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
