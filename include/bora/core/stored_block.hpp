/// Blocks of integers with scales, as GGUF files hold them: their exact values (ggml's block types).
///
/// An element is a code times a scale, plus or minus a minimum. All products are exact in F32, so that nothing is
/// rounded but the one sum, and it once: values are the same for every compiler and processor. d and m are float16;
/// elements are numbered along the row; where a byte holds two codes, the low half comes first.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/load_number.hpp>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// A stored block as integers: element i is `code[i] * scale[i / 16] + least[i / 16]`.
struct BlockCodes {
  std::array<std::int8_t, 256> code;  ///< only as many as the block has elements
  std::array<float, 16> scale;        ///< one for 16 elements
  std::array<float, 16> least;        ///< added to 16 elements

  /// The value of element i.
  float value(std::size_t i) const noexcept { return static_cast<float>(code[i]) * scale[i / 16] + least[i / 16]; }
};

namespace detail {

/// The codes of IQ4_NL.
inline constexpr std::int8_t iq4_nl_codes[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                 1,    13,   25,  38,  53,  69,  89,  113};
/// The codes of MXFP4: twice the numbers of FP4 (E2M1).
inline constexpr std::int8_t fp4_codes[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

inline std::uint8_t byte_at(const std::byte* at, std::size_t i) noexcept { return static_cast<std::uint8_t>(at[i]); }
inline float half_at(const std::byte* at) noexcept { return half_to_float(load_number<std::uint16_t>(at)); }

inline void set_scale(BlockCodes& b, std::size_t runs, float scale, float least) noexcept {
  for (std::size_t r = 0; r < runs; ++r) {
    b.scale[r] = scale;
    b.least[r] = least;
  }
}
/// The codes of 32 elements from 16 bytes: all low halves, then all high ones. f(code, element).
template <class F>
void for_nibbles(const std::byte* at, F&& f) noexcept {
  for (std::size_t i = 0; i < 16; ++i) {
    f(byte_at(at, i) & 15, i);
    f(byte_at(at, i) >> 4, i + 16);
  }
}

inline void read_q8_0(const std::byte* at, BlockCodes& b) noexcept {
  set_scale(b, 2, half_at(at), 0);
  for (std::size_t i = 0; i < 32; ++i) b.code[i] = static_cast<std::int8_t>(byte_at(at, 2 + i));
}
/// Four bits, or five with `high`, whose bit i belongs to element i.
inline void read_nibbles(const std::byte* codes, std::uint32_t high, int zero, BlockCodes& b) noexcept {
  for_nibbles(codes, [&](int code, std::size_t i) {
    b.code[i] = static_cast<std::int8_t>((code | static_cast<int>(high >> i & 1) << 4) - zero);
  });
}
inline void read_mxfp4(const std::byte* at, BlockCodes& b) noexcept {
  const std::uint32_t e = byte_at(at, 0);  // 2^(e - 127), halved because the codes are doubled; 255 is NaN
  const std::uint32_t bits = e == 255 ? 0x7fc00000u : e >= 2 ? (e - 1) << 23 : 0x00200000u << e;
  set_scale(b, 2, std::bit_cast<float>(bits), 0);
  for_nibbles(at + 1, [&](int code, std::size_t i) { b.code[i] = fp4_codes[code]; });
}
inline void read_iq4_nl(const std::byte* at, BlockCodes& b) noexcept {
  set_scale(b, 2, half_at(at), 0);
  for_nibbles(at + 2, [&](int code, std::size_t i) { b.code[i] = iq4_nl_codes[code]; });
}

/// f(code, element) for 256 codes of two bits: element 128 h + 32 k + l is bits 2k, 2k + 1 of byte 32 h + l.
template <class F>
void for_two_bits(const std::byte* at, F&& f) noexcept {
  for (std::size_t i = 0; i < 256; ++i) f(byte_at(at, i / 128 * 32 + i % 32) >> (i / 32 % 4 * 2) & 3, i);
}
inline void read_q2_k(const std::byte* at, BlockCodes& b) noexcept {
  const float d = half_at(at + 80), m = half_at(at + 82);
  for (std::size_t r = 0; r < 16; ++r) {
    b.scale[r] = d * static_cast<float>(byte_at(at, r) & 15);
    b.least[r] = -(m * static_cast<float>(byte_at(at, r) >> 4));
  }
  for_two_bits(at + 16, [&](int code, std::size_t i) { b.code[i] = static_cast<std::int8_t>(code); });
}
/// The sixteen 6-bit scales of Q3_K, -32 to 31.
inline int q3_k_scale(const std::byte* at, std::size_t i) noexcept {
  const int low = i < 8 ? byte_at(at, i) & 15 : byte_at(at, i - 8) >> 4;
  return (low | (byte_at(at, 8 + i % 4) >> (2 * (i / 4)) & 3) << 4) - 32;
}
inline void read_q3_k(const std::byte* at, BlockCodes& b) noexcept {
  const float d = half_at(at + 108);
  for (std::size_t r = 0; r < 16; ++r) {
    b.scale[r] = d * static_cast<float>(q3_k_scale(at + 96, r));
    b.least[r] = 0;
  }
  for_two_bits(at + 32, [&](int code, std::size_t i) {
    const int third = byte_at(at, i % 32) >> (i / 32) & 1;
    b.code[i] = static_cast<std::int8_t>(code + 4 * third - 4);
  });
}

/// The 6-bit scale and minimum of run `r` of Q4_K and Q5_K, from their twelve bytes.
struct RunScale {
  std::uint8_t scale, least;
};
inline RunScale run_scale(const std::byte* at, std::size_t r) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(byte_at(at, i)); };
  if (r < 4) return {static_cast<std::uint8_t>(byte(r) & 63), static_cast<std::uint8_t>(byte(r + 4) & 63)};
  return {static_cast<std::uint8_t>((byte(r + 4) & 15) | byte(r - 4) >> 6 << 4),
          static_cast<std::uint8_t>(byte(r + 4) >> 4 | byte(r) >> 6 << 4)};
}
/// Q4_K, and Q5_K with `high`, whose bit r of byte l belongs to element 32 r + l.
inline void read_k_runs(const std::byte* at, const std::byte* codes, const std::byte* high, BlockCodes& b) noexcept {
  const float d = half_at(at), m = half_at(at + 2);
  for (std::size_t r = 0; r < 8; ++r) {
    const RunScale s = run_scale(at + 4, r);
    for (std::size_t half = 0; half < 2; ++half) {
      b.scale[2 * r + half] = d * static_cast<float>(s.scale);
      b.least[2 * r + half] = -(m * static_cast<float>(s.least));
    }
    for (std::size_t l = 0; l < 32; ++l) {
      const int low = byte_at(codes, 32 * (r / 2) + l) >> (4 * (r % 2)) & 15;
      const int fifth = high == nullptr ? 0 : byte_at(high, l) >> r & 1;
      b.code[32 * r + l] = static_cast<std::int8_t>(low | fifth << 4);
    }
  }
}
inline void read_q6_k(const std::byte* at, BlockCodes& b) noexcept {
  const float d = half_at(at + 208);
  for (std::size_t r = 0; r < 16; ++r) {
    b.scale[r] = d * static_cast<float>(static_cast<std::int8_t>(byte_at(at, 192 + r)));
    b.least[r] = 0;
  }
  for (std::size_t i = 0; i < 256; ++i) {
    const std::size_t half = i / 128, k = i / 32 % 4, l = i % 32;
    const int low = byte_at(at, 64 * half + 32 * (k % 2) + l) >> (k < 2 ? 0 : 4) & 15;
    const int high = byte_at(at, 128 + 32 * half + l) >> (2 * k) & 3;
    b.code[i] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
}

}  // namespace detail

/// The codes and scales of one block of a block type.
inline void read_block(ElementType type, const std::byte* at, BlockCodes& b) noexcept {
  using detail::half_at;
  switch (type) {
    case ElementType::q8_0:
      return detail::read_q8_0(at, b);
    case ElementType::q4_0:
      detail::set_scale(b, 2, half_at(at), 0);
      return detail::read_nibbles(at + 2, 0, 8, b);
    case ElementType::q4_1:
      detail::set_scale(b, 2, half_at(at), half_at(at + 2));
      return detail::read_nibbles(at + 4, 0, 0, b);
    case ElementType::q5_0:
      detail::set_scale(b, 2, half_at(at), 0);
      return detail::read_nibbles(at + 6, detail::load_number<std::uint32_t>(at + 2), 16, b);
    case ElementType::q5_1:
      detail::set_scale(b, 2, half_at(at), half_at(at + 2));
      return detail::read_nibbles(at + 8, detail::load_number<std::uint32_t>(at + 4), 0, b);
    case ElementType::iq4_nl:
      return detail::read_iq4_nl(at, b);
    case ElementType::mxfp4:
      return detail::read_mxfp4(at, b);
    case ElementType::q2_k:
      return detail::read_q2_k(at, b);
    case ElementType::q3_k:
      return detail::read_q3_k(at, b);
    case ElementType::q4_k:
      return detail::read_k_runs(at, at + 16, nullptr, b);
    case ElementType::q5_k:
      return detail::read_k_runs(at, at + 48, at + 16, b);
    default:
      return detail::read_q6_k(at, b);
  }
}

/// out [count] = elements of a row that begins with the block at `at`: whole blocks of a block type.
template <class T>
void widen_blocks(ElementType type, const std::byte* at, std::size_t count, T* out) noexcept {
  const ElementTypeFacts facts = facts_of(type);
  BlockCodes codes;
  for (std::size_t done = 0; done < count; done += facts.block, at += facts.bytes) {
    read_block(type, at, codes);
    for (std::size_t i = 0; i < facts.block; ++i) out[done + i] = static_cast<T>(codes.value(i));
  }
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
