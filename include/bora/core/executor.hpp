/// Who does the work: a gang of lanes that run one function at the same time, and the barrier between
/// the phases of that function.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/memory.hpp>
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

namespace bora::inline BORA_ABI {

/// A gang: `run(f)` calls `f(lane)` on all `lanes()` lanes *at the same time* and returns when all have. An
/// executor that cannot promise this (a work queue may run them one after the other, and a barrier between
/// them would never open) must report one lane. Derive from it to lend a program's own threads.
class Executor {
 public:
  virtual ~Executor() = default;
  /// How many lanes run at the same time: the same number for as long as it lives, since memory is made for as many.
  virtual std::size_t lanes() const noexcept = 0;

  /// `work(lane)` must not throw: there is nobody to catch it on a lane.
  template <class Work>
  void run(Work&& work) {
    using W = std::remove_reference_t<Work>;
    static_assert(std::is_nothrow_invocable_v<W&, std::size_t>, "bora: Executor: work on a lane must be noexcept");
    run_on_lanes([](void* context, std::size_t lane) noexcept { (*static_cast<W*>(context))(lane); },
                 const_cast<void*>(static_cast<const void*>(&work)));
  }

 protected:
  using Function = void (*)(void* context, std::size_t lane) noexcept;
  /// Calls `function(context, lane)` on all lanes at the same time, and returns when all have returned. It must not
  /// throw: lanes that have begun wait for each other. Whether there are threads is for its constructor to find out.
  virtual void run_on_lanes(Function function, void* context) = 0;
};

namespace detail {

inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins for a bounded time, then parks: pure spinning collapses when cores are oversubscribed.
inline void wait_while(const std::atomic<std::uint32_t>& value, std::uint32_t old, std::size_t spins) noexcept {
  for (std::size_t i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

/// How many lanes there are to work with; without a pool the caller's alone.
inline std::size_t lanes_of(const Executor* pool) noexcept {
  return pool == nullptr ? 1 : std::max<std::size_t>(pool->lanes(), 1);
}

inline std::size_t spins_for(std::size_t lanes) noexcept {
  const std::size_t cores = std::thread::hardware_concurrency();
  return lanes <= std::max<std::size_t>(cores, 1) ? 4'000 : 0;  // more lanes than cores: spinning steals the core
}

}  // namespace detail

/// Opens when every one of `lanes` lanes has arrived; usable again at once.
class Barrier {
 public:
  /// For `lanes` threads, which all must arrive.
  explicit Barrier(std::size_t lanes) noexcept
      : lanes_(static_cast<std::uint32_t>(lanes)), spins_(detail::spins_for(lanes)) {}

  /// Returns when all lanes have arrived.
  void arrive_and_wait() noexcept {
    if (lanes_ == 1) return;
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == lanes_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.fetch_add(1, std::memory_order_acq_rel);
      round_.notify_all();
    } else {
      detail::wait_while(round_, round, spins_);
    }
  }

 private:
  const std::uint32_t lanes_;
  const std::size_t spins_;
  alignas(alignment) std::atomic<std::uint32_t> arrived_{0};  // own lines: written by all / read by all
  alignas(alignment) std::atomic<std::uint32_t> round_{0};
};

/// Half-open range of a partition.
struct Range {
  std::size_t begin;  ///< the first
  std::size_t end;    ///< one past the last
  /// How many it spans.
  std::size_t size() const noexcept { return end - begin; }
};

/// One lane's view of a gang: which part of each loop is its own, and where it waits for the others.
/// Work is partitioned statically, so which lane computes a number never depends on time.
struct Lane {
  std::size_t index = 0;       ///< this lane, from 0; the calling thread is lane 0
  std::size_t count = 1;       ///< lanes in the gang
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

/// Threads of our own. The calling thread is lane 0; the others wait, spinning for a bounded time, then parked.
class ThreadPool : public Executor {
 public:
  /// \param lanes  threads including the caller's; 0 counts as 1
  /// Throws CapacityError where the system has not as many threads; those it had are gone then.
  explicit ThreadPool(std::size_t lanes) : lanes_(std::max<std::size_t>(lanes, 1)), spins_(detail::spins_for(lanes_)) {
    try {
      threads_.reserve(lanes_ - 1);
      for (std::size_t lane = 1; lane < lanes_; ++lane) threads_.emplace_back([this, lane] { serve(lane); });
    } catch (const std::exception& error) {
      stop();
      throw CapacityError(detail::message("ThreadPool: ", lanes_, " lanes were asked for, expected ", lanes_ - 1,
                                          " threads beside the caller's; the system started ", threads_.size(),
                                          " and refused the next: ", std::string_view(error.what())));
    }
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() override { stop(); }

  std::size_t lanes() const noexcept override { return lanes_; }

 protected:
  /// Calls from several threads at once take turns.
  void run_on_lanes(Function function, void* context) override {
    while (busy_.exchange(true, std::memory_order_acquire)) busy_.wait(true, std::memory_order_relaxed);
    function_ = function;
    context_ = context;
    running_.store(static_cast<std::uint32_t>(lanes_ - 1), std::memory_order_relaxed);
    if (lanes_ > 1) start();
    function(context, 0);
    for (std::uint32_t left; (left = running_.load(std::memory_order_acquire)) != 0;)
      detail::wait_while(running_, left, spins_);
    busy_.store(false, std::memory_order_release);
    busy_.notify_one();
  }

 private:
  void stop() noexcept {
    stop_ = true;
    start();
    for (std::thread& thread : threads_) thread.join();
  }
  void start() noexcept {
    round_.fetch_add(1, std::memory_order_acq_rel);
    round_.notify_all();
  }
  void serve(std::size_t lane) noexcept {
    for (std::uint32_t round = 0;; ++round) {
      detail::wait_while(round_, round, spins_);
      if (stop_) return;
      function_(context_, lane);
      if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
    }
  }

  const std::size_t lanes_;
  const std::size_t spins_;
  Function function_ = nullptr;
  void* context_ = nullptr;
  bool stop_ = false;
  std::atomic<bool> busy_{false};
  alignas(alignment) std::atomic<std::uint32_t> round_{0};
  alignas(alignment) std::atomic<std::uint32_t> running_{0};
  std::vector<std::thread> threads_;
};

/// Runs `work(lane)` on every lane of `pool`, or on the calling thread alone without one.
template <class Work>
void run_gang(Executor* pool, Work&& work) {
  if (pool == nullptr || pool->lanes() <= 1) {
    work(Lane{});
    return;
  }
  Barrier barrier(pool->lanes());
  pool->run([&](std::size_t lane) noexcept { work(Lane{lane, pool->lanes(), &barrier}); });
}

}  // namespace bora::inline BORA_ABI
