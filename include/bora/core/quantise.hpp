/// Quantising: rows of numbers to the blocks that GGUF files hold. Deterministic: the same numbers give the same bytes.
///
/// Q8_0 and Q4_0 are fixed formulas (ggml's `quantize_row_*_ref`), byte for byte. Q4_K and Q6_K search for codes,
/// scales and minima of least squared error; the bytes of such a search are no standard.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/stored_block.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

namespace detail {

inline void put_half(float x, std::byte* at) noexcept {
  const float16 half = to_float16(x);
  std::memcpy(at, &half, sizeof half);
}
/// The float16 nearest to x that is finite.
inline float as_half(float x) noexcept { return to_float(to_float16(std::clamp(x, -65504.0f, 65504.0f))); }
/// 1 / x; 0 where that is not finite, for scales that are no scales.
inline float inverse_of(float x) noexcept { return std::abs(x) > 0x1p-127f ? 1 / x : 0.0f; }
/// The nearest whole number, halves away from zero.
inline int nearest(float x) noexcept { return static_cast<int>(x + (x < 0 ? -0.5f : 0.5f)); }
inline int nearest_code(float x, int least, int most) noexcept {
  return nearest(std::clamp(x, static_cast<float>(least), static_cast<float>(most)));
}
/// The number of largest magnitude, the first of equals.
inline float peak_of(const float* x, std::size_t n) noexcept {
  float peak = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (std::abs(x[i]) > std::abs(peak)) peak = x[i];
  return peak;
}

inline void quantise_q8_0(const float* x, std::byte* out) noexcept {
  const float d = std::abs(peak_of(x, 32)) / 127, inverse = inverse_of(d);
  put_half(d, out);
  for (std::size_t i = 0; i < 32; ++i) out[2 + i] = static_cast<std::byte>(nearest_code(x[i] * inverse, -127, 127));
}
inline void quantise_q4_0(const float* x, std::byte* out) noexcept {
  const float d = peak_of(x, 32) / -8, inverse = inverse_of(d);
  put_half(d, out);
  const auto code = [&](float value) { return static_cast<unsigned>(std::min(15.0f, value * inverse + 8.5f)); };
  for (std::size_t i = 0; i < 16; ++i) out[2 + i] = static_cast<std::byte>(code(x[i]) | code(x[i + 16]) << 4);
}

// ---- Q4_K: x is about scale * code - least, codes 0 to 15, in eight runs of 32

/// A fit of a run.
struct RunFit {
  float scale = 0, least = 0;
  float error = 0;  ///< sum of squares
};
/// The fit with these codes' best scale and minimum, which is not negative.
inline RunFit fit_run(const float* x, const int* codes) noexcept {
  float n = 0, l = 0, ll = 0, s = 0, sl = 0, ss = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const auto code = static_cast<float>(codes[i]);
    n += 1;
    l += code;
    ll += code * code;
    s += x[i];
    sl += x[i] * code;
    ss += x[i] * x[i];
  }
  RunFit fit;
  const float determinant = n * ll - l * l;
  fit.scale = determinant > 0 ? (n * sl - l * s) / determinant : 0;
  fit.least = determinant > 0 ? (sl * l - s * ll) / determinant : std::max(0.0f, -s / n);
  if (fit.least < 0) {
    fit.least = 0;
    fit.scale = ll > 0 ? sl / ll : 0;
  }
  fit.scale = std::max(0.0f, fit.scale);
  fit.error = ss - 2 * fit.scale * sl + 2 * fit.least * s + fit.scale * fit.scale * ll - 2 * fit.scale * fit.least * l +
              n * fit.least * fit.least;
  return fit;
}
inline float code_run(const float* x, float scale, float least, int* codes) noexcept {
  const float inverse = inverse_of(scale);
  float error = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    codes[i] = nearest_code((x[i] + least) * inverse, 0, 15);
    const float off = x[i] - (scale * static_cast<float>(codes[i]) - least);
    error += off * off;
  }
  return error;
}
/// The best of some fits whose scales differ.
inline RunFit search_run(const float* x) noexcept {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float least = std::max(0.0f, -*low), width = *high + least;
  int codes[32];
  RunFit best{0, least, 0};
  best.error = code_run(x, width / 15, least, codes);
  best.scale = width / 15;
  if (width <= 0) return best;
  for (int step = -10; step <= 12; ++step) {
    code_run(x, width / (15 + 0.1f * static_cast<float>(step)), least, codes);
    RunFit fit = fit_run(x, codes);
    for (int again = 0; again < 2; ++again) {
      code_run(x, fit.scale, fit.least, codes);
      fit = fit_run(x, codes);
    }
    if (fit.error < best.error) best = fit;
  }
  return best;
}

/// A block of Q4_K as numbers.
struct Q4KBlock {
  float d = 0, m = 0;
  std::array<int, 8> scale{}, least{};
  std::array<std::array<int, 32>, 8> code{};
  float error = 0;

  /// Chooses each run's scale and minimum near the present ones, and its codes.
  void settle(const float* x) noexcept {
    error = 0;
    for (std::size_t r = 0; r < 8; ++r) {
      const int s = scale[r], l = least[r];
      float best = -1;
      for (int ds = -1; ds <= 1; ++ds)
        for (int dl = -1; dl <= 1; ++dl) {
          const int try_s = std::clamp(s + ds, 0, 63), try_l = std::clamp(l + dl, 0, 63);
          int codes[32];
          const float e = code_run(x + 32 * r, d * static_cast<float>(try_s), m * static_cast<float>(try_l), codes);
          if (best >= 0 && e >= best) continue;
          best = e;
          scale[r] = try_s;
          least[r] = try_l;
          std::copy_n(codes, 32, code[r].begin());
        }
      error += best;
    }
  }
  /// The d and m of least squared error with the present scales and codes.
  void refit(const float* x) noexcept {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (std::size_t i = 0; i < 256; ++i) {
      const double a = scale[i / 32] * code[i / 32][i % 32], b = -least[i / 32], v = static_cast<double>(x[i]);
      aa += a * a;
      ab += a * b;
      bb += b * b;
      ax += a * v;
      bx += b * v;
    }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 1e-6 * aa * bb) {
      d = as_half(static_cast<float>((ax * bb - bx * ab) / determinant));
      m = as_half(static_cast<float>((bx * aa - ax * ab) / determinant));
    } else if (aa > 0) {
      d = as_half(static_cast<float>((ax - ab * static_cast<double>(m)) / aa));
    }
  }
};

inline void write_q4_k(const Q4KBlock& b, std::byte* out) noexcept {
  std::fill(out, out + 144, std::byte{0});
  put_half(b.d, out);
  put_half(b.m, out + 2);
  std::byte* scales = out + 4;
  const auto byte = [](int x) { return static_cast<std::byte>(x); };
  for (std::size_t r = 0; r < 4; ++r) {
    scales[r] = byte(b.scale[r] | b.scale[r + 4] >> 4 << 6);
    scales[r + 4] = byte(b.least[r] | b.least[r + 4] >> 4 << 6);
    scales[r + 8] = byte((b.scale[r + 4] & 15) | (b.least[r + 4] & 15) << 4);
  }
  for (std::size_t r = 0; r < 8; r += 2)
    for (std::size_t l = 0; l < 32; ++l) out[16 + 16 * r + l] = byte(b.code[r][l] | b.code[r + 1][l] << 4);
}

inline void quantise_q4_k(const float* x, std::byte* out) noexcept {
  RunFit runs[8];
  float scale = 0, least = 0;
  for (std::size_t r = 0; r < 8; ++r) {
    runs[r] = search_run(x + 32 * r);
    scale = std::max(scale, runs[r].scale);
    least = std::max(least, runs[r].least);
  }
  Q4KBlock best;
  for (const int largest : {63, 61, 58}) {
    Q4KBlock b;
    b.d = as_half(scale / static_cast<float>(largest));
    b.m = as_half(least / 63);
    for (std::size_t r = 0; r < 8; ++r) {
      b.scale[r] = nearest_code(runs[r].scale * inverse_of(b.d), 0, 63);
      b.least[r] = nearest_code(runs[r].least * inverse_of(b.m), 0, 63);
    }
    for (int again = 0; again < 3; ++again) {
      b.settle(x);
      if ((largest == 63 && again == 0) || b.error < best.error) best = b;
      b.refit(x);
    }
  }
  write_q4_k(best, out);
}

// ---- Q6_K: x is about d * scale * code, codes -32 to 31, in sixteen runs of 16

inline float code_run_of_six(const float* x, float scale, int* codes) noexcept {
  const float inverse = inverse_of(scale);
  float error = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    codes[i] = nearest_code(x[i] * inverse, -32, 31);
    const float off = x[i] - scale * static_cast<float>(codes[i]);
    error += off * off;
  }
  return error;
}
/// The scale of least squared error of some whose codes differ.
inline float search_run_of_six(const float* x) noexcept {
  const float peak = peak_of(x, 16);
  if (peak == 0) return 0;
  int codes[16];
  float best = peak / -32, best_error = code_run_of_six(x, best, codes);
  for (const float sign : {-1.0f, 1.0f})
    for (int step = -9; step <= 9; ++step) {
      code_run_of_six(x, sign * peak / (31.5f + 0.1f * static_cast<float>(step)), codes);
      float xl = 0, ll = 0;
      for (std::size_t i = 0; i < 16; ++i) {
        xl += x[i] * static_cast<float>(codes[i]);
        ll += static_cast<float>(codes[i] * codes[i]);
      }
      const float scale = ll > 0 ? xl / ll : 0, error = code_run_of_six(x, scale, codes);
      if (error >= best_error) continue;
      best_error = error;
      best = scale;
    }
  return best;
}

/// A block of Q6_K as numbers.
struct Q6KBlock {
  float d = 0;
  std::array<int, 16> scale{};
  std::array<std::array<int, 16>, 16> code{};
  float error = 0;

  void settle(const float* x) noexcept {
    error = 0;
    for (std::size_t r = 0; r < 16; ++r) {
      const int s = scale[r];
      float best = -1;
      for (int ds = -2; ds <= 2; ++ds) {
        const int try_s = std::clamp(s + ds, -128, 127);
        int codes[16];
        const float e = code_run_of_six(x + 16 * r, d * static_cast<float>(try_s), codes);
        if (best >= 0 && e >= best) continue;
        best = e;
        scale[r] = try_s;
        std::copy_n(codes, 16, code[r].begin());
      }
      error += best;
    }
  }
  void refit(const float* x) noexcept {
    double aa = 0, ax = 0;
    for (std::size_t i = 0; i < 256; ++i) {
      const double a = scale[i / 16] * code[i / 16][i % 16];
      aa += a * a;
      ax += a * static_cast<double>(x[i]);
    }
    if (aa > 0) d = as_half(static_cast<float>(ax / aa));
  }
};

inline void write_q6_k(const Q6KBlock& b, std::byte* out) noexcept {
  std::fill(out, out + 210, std::byte{0});
  for (std::size_t i = 0; i < 256; ++i) {
    const auto code = static_cast<unsigned>(b.code[i / 16][i % 16] + 32);
    const std::size_t half = i / 128, k = i / 32 % 4, l = i % 32;
    out[64 * half + 32 * (k % 2) + l] |= static_cast<std::byte>((code & 15) << (k < 2 ? 0 : 4));
    out[128 + 32 * half + l] |= static_cast<std::byte>(code >> 4 << (2 * k));
  }
  for (std::size_t r = 0; r < 16; ++r) out[192 + r] = static_cast<std::byte>(b.scale[r]);
  put_half(b.d, out + 208);
}

inline void quantise_q6_k(const float* x, std::byte* out) noexcept {
  float scale[16];
  for (std::size_t r = 0; r < 16; ++r) scale[r] = search_run_of_six(x + 16 * r);
  const float peak = peak_of(scale, 16);
  Q6KBlock best;
  for (const float largest : {-128.0f, 127.0f}) {
    Q6KBlock b;
    b.d = as_half(peak / largest);
    for (std::size_t r = 0; r < 16; ++r) b.scale[r] = nearest_code(scale[r] * inverse_of(b.d), -128, 127);
    for (int again = 0; again < 3; ++again) {
      b.settle(x);
      if ((largest < 0 && again == 0) || b.error < best.error) best = b;
      b.refit(x);
    }
  }
  write_q6_k(best, out);
}

}  // namespace detail

/// Whether `quantise_block` has the type: Q8_0, Q4_0, Q4_K and Q6_K.
constexpr bool is_quantisable(ElementType type) noexcept {
  return type == ElementType::q8_0 || type == ElementType::q4_0 || type == ElementType::q4_k ||
         type == ElementType::q6_k;
}
/// Whether the scales of such blocks can hold numbers of this magnitude: d is a float16.
constexpr bool can_quantise(ElementType type, float largest) noexcept {
  const float codes = type == ElementType::q8_0   ? 127
                      : type == ElementType::q4_0 ? 8
                      : type == ElementType::q4_k ? 63
                                                  : 32 * 127;
  return largest <= 65000 * codes;
}

/// One block of finite numbers, `facts_of(type).block` of them, quantised into `facts_of(type).bytes` bytes. Scales
/// that float16 cannot hold become the largest that it can.
inline void quantise_block(ElementType type, const float* x, std::byte* out) noexcept {
  switch (type) {
    case ElementType::q8_0:
      return detail::quantise_q8_0(x, out);
    case ElementType::q4_0:
      return detail::quantise_q4_0(x, out);
    case ElementType::q4_k:
      return detail::quantise_q4_k(x, out);
    default:
      return detail::quantise_q6_k(x, out);
  }
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
