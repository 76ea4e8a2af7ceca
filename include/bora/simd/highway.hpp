/// Blocks on Google Highway: the native vector of the target, doubled until it has 16 elements.
#pragma once
#include <bora/core/format.hpp>
#include <bora/simd/highway_library.hpp>
#include <bora/simd/scalar.hpp>
#include <bora/simd/twice.hpp>
#include <cstddef>
#include <cstdint>
#include <type_traits>
// Highway before 1.1 has no dot product of bfloat16 pairs for AVX-512, but compilers have the intrinsic. Highway may
// use narrower vectors than the compiler could.
#if defined(__AVX512BF16__) && HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#define BORA_HIGHWAY_BF16_PAIRS 1
#else
#define BORA_HIGHWAY_BF16_PAIRS 0
#endif
// Nor has it dot products of 8-bit integers.
#if HWY_ARCH_X86
#include <immintrin.h>
#if (defined(__AVX512VNNI__) && HWY_TARGET <= HWY_AVX3) || (defined(__AVXVNNI__) && HWY_TARGET == HWY_AVX2)
#define BORA_HIGHWAY_VNNI 1
#endif
#endif
#if !defined(BORA_HIGHWAY_VNNI)
#define BORA_HIGHWAY_VNNI 0
#endif

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

#if HWY_HAVE_SCALABLE
// Vectors of unknown length (SVE, RVV) cannot be members of a block; the compiler vectorises the scalar code instead.
using HighwayBlock = ScalarBlock<float>;
#else

namespace hn = hwy::HWY_NAMESPACE;

/// One native vector of at most 16 floats.
struct HighwayVector {
  using Number = float;
  using D = hn::CappedTag<float, block_lanes>;
  using V = hn::Vec<D>;
  using U32 = hn::Rebind<std::uint32_t, D>;
  using I32 = hn::Rebind<std::int32_t, D>;
  using U16 = hn::Rebind<std::uint16_t, D>;
  static constexpr std::size_t lanes = hn::MaxLanes(D());
  // 8 rows by 2 panels: 16 sums, 2 weights and a broadcast fit 32 registers; half of it fits 16.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
  static constexpr std::size_t tile_rows = 8, tile_panels = 2;
#else
  static constexpr std::size_t tile_rows = 4, tile_panels = 2;
#endif
  V v;

  static const char* target() noexcept { return hwy::TargetName(HWY_STATIC_TARGET); }
  static BORA_INLINE HighwayVector broadcast(float x) noexcept { return {hn::Set(D(), x)}; }
  static BORA_INLINE HighwayVector zero() noexcept { return {hn::Zero(D())}; }
  static BORA_INLINE HighwayVector load(const float* p) noexcept { return {hn::LoadU(D(), p)}; }
  static BORA_INLINE HighwayVector load(const bfloat16* p) noexcept {
    const auto bits = hn::LoadU(U16(), reinterpret_cast<const std::uint16_t*>(p));
    return {hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), bits)))};
  }
  static BORA_INLINE HighwayVector load(const float16* p) noexcept {
    using F16s = hn::Rebind<hwy::float16_t, D>;
    return {hn::PromoteTo(D(), hn::LoadU(F16s(), reinterpret_cast<const hwy::float16_t*>(p)))};
  }
  static BORA_INLINE HighwayVector load(const std::int8_t* p) noexcept {
    return {hn::ConvertTo(D(), hn::PromoteTo(I32(), hn::LoadU(hn::Rebind<std::int8_t, D>(), p)))};
  }
  template <class U>
  static BORA_INLINE HighwayVector load_first(const U* p, std::size_t n) noexcept {
    U all[lanes] = {};
    for (std::size_t i = 0; i < n; ++i) all[i] = p[i];
    return load(all);
  }
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  // Masked instructions touch no memory outside the mask.
  static BORA_INLINE HighwayVector load_first(const float* p, std::size_t n) noexcept {
    return {hn::MaskedLoad(hn::FirstN(D(), n), D(), p)};
  }
  BORA_INLINE void store_first(float* p, std::size_t n) const noexcept {
    hn::BlendedStore(v, hn::FirstN(D(), n), D(), p);
  }
#endif
  BORA_INLINE void store(float* p) const noexcept { hn::StoreU(v, D(), p); }
  /// Rounds as `to_bfloat16` does; the instruction for it would flush subnormals.
  BORA_INLINE void store(bfloat16* p) const noexcept {
    const auto bits = hn::BitCast(U32(), v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(U32(), 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(U32(), 0x7fff)), odd));
    const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(U32(), 0x40));
    const auto nan = hn::RebindMask(U32(), hn::IsNaN(v));
    const auto chosen = hn::BitCast(I32(), hn::IfThenElse(nan, quiet, rounded));
    hn::StoreU(hn::DemoteTo(U16(), chosen), U16(), reinterpret_cast<std::uint16_t*>(p));
  }
  template <class U>
  BORA_INLINE void store_first(U* p, std::size_t n) const noexcept {
    U all[lanes];
    store(all);
    for (std::size_t i = 0; i < n; ++i) p[i] = all[i];
  }

  friend BORA_INLINE HighwayVector operator+(HighwayVector a, HighwayVector b) noexcept { return {hn::Add(a.v, b.v)}; }
  friend BORA_INLINE HighwayVector operator-(HighwayVector a, HighwayVector b) noexcept { return {hn::Sub(a.v, b.v)}; }
  friend BORA_INLINE HighwayVector operator*(HighwayVector a, HighwayVector b) noexcept { return {hn::Mul(a.v, b.v)}; }
  friend BORA_INLINE HighwayVector operator/(HighwayVector a, HighwayVector b) noexcept { return {hn::Div(a.v, b.v)}; }
  friend BORA_INLINE HighwayVector mul_add(HighwayVector a, HighwayVector b, HighwayVector c) noexcept {
    return {hn::MulAdd(a.v, b.v, c.v)};
  }
  friend BORA_INLINE HighwayVector max(HighwayVector a, HighwayVector b) noexcept { return {hn::Max(a.v, b.v)}; }
  friend BORA_INLINE HighwayVector min(HighwayVector a, HighwayVector b) noexcept { return {hn::Min(a.v, b.v)}; }
  friend BORA_INLINE HighwayVector abs(HighwayVector a) noexcept { return {hn::Abs(a.v)}; }
  /// f(a), but NaN elements are returned unchanged: Highway's functions convert their argument to integers.
  template <class F>
  static BORA_INLINE HighwayVector around_nan(V a, F&& f) noexcept {
    const auto nan = hn::IsNaN(a);
    return {hn::IfThenElse(nan, a, f(hn::IfThenElse(nan, hn::Zero(D()), a)))};
  }
  friend BORA_INLINE HighwayVector exp(HighwayVector a) noexcept {
    // Highway's exp is correct up to 104, where the result is infinite anyway.
    return around_nan(a.v, [](V x) { return hn::Exp(D(), hn::Min(hn::Set(D(), 104.0f), x)); });
  }
  /// exp for x <= 0, as softmax needs it: skips the overflow handling of the general one. Below -87 the result is 0.
  friend BORA_INLINE HighwayVector exp_nonpositive(HighwayVector a) noexcept {
    const D d;
    const auto constant = [&](float x) { return hn::Set(d, x); };
    const V n = hn::Round(hn::Mul(a.v, constant(1.44269504f)));
    // ln 2 in two parts: the first has few enough bits for n times it to be exact.
    const V r = hn::NegMulAdd(n, constant(-2.12194440e-4f), hn::NegMulAdd(n, constant(0.693359375f), a.v));
    constexpr float c[] = {1.0f,
                           1.000000037716219f,
                           0.5000000047119864f,
                           0.16666415514630717f,
                           0.04166635289093892f,
                           0.008375126399837465f,
                           0.0013941108803230049f};  // Chebyshev interpolation on |r| <= ln 2 / 2
    V p = constant(c[6]);
    for (std::size_t i = 6; i-- > 0;) p = hn::MulAdd(p, r, constant(c[i]));
    // 1.5 * 2^23 + 127 + n: the last bits are the exponent of 2^n. If n is NaN, so is p.
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(I32(), hn::Add(n, constant(12583039.0f))));
    const V e = hn::Mul(p, hn::BitCast(d, exponent));
    return {hn::IfThenElse(hn::Lt(a.v, constant(-87.0f)), hn::Zero(d), e)};
  }
  friend BORA_INLINE HighwayVector tanh(HighwayVector a) noexcept {
    return around_nan(a.v, [](V x) { return hn::Tanh(D(), x); });
  }
  friend BORA_INLINE HighwayVector sqrt(HighwayVector a) noexcept { return {hn::Sqrt(a.v)}; }
  static BORA_INLINE HighwayVector where_less(HighwayVector a, HighwayVector b, HighwayVector yes,
                                              HighwayVector no) noexcept {
    return {hn::IfThenElse(hn::Lt(a.v, b.v), yes.v, no.v)};
  }
  static BORA_INLINE HighwayVector keep(int begin, int end, HighwayVector a, HighwayVector b) noexcept {
    // Not hn::Iota: where it is not inlined, two targets of one Highway namespace would share it.
    alignas(64) static constexpr float number[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const auto lane = hn::Load(D(), number);
    const auto inside = hn::And(hn::Ge(lane, hn::Set(D(), static_cast<float>(begin))),
                                hn::Lt(lane, hn::Set(D(), static_cast<float>(end))));
    return {hn::IfThenElse(inside, a.v, b.v)};
  }
  BORA_INLINE float sum() const noexcept { return hn::GetLane(hn::SumOfLanes(D(), v)); }
  BORA_INLINE float largest() const noexcept { return hn::GetLane(hn::MaxOfLanes(D(), v)); }

#if BORA_HIGHWAY_BF16_PAIRS
  static constexpr bool native_pairs = true;
  struct Pairs {
    __m512bh v;
    static BORA_INLINE Pairs load(const bfloat16* p) noexcept {
      return {reinterpret_cast<__m512bh>(_mm512_loadu_si512(p))};
    }
    static BORA_INLINE Pairs broadcast(const bfloat16* p) noexcept {
      std::int32_t pair;
      __builtin_memcpy(&pair, p, sizeof pair);
      return {reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair))};
    }
  };
  friend BORA_INLINE HighwayVector dot_pairs(const Pairs& w, const Pairs& x, HighwayVector c) noexcept {
    return {V{_mm512_dpbf16_ps(c.v.raw, w.v, x.v)}};
  }
#else
  static constexpr bool native_pairs = false;
  struct Pairs {
    V even, odd;
    static BORA_INLINE Pairs load(const bfloat16* p) noexcept {
      std::uint32_t both[lanes];
      __builtin_memcpy(both, p, sizeof both);
      const auto bits = hn::LoadU(U32(), both);
      return {hn::BitCast(D(), hn::ShiftLeft<16>(bits)), hn::BitCast(D(), hn::And(bits, hn::Set(U32(), 0xffff0000u)))};
    }
    template <class U>
    static BORA_INLINE Pairs broadcast(const U* p) noexcept {
      return {hn::Set(D(), to_float(p[0])), hn::Set(D(), to_float(p[1]))};
    }
  };
  friend BORA_INLINE HighwayVector dot_pairs(const Pairs& w, const Pairs& x, HighwayVector c) noexcept {
    return {hn::MulAdd(w.odd, x.odd, hn::MulAdd(w.even, x.even, c.v))};
  }
#endif

  static constexpr bool native_bytes = BORA_HIGHWAY_VNNI;
  using Words = hn::Vec<U32>;
  struct Codes {
    Words v;
    static BORA_INLINE Codes load(const std::byte* p) noexcept {
      std::uint32_t all[lanes];
      __builtin_memcpy(all, p, sizeof all);
      return {hn::LoadU(U32(), all)};
    }
    template <std::uint8_t mask>
    BORA_INLINE Codes bits() const noexcept {
      return {hn::And(v, hn::Set(U32(), mask * 0x01010101u))};
    }
    template <int n>
    BORA_INLINE Codes up() const noexcept {
      return {hn::ShiftLeft<n>(v)};
    }
    template <int n>
    BORA_INLINE Codes down() const noexcept {
      return {hn::ShiftRight<n>(v)};
    }
    friend BORA_INLINE Codes operator|(Codes a, Codes b) noexcept { return {hn::Or(a.v, b.v)}; }
  };
  struct Integers {
    hn::Vec<I32> v;
    static BORA_INLINE Integers broadcast(std::int32_t x) noexcept { return {hn::Set(I32(), x)}; }
    BORA_INLINE HighwayVector number() const noexcept { return {hn::ConvertTo(D(), v)}; }
  };
#if BORA_HIGHWAY_VNNI
  struct Bytes {
    Words v;
    static BORA_INLINE Bytes broadcast(const std::int8_t* p) noexcept {
      std::uint32_t four;
      __builtin_memcpy(&four, p, sizeof four);
      return {hn::Set(U32(), four)};
    }
  };
  friend BORA_INLINE Integers dot_codes(Codes w, Bytes x, Integers sum) noexcept {
#if HWY_TARGET <= HWY_AVX3
    return {hn::Vec<I32>{_mm512_dpbusd_epi32(sum.v.raw, w.v.raw, x.v.raw)}};
#else
    return {hn::Vec<I32>{_mm256_dpbusd_avx_epi32(sum.v.raw, w.v.raw, x.v.raw)}};
#endif
  }
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  // Products of 16-bit integers, summed in pairs: bytes 0 and 2, bytes 1 and 3.
  struct Bytes {
    hn::Vec<I32> even, odd;
    static BORA_INLINE Bytes broadcast(const std::int8_t* p) noexcept {
      const auto pair = [](std::int8_t low, std::int8_t high) {
        return hn::Set(I32(),
                       static_cast<std::int32_t>(static_cast<std::uint16_t>(low) |
                                                 static_cast<std::uint32_t>(static_cast<std::uint16_t>(high)) << 16));
      };
      return {pair(p[0], p[2]), pair(p[1], p[3])};
    }
  };
  static BORA_INLINE hn::Vec<I32> dot_words(Words w, hn::Vec<I32> x) noexcept {
#if HWY_TARGET <= HWY_AVX3
    return hn::Vec<I32>{_mm512_madd_epi16(w.raw, x.raw)};
#elif HWY_TARGET <= HWY_AVX2
    return hn::Vec<I32>{_mm256_madd_epi16(w.raw, x.raw)};
#else
    return hn::Vec<I32>{_mm_madd_epi16(w.raw, x.raw)};
#endif
  }
  friend BORA_INLINE Integers dot_codes(Codes w, Bytes x, Integers sum) noexcept {
    const Words low = hn::Set(U32(), 0x00ff00ffu);
    const auto even = dot_words(hn::And(w.v, low), x.even);
    const auto odd = dot_words(hn::And(hn::ShiftRight<8>(w.v), low), x.odd);
    return {hn::Add(sum.v, hn::Add(even, odd))};
  }
#else
  struct Bytes {
    hn::Vec<I32> byte[4];
    static BORA_INLINE Bytes broadcast(const std::int8_t* p) noexcept {
      return {{hn::Set(I32(), p[0]), hn::Set(I32(), p[1]), hn::Set(I32(), p[2]), hn::Set(I32(), p[3])}};
    }
  };
  friend BORA_INLINE Integers dot_codes(Codes w, const Bytes& x, Integers sum) noexcept {
    const auto times = [](Words code, hn::Vec<I32> byte) { return hn::Mul(hn::BitCast(I32(), code), byte); };
    const Words mask = hn::Set(U32(), 255);
    const auto first =
        hn::Add(times(hn::And(w.v, mask), x.byte[0]), times(hn::And(hn::ShiftRight<8>(w.v), mask), x.byte[1]));
    const auto last =
        hn::Add(times(hn::And(hn::ShiftRight<16>(w.v), mask), x.byte[2]), times(hn::ShiftRight<24>(w.v), x.byte[3]));
    return {hn::Add(sum.v, hn::Add(first, last))};
  }
#endif
};

namespace detail {
template <class B>
struct Widen {
  using type = typename Widen<Twice<B> >::type;
};
template <class B>
  requires(B::lanes == block_lanes)
struct Widen<B> {
  using type = B;
};
}  // namespace detail

/// Sixteen floats in native vectors.
using HighwayBlock = detail::Widen<HighwayVector>::type;
#endif

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
