/// Chooses the kernels for the processor that the program runs on, at run time. In one source, compiled with the
/// program's flags:
///
///     #define BORA_COMPILE_DISPATCH
///     #define BORA_DISPATCH_TARGETS(T) T(avx512) T(avx2) T(sse4)
///     #include <bora/simd/dispatch.hpp>
///
/// List the best target first: the first one whose instructions the processor has is chosen, once. The environment
/// variable BORA_TARGET=avx2 selects another one. The CMake function `bora_dispatch` writes this source.
#pragma once
#include <bora/core/error.hpp>
#include <bora/simd/dispatch_list.hpp>
#include <bora/simd/target.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#if !defined(BORA_DYNAMIC_DISPATCH)
#error "bora: define BORA_DYNAMIC_DISPATCH for all sources of a program that chooses its kernels while it runs"
#endif

#define BORA_DECLARE_TARGET(name) \
  extern "C" __attribute__((visibility("hidden"))) const bora::KernelTable BORA_KERNEL_TABLE(name);
BORA_DISPATCH_TARGETS(BORA_DECLARE_TARGET)
#undef BORA_DECLARE_TARGET

namespace bora { inline namespace BORA_ABI { namespace simd {
namespace detail {

/// Features of this processor, a sum of KernelTable::Needs.
inline std::uint32_t processor() noexcept {
  __builtin_cpu_init();
  const auto sum = [](bool has, std::uint32_t need) { return has ? need : 0u; };
  return sum(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"), KernelTable::sse4) +
         sum(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
                 __builtin_cpu_supports("f16c"),
             KernelTable::avx2) +
         sum(__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"), KernelTable::aes) +
         sum(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512cd"),
             KernelTable::avx512) +
         sum(__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
                 __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bitalg") &&
                 __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("vpclmulqdq") &&
                 __builtin_cpu_supports("gfni"),
             KernelTable::ice_lake) +
         sum(__builtin_cpu_supports("avx512bf16"), KernelTable::bf16);
}

struct Choice {
  const KernelTable* table = nullptr;  ///< the best target that runs here, or the requested one
  std::string refused;                 ///< why the requested target was rejected; empty if it was not
};

inline Choice choose_target() {
  static constexpr const KernelTable* all[] = {
#define BORA_POINT_TO_TARGET(name) &BORA_KERNEL_TABLE(name),
      BORA_DISPATCH_TARGETS(BORA_POINT_TO_TARGET)
#undef BORA_POINT_TO_TARGET
  };
  const std::uint32_t has = processor();
  const char* wish = std::getenv("BORA_TARGET");
  Choice choice;
  std::string names;
  bool known = wish == nullptr || *wish == '\0';
  for (const KernelTable* table : all) {
    if (table->list != kernel_list_sum()) continue;  // built from another version of the list
    const bool wanted = wish != nullptr && std::string_view(wish) == table->name;
    known = known || wanted;
    if ((table->needs & ~has) != 0) {
      if (wanted) choice.refused = bora::detail::message("this processor cannot run ", table->name);
      continue;
    }
    names += (names.empty() ? "" : ", ") + std::string(table->name);
    if (choice.table == nullptr || wanted) choice.table = table;
  }
  if (!known) choice.refused = "there is no such target";
  if (choice.table == nullptr)
    choice.refused = "this processor lacks the instructions of every target of this program";
  else if (!choice.refused.empty())
    choice.refused =
        bora::detail::message("BORA_TARGET is '", wish, "', expected one of ", names, ": ", choice.refused);
  return choice;
}
inline const Choice& choice() {
  static const Choice chosen = choose_target();
  return chosen;
}

const KernelTable& kernel_table() {
  if (!choice().refused.empty()) throw ConfigError(choice().refused);
  return *choice().table;
}

template <class R, class... A>
R call_kernel(std::size_t index, const A&... argument) noexcept {
  const KernelTable* table = choice().table;
  if (table == nullptr) {  // kernel_table() throws it, for those who ask
    std::fprintf(stderr, "bora: %s\n", choice().refused.c_str());
    std::abort();
  }
  const void* const arguments[] = {std::addressof(argument)...};
  if constexpr (std::is_void_v<R>) {
    table->kernels[index](arguments, nullptr);
  } else {
    R result;
    table->kernels[index](arguments, &result);
    return result;
  }
}

}  // namespace detail

#define BORA_DISPATCH_KERNEL(result, name, types, parameters, arguments)                      \
  template <>                                                                                 \
  result name<BORA_UNWRAP types> parameters noexcept {                                        \
    constexpr std::size_t index = detail::kernel_index(#result " " #name #types #parameters); \
    return detail::call_kernel<result>(index, BORA_UNWRAP arguments);                         \
  }
BORA_KERNELS(BORA_DISPATCH_KERNEL)
#undef BORA_DISPATCH_KERNEL

}}}  // namespace bora::BORA_ABI::simd

#define BORA_COMPILE_KERNELS
#include <bora/simd/kernels.hpp>  // kernels of double
