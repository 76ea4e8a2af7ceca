/// One AdamW update of a contiguous range of parameters.
#pragma once
#include <bora/simd/rows.hpp>
#include <cstddef>
#include <limits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Hyperparameters and corrections of one optimiser step.
struct AdamwStep {
  double learning_rate;   ///< lr of this step
  double beta1;           ///< decay of the first moment m, in [0, 1)
  double beta2;           ///< decay of the second moment v, in [0, 1)
  double eps;             ///< added to sqrt(v / c2), at least the root of the smallest normal T
  double weight_decay;    ///< wd; 0: none
  double correction1;     ///< c1 = 1 - beta1^s of step s = 1, 2, …
  double correction2;     ///< c2 = 1 - beta2^s
  double gradient_scale;  ///< factor of g from gradient clipping; 1: not clipped
};

/// m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
/// w = w (1 - lr wd) - lr (m / c1) / (sqrt(v / c2) + eps)      (Loshchilov and Hutter 2019, algorithm 2)
/// A subnormal m or v becomes 0. Moments of parameters without gradients, such as rare tokens' embedding rows, would
/// otherwise decay to the smallest subnormals and stay there, which slows the processor in each step; compared with eps
/// they do not change the update.
template <class T>
void adamw(const AdamwStep& s, const T* gradient, T* m, T* v, T* w, std::size_t n) noexcept {
  using B = Block<T>;
  const auto constant = [](double x) { return B::broadcast(static_cast<T>(x)); };
  const B beta1 = constant(s.beta1), rest1 = constant(1 - s.beta1), beta2 = constant(s.beta2),
          rest2 = constant(1 - s.beta2), scale = constant(s.gradient_scale), eps = constant(s.eps),
          keep = constant(1 - s.learning_rate * s.weight_decay), rate = constant(s.learning_rate / s.correction1),
          unbias2 = constant(1 / s.correction2), zero = B::zero(), normal = B::broadcast(std::numeric_limits<T>::min());
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B g = detail::load<B>(gradient + i, valid) * scale;
    const B m1 = mul_add(beta1, detail::load<B>(m + i, valid), rest1 * g);
    const B v1 = mul_add(beta2, detail::load<B>(v + i, valid), rest2 * (g * g));
    const B mean = B::where_less(abs(m1), normal, zero, m1), square = B::where_less(v1, normal, zero, v1);
    const B update = rate * mean / (sqrt(square * unbias2) + eps);
    detail::store(mean, m + i, valid);
    detail::store(square, v + i, valid);
    detail::store(detail::load<B>(w + i, valid) * keep - update, w + i, valid);
  });
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
