/// A block made of two narrower ones: how vectors of 8, 4 or 1 elements become 16.
#pragma once
#include <bora/core/format.hpp>
#include <cstddef>
#include <cstdint>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Every operation on both halves. See `ScalarBlock` for what the operations mean.
template <class Half>
struct Twice {
  using Number = typename Half::Number;
  static constexpr std::size_t lanes = 2 * Half::lanes;
  // A tile's sums must stay in registers; each doubling halves the number of blocks that fit.
  static constexpr std::size_t tile_rows = Half::tile_panels > 1 ? Half::tile_rows
                                           : Half::tile_rows > 2 ? Half::tile_rows / 2
                                                                 : Half::tile_rows;
  static constexpr std::size_t tile_panels = Half::tile_panels > 1 ? Half::tile_panels / 2 : 1;
  Half lo, hi;

  static constexpr const char* target() noexcept { return Half::target(); }
  static BORA_INLINE Twice broadcast(Number x) noexcept { return {Half::broadcast(x), Half::broadcast(x)}; }
  static BORA_INLINE Twice zero() noexcept { return {Half::zero(), Half::zero()}; }
  template <class U>
  static BORA_INLINE Twice load(const U* p) noexcept {
    return {Half::load(p), Half::load(p + Half::lanes)};
  }
  template <class U>
  static BORA_INLINE Twice load_first(const U* p, std::size_t n) noexcept {
    if (n <= Half::lanes) return {Half::load_first(p, n), Half::zero()};
    return {Half::load(p), Half::load_first(p + Half::lanes, n - Half::lanes)};
  }
  template <class U>
  BORA_INLINE void store(U* p) const noexcept {
    lo.store(p);
    hi.store(p + Half::lanes);
  }
  template <class U>
  BORA_INLINE void store_first(U* p, std::size_t n) const noexcept {
    if (n <= Half::lanes) return lo.store_first(p, n);
    lo.store(p);
    hi.store_first(p + Half::lanes, n - Half::lanes);
  }

  friend BORA_INLINE Twice operator+(Twice a, Twice b) noexcept { return {a.lo + b.lo, a.hi + b.hi}; }
  friend BORA_INLINE Twice operator-(Twice a, Twice b) noexcept { return {a.lo - b.lo, a.hi - b.hi}; }
  friend BORA_INLINE Twice operator*(Twice a, Twice b) noexcept { return {a.lo * b.lo, a.hi * b.hi}; }
  friend BORA_INLINE Twice operator/(Twice a, Twice b) noexcept { return {a.lo / b.lo, a.hi / b.hi}; }
  friend BORA_INLINE Twice mul_add(Twice a, Twice b, Twice c) noexcept {
    return {mul_add(a.lo, b.lo, c.lo), mul_add(a.hi, b.hi, c.hi)};
  }
  friend BORA_INLINE Twice max(Twice a, Twice b) noexcept { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
  friend BORA_INLINE Twice min(Twice a, Twice b) noexcept { return {min(a.lo, b.lo), min(a.hi, b.hi)}; }
  friend BORA_INLINE Twice abs(Twice a) noexcept { return {abs(a.lo), abs(a.hi)}; }
  friend BORA_INLINE Twice exp(Twice a) noexcept { return {exp(a.lo), exp(a.hi)}; }
  friend BORA_INLINE Twice exp_nonpositive(Twice a) noexcept { return {exp_nonpositive(a.lo), exp_nonpositive(a.hi)}; }
  friend BORA_INLINE Twice tanh(Twice a) noexcept { return {tanh(a.lo), tanh(a.hi)}; }
  friend BORA_INLINE Twice sqrt(Twice a) noexcept { return {sqrt(a.lo), sqrt(a.hi)}; }
  static BORA_INLINE Twice where_less(Twice a, Twice b, Twice yes, Twice no) noexcept {
    return {Half::where_less(a.lo, b.lo, yes.lo, no.lo), Half::where_less(a.hi, b.hi, yes.hi, no.hi)};
  }
  static BORA_INLINE Twice keep(int begin, int end, Twice a, Twice b) noexcept {
    constexpr int half = static_cast<int>(Half::lanes);
    return {Half::keep(begin, end, a.lo, b.lo), Half::keep(begin - half, end - half, a.hi, b.hi)};
  }
  BORA_INLINE Number sum() const noexcept { return (lo + hi).sum(); }
  BORA_INLINE Number largest() const noexcept { return max(lo, hi).largest(); }

  static constexpr bool native_pairs = Half::native_pairs;
  struct Pairs {
    typename Half::Pairs lo, hi;
    static BORA_INLINE Pairs load(const bfloat16* p) noexcept {
      return {Half::Pairs::load(p), Half::Pairs::load(p + 2 * Half::lanes)};
    }
    template <class U>
    static BORA_INLINE Pairs broadcast(const U* p) noexcept {
      return {Half::Pairs::broadcast(p), Half::Pairs::broadcast(p)};
    }
  };
  friend BORA_INLINE Twice dot_pairs(const Pairs& w, const Pairs& x, Twice c) noexcept {
    return {dot_pairs(w.lo, x.lo, c.lo), dot_pairs(w.hi, x.hi, c.hi)};
  }

  static constexpr bool native_bytes = Half::native_bytes;
  struct Codes {
    typename Half::Codes lo, hi;
    static BORA_INLINE Codes load(const std::byte* p) noexcept {
      return {Half::Codes::load(p), Half::Codes::load(p + 4 * Half::lanes)};
    }
    template <std::uint8_t mask>
    BORA_INLINE Codes bits() const noexcept {
      return {lo.template bits<mask>(), hi.template bits<mask>()};
    }
    template <int n>
    BORA_INLINE Codes up() const noexcept {
      return {lo.template up<n>(), hi.template up<n>()};
    }
    template <int n>
    BORA_INLINE Codes down() const noexcept {
      return {lo.template down<n>(), hi.template down<n>()};
    }
    friend BORA_INLINE Codes operator|(const Codes& a, const Codes& b) noexcept { return {a.lo | b.lo, a.hi | b.hi}; }
  };
  using Bytes = typename Half::Bytes;
  struct Integers {
    typename Half::Integers lo, hi;
    static BORA_INLINE Integers broadcast(std::int32_t x) noexcept {
      return {Half::Integers::broadcast(x), Half::Integers::broadcast(x)};
    }
    BORA_INLINE Twice number() const noexcept { return {lo.number(), hi.number()}; }
  };
  friend BORA_INLINE Integers dot_codes(const Codes& w, const Bytes& x, const Integers& sum) noexcept {
    return {dot_codes(w.lo, x, sum.lo), dot_codes(w.hi, x, sum.hi)};
  }
};

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
