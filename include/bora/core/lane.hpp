/// A lane of a thread team: its share of each loop, and the barrier between phases.
#pragma once
#include <bora/core/wait.hpp>
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// How long this thread spins at barriers. Barriers are made anew for each run, so a thread keeps its learnt spin time
/// here.
inline constinit thread_local Patience barrier_patience;

}  // namespace detail

/// A barrier: opens when all `lanes` lanes have arrived, and can be reused immediately.
class Barrier {
 public:
  /// For `lanes` threads, which all must arrive.
  explicit Barrier(std::size_t lanes) noexcept : lanes_(static_cast<std::uint32_t>(lanes)) {}

  /// Returns when all lanes have arrived.
  void arrive_and_wait() noexcept {
    if (lanes_ == 1) return;
    const std::uint32_t round = round_.load();
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == lanes_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.add(1);
    } else {
      round_.wait_while(round, detail::barrier_patience);
    }
  }
  /// How often a lane that waited here went to sleep.
  std::uint32_t naps() const noexcept { return round_.naps(); }

 private:
  const std::uint32_t lanes_;
  alignas(alignment) std::atomic<std::uint32_t> arrived_{0};  // separate cache lines: written by all / read by all
  detail::WaitWord round_;
};

/// Half-open range of a partition.
struct Range {
  std::size_t begin;  ///< the first
  std::size_t end;    ///< one past the last
  /// How many it spans.
  std::size_t size() const noexcept { return end - begin; }
};

/// One lane's view of a thread team: which part of each loop is its own, and where it waits for the others.
/// Work is partitioned statically, so which lane computes a value never depends on timing.
struct Lane {
  std::size_t index = 0;       ///< this lane, from 0; the calling thread is lane 0
  std::size_t count = 1;       ///< lanes at work: at most the executor's
  Barrier* barrier = nullptr;  ///< where lanes wait; not needed where there is one lane

  /// Returns when all lanes have come here.
  void sync() const noexcept {
    if (count > 1) barrier->arrive_and_wait();
  }
  /// This lane's share of `items`, in whole multiples of `grain`.
  Range share(std::size_t items, std::size_t grain = 1) const noexcept {
    const std::size_t units = (items + grain - 1) / grain;
    return {std::min(items, units * index / count * grain), std::min(items, units * (index + 1) / count * grain)};
  }
};

}}  // namespace bora::BORA_ABI
