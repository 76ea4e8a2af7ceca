/// Chooses the backend, which implements a block (a vector of 16 elements) in this program.
#pragma once
#include <bora/simd/scalar.hpp>
#if defined(BORA_BACKEND_XSIMD)
#include <bora/simd/xsimd.hpp>
#elif !defined(BORA_BACKEND_SCALAR)
#include <bora/simd/highway.hpp>
#endif
#include <concepts>

namespace bora { inline namespace BORA_ABI { namespace simd {

#if defined(BORA_BACKEND_SCALAR)
using FloatBlock = ScalarBlock<float>;
inline constexpr const char* backend_name = "scalar";
#elif defined(BORA_BACKEND_XSIMD)
using FloatBlock = XsimdBlock;
inline constexpr const char* backend_name = "xsimd";
#else
/// The block of 16 floats on this program's backend.
using FloatBlock = HighwayBlock;
/// The backend's name.
inline constexpr const char* backend_name = "highway";
#endif

namespace detail {
template <class T>
struct BlockFor;
template <>
struct BlockFor<float> {
  using type = FloatBlock;
};
template <>
struct BlockFor<double> {
  using type = ScalarBlock<double>;
};
}  // namespace detail

/// The block of a number type: SIMD for float, the scalar twin for double.
template <class T>
using Block = typename detail::BlockFor<T>::type;

}}}  // namespace bora::BORA_ABI::simd
