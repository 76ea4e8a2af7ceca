/// The kernels as external functions, for programs of several source files: they are compiled once, in a source that
/// defines BORA_COMPILE_KERNELS and includes this header; sources that define BORA_EXTERN_KERNELS call them. The CMake
/// function `bora_kernels` does both. All sources need the same flags: otherwise the program does not link. The
/// compiled functions may also choose among several targets at run time (simd/dispatch.hpp).
#pragma once
#include <bora/simd/kernel_list.hpp>

#if defined(BORA_COMPILE_KERNELS)
#define BORA_KERNEL template
#else
#define BORA_KERNEL extern template
#endif

#if !defined(DOXYGEN)  // each kernel is documented where it is defined
BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

#define BORA_DECLARE_KERNEL(result, name, types, parameters, arguments) \
  BORA_KERNEL result name<BORA_UNWRAP types> parameters noexcept;
#if !defined(BORA_COMPILE_DISPATCH)
BORA_KERNELS(BORA_DECLARE_KERNEL)
#endif
#undef BORA_DECLARE_KERNEL

BORA_KERNEL void matmul<F64>(const Panels<F64>&, Range, const double*, std::size_t, std::size_t, double*,
                             std::size_t) noexcept;
BORA_KERNEL void matmul_transposed<F64>(const Panels<F64>&, Range, const double*, std::size_t, std::size_t, double*,
                                        std::size_t) noexcept;
BORA_KERNEL void outer_product(Range, const double*, std::size_t, const double*, std::size_t, std::size_t, double*,
                               std::size_t) noexcept;
BORA_KERNEL void attend(const KeyRuns<F64>&, std::size_t, const QueryRow<double>*, std::size_t, double,
                        const ScoreBias<double>&, const AttentionScratch<double>&) noexcept;
BORA_KERNEL Range attend_backward(const KeyRuns<F64>&, std::size_t, const QueryRow<double>*, std::size_t, double,
                                  const ScoreBias<double>&, AttentionGradients<double>&) noexcept;

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
#endif

#undef BORA_KERNEL
