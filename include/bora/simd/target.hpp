/// What the kernels of a program were compiled for.
#pragma once
#include <bora/simd/block.hpp>
#include <string>

namespace bora { inline namespace BORA_ABI { namespace simd {

/// Whether matrix products of `Bf16` run on the target's own dot product of bfloat16 pairs; without one they are
/// widened.
inline constexpr bool bf16_dot_products = FloatBlock::native_pairs;

/// Whether any kernel runs on dot products of 8-bit integers (VNNI, and its like elsewhere): no format of weights needs
/// them so far, whatever the processor has.
inline constexpr bool int8_dot_products = false;

/// "AVX3 (highway)": instruction set and backend. Without -march the kernels run on SSE2 or one lane, silently.
inline std::string target_name() { return std::string(FloatBlock::target()) + " (" + backend_name + ")"; }

/// "AVX3 (highway); bf16 dot products: yes; VNNI: no": the target, and which of its special instructions the kernels of
/// this program really use. Print this in a program's first line.
inline std::string target_report() {
  return target_name() + "; bf16 dot products: " + (bf16_dot_products ? "yes" : "no") +
         "; VNNI: " + (int8_dot_products ? "yes" : "no");
}

}}}  // namespace bora::BORA_ABI::simd
