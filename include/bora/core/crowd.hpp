/// Chooses how many lanes of a pool work when there are fewer free cores than lanes.
#pragma once
#include <bora/core/usable_cores.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bora { inline namespace BORA_ABI {

/// What a ThreadPool does when its lanes do not get a core each: the process may use fewer cores than it has lanes
/// (`taskset`, a container), or other programs run on them.
enum class WhenCrowded {
  take_fewer_lanes,  ///< `run_gang` leaves lanes asleep until there is room again; results are the same bits
  keep_all_lanes,    ///< each lane takes part each time, however long it waits for a core
};

namespace detail {

/// Chooses the number of lanes from the cost of sleeping. Lanes that have a core each wait for each other by spinning;
/// lanes that share one sleep at each barrier, and where phases are short, changing threads takes longer than the work.
class Crowd {
 public:
  using Clock = std::chrono::steady_clock;

  Crowd(std::size_t most, WhenCrowded when)
      : most_(most), lanes_(most), cores_(most == 1 ? 1 : usable_cores()), keep_(when == WhenCrowded::keep_all_lanes) {}

  /// Number of lanes for the work that begins now.
  std::size_t lanes(Clock::time_point now) noexcept {
    if (lanes_ < most_ && now >= rest_end_ && !probing_) {
      probing_ = true;
      lanes_ = std::min(most_, lanes_ + step());
      start_window();
    }
    return lanes_;
  }
  /// Several lanes took this long; they went to sleep `naps` times while they waited for each other.
  void ran(Clock::time_point now, Clock::duration time, std::size_t naps) noexcept {
    time_ += time;
    naps_ += naps;
    if (naps_ >= naps_that_tell * lanes_) {
      const std::size_t cores = std::min({cores_, lanes_, cores_by_affinity()});
      const bool crowded = time_ * static_cast<Clock::rep>(cores) < crowded_below * static_cast<Clock::rep>(naps_);
      if (crowded && !keep_) shrink(now);
      start_window();
    } else if (time_ >= window) {
      if (probing_) rest_end_ = now, rest_ = shortest_rest, probing_ = false;
      start_window();
    }
  }

 private:
  static constexpr std::size_t naps_that_tell = 64;
  static constexpr Clock::duration window = std::chrono::milliseconds(10);
  /// A nap takes 3 to 6 microseconds (EPYC, in a virtual machine): less core time than this a nap, and an eighth or
  /// more of it goes into changing threads.
  static constexpr Clock::duration crowded_below = std::chrono::microseconds(40);
  static constexpr Clock::duration shortest_rest = std::chrono::milliseconds(100),
                                   longest_rest = std::chrono::seconds(5);

  std::size_t step() const noexcept { return std::max<std::size_t>(1, lanes_ / 8); }
  void start_window() noexcept {
    time_ = {};
    naps_ = 0;
  }
  void shrink(Clock::time_point now) noexcept {
    rest_ = probing_ ? std::min(2 * rest_, longest_rest) : shortest_rest;
    probing_ = false;
    lanes_ = std::max<std::size_t>(1, std::min(lanes_ - step(), cores_by_affinity()));
    rest_end_ = now + rest_;
  }

  const std::size_t most_;
  std::size_t lanes_;
  const std::size_t cores_;
  const bool keep_;
  bool probing_ = false;
  std::size_t naps_ = 0;
  Clock::duration time_{}, rest_ = shortest_rest;
  Clock::time_point rest_end_{};
};

}  // namespace detail
}}  // namespace bora::BORA_ABI
