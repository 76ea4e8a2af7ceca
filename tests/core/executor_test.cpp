#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/core/executor.hpp>
#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

// Sanitizers end a program that is refused memory.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BORA_TEST_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BORA_TEST_SANITIZER
#endif

using bora::Barrier;
using bora::Lane;
using bora::Range;
using bora::ThreadPool;
using bora::WhenCrowded;
using support::refusal;

namespace {

#if defined(__linux__)
/// While it lives, the thread and those that it starts run on one core.
class OneCore {
 public:
  OneCore() {
    REQUIRE(::sched_getaffinity(0, sizeof before_, &before_) == 0);
    int core = 0;
    while (!CPU_ISSET(core, &before_)) ++core;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  }
  ~OneCore() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};
#endif

}  // namespace

TEST_CASE("All lanes of a pool run at the same time", "[core]") {
  const std::size_t lanes = GENERATE(1, 2, 3, 5, 16);
  ThreadPool pool(lanes);
  Barrier barrier(lanes);
  std::vector<int> visits(lanes, 0);
  for (int round = 0; round < 50; ++round)
    pool.run([&](std::size_t lane) noexcept {
      barrier.arrive_and_wait();  // opens only if every lane is inside
      ++visits[lane];
      barrier.arrive_and_wait();
    });
  CHECK(visits == std::vector<int>(lanes, 50));
}

TEST_CASE("A pool runs each lane once a round, for thousands of rounds", "[core]") {
  const std::size_t lanes = GENERATE(1, 2, 4);
  ThreadPool pool(lanes);
  std::vector<std::uint64_t> visits(lanes, 0);
  std::uint64_t wrong = 0;
  for (std::uint64_t round = 1; round <= 4'000; ++round) {
    pool.run([&](std::size_t lane) noexcept { ++visits[lane]; });
    for (const std::uint64_t count : visits) wrong += count != round;  // run returned: everyone has finished
  }
  CHECK(wrong == 0);
}

TEST_CASE("A pool that slept wakes up", "[core]") {
  ThreadPool pool(3);
  std::atomic<int> visits{0};
  for (int round = 0; round < 3; ++round) {
    pool.run([&](std::size_t) noexcept { ++visits; });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // long past the spinning
  }
  CHECK(visits == 9);
}

TEST_CASE("Lane 0 is the calling thread", "[core]") {
  ThreadPool pool(3);
  std::vector<std::thread::id> ids(3);
  pool.run([&](std::size_t lane) noexcept { ids[lane] = std::this_thread::get_id(); });
  CHECK(ids[0] == std::this_thread::get_id());
  CHECK(ids[1] != ids[0]);
  CHECK(ids[2] != ids[0]);
  CHECK(ids[1] != ids[2]);
}

TEST_CASE("Callers on several threads take turns", "[core]") {
  constexpr std::size_t callers = 4, rounds = 300, lanes = 3;
  ThreadPool pool(lanes);
  std::atomic<std::size_t> owner{callers}, strangers{0}, visits{0};
  std::vector<std::thread> threads;
  for (std::size_t caller = 0; caller < callers; ++caller)
    threads.emplace_back([&, caller] {
      for (std::size_t round = 0; round < rounds; ++round)
        pool.run([&](std::size_t) noexcept {
          std::size_t expected = callers;  // nobody's, or already ours
          if (!owner.compare_exchange_strong(expected, caller) && expected != caller) ++strangers;
          if (++visits % lanes == 0) owner = callers;  // the last lane of this round
        });
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(strangers == 0);
  CHECK(visits == callers * rounds * lanes);
}

TEST_CASE("More lanes than cores still finish", "[core]") {
  ThreadPool pool(16, WhenCrowded::keep_all_lanes);
  std::vector<std::size_t> sums(16, 0);
  bora::run_gang(&pool, [&](const Lane& lane) noexcept {
    for (std::size_t phase = 0; phase < 200; ++phase) {
      sums[lane.index] += phase;
      lane.sync();
    }
  });
  CHECK(sums == std::vector<std::size_t>(16, 200 * 199 / 2));
}

TEST_CASE("A pool may be destroyed idle, used or never used", "[core]") {
  for (int i = 0; i < 50; ++i) ThreadPool never(4);
  for (int i = 0; i < 50; ++i) {
    std::atomic<int> visits{0};
    {
      ThreadPool pool(4);
      pool.run([&](std::size_t) noexcept { ++visits; });
    }
    CHECK(visits == 4);
  }
}

#if defined(__linux__) && !defined(BORA_TEST_SANITIZER)
TEST_CASE("A pool of more threads than the system has is refused, and none is left", "[core]") {
  const auto statistics = [](const char* file, const char* format) {
    std::FILE* f = std::fopen(file, "r");
    REQUIRE(f != nullptr);
    unsigned long value = 0;
    char line[256];
    while (std::fgets(line, sizeof line, f) != nullptr && std::sscanf(line, format, &value) != 1) continue;
    std::fclose(f);
    return value;
  };
  const auto threads = [&] { return statistics("/proc/self/status", "Threads: %lu"); };
  const unsigned long threads_before = threads();
  // Address space for a few stacks more.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  rlimit small = before;
  small.rlim_cur =
      statistics("/proc/self/statm", "%lu") * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{96} << 20);
  ::setrlimit(RLIMIT_AS, &small);
  std::string sentence = "accepted";
  try {
    ThreadPool(100'000);
  } catch (const bora::CapacityError& error) {
    sentence = error.what();
  }
  ::setrlimit(RLIMIT_AS, &before);
  INFO(sentence);
  unsigned long started = 0;
  REQUIRE(std::sscanf(sentence.c_str(),
                      "ThreadPool: 100000 lanes were asked for, expected 99999 threads beside the caller's; the system "
                      "started %lu and refused the next: ",
                      &started) == 1);
  CHECK(started > 0);
  CHECK(threads() == threads_before);
  std::atomic<int> visits{0};
  ThreadPool(3).run([&](std::size_t) noexcept { ++visits; });
  CHECK(visits == 3);
}
#endif

TEST_CASE("A pool of no lanes has one", "[core]") {
  ThreadPool pool(0);
  CHECK(pool.lanes() == 1);
  int visits = 0;
  pool.run([&](std::size_t lane) noexcept { visits += lane == 0; });
  CHECK(visits == 1);
}

TEST_CASE("What is written before a barrier is seen after it", "[core]") {
  const std::size_t lanes = GENERATE(2, 3, 7);
  ThreadPool pool(lanes);
  std::vector<std::size_t> written(lanes, 0), stale(lanes, 0);
  bora::run_gang(&pool, [&](const Lane& lane) noexcept {
    for (std::size_t phase = 1; phase <= 1'000; ++phase) {
      written[lane.index] = phase;
      lane.sync();
      for (const std::size_t other : written) stale[lane.index] += other != phase;
      lane.sync();
    }
  });
  CHECK(stale == std::vector<std::size_t>(lanes, 0));
}

TEST_CASE("Without a pool, or on one lane, the caller does the work alone", "[core]") {
  ThreadPool alone(1);
  for (bora::Executor* pool : {static_cast<bora::Executor*>(nullptr), static_cast<bora::Executor*>(&alone)}) {
    std::size_t calls = 0;
    bora::run_gang(pool, [&](const Lane& lane) noexcept {
      lane.sync();  // waits for nobody
      CHECK(lane.index == 0);
      CHECK(lane.count == 1);
      ++calls;
    });
    CHECK(calls == 1);
  }
}

TEST_CASE("A program may lend its own threads", "[core]") {
  struct Borrowed : bora::Executor {
    std::size_t lanes() const noexcept override { return 2; }
    void run_on_lanes(Function function, void* context) override {
      std::thread other([=] { function(context, 1); });
      function(context, 0);
      other.join();
    }
  } borrowed;
  std::size_t sums[2] = {};
  bora::run_gang(&borrowed, [&](const Lane& lane) noexcept {
    for (std::size_t i = 0; i < 100; ++i) {
      sums[lane.index] += i;
      lane.sync();
    }
  });
  CHECK(sums[0] == 4950);
  CHECK(sums[1] == 4950);
}

#if defined(__linux__)
TEST_CASE("A gang whose lanes share a core takes fewer, and all again where asked", "[core]") {
  const std::size_t lanes = GENERATE(2, 5);
  const OneCore here;
  ThreadPool pool(lanes);
  std::size_t fewest = lanes, wrong = 0;
  std::vector<std::size_t> visits(lanes), all(lanes, 0);
  std::size_t runs = 0;
  for (std::size_t round = 0; round < 400; ++round) {
    std::size_t count = 0;
    std::fill(visits.begin(), visits.end(), 0);
    bora::run_gang(&pool, [&](const Lane& lane) noexcept {
      for (int phase = 0; phase < 20; ++phase) lane.sync();
      ++visits[lane.index];
      if (lane.index == 0) count = lane.count;
    });
    for (std::size_t i = 0; i < lanes; ++i) wrong += visits[i] != (i < count ? 1u : 0u);
    fewest = std::min(fewest, count);
    if (round % 50 != 49) continue;
    ++runs;
    pool.run([&](std::size_t lane) noexcept { ++all[lane]; });
  }
  CHECK(wrong == 0);
#if !defined(BORA_TEST_SANITIZER)
  CHECK(fewest == 1);
#endif
  CHECK(all == std::vector<std::size_t>(lanes, runs));
  CHECK(pool.lanes() == lanes);
}

TEST_CASE("Lanes that were left out come back, and a pool may end without them", "[core]") {
  const OneCore here;
  ThreadPool pool(3);
  const auto gang = [&](int phases) {
    std::size_t count = 0;
    bora::run_gang(&pool, [&](const Lane& lane) noexcept {
      for (int phase = 0; phase < phases; ++phase) lane.sync();
      if (lane.index == 0) count = lane.count;
    });
    return count;
  };
  std::size_t count = 3;
  for (int round = 0; round < 400 && count > 1; ++round) count = gang(20);
#if !defined(BORA_TEST_SANITIZER)
  CHECK(count == 1);
#endif
  for (int wait = 0; wait < 1'000 && count == 1; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    count = gang(1);
  }
  CHECK(count > 1);
}

TEST_CASE("A pool that keeps all lanes takes all, however crowded", "[core]") {
  const OneCore here;
  ThreadPool pool(3, WhenCrowded::keep_all_lanes);
  std::size_t fewer = 0;
  for (int round = 0; round < 100; ++round)
    bora::run_gang(&pool, [&](const Lane& lane) noexcept {
      for (int phase = 0; phase < 20; ++phase) lane.sync();
      if (lane.index == 0 && lane.count != 3) ++fewer;
    });
  CHECK(fewer == 0);
}

TEST_CASE("A child process is told to make a pool of its own", "[core]") {
  ThreadPool pool(2), alone(1);
  pool.run([](std::size_t) noexcept {});
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool right = false;
    {
      const std::string refused = refusal<bora::Error>([&] { pool.run([](std::size_t) noexcept {}); });
      const std::string gang = refusal<bora::Error>([&] { bora::run_gang(&pool, [](const Lane&) noexcept {}); });
      right = refused.find("make another pool after fork()") != refused.npos && gang == refused;
      right = right && refusal<bora::Error>([&] { alone.run([](std::size_t) noexcept {}); }) == "accepted";
#if !defined(BORA_TEST_SANITIZER)
      std::atomic<int> visits{0};
      ThreadPool own(2);
      own.run([&](std::size_t) noexcept { ++visits; });
      right = right && visits == 2;
#endif
      pool.~ThreadPool();  // joins nobody
    }
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  std::atomic<int> visits{0};
  pool.run([&](std::size_t) noexcept { ++visits; });
  CHECK(visits == 2);
}
#endif

TEST_CASE("A lane that runs something on its own pool is refused, through another pool too", "[core]") {
  const std::size_t asks = GENERATE(0, 1);
  ThreadPool pool(2), other(2);
  std::string direct, gang, around;
  std::atomic<int> visits{0};
  pool.run([&](std::size_t lane) noexcept {
    if (lane != asks) return;
    direct = refusal<bora::Error>([&] { pool.run([](std::size_t) noexcept {}); });
    gang = refusal<bora::Error>([&] { bora::run_gang(&pool, [](const Lane&) noexcept {}); });
    other.run([&](std::size_t inner) noexcept {
      ++visits;
      if (inner == 1) around = refusal<bora::Error>([&] { pool.run([](std::size_t) noexcept {}); });
    });
  });
  CHECK(direct.find("a lane of this pool asked the same pool to run something") != direct.npos);
  CHECK(gang == direct);
  CHECK(around == direct);
  CHECK(visits == 2);
  pool.run([&](std::size_t) noexcept { ++visits; });  // and goes on as ever
  CHECK(visits == 4);
}

TEST_CASE("Whoever was lent a pool is told that it was destroyed", "[core]") {
  auto pool = std::make_unique<ThreadPool>(2);
  const bora::detail::LentPool lent(pool.get()), none(nullptr);
  CHECK(refusal<bora::Error>([&] { lent.require_ready("Session"); }) == "accepted");
  pool.reset();
  CHECK(refusal<bora::Error>([&] { lent.require_ready("Session"); }) ==
        "Session: its pool was destroyed; a pool must outlive those who were given it");
  CHECK(refusal<bora::Error>([&] { none.require_ready("Session"); }) == "accepted");
}

TEST_CASE("More lanes than any system has threads are refused", "[core]") {
  for (const std::size_t lanes :
       {ThreadPool::most_lanes + 1, std::size_t{1} << 32, std::numeric_limits<std::size_t>::max()}) {
    const std::string sentence = refusal<bora::Error>([&] { ThreadPool pool(lanes); });
    CHECK(sentence.find("ThreadPool: " + std::to_string(lanes) + " lanes were asked for, expected at most 4194304") ==
          0);
  }
}

TEST_CASE("Shares cover every item once, in order and in whole grains", "[core]") {
  std::size_t wrong = 0;
  for (std::size_t count = 1; count <= 17; ++count)
    for (std::size_t grain : {1, 2, 3, 4, 16, 64})
      for (std::size_t items = 0; items <= 200; ++items) {
        std::size_t at = 0, most = 0, least = items;
        for (std::size_t index = 0; index < count; ++index) {
          const Range share = Lane{index, count, nullptr}.share(items, grain);
          wrong += share.begin != at || share.end < share.begin;
          wrong += share.begin % grain != 0 && share.begin != items;
          at = share.end;
          most = std::max(most, share.size());
          least = std::min(least, share.size());
        }
        wrong += at != items;
        wrong += most > least + 2 * grain;  // nobody carries two grains more than another (the last one may be short)
      }
  CHECK(wrong == 0);
}
