/// The one place that includes Highway.
///
/// Highway 1.0.3 and 1.0.4 choose their best target, AVX3_DL, for whatever has AVX-512 with VAES, VPCLMULQDQ, VBMI2,
/// BITALG, VPOPCNTDQ and AVX-VNNI (Zen 5, and every Xeon since Sapphire Rapids), leave it out of the targets that may
/// be compiled, and then stop: "best baseline should be included in dynamic targets". They put it back where
/// HWY_WANT_AVX3_DL is defined. From 1.2 on, base.h says which version it is; 1.0.5 and later put the target in
/// themselves.
#pragma once
#include <hwy/base.h>
#if !defined(HWY_MAJOR) && !defined(HWY_WANT_AVX3_DL) && defined(__AVXVNNI__) && defined(__VAES__) &&                 \
    defined(__VPCLMULQDQ__) && defined(__AVX512VBMI__) && defined(__AVX512VBMI2__) && defined(__AVX512VPOPCNTDQ__) && \
    defined(__AVX512BITALG__)
#define HWY_WANT_AVX3_DL
#endif
#include <hwy/highway.h>
#if (HWY_TARGETS & HWY_STATIC_TARGET) == 0
#error \
    "bora: Highway was included before bora, without the macro that its version needs on this processor; include bora's headers first, or define HWY_WANT_AVX3_DL for the whole program (-DHWY_WANT_AVX3_DL)"
#endif
#include <hwy/contrib/math/math-inl.h>
