/// Sixteen elements as a plain array: the scalar reference of the SIMD blocks, for any number type.
///
/// A *block* is the unit that all kernels are written in: a vector of 16 elements with the operations below. Backends
/// build a block from different vectors; kernels are the same for all. The scalar block of `double` is the reference
/// that tests compare with, and `BORA_BACKEND_SCALAR` runs a whole program on the scalar block of `float`.
#pragma once
#include <bora/core/format.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Elements of a block on every target, so that panels, runs of keys and sums have one shape.
inline constexpr std::size_t block_lanes = 16;

/// A block as an array, for any number type: defines what each function of the other blocks must compute, and is the
/// reference for tests.
template <class T>
struct ScalarBlock {
  using Number = T;
  static constexpr std::size_t lanes = block_lanes;  ///< elements of a block
  static constexpr std::size_t tile_rows = 4;        ///< rows of input that a tile of a matrix product holds at most
  static constexpr std::size_t tile_panels = 1;      ///< panels of weights that such a tile holds
  T lane[lanes];                                     ///< the elements

  /// The backend's name, as programs print it.
  static constexpr const char* target() noexcept { return "scalar"; }

  /// Applies f to each element.
  template <class F>
  static BORA_INLINE ScalarBlock each(F&& f) noexcept {
    ScalarBlock r;
    for (std::size_t i = 0; i < lanes; ++i) r.lane[i] = f(i);
    return r;
  }
  /// Every element is `x`.
  static BORA_INLINE ScalarBlock broadcast(T x) noexcept {
    return each([&](std::size_t) { return x; });
  }
  /// Every element is 0.
  static BORA_INLINE ScalarBlock zero() noexcept { return broadcast(T(0)); }
  /// Loads 16 elements from `p`, which need not be aligned.
  static BORA_INLINE ScalarBlock load(const T* p) noexcept {
    return each([&](std::size_t i) { return p[i]; });
  }
  /// Loads 16 elements from `p`, which need not be aligned.
  static BORA_INLINE ScalarBlock load(const bfloat16* p) noexcept {
    return each([&](std::size_t i) { return T(to_float(p[i])); });
  }
  /// Loads 16 elements from `p`, which need not be aligned.
  static BORA_INLINE ScalarBlock load(const float16* p) noexcept {
    return each([&](std::size_t i) { return T(to_float(p[i])); });
  }
  /// Loads 16 elements from `p`, which need not be aligned.
  static BORA_INLINE ScalarBlock load(const std::int8_t* p) noexcept {
    return each([&](std::size_t i) { return T(p[i]); });
  }
  /// Loads the first n of 16 elements; the rest are zero.
  template <class U>
  static BORA_INLINE ScalarBlock load_first(const U* p, std::size_t n) noexcept {
    return each([&](std::size_t i) { return i < n ? T(to_float(p[i])) : T(0); });
  }
  /// Stores all elements to `p`, rounding if it points to bfloat16.
  BORA_INLINE void store(T* p) const noexcept {
    for (std::size_t i = 0; i < lanes; ++i) p[i] = lane[i];
  }
  /// Stores all elements to `p`, rounding if it points to bfloat16.
  BORA_INLINE void store(bfloat16* p) const noexcept {
    for (std::size_t i = 0; i < lanes; ++i) p[i] = to_bfloat16(static_cast<float>(lane[i]));
  }
  /// Stores the first n of 16 elements to `p`.
  template <class U>
  BORA_INLINE void store_first(U* p, std::size_t n) const noexcept {
    U all[lanes];
    store(all);
    for (std::size_t i = 0; i < n; ++i) p[i] = all[i];
  }

  friend BORA_INLINE ScalarBlock operator+(ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return a.lane[i] + b.lane[i]; });
  }
  friend BORA_INLINE ScalarBlock operator-(ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return a.lane[i] - b.lane[i]; });
  }
  friend BORA_INLINE ScalarBlock operator*(ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return a.lane[i] * b.lane[i]; });
  }
  friend BORA_INLINE ScalarBlock operator/(ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return a.lane[i] / b.lane[i]; });
  }
  /// a * b + c. The scalar block rounds twice: without an FMA instruction a fused multiply-add would be a library call.
  friend BORA_INLINE ScalarBlock mul_add(ScalarBlock a, ScalarBlock b, ScalarBlock c) noexcept {
    return each([&](std::size_t i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  /// Element by element; `a` where the two are equal or unordered (NaN).
  friend BORA_INLINE ScalarBlock max(ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return a.lane[i] < b.lane[i] ? b.lane[i] : a.lane[i]; });
  }
  /// Element by element; `a` where the two are equal or unordered (NaN).
  friend BORA_INLINE ScalarBlock min(ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return b.lane[i] < a.lane[i] ? b.lane[i] : a.lane[i]; });
  }
  /// Element by element.
  friend BORA_INLINE ScalarBlock abs(ScalarBlock a) noexcept {
    return each([&](std::size_t i) { return std::abs(a.lane[i]); });
  }
  /// Element by element.
  friend BORA_INLINE ScalarBlock exp(ScalarBlock a) noexcept {
    return each([&](std::size_t i) { return std::exp(a.lane[i]); });
  }
  /// exp of arguments that are at most 0.
  friend BORA_INLINE ScalarBlock exp_nonpositive(ScalarBlock a) noexcept { return exp(a); }
  /// Element by element.
  friend BORA_INLINE ScalarBlock tanh(ScalarBlock a) noexcept {
    return each([&](std::size_t i) { return std::tanh(a.lane[i]); });
  }
  /// Element by element.
  friend BORA_INLINE ScalarBlock sqrt(ScalarBlock a) noexcept {
    return each([&](std::size_t i) { return std::sqrt(a.lane[i]); });
  }
  /// Selects `yes` in elements where a < b, `no` in the others.
  static BORA_INLINE ScalarBlock where_less(ScalarBlock a, ScalarBlock b, ScalarBlock yes, ScalarBlock no) noexcept {
    return each([&](std::size_t i) { return a.lane[i] < b.lane[i] ? yes.lane[i] : no.lane[i]; });
  }
  /// Selects elements begin <= i < end from `a`, the others from `b`. Elements that are not selected may be NaN.
  static BORA_INLINE ScalarBlock keep(int begin, int end, ScalarBlock a, ScalarBlock b) noexcept {
    return each([&](std::size_t i) { return int(i) >= begin && int(i) < end ? a.lane[i] : b.lane[i]; });
  }
  /// Sum of all elements, in a fixed tree.
  BORA_INLINE T sum() const noexcept {
    T s[lanes];
    store(s);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) s[i] = s[i] + s[i + half];
    return s[0];
  }
  /// Largest of all elements.
  BORA_INLINE T largest() const noexcept {
    T m = lane[0];
    for (std::size_t i = 1; i < lanes; ++i) m = m < lane[i] ? lane[i] : m;
    return m;
  }

  /// Whether the target has a dot product of bfloat16 pairs; if not, `dot_pairs` widens them.
  static constexpr bool native_pairs = false;
  /// Sixteen pairs of bfloat16, as a panel of `Bf16` holds them.
  struct Pairs {
    ScalarBlock even;  ///< first element of each pair
    ScalarBlock odd;   ///< second element of each pair
    /// Sixteen pairs at `p`.
    static BORA_INLINE Pairs load(const bfloat16* p) noexcept {
      return {each([&](std::size_t i) { return T(to_float(p[2 * i])); }),
              each([&](std::size_t i) { return T(to_float(p[2 * i + 1])); })};
    }
    /// \param p  the pair, as bfloat16 or widened
    template <class U>
    static BORA_INLINE Pairs broadcast(const U* p) noexcept {
      return {ScalarBlock::broadcast(T(to_float(p[0]))), ScalarBlock::broadcast(T(to_float(p[1])))};
    }
  };
  /// c + w.even * x.even + w.odd * x.odd.
  friend BORA_INLINE ScalarBlock dot_pairs(const Pairs& w, const Pairs& x, ScalarBlock c) noexcept {
    return mul_add(w.odd, x.odd, mul_add(w.even, x.even, c));
  }

  /// Whether the target has a dot product of 8-bit integers.
  static constexpr bool native_bytes = false;
  /// Four codes, 0 to 255, for each of the 16 elements, as a panel of a block format holds them.
  struct Codes {
    std::uint32_t lane[lanes];  ///< the first code in the lowest byte
    /// 64 codes at `p`.
    static BORA_INLINE Codes load(const std::byte* p) noexcept {
      Codes c;
      __builtin_memcpy(c.lane, p, sizeof c.lane);
      return c;
    }
    /// The bits of `mask` of every code.
    template <std::uint8_t mask>
    BORA_INLINE Codes bits() const noexcept {
      return each([](std::uint32_t c) { return c & mask * 0x01010101u; });
    }
    /// Codes times 2^n, for codes that stay below 256.
    template <int n>
    BORA_INLINE Codes up() const noexcept {
      return each([](std::uint32_t c) { return c << n; });
    }
    /// Codes divided by 2^n, for codes that it divides.
    template <int n>
    BORA_INLINE Codes down() const noexcept {
      return each([](std::uint32_t c) { return c >> n; });
    }
    /// Code by code, for codes that have no bit in common.
    friend BORA_INLINE Codes operator|(Codes a, const Codes& b) noexcept {
      for (std::size_t i = 0; i < lanes; ++i) a.lane[i] |= b.lane[i];
      return a;
    }

   private:
    template <class F>
    BORA_INLINE Codes each(F&& f) const noexcept {
      Codes c;
      for (std::size_t i = 0; i < lanes; ++i) c.lane[i] = f(lane[i]);
      return c;
    }
  };
  /// Four signed bytes, the same for all 16 elements.
  struct Bytes {
    std::int8_t byte[4];  ///< the bytes
    /// Four bytes at `p`.
    static BORA_INLINE Bytes broadcast(const std::int8_t* p) noexcept { return {{p[0], p[1], p[2], p[3]}}; }
  };
  /// Sixteen 32-bit integers.
  struct Integers {
    std::int32_t lane[lanes];  ///< the integers
    /// Every element is `x`.
    static BORA_INLINE Integers broadcast(std::int32_t x) noexcept {
      Integers r;
      for (std::int32_t& i : r.lane) i = x;
      return r;
    }
    /// As numbers; exact below 2^24.
    BORA_INLINE ScalarBlock number() const noexcept {
      return ScalarBlock::each([&](std::size_t i) { return static_cast<T>(lane[i]); });
    }
  };
  /// sum + w[0] * x[0] + … + w[3] * x[3], exactly.
  friend BORA_INLINE Integers dot_codes(const Codes& w, const Bytes& x, Integers sum) noexcept {
    for (std::size_t i = 0; i < lanes; ++i)
      for (std::size_t b = 0; b < 4; ++b)
        sum.lane[i] += static_cast<std::int32_t>(w.lane[i] >> (8 * b) & 255) * x.byte[b];
    return sum;
  }
};

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
