/// The list of kernels as indices into a KernelTable.
#pragma once
#include <bora/simd/kernel_list.hpp>
#include <bora/simd/kernel_table.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace simd { namespace detail {

inline constexpr std::string_view kernel_names[] = {
#define BORA_NAME_KERNEL(result, name, types, parameters, arguments) #result " " #name #types #parameters,
    BORA_KERNELS(BORA_NAME_KERNEL)
#undef BORA_NAME_KERNEL
};
inline constexpr std::size_t kernel_count = std::size(kernel_names);

/// Checksum of the kernels' names: a program rejects a target built from another list.
consteval std::uint64_t kernel_list_sum() {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const std::string_view name : kernel_names)
    for (const char c : name) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return sum;
}
consteval std::size_t kernel_index(std::string_view name) {
  std::size_t i = 0;
  while (kernel_names[i] != name) ++i;  // the name is always in the list
  return i;
}

}}}}  // namespace bora::BORA_ABI::simd::detail
