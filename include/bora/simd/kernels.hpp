/// The kernels as functions that another source holds, for a program of several: matrix products and attention are
/// compiled once, in a source that defines BORA_COMPILE_KERNELS and includes this header; those that define
/// BORA_EXTERN_KERNELS call them. The CMake function `bora_kernels` does both. All need the same flags: with others the
/// program does not link.
#pragma once
#include <bora/simd/attention.hpp>
#include <bora/simd/attention_backward.hpp>
#include <bora/simd/matmul.hpp>

#if defined(BORA_COMPILE_KERNELS)
#define BORA_KERNEL template
#else
#define BORA_KERNEL extern template
#endif

#if !defined(DOXYGEN)  // each is described where it is defined
BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

BORA_KERNEL void matmul<F32>(const Panels<F32>&, Range, const float*, std::size_t, std::size_t, float*,
                             std::size_t) noexcept;
BORA_KERNEL void matmul<F16>(const Panels<F16>&, Range, const float*, std::size_t, std::size_t, float*,
                             std::size_t) noexcept;
BORA_KERNEL void matmul<Bf16>(const Panels<Bf16>&, Range, const bfloat16*, std::size_t, std::size_t, float*,
                              std::size_t) noexcept;
BORA_KERNEL void matmul<F64>(const Panels<F64>&, Range, const double*, std::size_t, std::size_t, double*,
                             std::size_t) noexcept;

BORA_KERNEL void matmul_transposed<F32>(const Panels<F32>&, Range, const float*, std::size_t, std::size_t, float*,
                                        std::size_t) noexcept;
BORA_KERNEL void matmul_transposed<F16>(const Panels<F16>&, Range, const float*, std::size_t, std::size_t, float*,
                                        std::size_t) noexcept;
BORA_KERNEL void matmul_transposed<Bf16>(const Panels<Bf16>&, Range, const float*, std::size_t, std::size_t, float*,
                                         std::size_t) noexcept;
BORA_KERNEL void matmul_transposed<F64>(const Panels<F64>&, Range, const double*, std::size_t, std::size_t, double*,
                                        std::size_t) noexcept;

BORA_KERNEL void outer_product(Range, const float*, std::size_t, const float*, std::size_t, std::size_t, float*,
                               std::size_t) noexcept;
BORA_KERNEL void outer_product(Range, const float*, std::size_t, const bfloat16*, std::size_t, std::size_t, float*,
                               std::size_t) noexcept;
BORA_KERNEL void outer_product(Range, const double*, std::size_t, const double*, std::size_t, std::size_t, double*,
                               std::size_t) noexcept;

BORA_KERNEL void attend(const KeyRuns<F32>&, std::size_t, const QueryRow<float>*, std::size_t, float,
                        const ScoreBias<float>&, const AttentionScratch<float>&) noexcept;
BORA_KERNEL void attend(const KeyRuns<Bf16>&, std::size_t, const QueryRow<float>*, std::size_t, float,
                        const ScoreBias<float>&, const AttentionScratch<float>&) noexcept;
BORA_KERNEL void attend(const KeyRuns<Q8>&, std::size_t, const QueryRow<float>*, std::size_t, float,
                        const ScoreBias<float>&, const AttentionScratch<float>&) noexcept;
BORA_KERNEL void attend(const KeyRuns<F64>&, std::size_t, const QueryRow<double>*, std::size_t, double,
                        const ScoreBias<double>&, const AttentionScratch<double>&) noexcept;

BORA_KERNEL Range attend_backward(const KeyRuns<F32>&, std::size_t, const QueryRow<float>*, std::size_t, float,
                                  const ScoreBias<float>&, AttentionGradients<float>&) noexcept;
BORA_KERNEL Range attend_backward(const KeyRuns<F64>&, std::size_t, const QueryRow<double>*, std::size_t, double,
                                  const ScoreBias<double>&, AttentionGradients<double>&) noexcept;

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
#endif

#undef BORA_KERNEL
