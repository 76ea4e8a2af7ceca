/// The inline namespace that every name of the library sits in, and the pragmas around it.
///
/// Two translation units compiled for different SIMD targets or backends must not share inline functions:
/// the linker would keep one of them for both. `BORA_ABI` names version, backend and target, so such a
/// program fails at link instead of running the wrong code, and each unit that keeps to itself runs its own.
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
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define BORA_TARGET_TAG avx512
#elif defined(__AVX512F__)
#define BORA_TARGET_TAG avx512f
#elif defined(__AVX2__)
#define BORA_TARGET_TAG avx2
#elif defined(__AVX__)
#define BORA_TARGET_TAG avx
#elif defined(__SSE4_1__) && defined(__SSE4_2__)
#define BORA_TARGET_TAG sse4
#elif defined(__SSSE3__)
#define BORA_TARGET_TAG ssse3
#elif defined(__ARM_FEATURE_SVE2)
#define BORA_TARGET_TAG sve2
#elif defined(__ARM_FEATURE_SVE)
#define BORA_TARGET_TAG sve
#elif defined(__aarch64__)
#define BORA_TARGET_TAG neon
#else
#define BORA_TARGET_TAG baseline
#endif

// What else decides which code the backends write, a letter each: -march=x86-64-v3 has AVX2 but no AES, and Highway
// then does without AVX2. One Highway chooses differently under g++ and clang, too.
#if defined(__FMA__)
#define BORA_TARGET_FMA _m
#else
#define BORA_TARGET_FMA
#endif
#if defined(__BMI2__) && defined(__F16C__)
#define BORA_TARGET_HALVES _h
#else
#define BORA_TARGET_HALVES
#endif
#if defined(__AES__) && defined(__PCLMUL__)
#define BORA_TARGET_AES _a
#else
#define BORA_TARGET_AES
#endif
#if defined(__VAES__) && defined(__VPCLMULQDQ__) && defined(__AVX512VBMI__) && defined(__AVX512VBMI2__) && \
    defined(__AVX512VPOPCNTDQ__) && defined(__AVX512BITALG__)
#define BORA_TARGET_ICE_LAKE _i
#else
#define BORA_TARGET_ICE_LAKE
#endif
#if defined(__AVXVNNI__)
#define BORA_TARGET_VNNI _v
#else
#define BORA_TARGET_VNNI
#endif
#if defined(__AVX512BF16__)
#define BORA_TARGET_BF16 _b
#else
#define BORA_TARGET_BF16
#endif
#if defined(__AVX512FP16__)
#define BORA_TARGET_FP16 _p
#else
#define BORA_TARGET_FP16
#endif
// What a compiler says of the parts of -ffast-math: clang has a macro for the first alone.
#if defined(__FAST_MATH__)
#define BORA_TARGET_FAST_MATH _fast_math
#elif defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0
#define BORA_TARGET_FAST_MATH _finite_math
#else
#define BORA_TARGET_FAST_MATH
#endif
#if !defined(__FAST_MATH__) && \
    (defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__))
#define BORA_TARGET_UNSAFE_MATH _unsafe_math
#else
#define BORA_TARGET_UNSAFE_MATH
#endif
#if defined(__clang__)
#define BORA_TARGET_COMPILER _clang
#else
#define BORA_TARGET_COMPILER
#endif

#define BORA_JOIN_ABI2(major, minor, patch, backend, target, a, b, c, d, e, f, g, h, i, j) \
  v##major##_##minor##_##patch##_##backend##_##target##a##b##c##d##e##f##g##h##i##j
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
#else
#define BORA_INLINE inline
#define BORA_NOINLINE
#define BORA_RESTRICT
#endif
