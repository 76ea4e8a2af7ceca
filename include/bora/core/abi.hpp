/// The inline namespace that every name of the library sits in, and the pragmas around it.
///
/// Two translation units compiled for different SIMD targets or backends must not share inline functions:
/// the linker would keep one of them for both. `BORA_ABI` names version, backend and target, so such a program fails to
/// link instead of running the wrong code, and units that share nothing each run their own code. The names are short,
/// because every compiler message repeats them: `v0_1_0_avx512ivb`. Only the types that are thrown stay outside
/// (core/error.hpp).
///
/// Inside the library a compiler may not contract `a * b + c` into a fused multiply-add where it likes:
/// one function would round differently from its twin. `BORA_BEFORE_NAMESPACE` switches that off and
/// `BORA_AFTER_NAMESPACE` restores what the user chose. A fused multiply-add is always written `mul_add`.
#pragma once

// Requirements of the library, checked first. Including a folder that does not exist stops the compilation, which
// avoids a flood of follow-up errors.
#if !defined(_MSC_VER) && __cplusplus < 202002L
#error "bora: needs C++20: compile with -std=c++20, or with CMake link the target bora::bora"
#include <bora_needs_cxx20>
#endif
#if defined(__GNUC__) && !defined(__EXCEPTIONS)
#error "bora: needs exceptions, by which it reports bad files and input: compile without -fno-exceptions"
#include <bora_needs_exceptions>
#endif

#define BORA_VERSION_MAJOR 0
#define BORA_VERSION_MINOR 1
#define BORA_VERSION_PATCH 0

#if defined(BORA_DYNAMIC_DISPATCH) && (defined(BORA_BACKEND_SCALAR) || defined(BORA_BACKEND_XSIMD))
#error \
    "bora: BORA_DYNAMIC_DISPATCH chooses between Highway's targets: compile without BORA_BACKEND_SCALAR and BORA_BACKEND_XSIMD"
#endif

// The backend. Highway, which most programs use, adds nothing to the name.
#if defined(BORA_BACKEND_SCALAR)
#define BORA_BACKEND_TAG _scalar
#elif defined(BORA_BACKEND_XSIMD)
#define BORA_BACKEND_TAG _xsimd
#elif defined(BORA_DYNAMIC_DISPATCH)
#define BORA_BACKEND_TAG _dispatch  // a program that chooses its kernels while it runs (simd/dispatch.hpp)
#else
#define BORA_BACKEND_TAG
#endif

// The target: one word, and a letter for each other macro that decides which code the backends write. No word is
// another one followed by letters, so that two sets of flags never give one name.
#if defined(HWY_COMPILE_ONLY_SCALAR)
#define BORA_TARGET_TAG _lane1
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define BORA_TARGET_TAG _avx512
#elif defined(__AVX512F__)
#define BORA_TARGET_TAG _knl
#elif defined(__AVX2__)
#define BORA_TARGET_TAG _avx2
#elif defined(__AVX__)
#define BORA_TARGET_TAG _avx
#elif defined(__SSE4_1__) && defined(__SSE4_2__)
#define BORA_TARGET_TAG _sse4
#elif defined(__SSSE3__)
#define BORA_TARGET_TAG _ssse3
#elif defined(__ARM_FEATURE_SVE2)
#define BORA_TARGET_TAG _sve2
#elif defined(__ARM_FEATURE_SVE)
#define BORA_TARGET_TAG _sve
#elif defined(__aarch64__)
#define BORA_TARGET_TAG _neon
#else
#define BORA_TARGET_TAG _base
#endif

// Processors with AVX2 have these three features, but not every -march enables them (x86-64-v3 has no AES, and Highway
// then does not use AVX2): with AVX2 a capital letter marks a missing one, otherwise a small letter marks a present
// one.
#if defined(__FMA__) && !defined(__AVX2__)
#define BORA_TARGET_FMA m
#elif !defined(__FMA__) && defined(__AVX2__)
#define BORA_TARGET_FMA M
#else
#define BORA_TARGET_FMA
#endif
#if defined(__BMI2__) && defined(__F16C__) && !defined(__AVX2__)
#define BORA_TARGET_HALVES h
#elif !(defined(__BMI2__) && defined(__F16C__)) && defined(__AVX2__)
#define BORA_TARGET_HALVES H
#else
#define BORA_TARGET_HALVES
#endif
#if defined(__AES__) && defined(__PCLMUL__) && !defined(__AVX2__)
#define BORA_TARGET_AES a
#elif !(defined(__AES__) && defined(__PCLMUL__)) && defined(__AVX2__)
#define BORA_TARGET_AES A
#else
#define BORA_TARGET_AES
#endif
#if defined(__VAES__) && defined(__VPCLMULQDQ__) && defined(__AVX512VBMI__) && defined(__AVX512VBMI2__) && \
    defined(__AVX512VPOPCNTDQ__) && defined(__AVX512BITALG__)
#define BORA_TARGET_ICE_LAKE i
#else
#define BORA_TARGET_ICE_LAKE
#endif
#if defined(__AVXVNNI__) && defined(__AVX512VNNI__)
#define BORA_TARGET_VNNI x
#elif defined(__AVXVNNI__)
#define BORA_TARGET_VNNI v
#elif defined(__AVX512VNNI__)
#define BORA_TARGET_VNNI d
#else
#define BORA_TARGET_VNNI
#endif
#if defined(__AVX512BF16__)
#define BORA_TARGET_BF16 b
#else
#define BORA_TARGET_BF16
#endif
#if defined(__AVX512FP16__)
#define BORA_TARGET_FP16 p
#else
#define BORA_TARGET_FP16
#endif
// How compilers report the parts of -ffast-math: clang has a macro only for the first.
#if defined(__FAST_MATH__)
#define BORA_TARGET_FAST_MATH f
#elif defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0
#define BORA_TARGET_FAST_MATH n
#else
#define BORA_TARGET_FAST_MATH
#endif
#if !defined(__FAST_MATH__) && \
    (defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__))
#define BORA_TARGET_UNSAFE_MATH u
#else
#define BORA_TARGET_UNSAFE_MATH
#endif
// A feature that Highway uses differently under g++ and clang.
#if defined(__clang__)
#define BORA_TARGET_COMPILER c
#else
#define BORA_TARGET_COMPILER
#endif

#define BORA_JOIN_ABI2(major, minor, patch, backend, target, a, b, c, d, e, f, g, h, i, j) \
  v##major##_##minor##_##patch##backend##target##a##b##c##d##e##f##g##h##i##j
#define BORA_JOIN_ABI(...) BORA_JOIN_ABI2(__VA_ARGS__)
#define BORA_ABI                                                                                               \
  BORA_JOIN_ABI(BORA_VERSION_MAJOR, BORA_VERSION_MINOR, BORA_VERSION_PATCH, BORA_BACKEND_TAG, BORA_TARGET_TAG, \
                BORA_TARGET_FMA, BORA_TARGET_HALVES, BORA_TARGET_AES, BORA_TARGET_ICE_LAKE, BORA_TARGET_VNNI,  \
                BORA_TARGET_BF16, BORA_TARGET_FP16, BORA_TARGET_FAST_MATH, BORA_TARGET_UNSAFE_MATH,            \
                BORA_TARGET_COMPILER)

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
#define BORA_VISIBLE __attribute__((visibility("default")))
#else
#define BORA_INLINE inline
#define BORA_NOINLINE
#define BORA_RESTRICT
#define BORA_VISIBLE
#endif
