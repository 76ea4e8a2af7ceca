/// What crosses between a program and its kernels for another target: plain types, in the same place for all.
///
/// A program that is compiled for any processor (BORA_DYNAMIC_DISPATCH) and each of its targets have namespaces of
/// their own (core/abi.hpp), so a kernel gets the addresses of its arguments. They are views, of one layout everywhere.
#pragma once
#include <bora/core/abi.hpp>
#include <cstdint>

namespace bora {

/// A kernel of a target: reads its arguments where they are, and puts what it returns where `result` points to.
using DispatchedKernel = void (*)(const void* const* arguments, void* result);

/// The kernels of one target, in the order of simd/kernel_list.hpp. Constant data: looking at it runs none of its code.
struct KernelTable {
  /// What a processor must have.
  enum Needs : std::uint32_t { sse4 = 1, avx2 = 2, aes = 4, avx512 = 8, ice_lake = 16, bf16 = 32 };

  const char* name;                 ///< as BORA_TARGET in the environment asks for it
  std::uint32_t needs;              ///< a sum of Needs
  bool bf16_dot_products;           ///< whether products of Bf16 run on the target's own instruction
  std::uint64_t list;               ///< a sum over the list of kernels: it must be the program's
  const DispatchedKernel* kernels;  ///< one for each
};

}  // namespace bora

/// The name of a target's table, which is that of a C object: bora_0_1_0_kernels_avx2.
#define BORA_KERNEL_TABLE(name) BORA_KERNEL_TABLE2(BORA_VERSION_MAJOR, BORA_VERSION_MINOR, BORA_VERSION_PATCH, name)
#define BORA_KERNEL_TABLE2(...) BORA_KERNEL_TABLE3(__VA_ARGS__)
#define BORA_KERNEL_TABLE3(major, minor, patch, name) bora_##major##_##minor##_##patch##_kernels_##name
