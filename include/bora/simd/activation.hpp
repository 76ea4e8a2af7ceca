/// Activation functions on blocks, with their derivatives for backward.
#pragma once
#include <bora/simd/rows.hpp>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numbers>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

namespace detail {

template <class B, std::size_t n>
BORA_INLINE B polynomial(const float (&c)[n], B x) noexcept {
  B value = B::broadcast(c[n - 1]);
  for (std::size_t i = n - 1; i-- > 0;) value = mul_add(value, x, B::broadcast(c[i]));
  return value;
}

/// Phi(x), the normal distribution function, to 1e-7: erf by a polynomial near zero, erfc(z) exp(z^2) by one
/// in 1 / (1 + z / 2) beyond 1. Coefficients are Chebyshev interpolants of the exact functions.
template <class B>
BORA_INLINE B normal_distribution(B x) noexcept {
  constexpr float near[] = {1.1283791670615464f,     -0.3761263846804527f,   0.11283782495412464f,
                            -0.026865430735184326f,  0.005221031823582578f,  -0.0008484080573829544f,
                            0.00011265959889783517f, -9.667046185768413e-06f};
  constexpr float far[] = {-6.43382298121109e-06f,  0.2822562862609252f,  0.28040470917995974f,
                           0.25629827179460285f,    0.14660777664891722f, 0.12965188319042675f,
                           -0.0062601734356082135f, -0.1626377456942228f, 0.07406618513373865f};
  const B one = B::broadcast(1.0f), half = B::broadcast(0.5f), zero = B::zero();
  const B signed_z = x * B::broadcast(std::numbers::sqrt2_v<float> / 2);
  const B z = abs(signed_z);
  const B inner = mul_add(polynomial(near, z * z) * signed_z, half, half);
  const B tail = polynomial(far, one / mul_add(z, half, one)) * exp(zero - z * z) * half;
  return B::where_less(z, one, inner, B::where_less(x, zero, tail, one - tail));
}

/// The logistic function of a block and its derivative.
template <class B>
struct Logistic {
  B value;       ///< 1 / (1 + exp(-x))
  B derivative;  ///< value (1 - value)
};
/// From e = exp(-|x|), which never overflows: 1 - value would cancel for large x, and so would 1 + tanh for small x.
template <class B>
BORA_INLINE Logistic<B> logistic(B x) noexcept {
  const B one = B::broadcast(1), zero = B::zero();
  const B e = exp_nonpositive(zero - abs(x)), larger = one / (one + e), smaller = e * larger;
  return {B::where_less(x, zero, smaller, larger), smaller * larger};
}

}  // namespace detail

/// max(0, x)
struct ReluFunction {
  /// The activation of each element.
  template <class B>
  static BORA_INLINE B value(B x) noexcept {
    return max(x, B::zero());
  }
  /// Its derivative.
  template <class B>
  static BORA_INLINE B slope(B x) noexcept {
    return B::where_less(B::zero(), x, B::broadcast(1), B::zero());
  }
};

/// x sigmoid(x)
struct SiluFunction {
  /// The activation of each element.
  template <class B>
  static BORA_INLINE B value(B x) noexcept {
    return x / (B::broadcast(1) + exp(B::zero() - x));
  }
  /// Its derivative.
  template <class B>
  static BORA_INLINE B slope(B x) noexcept {
    const auto s = detail::logistic(x);
    return mul_add(x, s.derivative, s.value);
  }
};

/// x Phi(x), exact (Hendrycks and Gimpel 2016, §2).
struct GeluFunction {
  /// The standard normal distribution, Phi(x).
  template <class B>
  static BORA_INLINE B phi(B x) noexcept {
    if constexpr (std::is_same_v<typename B::Number, double>)
      return B::each([&](std::size_t i) { return 0.5 * std::erfc(-x.lane[i] * std::numbers::sqrt2 / 2); });
    else
      return detail::normal_distribution(x);
  }
  /// The activation of each element.
  template <class B>
  static BORA_INLINE B value(B x) noexcept {
    return x * phi(x);
  }
  /// Its derivative.
  template <class B>
  static BORA_INLINE B slope(B x) noexcept {
    using T = typename B::Number;
    constexpr T density = std::numbers::inv_sqrtpi_v<T> * std::numbers::sqrt2_v<T> / 2;
    return mul_add(x * B::broadcast(density), exp(x * x * B::broadcast(T(-0.5))), phi(x));
  }
};

/// 0.5 x (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3), GPT-2's approximation; computed as x sigmoid(2 u).
struct GeluTanhFunction {
  /// 2 sqrt(2 / pi).
  template <class T>
  static constexpr T twice_root = 2 * std::numbers::inv_sqrtpi_v<T> * std::numbers::sqrt2_v<T>;
  static constexpr double cubic = 0.044715;  ///< the coefficient of x^3
  static constexpr double saturated = 32;    ///< for larger |x| the sigmoid's derivative is exactly 0, in F64 too

  /// sigmoid(2 u) and its derivative.
  template <class B>
  static BORA_INLINE detail::Logistic<B> gate(B x) noexcept {
    using T = typename B::Number;
    return detail::logistic(B::broadcast(twice_root<T>) * mul_add(x * x * x, B::broadcast(T(cubic)), x));
  }
  /// The activation of each element.
  template <class B>
  static BORA_INLINE B value(B x) noexcept {
    return x * gate(x).value;
  }
  /// Its derivative.
  template <class B>
  static BORA_INLINE B slope(B x) noexcept {
    using T = typename B::Number;
    // x^2 overflows where the factor beside it is 0: infinity times 0 would be NaN. The comparison lets a NaN through.
    const B limit = B::broadcast(T(saturated)), inside = B::where_less(limit, abs(x), limit, x);
    const B inner = B::broadcast(twice_root<T>) * mul_add(inside * inside, B::broadcast(T(3 * cubic)), B::broadcast(1));
    const auto s = gate(x);
    return mul_add(x * s.derivative, inner, s.value);
  }
};

/// out = f(x), rounded to the format's activations.
template <class Function, class T, class Activation>
void activate(const T* x, Activation* out, std::size_t n) noexcept {
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(Function::value(detail::load<Block<T>>(x + i, valid)), out + i, valid);
  });
}

/// out = f(gate) * up
template <class Function, class T, class Activation>
void activate_gated(const T* gate, const T* up, Activation* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(Function::value(detail::load<B>(gate + i, valid)) * detail::load<B>(up + i, valid), out + i, valid);
  });
}

/// d becomes d * f'(x).
template <class Function, class T>
void activate_backward(const T* x, T* d, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::load<B>(d + i, valid) * Function::slope(detail::load<B>(x + i, valid)), d + i, valid);
  });
}

/// Given d = gradient of f(gate) * up: d_gate = d up f'(gate); d becomes d_up = d f(gate).
template <class Function, class T>
void activate_gated_backward(const T* gate, const T* up, T* d, T* d_gate, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B g = detail::load<B>(gate + i, valid), gradient = detail::load<B>(d + i, valid);
    detail::store(gradient * detail::load<B>(up + i, valid) * Function::slope(g), d_gate + i, valid);
    detail::store(gradient * Function::value(g), d + i, valid);
  });
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
