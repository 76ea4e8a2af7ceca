/// The kernels of one target, for programs that choose their kernels at run time. One source for each target, compiled
/// with its -march:
///
///     #define BORA_DISPATCH_TARGET avx2
///     #include <bora/simd/dispatch_target.hpp>
///
/// The CMake function `bora_dispatch` writes it.
#pragma once
#include <bora/simd/dispatch_list.hpp>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(BORA_DYNAMIC_DISPATCH) || defined(BORA_EXTERN_KERNELS)
#error \
    "bora: a source of one target holds its kernels: compile it without BORA_DYNAMIC_DISPATCH and BORA_EXTERN_KERNELS"
#endif

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd { namespace detail {

/// Calls a kernel with arguments passed as plain pointers.
template <auto kernel>
struct Dispatched;
template <class R, class... A, R (*kernel)(A...) noexcept>
struct Dispatched<kernel> {
  static void call(const void* const* arguments, void* result) noexcept {
    call(arguments, result, std::index_sequence_for<A...>());
  }

 private:
  template <class T>
  static T& at(const void* argument) noexcept {
    return *static_cast<T*>(const_cast<void*>(argument));  // arguments that the kernel must not change are const in T
  }
  template <std::size_t... i>
  static void call(const void* const* arguments, [[maybe_unused]] void* result, std::index_sequence<i...>) noexcept {
    if constexpr (std::is_void_v<R>)
      kernel(at<std::remove_reference_t<A>>(arguments[i])...);
    else
      *static_cast<R*>(result) = kernel(at<std::remove_reference_t<A>>(arguments[i])...);
  }
};

inline constexpr DispatchedKernel kernels_of_target[] = {
#define BORA_POINT_TO_KERNEL(result, name, types, parameters, arguments) \
  &Dispatched<static_cast<result(*) parameters noexcept>(&name<BORA_UNWRAP types>)>::call,
    BORA_KERNELS(BORA_POINT_TO_KERNEL)
#undef BORA_POINT_TO_KERNEL
};

inline constexpr std::uint32_t needs_of_target = 0
#if defined(__SSE4_2__)
                                                 + KernelTable::sse4
#endif
#if defined(__AVX2__)
                                                 + KernelTable::avx2
#endif
#if defined(__AES__)
                                                 + KernelTable::aes
#endif
#if defined(__AVX512BW__)
                                                 + KernelTable::avx512
#endif
#if defined(__AVX512VBMI2__)
                                                 + KernelTable::ice_lake
#endif
#if defined(__AVX512BF16__)
                                                 + KernelTable::bf16
#endif
    ;

}}}}  // namespace bora::BORA_ABI::simd::detail
BORA_AFTER_NAMESPACE();

#if !defined(DOXYGEN)
#define BORA_DISPATCH_TEXT2(name) #name
#define BORA_DISPATCH_TEXT(name) BORA_DISPATCH_TEXT2(name)
extern "C" {
extern __attribute__((visibility("hidden"))) const bora::KernelTable BORA_KERNEL_TABLE(BORA_DISPATCH_TARGET);
constinit const bora::KernelTable BORA_KERNEL_TABLE(BORA_DISPATCH_TARGET) = {
    BORA_DISPATCH_TEXT(BORA_DISPATCH_TARGET), bora::simd::detail::needs_of_target,
    bora::simd::FloatBlock::native_pairs,     bora::simd::FloatBlock::native_bytes,
    bora::simd::detail::kernel_list_sum(),    bora::simd::detail::kernels_of_target};
}
#undef BORA_DISPATCH_TEXT
#undef BORA_DISPATCH_TEXT2
#endif
