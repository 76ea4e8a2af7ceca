/// What the kernels of a program were compiled for.
#pragma once
#include <bora/simd/block.hpp>
#include <bora/simd/kernel_table.hpp>
#include <string>

namespace bora { inline namespace BORA_ABI { namespace simd {

#if defined(BORA_DYNAMIC_DISPATCH)
namespace detail {
/// The kernels that this program chose. Throws ConfigError where BORA_TARGET in the environment asks for what is not
/// there, or nothing runs on this processor.
const KernelTable& kernel_table();
}  // namespace detail
#endif

/// Whether matrix products of `Bf16` run on the target's own dot product of bfloat16 pairs; without one they are
/// widened.
#if defined(BORA_DYNAMIC_DISPATCH)
inline bool has_bf16_dot_products() { return detail::kernel_table().bf16_dot_products; }
#else
inline constexpr bool bf16_dot_products = FloatBlock::native_pairs;
/// The same as a question that programs can ask which choose their kernels while they run.
inline bool has_bf16_dot_products() { return bf16_dot_products; }
#endif

/// Whether any kernel runs on dot products of 8-bit integers (VNNI, and its like elsewhere): no format of weights needs
/// them so far, whatever the processor has.
inline constexpr bool int8_dot_products = false;

/// "AVX3 (highway)": instruction set and backend. Without -march the kernels run on SSE2 or one lane, silently, unless
/// the program chooses them while it runs: "avx2 (highway, chosen)".
inline std::string target_name() {
#if defined(BORA_DYNAMIC_DISPATCH)
  return std::string(detail::kernel_table().name) + " (" + backend_name + ", chosen)";
#else
  return std::string(FloatBlock::target()) + " (" + backend_name + ")";
#endif
}

/// "AVX3 (highway); bf16 dot products: yes; VNNI: no": the target, and which of its special instructions the kernels of
/// this program really use. Print this in a program's first line. Throws ConfigError where the program chooses its
/// kernels and BORA_TARGET in the environment asks for what is not there, or nothing runs on this processor.
inline std::string target_report() {
  return target_name() + "; bf16 dot products: " + (has_bf16_dot_products() ? "yes" : "no") +
         "; VNNI: " + (int8_dot_products ? "yes" : "no");
}

}}}  // namespace bora::BORA_ABI::simd
