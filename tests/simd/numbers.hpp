/// What the kernel tests share: random numbers, formats by name, comparison by bits and by a bound on rounding.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/memory.hpp>
#include <bora/core/random.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <ostream>
#include <type_traits>
#include <vector>

namespace numbers {

template <class T>
T rounded(double x) {
  if constexpr (std::is_same_v<T, bora::bfloat16>)
    return bora::to_bfloat16(static_cast<float>(x));
  else if constexpr (std::is_same_v<T, bora::float16>)
    return bora::to_float16(static_cast<float>(x));
  else
    return static_cast<T>(x);
}
template <class T>
double wide(T x) {
  if constexpr (std::is_same_v<T, bora::bfloat16> || std::is_same_v<T, bora::float16>)
    return static_cast<double>(bora::to_float(x));
  else
    return static_cast<double>(x);
}

/// n numbers near 1 in size, which T holds exactly.
template <class T>
std::vector<T> bells(std::size_t n, std::uint64_t seed, double size = 1) {
  const bora::Random random(seed);
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i)
    values[i] = rounded<T>(static_cast<double>(static_cast<float>(size) * random.bell_at(i)));
  return values;
}

template <class T>
bool same_bits(const T* a, const T* b, std::size_t n) {
  return std::memcmp(a, b, n * sizeof(T)) == 0;
}
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && same_bits(a.data(), b.data(), a.size());
}

/// Half a step of T at 1: what one rounding may change, relatively.
template <class T>
constexpr double rounding = std::numeric_limits<T>::epsilon() / 2;
template <>
inline constexpr double rounding<bora::bfloat16> = 1.0 / 256;

/// What lies where nothing may be read or written.
template <class T>
T poison() {
  if constexpr (std::is_same_v<T, bora::bfloat16>)
    return {0x7fc1};
  else
    return std::numeric_limits<T>::quiet_NaN();
}

/// The largest error seen so far. A NaN is infinitely wrong.
class Worst {
 public:
  void see(double found, double exact, double size = 1) {
    const double error = std::abs(found - exact) / size;
    if (!(error <= error_)) error_ = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
  }
  friend bool operator<(const Worst& a, double b) { return a.error_ < b; }
  friend std::ostream& operator<<(std::ostream& out, const Worst& w) { return out << w.error_; }

 private:
  double error_ = 0;
};

/// An exact answer, and by how much `operations` roundings of terms of size `magnitude` may miss it.
struct Bound {
  double exact = 0, magnitude = 0;
  void add(double term) {
    exact += term;
    magnitude += std::abs(term);
  }
  template <class T>
  bool allows(T found, double operations) const {
    return std::abs(wide(found) - exact) <= operations * rounding<T> * magnitude;
  }
};

}  // namespace numbers
