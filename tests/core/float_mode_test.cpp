#include "support/catch.hpp"
#include "support/float_modes.hpp"
#include <bora/core/executor.hpp>
#include <bit>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <vector>

using bora::Lane;
using bora::ThreadPool;
using bora::test::CallersMode;
using bora::test::float_modes;
using bora::test::ModeSet;

namespace {

/// What rounding, and what subnormal numbers decide: as bits, since comparing flushes too. Volatile, so that the
/// processor computes them.
struct Sums {
  std::uint32_t third = 0, negative = 0, halved = 0, added = 0;
  Sums() = default;
  explicit Sums(int) {
    const volatile float one = 1, three = 3, smallest_normal = 1.17549435e-38f, subnormal = 1e-40f;
    third = std::bit_cast<std::uint32_t>(one / three);
    negative = std::bit_cast<std::uint32_t>(-one / three);
    halved = std::bit_cast<std::uint32_t>(smallest_normal / 2);
    added = std::bit_cast<std::uint32_t>(subnormal + subnormal);
  }
  friend bool operator==(const Sums&, const Sums&) = default;
};

}  // namespace

TEST_CASE("Lanes compute in the default floating-point mode, whatever the caller's", "[core]") {
  const Sums truth(0);
  REQUIRE(truth.halved > 0);
  REQUIRE(truth.added > 0);
  ThreadPool early(3);
  for (const CallersMode& mode : float_modes()) {
    const ModeSet set(mode);
    INFO(mode.name);
    const Sums mine(0);
    CHECK(mine != truth);          // or the mode shows nothing
    ThreadPool late(3), alone(1);  // threads inherit the mode of their maker
    std::size_t wrong = 0;
    for (ThreadPool* pool : {&early, &late, &alone}) {
      std::vector<Sums> run(pool->lanes()), gang(pool->lanes());
      pool->run([&](std::size_t lane) noexcept { run[lane] = Sums(0); });
      bora::run_gang(pool, [&](const Lane& lane) noexcept { gang[lane.index] = Sums(0); });
      for (const Sums& s : run) wrong += s != truth;
      for (const Sums& s : gang) wrong += s != truth && s != Sums();
      wrong += gang[0] != truth;
    }
    Sums lonely;
    bora::run_gang(nullptr, [&](const Lane&) noexcept { lonely = Sums(0); });
    CHECK(wrong == 0);
    CHECK(lonely == truth);
    CHECK(Sums(0) == mine);  // the caller's mode is back
    CHECK(set.holds());
  }
  CHECK(Sums(0) == truth);
}

TEST_CASE("Exceptions that were raised on the way stay raised", "[core]") {
  std::feclearexcept(FE_ALL_EXCEPT);
  bora::run_gang(nullptr, [](const Lane&) noexcept {
    const volatile float one = 1, zero = 0;
    [[maybe_unused]] const volatile float infinite = one / zero;
  });
  CHECK(std::fetestexcept(FE_DIVBYZERO) != 0);
  std::feclearexcept(FE_ALL_EXCEPT);
}
