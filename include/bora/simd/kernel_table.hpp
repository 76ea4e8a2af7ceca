/// The interface between a program and its kernels for other targets: plain types, with one layout for all targets.
///
/// A program that chooses its kernels at run time (BORA_DYNAMIC_DISPATCH) and each of its targets use different
/// namespaces (core/abi.hpp), so kernels are passed the addresses of their arguments. The arguments are views with the
/// same layout in all of them.
#pragma once
#include <bora/core/abi.hpp>
#include <cstdint>

namespace bora {

/// A kernel of a target: reads its arguments through pointers, and stores its return value at `result`.
using DispatchedKernel = void (*)(const void* const* arguments, void* result);

/// The kernels of one target, in the order of simd/kernel_list.hpp. Constant data: reading the table runs no code of
/// the target.
struct KernelTable {
  /// Features that the processor must have.
  enum Needs : std::uint32_t { sse4 = 1, avx2 = 2, aes = 4, avx512 = 8, ice_lake = 16, bf16 = 32 };

  const char* name;                 ///< the target's name in BORA_TARGET
  std::uint32_t needs;              ///< a sum of Needs
  bool bf16_dot_products;           ///< whether products of Bf16 use the target's dot-product instruction
  bool int8_dot_products;           ///< whether products of block formats do
  std::uint64_t list;               ///< checksum of the list of kernels: must equal the program's
  const DispatchedKernel* kernels;  ///< one for each
};

}  // namespace bora

/// The name of a target's table, which is that of a C object: bora_0_1_0_kernels_avx2.
#define BORA_KERNEL_TABLE(name) BORA_KERNEL_TABLE2(BORA_VERSION_MAJOR, BORA_VERSION_MINOR, BORA_VERSION_PATCH, name)
#define BORA_KERNEL_TABLE2(...) BORA_KERNEL_TABLE3(__VA_ARGS__)
#define BORA_KERNEL_TABLE3(major, minor, patch, name) bora_##major##_##minor##_##patch##_kernels_##name
