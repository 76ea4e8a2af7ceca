/// The one place that includes Highway, and works around two faults of its older versions (Debian 12 has 1.0.3).
///
/// 1. On processors with AVX-512, VAES, VPCLMULQDQ, VBMI2, BITALG, VPOPCNTDQ and AVX-VNNI (Zen 5, and every Xeon since
///    Sapphire Rapids), 1.0.3 and 1.0.4 choose AVX3_DL, leave it out of the targets that may be compiled, and stop:
///    "best baseline should be included in dynamic targets". HWY_WANT_AVX3_DL puts it back.
/// 2. On AArch64 1.0.3 compiles all of NEON as if the flags gave AES, which only its functions of AES need. g++ inlines
///    them only into functions of the same target, so without +crypto in the flags nothing compiles. Without Highway's
///    attributes, its functions have the target of the flags.
///
/// Both must be done before Highway is included for the first time. From 1.2 on, base.h says which version it is, and
/// nothing is done.
#pragma once
#if defined(HWY_TARGETS)
#define BORA_HIGHWAY_CAME_FIRST 1
#else
#define BORA_HIGHWAY_CAME_FIRST 0
#endif
#include <hwy/base.h>
#if !defined(HWY_MAJOR) && !defined(HWY_WANT_AVX3_DL) && defined(__AVXVNNI__) && defined(__VAES__) &&                 \
    defined(__VPCLMULQDQ__) && defined(__AVX512VBMI__) && defined(__AVX512VBMI2__) && defined(__AVX512VPOPCNTDQ__) && \
    defined(__AVX512BITALG__)
#define HWY_WANT_AVX3_DL
#endif
#if !defined(HWY_MAJOR) && HWY_ARCH_ARM_A64 && HWY_COMPILER_GCC_ACTUAL && !defined(__ARM_FEATURE_AES)
#define BORA_HIGHWAY_WITHOUT_ATTRIBUTES
#pragma push_macro("HWY_PUSH_ATTRIBUTES")
#undef HWY_PUSH_ATTRIBUTES
#define HWY_PUSH_ATTRIBUTES(targets) HWY_PRAGMA(GCC push_options)
#endif
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
#if defined(BORA_HIGHWAY_WITHOUT_ATTRIBUTES)
#pragma pop_macro("HWY_PUSH_ATTRIBUTES")
#undef BORA_HIGHWAY_WITHOUT_ATTRIBUTES
#endif

#if (HWY_TARGETS & HWY_STATIC_TARGET) == 0
#error \
    "bora: Highway was included before bora, without what its version needs on this processor: include bora's headers first, or define HWY_WANT_AVX3_DL for the whole program (-DHWY_WANT_AVX3_DL)"
#endif
#if BORA_HIGHWAY_CAME_FIRST && HWY_ARCH_ARM_A64 && HWY_COMPILER_GCC_ACTUAL && !defined(__ARM_FEATURE_AES) && \
    !defined(HWY_NEON_WITHOUT_AES)
#error \
    "bora: Highway was included before bora, and its version needs AES in the flags: include bora's headers first, or add +crypto to -march"
#endif
#undef BORA_HIGHWAY_CAME_FIRST
