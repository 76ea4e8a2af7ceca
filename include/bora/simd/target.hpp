/// The target that the kernels of a program were compiled for.
#pragma once
#include <bora/simd/block.hpp>
#include <bora/simd/kernel_table.hpp>
#include <string>

namespace bora { inline namespace BORA_ABI { namespace simd {

#if defined(BORA_DYNAMIC_DISPATCH)
namespace detail {
/// The kernels that this program chose. Throws ConfigError if BORA_TARGET in the environment names an unavailable
/// target, or no target runs on this processor.
const KernelTable& kernel_table();
}  // namespace detail
#endif

/// Whether matrix products of `Bf16` use the target's dot-product instruction for bfloat16 pairs; otherwise the
/// elements are widened.
#if defined(BORA_DYNAMIC_DISPATCH)
inline bool has_bf16_dot_products() { return detail::kernel_table().bf16_dot_products; }
#else
inline constexpr bool bf16_dot_products = FloatBlock::native_pairs;
/// The same at run time, for programs that choose their kernels at run time.
inline bool has_bf16_dot_products() { return bf16_dot_products; }
#endif

/// Whether products of block formats (Q8, Q4, …) use the target's dot product of 8-bit integers (VNNI and its
/// equivalents); otherwise products of 16-bit integers.
#if defined(BORA_DYNAMIC_DISPATCH)
inline bool has_int8_dot_products() { return detail::kernel_table().int8_dot_products; }
#else
inline constexpr bool int8_dot_products = FloatBlock::native_bytes;
/// The same at run time, for programs that choose their kernels at run time.
inline bool has_int8_dot_products() { return int8_dot_products; }
#endif

/// "AVX3 (highway)": instruction set and backend. Without -march the kernels silently use SSE2 or scalar code, unless
/// the program chooses them at run time: "avx2 (highway, chosen)".
inline std::string target_name() {
#if defined(BORA_DYNAMIC_DISPATCH)
  return std::string(detail::kernel_table().name) + " (" + backend_name + ", chosen)";
#else
  return std::string(FloatBlock::target()) + " (" + backend_name + ")";
#endif
}

/// "AVX3 (highway); bf16 dot products: yes; VNNI: no": the target, and which of its special instructions the kernels of
/// this program really use. Print this in a program's first line. Throws ConfigError if the program chooses its kernels
/// and BORA_TARGET in the environment names an unavailable target, or no target runs on this processor.
inline std::string target_report() {
  return target_name() + "; bf16 dot products: " + (has_bf16_dot_products() ? "yes" : "no") +
         "; VNNI: " + (has_int8_dot_products() ? "yes" : "no");
}

}}}  // namespace bora::BORA_ABI::simd
