#include "support/catch.hpp"
#include <bora/core/progress_function.hpp>
#include <cstddef>
#include <vector>

using bora::ProgressFunction;

TEST_CASE("Nobody is reported to, and work goes on", "[core]") {
  ProgressFunction none;
  CHECK_FALSE(none);
  CHECK(none(1, 2));
}

TEST_CASE("A temporary is copied, a callable with a name is referred to", "[core]") {
  std::vector<std::size_t> seen;
  std::size_t most = 3;
  ProgressFunction copied([&](std::size_t done, std::size_t) {
    seen.push_back(done);
    return done < most;
  });
  ProgressFunction copy = copied;
  CHECK(copied(1, 5));
  CHECK(copy(2, 5));
  CHECK_FALSE(copy(3, 5));
  CHECK(seen == std::vector<std::size_t>{1, 2, 3});

  struct Counter {
    std::vector<std::size_t> totals;
    bool operator()(std::size_t, std::size_t total) {
      totals.push_back(total);
      return true;
    }
  } counter;
  ProgressFunction referred(counter);
  referred(0, 9);
  CHECK(counter.totals == std::vector<std::size_t>{9});
}

TEST_CASE("What a report throws passes through", "[core]") {
  ProgressFunction throws([](std::size_t, std::size_t) -> bool { throw 7; });
  CHECK_THROWS_AS(throws(0, 1), int);
}
