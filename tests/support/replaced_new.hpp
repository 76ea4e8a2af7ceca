/// Replaces the allocation functions of a whole test program. One source of it includes this and defines
/// `support::allocate_or_null` and `support::release`; where nothing can be replaced, BORA_TEST_REPLACES_NEW is not
/// defined, and neither is needed.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <new>

// The thread sanitizer brings functions of its own that cannot be replaced.
#define BORA_TEST_REPLACES_NEW
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef BORA_TEST_REPLACES_NEW
#endif
#elif defined(__SANITIZE_THREAD__)
#undef BORA_TEST_REPLACES_NEW
#endif

#if defined(BORA_TEST_REPLACES_NEW)

namespace support {

/// A block of `bytes`, which may be 0, or nothing.
void* allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept;
/// Not inlined: g++ would see free() next to a new that it does not know, and warn.
BORA_NOINLINE void release(void* block) noexcept;

inline void* allocate(std::size_t bytes, std::size_t alignment) {
  if (void* block = allocate_or_null(bytes, alignment)) return block;
  throw std::bad_alloc();
}

}  // namespace support

// All of them: sanitizers replace those that are left out by ones that do not call these.
using Alignment = std::align_val_t;
using NoThrow = std::nothrow_t;
void* operator new(std::size_t bytes) { return support::allocate(bytes, 1); }
void* operator new[](std::size_t bytes) { return support::allocate(bytes, 1); }
void* operator new(std::size_t bytes, Alignment a) { return support::allocate(bytes, std::size_t(a)); }
void* operator new[](std::size_t bytes, Alignment a) { return support::allocate(bytes, std::size_t(a)); }
void* operator new(std::size_t bytes, const NoThrow&) noexcept { return support::allocate_or_null(bytes, 1); }
void* operator new[](std::size_t bytes, const NoThrow&) noexcept { return support::allocate_or_null(bytes, 1); }
void operator delete(void* block) noexcept { support::release(block); }
void operator delete[](void* block) noexcept { support::release(block); }
void operator delete(void* block, std::size_t) noexcept { support::release(block); }
void operator delete[](void* block, std::size_t) noexcept { support::release(block); }
void operator delete(void* block, Alignment) noexcept { support::release(block); }
void operator delete[](void* block, Alignment) noexcept { support::release(block); }
void operator delete(void* block, std::size_t, Alignment) noexcept { support::release(block); }
void operator delete[](void* block, std::size_t, Alignment) noexcept { support::release(block); }
void operator delete(void* block, const NoThrow&) noexcept { support::release(block); }
void operator delete[](void* block, const NoThrow&) noexcept { support::release(block); }

#endif
