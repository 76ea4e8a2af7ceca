/// Element formats: how a number is stored. A weight format gives the type of a matrix's elements and the type that its
/// input activations are rounded to; a cache format gives the type of keys and values.
#pragma once
#include <bora/core/abi.hpp>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// The upper half of an IEEE binary32: 8 bits of exponent, 7 of fraction.
struct bfloat16 {
  std::uint16_t bits;  ///< from the highest: sign, 8 of exponent, 7 of fraction
};

/// Rounds to the nearest bfloat16, ties to even; a NaN stays one (its quiet bit is set).
constexpr bfloat16 to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
/// Widens; exact.
constexpr float to_float(bfloat16 value) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
/// Overload for values that are wide already: returns them unchanged.
constexpr float to_float(float value) noexcept { return value; }
/// Overload for values that are wide already: returns them unchanged.
constexpr double to_float(double value) noexcept { return value; }

/// IEEE binary16: 5 bits of exponent, 10 of fraction.
struct float16 {
  std::uint16_t bits;  ///< from the highest: sign, 5 of exponent, 10 of fraction
};

/// IEEE binary16 to binary32, exact for every value.
constexpr float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

/// Widens; exact.
constexpr float to_float(float16 value) noexcept { return half_to_float(value.bits); }
/// Rounds to the nearest binary16, ties to even; beyond 65,504 to infinity. A NaN stays one.
constexpr float16 to_float16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const auto signed_half = [&](std::uint32_t half) { return float16{static_cast<std::uint16_t>(sign | half)}; };
  if (magnitude > 0x7f800000u) return signed_half(0x7e00u);
  if (magnitude >= 0x47800000u) return signed_half(0x7c00u);  // 2^16 and more
  const auto rounded = [](std::uint32_t fraction, std::uint32_t shift) {
    return (fraction + (1u << (shift - 1)) - 1 + ((fraction >> shift) & 1u)) >> shift;
  };
  if (magnitude >= 0x38800000u) return signed_half(rounded(magnitude - 0x38000000u, 13));  // 2^-14 and more: normal
  if (magnitude < 0x33000000u) return signed_half(0);                                      // below half of the smallest
  return signed_half(rounded((magnitude & 0x7fffffu) | 0x800000u, 126 - (magnitude >> 23)));
}

/// 32-bit floats: weights, activations, keys and values as they are.
struct F32 {
  using Number = float;                            ///< type of sums, norms and the residual stream
  using Storage = float;                           ///< an element of a weight matrix
  using Activation = float;                        ///< type that the input of a matrix product is rounded to
  static constexpr std::string_view name = "F32";  ///< as files and programs name it
};

/// IEEE binary16 weights, widened as they are multiplied; inputs of matrix products and sums are F32.
struct F16 {
  using Number = float;
  using Storage = float16;
  using Activation = float;
  static constexpr std::string_view name = "F16";  ///< as files and programs name it
};

/// bfloat16 weights; the input of each matrix product is rounded to bfloat16 (nearest even), sums are F32.
struct Bf16 {
  using Number = float;
  using Storage = bfloat16;
  using Activation = bfloat16;
  static constexpr std::string_view name = "Bf16";  ///< as files and programs name it
};

/// 64-bit floats on the scalar reference kernels: the reference that tests compare with.
struct F64 {
  using Number = double;
  using Storage = double;
  using Activation = double;
  static constexpr std::string_view name = "F64";  ///< as files and programs name it
};

/// Each matrix has its own format, chosen at run time (`MixedMatrix`); sums are F32.
struct Mixed {
  using Number = float;
  static constexpr std::string_view name = "Mixed";  ///< as programs name it
};

/// 8-bit integers. Weights: blocks of 32 with one scale, as GGUF's Q8_0 has them; the input of products is rounded to
/// 8 bits (simd/block_input.hpp), sums are F32. Cache: one F32 scale per token and head.
struct Q8 {
  using Number = float;
  using Storage = std::int8_t;                    ///< of keys and values
  static constexpr std::string_view name = "Q8";  ///< as files and programs name it
};

/// 4-bit weights: blocks of 32 with one scale, as GGUF's Q4_0 has them. Products as those of Q8.
struct Q4 {
  using Number = float;
  static constexpr std::string_view name = "Q4";  ///< as files and programs name it
};

/// 4-bit weights: blocks of 256 with scales and minima for each 32, as GGUF's Q4_K has them. Products as those of Q8.
struct Q4K {
  using Number = float;
  static constexpr std::string_view name = "Q4K";  ///< as files and programs name it
};

/// 6-bit weights: blocks of 256 with scales for each 16, as GGUF's Q6_K has them. Products as those of Q8.
struct Q6K {
  using Number = float;
  static constexpr std::string_view name = "Q6K";  ///< as files and programs name it
};

/// A format whose matrices are panels of plain elements.
template <class F>
concept MatrixFormat = std::same_as<F, F32> || std::same_as<F, F16> || std::same_as<F, Bf16> || std::same_as<F, F64>;

/// A format whose matrices are blocks of integers with scales.
template <class F>
concept BlockFormat = std::same_as<F, Q8> || std::same_as<F, Q4> || std::same_as<F, Q4K> || std::same_as<F, Q6K>;

/// A format that a model's weights can be stored in: one format for all matrices, or one for each (Mixed).
template <class F>
concept WeightFormat = MatrixFormat<F> || BlockFormat<F> || std::same_as<F, Mixed>;

/// A format that keys and values can be stored in.
template <class E>
concept CacheFormat = std::same_as<E, F32> || std::same_as<E, Bf16> || std::same_as<E, Q8> || std::same_as<E, F64>;

/// How the elements of a tensor are stored in a file. From q8_0 on, blocks of integers with scales, as GGUF has them
/// (core/stored_block.hpp).
enum class ElementType : std::uint8_t {
  f32,
  f16,
  bf16,
  f64,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  iq4_nl,
  mxfp4,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k
};

/// An element type's name and the size of its blocks.
struct ElementTypeFacts {
  std::string_view name;  ///< as files name it
  std::size_t block;      ///< elements of a block; 1: there are none
  std::size_t bytes;      ///< bytes of a block
};
/// The facts of an element type.
constexpr ElementTypeFacts facts_of(ElementType type) noexcept {
  constexpr ElementTypeFacts all[] = {{"F32", 1, 4},      {"F16", 1, 2},      {"BF16", 1, 2},     {"F64", 1, 8},
                                      {"Q8_0", 32, 34},   {"Q4_0", 32, 18},   {"Q4_1", 32, 20},   {"Q5_0", 32, 22},
                                      {"Q5_1", 32, 24},   {"IQ4_NL", 32, 18}, {"MXFP4", 32, 17},  {"Q2_K", 256, 84},
                                      {"Q3_K", 256, 110}, {"Q4_K", 256, 144}, {"Q5_K", 256, 176}, {"Q6_K", 256, 210}};
  return all[static_cast<std::size_t>(type)];
}
/// Whether elements are stored in blocks.
constexpr bool is_block_type(ElementType type) noexcept { return type >= ElementType::q8_0; }
/// Bytes of `count` elements of a row: whole blocks.
constexpr std::size_t stored_bytes(ElementType type, std::size_t count) noexcept {
  return count / facts_of(type).block * facts_of(type).bytes;
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
