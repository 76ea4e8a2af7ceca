/// Processes that are killed while they write, and how long a test waits for what others do.
#pragma once
#include "robust/small_checkpoints.hpp"
#include <chrono>
#include <csignal>
#include <cstddef>
#include <random>
#include <thread>
#include <unistd.h>

namespace robust {

/// Starts processes that save 1, 2, 1, 2, … and kills each at a random moment of a save; `look` is called after each.
template <class Save, class Look>
void kill_often(std::size_t times, Save&& save, Look&& look) {
  using Clock = std::chrono::steady_clock;
  std::mt19937 random(1);
  for (std::size_t i = 0; i < times; ++i) {
    int saved[2];
    REQUIRE(::pipe(saved) == 0);
    const pid_t process = start_process([&] {
      for (std::size_t round = 0;; ++round) {
        save(1 + round % 2);
        if (::write(saved[1], "", 1) != 1) return;
      }
    });
    ::close(saved[1]);
    const auto start = Clock::now();
    char byte;
    const std::size_t saves = 1 + random() % 2;
    for (std::size_t s = 0; s < saves; ++s) REQUIRE(::read(saved[0], &byte, 1) == 1);
    std::this_thread::sleep_for((Clock::now() - start) / saves * (random() % 100) / 100);
    ::kill(process, SIGKILL);
    const int status = wait_for(process);
    ::close(saved[0]);
    REQUIRE(WIFSIGNALED(status));
    look();
  }
}

/// How long something that must happen is waited for, on a busy machine.
class Deadline {
 public:
  bool passed() const { return std::chrono::steady_clock::now() > end_; }

 private:
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + std::chrono::seconds(30);
};

}  // namespace robust
