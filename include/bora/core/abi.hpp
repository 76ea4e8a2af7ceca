/// The inline namespace that every name of the library sits in, and the pragmas around it.
///
/// Two translation units compiled for different SIMD targets or backends must not share inline functions:
/// the linker would keep one of them for both. `BORA_ABI` names version, backend and target, so such a
/// program fails at link instead of running the wrong code.
///
/// Inside the library a compiler may not contract `a * b + c` into a fused multiply-add where it likes:
/// one function would round differently from its twin. `BORA_BEFORE_NAMESPACE` switches that off and
/// `BORA_AFTER_NAMESPACE` restores what the user chose. A fused multiply-add is always written `mul_add`.
#pragma once

#define BORA_VERSION_MAJOR 0
#define BORA_VERSION_MINOR 1
#define BORA_VERSION_PATCH 0

#if defined(BORA_BACKEND_SCALAR)
#define BORA_BACKEND_TAG scalar
#elif defined(BORA_BACKEND_XSIMD)
#define BORA_BACKEND_TAG xsimd
#else
#define BORA_BACKEND_TAG highway
#endif

#if defined(HWY_COMPILE_ONLY_SCALAR)
#define BORA_TARGET_TAG one_lane
#elif defined(__AVX512BF16__)
#define BORA_TARGET_TAG avx512_bf16
#elif defined(__AVX512F__)
#define BORA_TARGET_TAG avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define BORA_TARGET_TAG avx2
#elif defined(__SSE4_1__)
#define BORA_TARGET_TAG sse4
#elif defined(__aarch64__)
#define BORA_TARGET_TAG neon
#else
#define BORA_TARGET_TAG baseline
#endif

#define BORA_ABI_JOIN2(major, minor, backend, target) v##major##_##minor##_##backend##_##target
#define BORA_ABI_JOIN(major, minor, backend, target) BORA_ABI_JOIN2(major, minor, backend, target)
#define BORA_ABI BORA_ABI_JOIN(BORA_VERSION_MAJOR, BORA_VERSION_MINOR, BORA_BACKEND_TAG, BORA_TARGET_TAG)

#if defined(__clang__)
#define BORA_BEFORE_NAMESPACE() _Pragma("float_control(push)") _Pragma("clang fp contract(off)") static_assert(true, "")
#define BORA_AFTER_NAMESPACE() _Pragma("float_control(pop)") static_assert(true, "")
#elif defined(__GNUC__)
#define BORA_BEFORE_NAMESPACE() \
  _Pragma("GCC push_options") _Pragma("GCC optimize(\"fp-contract=off\")") static_assert(true, "")
#define BORA_AFTER_NAMESPACE() _Pragma("GCC pop_options") static_assert(true, "")
#else
#define BORA_BEFORE_NAMESPACE() static_assert(true, "")
#define BORA_AFTER_NAMESPACE() static_assert(true, "")
#endif

#if defined(__GNUC__)
#define BORA_INLINE inline __attribute__((always_inline))
#define BORA_NOINLINE __attribute__((noinline))
#define BORA_RESTRICT __restrict__
#else
#define BORA_INLINE inline
#define BORA_NOINLINE
#define BORA_RESTRICT
#endif
