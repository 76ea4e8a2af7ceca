#include "support/catch.hpp"
#include <bora/core/format.hpp>
#include <bora/core/random.hpp>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

using bora::bfloat16;
using bora::half_to_float;
using bora::to_bfloat16;
using bora::to_float;

namespace {

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

}  // namespace

TEST_CASE("Every bfloat16 survives the way to float and back", "[core]") {
  std::size_t wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float wide = to_float(bfloat16{static_cast<std::uint16_t>(bits)});
    const std::uint16_t back = to_bfloat16(wide).bits;
    const bool signalling = std::isnan(wide) && (bits & 0x40) == 0;
    wrong += back != (signalling ? bits | 0x40 : bits);
  }
  CHECK(wrong == 0);
}

TEST_CASE("Rounding to bfloat16 goes to the nearest, ties to even", "[core]") {
  CHECK(to_bfloat16(from_bits(0x3f800000)).bits == 0x3f80);
  CHECK(to_bfloat16(from_bits(0x3f807fff)).bits == 0x3f80);
  CHECK(to_bfloat16(from_bits(0x3f808000)).bits == 0x3f80);  // tie, to even below
  CHECK(to_bfloat16(from_bits(0x3f808001)).bits == 0x3f81);
  CHECK(to_bfloat16(from_bits(0x3f818000)).bits == 0x3f82);  // tie, to even above
  CHECK(to_bfloat16(from_bits(0xbf818000)).bits == 0xbf82);
  CHECK(to_bfloat16(from_bits(0x3fffffff)).bits == 0x4000);  // carries into the exponent
  CHECK(to_bfloat16(from_bits(0x7f7fffff)).bits == 0x7f80);  // and past the largest to infinity
  CHECK(to_bfloat16(from_bits(0xff7f8000)).bits == 0xff80);
}

TEST_CASE("Rounding to bfloat16 keeps subnormals, infinities, zeros and NaNs", "[core]") {
  CHECK(to_bfloat16(0.0f).bits == 0);
  CHECK(to_bfloat16(-0.0f).bits == 0x8000);
  CHECK(to_bfloat16(from_bits(0x00010000)).bits == 1);  // a subnormal
  CHECK(to_bfloat16(from_bits(0x00008000)).bits == 0);  // half of the least one: a tie, to zero
  CHECK(to_bfloat16(from_bits(0x00008001)).bits == 1);
  CHECK(to_bfloat16(from_bits(0x007fffff)).bits == 0x80);  // the largest subnormal becomes normal
  CHECK(to_bfloat16(std::numeric_limits<float>::infinity()).bits == 0x7f80);
  CHECK(to_bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xff80);
  CHECK(to_bfloat16(from_bits(0x7f800001)).bits == 0x7fc0);  // its payload would be cut off: not infinity
  CHECK(to_bfloat16(from_bits(0xffffffff)).bits == 0xffff);
  static_assert(to_bfloat16(1.0f).bits == 0x3f80);
}

TEST_CASE("Rounding to bfloat16 is never further than half a step", "[core]") {
  bora::Random random(1);
  std::size_t wrong = 0;
  for (int i = 0; i < 200'000; ++i) {
    const float x = from_bits(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(x) || std::abs(x) > 3e38f) continue;
    const std::uint16_t below = static_cast<std::uint16_t>(bits_of(x) >> 16);
    const double low = to_float(bfloat16{below});
    const double high = to_float(bfloat16{static_cast<std::uint16_t>(below + 1)});
    const double exact = x, found = to_float(to_bfloat16(x));
    wrong += std::abs(found - exact) > std::abs(high - low) / 2;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Every binary16 widens to its exact value", "[core]") {
  std::size_t wrong = 0;
  for (std::uint32_t half = 0; half <= 0xffff; ++half) {
    const std::uint32_t exponent = (half >> 10) & 31, fraction = half & 1023;
    const double sign = half & 0x8000 ? -1.0 : 1.0;
    const float found = half_to_float(static_cast<std::uint16_t>(half));
    if (exponent == 31) {
      wrong += fraction == 0 ? static_cast<double>(found) != sign * std::numeric_limits<double>::infinity()
                             : !std::isnan(found);
      wrong += (bits_of(found) & 0x7fffff) != fraction << 13;
    } else {
      const double magnitude =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0 + fraction, static_cast<int>(exponent) - 25);
      wrong += static_cast<double>(found) != sign * magnitude;
    }
    wrong += std::signbit(found) != (sign < 0);
  }
  CHECK(wrong == 0);
}

TEST_CASE("A float becomes the nearest binary16, ties to even", "[core]") {
  const auto half = [](std::uint32_t bits) { return bora::float16{static_cast<std::uint16_t>(bits)}; };
  std::size_t wrong = 0;
  for (std::uint32_t low = 0; low < 0x7c00;
       ++low) {  // each number below infinity, and what lies around the next border
    const double a = to_float(half(low)), b = low == 0x7bff ? 65536.0 : static_cast<double>(to_float(half(low + 1)));
    const auto middle = static_cast<float>((a + b) / 2);  // exact: one bit more than a binary16 has
    const std::uint32_t even = low % 2 == 0 ? low : low + 1;
    for (const float sign : {1.0f, -1.0f}) {
      const std::uint32_t s = sign < 0 ? 0x8000u : 0u;
      const auto found = [&](float x) { return static_cast<std::uint32_t>(bora::to_float16(sign * x).bits); };
      wrong += found(static_cast<float>(a)) != (s | low);
      wrong += found(std::nextafter(middle, 0.0f)) != (s | low);
      wrong += found(middle) != (s | even);
      wrong += found(std::nextafter(middle, 1e9f)) != (s | (low + 1));
    }
  }
  CHECK(wrong == 0);
  CHECK(bora::to_float16(1e30f).bits == 0x7c00);
  CHECK(std::isnan(to_float(bora::to_float16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("Formats say which concept they satisfy", "[core]") {
  static_assert(bora::MatrixFormat<bora::F16> && bora::WeightFormat<bora::Mixed> && !bora::MatrixFormat<bora::Mixed>);
  static_assert(bora::WeightFormat<bora::F32> && bora::WeightFormat<bora::Bf16> && bora::WeightFormat<bora::F64>);
  static_assert(bora::BlockFormat<bora::Q4> && bora::WeightFormat<bora::Q4> && !bora::CacheFormat<bora::Q4>);
  static_assert(bora::WeightFormat<bora::Q8> && bora::CacheFormat<bora::Q8>);  // of either, 8-bit integers
  static_assert(!bora::CacheFormat<float>);
  CHECK(bora::Bf16::name == "Bf16");
}
