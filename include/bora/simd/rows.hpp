/// Elementwise work on rows: sums, conversions, norms. Every function takes one row, so that a row's results cannot
/// depend on other rows.
#pragma once
#include <bora/simd/block.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

namespace detail {

template <class B, class U>
BORA_INLINE B load(const U* p, std::size_t valid) noexcept {
  return valid == block_lanes ? B::load(p) : B::load_first(p, valid);
}
template <class B, class U>
BORA_INLINE void store(B b, U* p, std::size_t valid) noexcept {
  if (valid == block_lanes)
    b.store(p);
  else
    b.store_first(p, valid);
}
/// f(offset, valid elements) for each block of a row of n.
template <class F>
BORA_INLINE void for_blocks(std::size_t n, F&& f) noexcept {
  std::size_t i = 0;
  for (; i + block_lanes <= n; i += block_lanes) f(i, block_lanes);
  if (i < n) f(i, n - i);
}

}  // namespace detail

/// out = a + b
template <class T>
void add(const T* a, const T* b, T* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::load<B>(a + i, valid) + detail::load<B>(b + i, valid), out + i, valid);
  });
}

/// out = a * b, rounded where `out` is the input of products of bfloat16
template <class T, class Activation>
void multiply(const T* a, const T* b, Activation* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::load<B>(a + i, valid) * detail::load<B>(b + i, valid), out + i, valid);
  });
}

/// out += factor * a
template <class T>
void add_scaled(T factor, const T* a, T* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(mul_add(detail::load<B>(a + i, valid), B::broadcast(factor), detail::load<B>(out + i, valid)),
                  out + i, valid);
  });
}

/// out *= factor
template <class T>
void scale(T factor, T* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::load<B>(out + i, valid) * B::broadcast(factor), out + i, valid);
  });
}

/// Clamps to [-limit, limit]. NaN handling is unspecified; loaders reject NaN.
template <class T>
void clip(T limit, T* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(max(min(detail::load<B>(out + i, valid), B::broadcast(limit)), B::broadcast(-limit)), out + i, valid);
  });
}

namespace detail {

/// limit * tanh(x / limit), and its derivative from that value; 0 where the value is infinite.
template <class B, class T>
BORA_INLINE B capped(B x, T limit) noexcept {
  return B::broadcast(limit) * tanh(x * B::broadcast(T(1) / limit));
}
template <class B, class T>
BORA_INLINE B soft_cap_slope(B capped, T limit) noexcept {
  const B share = capped * B::broadcast(T(1) / limit), one = B::broadcast(T(1));
  return one - min(share * share, one);
}

}  // namespace detail

/// out = limit * tanh(out / limit)
template <class T>
void soft_cap(T limit, T* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::capped(detail::load<B>(out + i, valid), limit), out + i, valid);
  });
}

/// d *= the derivative of `soft_cap`, from what it gave.
template <class T>
void soft_cap_backward(T limit, const T* capped, T* d, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::load<B>(d + i, valid) * detail::soft_cap_slope(detail::load<B>(capped + i, valid), limit),
                  d + i, valid);
  });
}

/// out = a; faster than memcpy for short rows.
template <class T>
BORA_INLINE void copy_row(const T* a, T* out, std::size_t n) noexcept {
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(detail::load<Block<T>>(a + i, valid), out + i, valid);
  });
}

/// y = x with its pairs (x[c], x[c + half]) rotated by the angles whose cosine and sine are given; `direction` -1
/// rotates back. y may be x.
template <class T>
void rotate(const T* x, const T* cosine, const T* sine, std::size_t half, T direction, T* y) noexcept {
  using B = Block<T>;
  detail::for_blocks(half, [&](std::size_t i, std::size_t valid) {
    const B a = detail::load<B>(x + i, valid), b = detail::load<B>(x + half + i, valid);
    const B c = detail::load<B>(cosine + i, valid), s = detail::load<B>(sine + i, valid) * B::broadcast(direction);
    detail::store(a * c - b * s, y + i, valid);
    detail::store(b * c + a * s, y + half + i, valid);
  });
}

/// Sum of a[i] * b[i], in 16 partial sums and a fixed tree.
template <class T>
T dot(const T* a, const T* b, std::size_t n) noexcept {
  using B = Block<T>;
  B sum = B::zero();
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    sum = mul_add(detail::load<B>(a + i, valid), detail::load<B>(b + i, valid), sum);
  });
  return sum.sum();
}

/// Copies a row into a matrix product's input, rounding it as the format says.
template <class T, class Activation>
void round_row(const T* from, Activation* to, std::size_t n) noexcept {
  if constexpr (std::is_same_v<T, Activation>) {
    if (from != to) std::memcpy(to, from, n * sizeof(T));
  } else {
    detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
      detail::store(detail::load<Block<T>>(from + i, valid), to + i, valid);
    });
  }
}

/// Statistics of a row for a norm: y = (x - mean) * inverse_deviation.
template <class T>
struct RowStatistics {
  T mean;               ///< 0 for RMSNorm, which subtracts none
  T inverse_deviation;  ///< 1 / sqrt(variance + eps); of RMSNorm, of the mean square
};

/// RMS statistics: mean 0, 1 / sqrt(mean(x^2) + eps).
template <class T>
RowStatistics<T> rms_statistics(const T* x, std::size_t n, double eps) noexcept {
  const T mean_square = dot(x, x, n) / static_cast<T>(n);
  return {T(0), T(1) / std::sqrt(mean_square + static_cast<T>(eps))};
}

/// LayerNorm statistics; the variance is the mean of squared deviations (division by the width).
template <class T>
RowStatistics<T> layer_statistics(const T* x, std::size_t n, double eps) noexcept {
  using B = Block<T>;
  B total = B::zero();
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) { total = total + detail::load<B>(x + i, valid); });
  const T mean = total.sum() / static_cast<T>(n);
  B squares = B::zero();
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B d = B::keep(0, static_cast<int>(valid), detail::load<B>(x + i, valid) - B::broadcast(mean), B::zero());
    squares = mul_add(d, d, squares);
  });
  const T variance = squares.sum() / static_cast<T>(n);
  return {mean, T(1) / std::sqrt(variance + static_cast<T>(eps))};
}

namespace detail {

/// A block of weights; `offset`, unless 0, is added to each.
template <class B, class T>
BORA_INLINE B load_weight(const T* weight, std::size_t valid, T offset) noexcept {
  const B w = load<B>(weight, valid);
  return offset == 0 ? w : w + B::broadcast(offset);
}

}  // namespace detail

/// y = (x - mean) * inverse_deviation * (weight + offset) + bias; weight and bias may be null.
template <class T, class Activation>
void normalise(const T* x, std::size_t n, RowStatistics<T> s, const T* weight, const T* bias, Activation* y,
               T offset = T(0)) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    B v = (detail::load<B>(x + i, valid) - B::broadcast(s.mean)) * B::broadcast(s.inverse_deviation);
    if (weight != nullptr) v = v * detail::load_weight<B>(weight + i, valid, offset);
    if (bias != nullptr) v = v + detail::load<B>(bias + i, valid);
    detail::store(v, y + i, valid);
  });
}

/// dx += the gradient of `normalise` with respect to x. For RMSNorm the mean is a constant 0.
template <class T>
void normalise_backward(const T* x, std::size_t n, RowStatistics<T> s, const T* weight, const T* dy, T* dx,
                        bool centred, T offset = T(0)) noexcept {
  using B = Block<T>;
  const auto normal = [&](std::size_t i, std::size_t valid) {
    return (detail::load<B>(x + i, valid) - B::broadcast(s.mean)) * B::broadcast(s.inverse_deviation);
  };
  const auto gradient = [&](std::size_t i, std::size_t valid) {
    const B g = detail::load<B>(dy + i, valid);
    return weight == nullptr ? g : g * detail::load_weight<B>(weight + i, valid, offset);
  };
  B sum = B::zero(), projection = B::zero();
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B g = gradient(i, valid);  // zero beyond the row's end
    sum = sum + g;
    projection = mul_add(g, normal(i, valid), projection);
  });
  const T width = static_cast<T>(n);
  const T mean_gradient = centred ? sum.sum() / width : T(0);
  const T mean_projection = projection.sum() / width;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B inner = gradient(i, valid) - B::broadcast(mean_gradient) - normal(i, valid) * B::broadcast(mean_projection);
    detail::store(mul_add(inner, B::broadcast(s.inverse_deviation), detail::load<B>(dx + i, valid)), dx + i, valid);
  });
}

/// dw += dy * normal(x): the gradient of a norm's weight, on any part of a row.
template <class T>
void add_normal_product(const T* x, std::size_t n, RowStatistics<T> s, const T* dy, T* dw) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B normal = (detail::load<B>(x + i, valid) - B::broadcast(s.mean)) * B::broadcast(s.inverse_deviation);
    detail::store(mul_add(detail::load<B>(dy + i, valid), normal, detail::load<B>(dw + i, valid)), dw + i, valid);
  });
}

namespace detail {

/// Index of the largest of at most 2^24 elements: a float holds their indices exactly.
template <class T>
std::size_t largest_of_stretch(const T* x, std::size_t n) noexcept {
  using B = Block<T>;
  T steps[block_lanes], largest[block_lanes], place[block_lanes];
  for (std::size_t i = 0; i < block_lanes; ++i) steps[i] = static_cast<T>(i);
  const B step = B::load(steps);
  B most = B::broadcast(-std::numeric_limits<T>::infinity()), at = B::broadcast(T(-1));
  std::size_t i = 0;
  for (; i + block_lanes <= n; i += block_lanes) {
    const B value = B::load(x + i), index = step + B::broadcast(static_cast<T>(i));
    at = B::where_less(most, value, index, at);
    most = B::where_less(most, value, value, most);
  }
  most.store(largest);
  at.store(place);
  std::size_t best = n;
  T top = -std::numeric_limits<T>::infinity();
  for (std::size_t lane = 0; lane < block_lanes; ++lane) {
    if (!(place[lane] >= 0)) continue;
    const auto index = static_cast<std::size_t>(place[lane]);
    if (largest[lane] > top || (largest[lane] == top && index < best)) {
      top = largest[lane];
      best = index;
    }
  }
  for (; i < n; ++i)
    if (x[i] > top) {
      top = x[i];
      best = i;
    }
  return best;
}

}  // namespace detail

/// Index of the largest element, the first one of equals; NaNs are ignored. n if no element is above -infinity.
template <class T>
std::size_t largest_index(const T* x, std::size_t n) noexcept {
  constexpr std::size_t stretch = std::size_t{1} << 24;
  std::size_t best = n;
  for (std::size_t first = 0; first < n; first += stretch) {
    const std::size_t size = std::min(stretch, n - first), i = detail::largest_of_stretch(x + first, size);
    if (i < size && (best == n || x[first + i] > x[best])) best = first + i;
  }
  return best;
}

/// Largest element, and log of the sum of exponentials relative to it.
template <class T>
struct LogSumExp {
  T largest;  ///< the largest x
  T log_sum;  ///< log(sum exp(x - largest))
  T sum;      ///< sum exp(x - largest), for softmax: more precise than `value` where x is large
  /// log(sum exp(x)).
  T value() const noexcept { return largest + log_sum; }
  /// -log softmax of one of the logits.
  double cross_entropy(T logit) const noexcept {
    return static_cast<double>(largest - logit) + static_cast<double>(log_sum);
  }
};

/// log(sum exp(x[i])) of a row, in 16 partial sums and a fixed tree.
template <class T>
LogSumExp<T> log_sum_exp(const T* x, std::size_t n) noexcept {
  using B = Block<T>;
  const T largest = *std::max_element(x, x + n);
  B sum = B::zero();
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    const B e = exp(detail::load<B>(x + i, valid) - B::broadcast(largest));
    sum = sum + B::keep(0, static_cast<int>(valid), e, B::zero());
  });
  const T total = sum.sum();
  return {largest, static_cast<T>(std::log(total)), total};
}

/// out[i] = exp(x[i] - shift) * factor
template <class T>
void exp_shifted(const T* x, T shift, T factor, T* out, std::size_t n) noexcept {
  using B = Block<T>;
  detail::for_blocks(n, [&](std::size_t i, std::size_t valid) {
    detail::store(exp(detail::load<B>(x + i, valid) - B::broadcast(shift)) * B::broadcast(factor), out + i, valid);
  });
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
