/// Executors: thread teams, whose lanes run one function at the same time.
#pragma once
#include <bora/core/crowd.hpp>
#include <bora/core/error.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/core/lane.hpp>
#include <bora/core/usable_cores.hpp>
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Tells holders of a pool whether it still exists. A copy of an executor counts as a different executor.
class Life {
 public:
  Life() = default;
  Life(const Life&) : Life() {}
  Life& operator=(const Life&) noexcept { return *this; }
  std::weak_ptr<const char> watch() const noexcept { return token_; }

 private:
  std::shared_ptr<const char> token_ = std::make_shared<const char>();
};

/// Type-erased work for the lanes of a team.
struct GangWork {
  void (*call)(void* context, const Lane& lane) noexcept;
  void* context;

  /// Runs one lane's part in the library's floating-point mode.
  void operator()(const Lane& lane) const noexcept {
    const FloatMode mode;
    call(context, lane);
  }
};

/// Never inlined: the compiler could move arithmetic out of the floating-point mode that is set around the call.
template <class W, class Argument>
BORA_NOINLINE void call_work(void* work, Argument argument) noexcept {
  (*static_cast<W*>(work))(argument);
}

template <class W>
void* address_of(W& work) noexcept {
  return const_cast<void*>(static_cast<const void*>(std::addressof(work)));
}

}  // namespace detail

/// A thread team: `run(f)` calls `f(lane)` on all `lanes()` lanes *at the same time* and returns when all have. An
/// executor that cannot promise this (a work queue may run them one after the other, and a barrier between
/// them would never open) must report one lane. Derive from it to lend a program's own threads. It must outlive the
/// sessions and trainers it was given to: they throw Error when they are used after it was destroyed.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Number of lanes that run at the same time. It must never change, because memory is allocated for that many lanes.
  virtual std::size_t lanes() const noexcept = 0;
  /// Throws Error if `run` cannot work now, saying why. Sessions and trainers call it before they change any state, and
  /// `run` calls it before any lane begins.
  virtual void require_ready() const {}

  /// `work(lane)` must not throw: nothing on a lane would catch it. Lanes compute in the default floating-point mode,
  /// whatever the caller's is.
  template <class Work>
  void run(Work&& work) {
    using W = std::remove_reference_t<Work>;
    static_assert(std::is_nothrow_invocable_v<W&, std::size_t>, "bora: Executor: work on a lane must be noexcept");
    run_in_float_mode(detail::call_work<W, std::size_t>, detail::address_of(work));
  }
  /// Implements `run_gang` for several lanes.
  void run_as_gang(const detail::GangWork& work) {
    require_ready();
    run_gang_on_lanes(work);
  }
  /// Expires with the executor.
  std::weak_ptr<const char> watch() const noexcept { return life_.watch(); }

 protected:
  using Function = void (*)(void* context, std::size_t lane) noexcept;
  /// Calls `function(context, lane)` on all lanes at the same time, and returns when all have returned. It must not
  /// throw: lanes that have begun wait for each other. Failure to create threads must be reported by the constructor,
  /// not here.
  virtual void run_on_lanes(Function function, void* context) = 0;
  /// Runs `work` on all lanes, or on as many as get a core each.
  virtual void run_gang_on_lanes(const detail::GangWork& work) {
    struct Gang {
      const detail::GangWork& work;
      std::size_t count;
      Barrier barrier;
    } gang{work, lanes(), Barrier(lanes())};
    run_on_lanes(
        [](void* context, std::size_t lane) noexcept {
          Gang& g = *static_cast<Gang*>(context);
          g.work({lane, g.count, &g.barrier});
        },
        &gang);
  }

 private:
  void run_in_float_mode(Function function, void* context) {
    require_ready();
    struct Call {
      Function function;
      void* context;
    } call{function, context};
    run_on_lanes(
        [](void* c, std::size_t lane) noexcept {
          const detail::FloatMode mode;
          static_cast<Call*>(c)->function(static_cast<Call*>(c)->context, lane);
        },
        &call);
  }

  detail::Life life_;
};

namespace detail {

/// Number of lanes of `pool`; 1 without a pool, the caller's own thread.
inline std::size_t lanes_of(const Executor* pool) noexcept {
  return pool == nullptr ? 1 : std::max<std::size_t>(pool->lanes(), 1);
}

/// The pool that a session or trainer uses for its later calls, if it was given one.
class LentPool {
 public:
  LentPool() = default;
  explicit LentPool(const Executor* pool) : pool_(pool) {
    if (pool != nullptr) life_ = pool->watch();
  }
  /// Throws Error if the pool was destroyed or cannot work now.
  void require_ready(const char* owner) const {
    if (pool_ == nullptr) return;
    if (life_.expired())
      throw Error(message(owner, ": its pool was destroyed; a pool must outlive those who were given it"));
    pool_->require_ready();
  }

 private:
  const Executor* pool_ = nullptr;
  std::weak_ptr<const char> life_;
};

/// The pools that this thread is currently a lane of, innermost first.
struct Nesting {
  const void* pool;
  const Nesting* outer;
};
inline constinit thread_local const Nesting* innermost = nullptr;
/// How long this thread spins while other threads use the pool.
inline constinit thread_local Patience turn_patience;

/// Number of forks between this process and the first one that called this.
inline std::atomic<std::uint32_t> forks{0};

/// Starts counting forks. Cheaper than comparing process ids, which takes a system call.
inline void watch_forks() {
#if defined(__unix__) || defined(__APPLE__)
  static const int failed = pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  if (failed != 0) throw MemoryError("ThreadPool: the system has not the memory to tell it of fork()");
#endif
}

}  // namespace detail

/// The library's own threads. The calling thread is lane 0; the others wait for work, spinning at first and then
/// sleeping. `run` uses all lanes. `run_gang`, and so all work of this library, uses fewer while lanes do not get a
/// core each, unless the pool was made with WhenCrowded::keep_all_lanes.
///
/// It must outlive the sessions and trainers it was given to. Several threads may use one pool and take turns; a lane
/// must not run work on its own pool. A child process has none of the threads: after fork() it needs a new pool.
/// Breaking any of these three rules throws Error.
class ThreadPool : public Executor {
 public:
  /// The most lanes that can be asked for; more than any system has threads.
  static constexpr std::size_t most_lanes = std::size_t{1} << 22;

  /// \param lanes  threads including the caller's, see usable_cores(); 0 counts as 1
  /// \param when  what to do while the lanes do not get a core each
  /// Throws CapacityError if the system cannot start that many threads; those already started are ended.
  explicit ThreadPool(std::size_t lanes, WhenCrowded when = WhenCrowded::take_fewer_lanes)
      : lanes_(checked(lanes)), crowd_(lanes_, when), active_(lanes_) {
    detail::watch_forks();
    forks_ = detail::forks.load(std::memory_order_relaxed);
    try {
      threads_->reserve(lanes_ - 1);
      for (std::size_t lane = 1; lane < lanes_; ++lane) threads_->emplace_back([this, lane] { serve(lane); });
    } catch (const std::exception& error) {
      stop();
      throw CapacityError(detail::message("ThreadPool: ", lanes_, " lanes were asked for, expected ", lanes_ - 1,
                                          " threads beside the caller's; the system started ", threads_->size(),
                                          " and refused the next: ", std::string_view(error.what())));
    }
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() override { stop(); }

  std::size_t lanes() const noexcept override { return lanes_; }
  /// Throws Error in a child process, and on a lane of this pool, because the run would wait for itself.
  void require_ready() const override {
    for (const detail::Nesting* n = detail::innermost; n != nullptr; n = n->outer)
      if (n->pool == this)
        throw Error(
            "ThreadPool: a lane of this pool asked the same pool to run something, which would wait for itself for "
            "ever; ask after the lanes have finished, or use another pool");
    if (forked() && lanes_ > 1)
      throw Error(
          "ThreadPool: its threads belong to the process that this one was forked from; make another pool after "
          "fork()");
  }

 protected:
  /// Calls from several threads at once take turns.
  void run_on_lanes(Function function, void* context) override {
    const Turn turn(*this);
    run_on(lanes_, function, context);
  }
  void run_gang_on_lanes(const detail::GangWork& work) override {
    const Turn turn(*this);
    const auto start = detail::Crowd::Clock::now();
    const std::size_t count = crowd_.lanes(start);
    Gang gang{work, count, Barrier(count)};
    const std::uint32_t naps = running_.naps();
    run_on(count, do_lane, &gang);
    if (count == 1) return;
    const auto end = detail::Crowd::Clock::now();
    crowd_.ran(end, end - start, gang.barrier.naps() + (running_.naps() - naps));
  }

 private:
  struct Gang {
    const detail::GangWork& work;
    std::size_t count;
    Barrier barrier;
  };
  /// While this object lives, the pool belongs to one caller.
  class Turn {
   public:
    explicit Turn(ThreadPool& pool) noexcept : pool_(pool) {
      while (!pool_.busy_.claim()) pool_.busy_.wait_while(1, detail::turn_patience);
      pool_.nesting_ = {&pool_, detail::innermost};
      detail::innermost = &pool_.nesting_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      detail::innermost = pool_.nesting_.outer;
      pool_.busy_.add(minus_one);
    }

   private:
    ThreadPool& pool_;
  };

  static std::size_t checked(std::size_t lanes) {
    if (lanes > most_lanes)
      throw CapacityError(detail::message("ThreadPool: ", lanes, " lanes were asked for, expected at most ", most_lanes,
                                          "; this process may use ", usable_cores(), " cores"));
    return std::max<std::size_t>(lanes, 1);
  }
  static void do_lane(void* context, std::size_t lane) noexcept {
    Gang& gang = *static_cast<Gang*>(context);
    gang.work({lane, gang.count, &gang.barrier});
  }
  bool forked() const noexcept { return forks_ != detail::forks.load(std::memory_order_relaxed); }

  /// Runs the work on the first `count` lanes.
  void run_on(std::size_t count, Function function, void* context) noexcept {
    if (count > active_) wake_up_to(count);
    function_ = function;
    context_ = context;
    if (active_ > 1) {
      running_.set(static_cast<std::uint32_t>(active_ - 1));  // lanes that are left out report in, then sleep
      active_ = count;
      round_.add(1);
    }
    function(context, 0);
    wait_for_lanes();
  }
  void wait_for_lanes() noexcept {
    for (std::uint32_t left; (left = running_.load()) != 0;) running_.wait_while(left, patience_);
  }
  /// Brings back lanes that were left out: all wake up, and those beyond `count` sleep again.
  void wake_up_to(std::size_t count) noexcept {
    running_.set(static_cast<std::uint32_t>(lanes_ - active_));
    active_ = count;
    resized_.add(1);
    wait_for_lanes();
  }
  void stop() noexcept {
    if (forked()) {  // there is nobody to join, and a handle that was not joined must not be destroyed
      static_cast<void>(threads_.release());
      return;
    }
    stop_ = true;
    round_.add(1);
    resized_.add(1);
    for (std::thread& thread : *threads_) thread.join();
  }
  void serve(std::size_t lane) noexcept {
    detail::Patience patience;
    for (std::uint32_t round = 0;;) {
      round_.wait_while(round, patience);
      if (stop_) return;
      ++round;
      if (lane < active_) {
        detail::innermost = &nesting_;
        function_(context_, lane);
        detail::innermost = nullptr;
        running_.add(minus_one);
      } else {
        round = sit_out(lane, patience);
        if (stop_) return;
      }
    }
  }
  /// Returns the number of rounds so far when the lane takes part again, or returns when the pool ends. The caller
  /// continues once each lane has acknowledged the change.
  std::uint32_t sit_out(std::size_t lane, detail::Patience& patience) noexcept {
    for (;;) {
      const std::uint32_t size = resized_.load();
      running_.add(minus_one);
      resized_.wait_while(size, patience);
      if (stop_) return 0;
      if (lane >= active_) continue;
      const std::uint32_t round = round_.load();
      running_.add(minus_one);
      return round;
    }
  }

  static constexpr auto minus_one = static_cast<std::uint32_t>(-1);
  const std::size_t lanes_;
  detail::Crowd crowd_;
  std::uint32_t forks_ = 0;
  detail::Patience patience_;
  // One cache line: the members that the other lanes read in each round.
  alignas(alignment) Function function_ = nullptr;
  void* context_ = nullptr;
  detail::Nesting nesting_{};
  std::size_t active_;  // lanes that wait for the next round; the others sleep until it is resized
  bool stop_ = false;
  detail::WaitWord busy_, round_, resized_, running_;
  std::unique_ptr<std::vector<std::thread>> threads_ = std::make_unique<std::vector<std::thread>>();
};

/// Runs `work(lane)` on the lanes of `pool`, or on the calling thread alone without one. A ThreadPool takes fewer than
/// all while they do not get a core each: `lane.count` says how many.
template <class Work>
void run_gang(Executor* pool, Work&& work) {
  using W = std::remove_reference_t<Work>;
  const detail::GangWork gang{detail::call_work<W, const Lane&>, detail::address_of(work)};
  if (pool == nullptr || pool->lanes() <= 1)
    gang(Lane{});
  else
    pool->run_as_gang(gang);
}

}}  // namespace bora::BORA_ABI
