/// Blocks on xsimd: the native vector of the target, doubled until it has 16 elements.
#pragma once
#include <bora/core/format.hpp>
#include <bora/simd/scalar.hpp>
#include <bora/simd/twice.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 warns about the undefined vectors in its own AVX-512 intrinsics as if the caller had made them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <xsimd/xsimd.hpp>
#pragma GCC diagnostic pop
#else
#include <xsimd/xsimd.hpp>
#endif

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

#if defined(XSIMD_NO_SUPPORTED_ARCHITECTURE)
using XsimdBlock = ScalarBlock<float>;
#else

/// One native vector of at most 16 floats.
struct XsimdVector {
  using Number = float;
  using V = xsimd::batch<float>;
  using U32 = xsimd::batch<std::uint32_t>;
  static constexpr std::size_t lanes = V::size;
  // 8 rows by 2 panels: 16 sums, 2 weights and a broadcast fit 32 registers; half of it fits 16.
  static constexpr std::size_t tile_rows = lanes == block_lanes || XSIMD_WITH_NEON64 ? 8 : 4, tile_panels = 2;
  V v;

  static const char* target() noexcept { return xsimd::default_arch::name(); }
  static BORA_INLINE XsimdVector broadcast(float x) noexcept { return {V(x)}; }
  static BORA_INLINE XsimdVector zero() noexcept { return {V(0.0f)}; }
  static BORA_INLINE XsimdVector load(const float* p) noexcept { return {V::load_unaligned(p)}; }
  // xsimd has no widening loads: go through an array, which the compiler turns into the instruction.
  static BORA_INLINE XsimdVector load(const bfloat16* p) noexcept {
    std::uint32_t bits[lanes];
    for (std::size_t i = 0; i < lanes; ++i) bits[i] = static_cast<std::uint32_t>(p[i].bits) << 16;
    return {std::bit_cast<V>(U32::load_unaligned(bits))};
  }
  static BORA_INLINE XsimdVector load(const float16* p) noexcept {
    float wide[lanes];
    for (std::size_t i = 0; i < lanes; ++i) wide[i] = to_float(p[i]);
    return load(wide);
  }
  static BORA_INLINE XsimdVector load(const std::int8_t* p) noexcept {
    float wide[lanes];
    for (std::size_t i = 0; i < lanes; ++i) wide[i] = static_cast<float>(p[i]);
    return load(wide);
  }
  template <class U>
  static BORA_INLINE XsimdVector load_first(const U* p, std::size_t n) noexcept {
    U all[lanes] = {};
    for (std::size_t i = 0; i < n; ++i) all[i] = p[i];
    return load(all);
  }
  BORA_INLINE void store(float* p) const noexcept { v.store_unaligned(p); }
  /// Rounds as `to_bfloat16` does.
  BORA_INLINE void store(bfloat16* p) const noexcept {
    const U32 bits = std::bit_cast<U32>(v);
    const U32 odd = (bits >> 16) & U32(1u);
    const U32 rounded = bits + U32(0x7fffu) + odd;
    const V chosen = xsimd::select(xsimd::isnan(v), std::bit_cast<V>(bits | U32(0x400000u)), std::bit_cast<V>(rounded));
    std::uint32_t wide[lanes];
    std::bit_cast<U32>(chosen).store_unaligned(wide);
    for (std::size_t i = 0; i < lanes; ++i) p[i].bits = static_cast<std::uint16_t>(wide[i] >> 16);
  }
  template <class U>
  BORA_INLINE void store_first(U* p, std::size_t n) const noexcept {
    U all[lanes];
    store(all);
    for (std::size_t i = 0; i < n; ++i) p[i] = all[i];
  }

  friend BORA_INLINE XsimdVector operator+(XsimdVector a, XsimdVector b) noexcept { return {a.v + b.v}; }
  friend BORA_INLINE XsimdVector operator-(XsimdVector a, XsimdVector b) noexcept { return {a.v - b.v}; }
  friend BORA_INLINE XsimdVector operator*(XsimdVector a, XsimdVector b) noexcept { return {a.v * b.v}; }
  friend BORA_INLINE XsimdVector operator/(XsimdVector a, XsimdVector b) noexcept { return {a.v / b.v}; }
  friend BORA_INLINE XsimdVector mul_add(XsimdVector a, XsimdVector b, XsimdVector c) noexcept {
    return {xsimd::fma(a.v, b.v, c.v)};
  }
  friend BORA_INLINE XsimdVector max(XsimdVector a, XsimdVector b) noexcept { return {xsimd::max(a.v, b.v)}; }
  friend BORA_INLINE XsimdVector min(XsimdVector a, XsimdVector b) noexcept { return {xsimd::min(a.v, b.v)}; }
  friend BORA_INLINE XsimdVector abs(XsimdVector a) noexcept { return {xsimd::abs(a.v)}; }
  friend BORA_INLINE XsimdVector exp(XsimdVector a) noexcept { return {xsimd::exp(a.v)}; }
  friend BORA_INLINE XsimdVector exp_nonpositive(XsimdVector a) noexcept { return exp(a); }
  friend BORA_INLINE XsimdVector tanh(XsimdVector a) noexcept { return {xsimd::tanh(a.v)}; }
  friend BORA_INLINE XsimdVector sqrt(XsimdVector a) noexcept { return {xsimd::sqrt(a.v)}; }
  static BORA_INLINE XsimdVector where_less(XsimdVector a, XsimdVector b, XsimdVector yes, XsimdVector no) noexcept {
    return {xsimd::select(a.v < b.v, yes.v, no.v)};
  }
  static BORA_INLINE XsimdVector keep(int begin, int end, XsimdVector a, XsimdVector b) noexcept {
    const V lane = iota();
    return {xsimd::select(lane >= V(static_cast<float>(begin)) && lane < V(static_cast<float>(end)), a.v, b.v)};
  }
  /// Reduction of all elements in a fixed tree: xsimd has no horizontal maximum, and the order of its sum depends on
  /// the target.
  BORA_INLINE float sum() const noexcept {
    return reduce([](float a, float b) { return a + b; });
  }
  BORA_INLINE float largest() const noexcept {
    return reduce([](float a, float b) { return a < b ? b : a; });
  }

  static constexpr bool native_pairs = false;
  struct Pairs {
    V even, odd;
    static BORA_INLINE Pairs load(const bfloat16* p) noexcept {
      std::uint32_t both[lanes];
      __builtin_memcpy(both, p, sizeof both);
      const U32 bits = U32::load_unaligned(both);
      return {std::bit_cast<V>(bits << 16), std::bit_cast<V>(bits & U32(0xffff0000u))};
    }
    template <class U>
    static BORA_INLINE Pairs broadcast(const U* p) noexcept {
      return {V(to_float(p[0])), V(to_float(p[1]))};
    }
  };
  friend BORA_INLINE XsimdVector dot_pairs(const Pairs& w, const Pairs& x, XsimdVector c) noexcept {
    return {xsimd::fma(w.odd, x.odd, xsimd::fma(w.even, x.even, c.v))};
  }

  static constexpr bool native_bytes = false;
  using I32 = xsimd::batch<std::int32_t>;
  struct Codes {
    U32 v;
    static BORA_INLINE Codes load(const std::byte* p) noexcept {
      std::uint32_t all[lanes];
      __builtin_memcpy(all, p, sizeof all);
      return {U32::load_unaligned(all)};
    }
    template <std::uint8_t mask>
    BORA_INLINE Codes bits() const noexcept {
      return {v & U32(mask * 0x01010101u)};
    }
    template <int n>
    BORA_INLINE Codes up() const noexcept {
      return {v << n};
    }
    template <int n>
    BORA_INLINE Codes down() const noexcept {
      return {v >> n};
    }
    friend BORA_INLINE Codes operator|(Codes a, Codes b) noexcept { return {a.v | b.v}; }
  };
  struct Bytes {
    I32 byte[4];
    static BORA_INLINE Bytes broadcast(const std::int8_t* p) noexcept {
      return {{I32(p[0]), I32(p[1]), I32(p[2]), I32(p[3])}};
    }
  };
  struct Integers {
    I32 v;
    static BORA_INLINE Integers broadcast(std::int32_t x) noexcept { return {I32(x)}; }
    BORA_INLINE XsimdVector number() const noexcept { return {xsimd::to_float(v)}; }
  };
  friend BORA_INLINE Integers dot_codes(Codes w, const Bytes& x, Integers sum) noexcept {
    const auto times = [](U32 code, I32 byte) { return std::bit_cast<I32>(code) * byte; };
    const U32 mask(255u);
    const I32 first = times(w.v & mask, x.byte[0]) + times((w.v >> 8) & mask, x.byte[1]);
    const I32 last = times((w.v >> 16) & mask, x.byte[2]) + times(w.v >> 24, x.byte[3]);
    return {sum.v + (first + last)};
  }

 private:
  static BORA_INLINE V iota() noexcept {
    alignas(V) float lane[lanes];
    for (std::size_t i = 0; i < lanes; ++i) lane[i] = static_cast<float>(i);
    return V::load_aligned(lane);
  }
  template <class F>
  BORA_INLINE float reduce(F&& f) const noexcept {
    float s[lanes];
    store(s);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) s[i] = f(s[i], s[i + half]);
    return s[0];
  }
};

/// Sixteen floats in native vectors.
using XsimdBlock = std::conditional_t<
    XsimdVector::lanes == block_lanes, XsimdVector,
    std::conditional_t<XsimdVector::lanes * 2 == block_lanes, Twice<XsimdVector>, Twice<Twice<XsimdVector> > > >;
static_assert(XsimdBlock::lanes == block_lanes);
#endif

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
