/// How a lane waits for others: it spins while that pays off, then sleeps in the kernel.
#pragma once
#include <bora/core/memory.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace bora { inline namespace BORA_ABI { namespace detail {

inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How long a thread spins in one kind of wait, learnt from how its last waits ended. Spinning is right where the lane
/// that is waited for runs on another core, and wrong where it needs this very core: then spinning delays both.
class Patience {
 public:
  /// Nanoseconds to spin in the next wait.
  std::uint32_t budget() noexcept {
    probing_ = ++waits_ % probe_every == 0;  // else it might never spin again
    return probing_ ? longest : budget_;
  }
  /// The wait ended while it spun.
  void paid_off() noexcept { budget_ = probing_ ? longest : std::min(longest, budget_ + budget_ / 8); }
  /// The wait ended asleep. The thread keeps spinning while at most one wait in twelve ends like this; spinning then
  /// costs about as much as sleeping.
  void failed() noexcept { budget_ = std::max(shortest, budget_ / 4); }

 private:
  static constexpr std::uint32_t longest = 100'000, shortest = 500, probe_every = 64;
  std::uint32_t budget_ = longest, waits_ = 0;
  bool probing_ = false;
};

/// A number that threads wait on until it changes. Changing it takes a system call only while somebody sleeps on it
/// (libstdc++'s std::atomic::notify_all makes one while anybody in the program sleeps on a number with its alignment).
class alignas(alignment) WaitWord {
 public:
  std::uint32_t load() const noexcept { return value_.load(std::memory_order_acquire); }
  /// Sets the value; only before any thread waits.
  void set(std::uint32_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  /// Adds, and wakes the waiting threads.
  void add(std::uint32_t step) noexcept {
    // Sequentially consistent, as in `sleep`: either the sleeper sees the new value or this thread sees the sleeper.
    value_.fetch_add(step);
    if (sleepers_.load() != 0) wake();
  }
  /// Changes 0 to 1; returns whether it was 0.
  bool claim() noexcept {
    std::uint32_t free = 0;
    return value_.compare_exchange_strong(free, 1, std::memory_order_acquire, std::memory_order_relaxed);
  }
  /// Returns when the value is not `old` any more.
  void wait_while(std::uint32_t old, Patience& patience) noexcept {
    if (load() != old) return;
    if (spin(old, patience.budget())) return patience.paid_off();
    patience.failed();
    sleep(old);
  }
  /// How often a thread went to sleep here.
  std::uint32_t naps() const noexcept { return naps_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  bool spin(std::uint32_t old, std::uint32_t nanoseconds) const noexcept {
    if (changes_soon(old)) return true;  // most waits end before a clock need be read
    const Clock::time_point end = Clock::now() + std::chrono::nanoseconds(nanoseconds);
    while (Clock::now() < end)
      if (changes_soon(old)) return true;
    return false;
  }
  bool changes_soon(std::uint32_t old) const noexcept {
    for (int i = 0; i < 16; ++i) {
      relax();
      if (load() != old) return true;
    }
    return false;
  }
  void sleep(std::uint32_t old) noexcept {
    naps_.fetch_add(1, std::memory_order_relaxed);
    sleepers_.fetch_add(1);
    while (value_.load() == old) wait_in_kernel(old);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }
#if defined(__linux__)
  // Not std::atomic::wait, which yields before it sleeps: a yield may lend the core to another program for
  // milliseconds.
  void wait_in_kernel(std::uint32_t old) noexcept {
    ::syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
  }
  void wake() noexcept { ::syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, 0x7fffffff, nullptr, nullptr, 0); }
#else
  void wait_in_kernel(std::uint32_t old) noexcept { value_.wait(old); }
  void wake() noexcept { value_.notify_all(); }
#endif

  std::atomic<std::uint32_t> value_{0};
  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<std::uint32_t> naps_{0};
};

}}}  // namespace bora::BORA_ABI::detail
