/// How long-running work reports its progress, and asks whether to continue.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace bora { inline namespace BORA_ABI {

/// A callable `bool(std::size_t done, std::size_t total)`, or none: long work calls it with its progress, and throws
/// Cancelled if it returns false. Exceptions of the callable propagate.
///
/// A temporary, such as a lambda written at the call, is copied: trivially copyable and of at most `room` bytes, which
/// is enough for four references. A named callable (an lvalue) is held by reference and must outlive the work.
class ProgressFunction {
 public:
  static constexpr std::size_t room = 4 * sizeof(void*);  ///< bytes of a temporary, at most

  ProgressFunction() = default;  ///< reports to nobody
  /// Reports to `report`.
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, ProgressFunction> &&
             std::is_invocable_r_v<bool, F&, std::size_t, std::size_t>)
  ProgressFunction(F&& report) noexcept {  // NOLINT: a lambda is written where a ProgressFunction is expected
    using Callable = std::remove_reference_t<F>;
    if constexpr (std::is_lvalue_reference_v<F>) {
      using Pointer = Callable*;
      ::new (static_cast<void*>(memory_)) Pointer(std::addressof(report));
      call_ = [](void* at, std::size_t done, std::size_t total) -> bool {
        return (**std::launder(static_cast<Pointer*>(at)))(done, total);
      };
    } else {
      static_assert(
          sizeof(Callable) <= room && alignof(Callable) <= alignof(void*) && std::is_trivially_copyable_v<Callable> &&
              std::is_trivially_destructible_v<Callable>,
          "bora: ProgressFunction: a temporary holds at most four pointers and no resources; give the callable a "
          "name, and let it live as long as the work");
      ::new (static_cast<void*>(memory_)) Callable(report);
      call_ = [](void* at, std::size_t done, std::size_t total) -> bool {
        return (*std::launder(static_cast<Callable*>(at)))(done, total);
      };
    }
  }

  /// Whether there is a callable.
  explicit operator bool() const noexcept { return call_ != nullptr; }
  /// Reports progress; returns whether to continue, true without a callable.
  bool operator()(std::size_t done, std::size_t total) {
    return call_ == nullptr || call_(static_cast<void*>(memory_), done, total);
  }

 private:
  bool (*call_)(void*, std::size_t, std::size_t) = nullptr;
  alignas(void*) unsigned char memory_[room] = {};
};

}}  // namespace bora::BORA_ABI
