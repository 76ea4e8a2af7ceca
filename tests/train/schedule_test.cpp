#include "support/catch.hpp"
#include <bora/train/schedule.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

namespace {

using bora::Cooldown, bora::Decay, bora::LearningRate;

bool near(double a, double b) { return std::abs(a - b) <= 1e-15 * std::max(1.0, std::abs(b)); }

}  // namespace

TEST_CASE("The rate warms up to its peak in equal steps, the first of which is not zero", "[train]") {
  const LearningRate rate{.peak = 0.8, .floor = 0.1, .warmup = 4, .steps = 20};
  CHECK(near(rate.at(0), 0.2));
  CHECK(near(rate.at(1), 0.4));
  CHECK(near(rate.at(2), 0.6));
  CHECK(near(rate.at(3), 0.8));
  CHECK(near(rate.at(4), 0.8));  // the decay begins at the peak
}

TEST_CASE("Every decay follows its formula between warm-up and last step", "[train]") {
  LearningRate rate{.peak = 0.8, .floor = 0.1, .warmup = 3, .steps = 17};
  for (std::size_t s = 3; s <= 17; ++s) {
    const double u = static_cast<double>(s - 3) / 14;
    rate.decay = Decay::cosine;
    CHECK(near(rate.at(s), 0.1 + 0.7 * (1 + std::cos(std::numbers::pi * u)) / 2));
    rate.decay = Decay::linear;
    CHECK(near(rate.at(s), 0.8 - 0.7 * u));
    rate.decay = Decay::constant;
    CHECK(rate.at(s) == 0.8);
  }
}

TEST_CASE("Beyond the last step the rate stays where it ended", "[train]") {
  for (const Decay decay : {Decay::cosine, Decay::linear}) {
    const LearningRate rate{.peak = 0.8, .floor = 0.1, .warmup = 3, .steps = 17, .decay = decay};
    CHECK(near(rate.at(17), 0.1));
    CHECK(rate.at(18) == rate.at(17));
    CHECK(rate.at(1'000'000) == rate.at(17));
  }
}

TEST_CASE("Without a warm-up the first step has the peak", "[train]") {
  CHECK(LearningRate{.peak = 0.8, .warmup = 0, .steps = 5}.at(0) == 0.8);
}

TEST_CASE("Without a number of steps the rate stays at its peak", "[train]") {
  for (const Decay decay : {Decay::cosine, Decay::linear, Decay::constant}) {
    const LearningRate rate{.peak = 0.8, .warmup = 4, .decay = decay};
    CHECK(near(rate.at(1), 0.4));
    for (const std::size_t s : {4, 5, 1'000'000}) CHECK(rate.at(s) == 0.8);
  }
  CHECK(LearningRate{}.at(1) > 0);
  CHECK_THROWS_AS((LearningRate{.cooldown = 3}.check()), bora::ConfigError);  // of what end?
}

TEST_CASE("A warm-up as long as the training, or longer, divides by nothing", "[train]") {
  for (const std::size_t warmup : {5, 9}) {
    const LearningRate rate{.peak = 0.8, .floor = 0.1, .warmup = warmup, .steps = 5};
    for (std::size_t s = 0; s < 12; ++s) {
      CHECK(std::isfinite(rate.at(s)));
      CHECK(rate.at(s) <= 0.8);
    }
  }
}

TEST_CASE("A warm-up may begin at a share of the peak", "[train]") {
  LearningRate rate{.peak = 0.5, .floor = 0.05, .warmup = 4, .steps = 24, .warmup_from = 0.1};
  for (const Decay decay : {Decay::cosine, Decay::linear, Decay::constant}) {
    rate.decay = decay;
    CHECK_NOTHROW(rate.check());
    for (std::size_t s = 0; s < 4; ++s) CHECK(near(rate.at(s), 0.05 + 0.45 * static_cast<double>(s) / 4));
    CHECK(near(rate.at(4), 0.5));
  }
  rate.warmup_from = 0;
  CHECK(rate.at(0) == 0);
  rate.warmup_from = 1;
  CHECK(rate.at(0) == 0.5);
}

// Groeneveld et al. 2024, Tables 4 and 5: 5000 steps up from a tenth of 3e-4, down to a tenth in a line, and 1000 more
// to zero. 2.46 T tokens in batches of 2048 rows of 2048 are 586,510 steps.
TEST_CASE("OLMo 7B's rates can be written", "[train]") {
  const LearningRate rate{.peak = 3e-4,
                          .floor = 3e-5,
                          .warmup = 5'000,
                          .steps = 587'510,
                          .decay = Decay::linear,
                          .warmup_from = 0.1,
                          .cooldown = 1'000};
  CHECK_NOTHROW(rate.check());
  CHECK(near(rate.at(0), 3e-5));
  CHECK(near(rate.at(2'500), 1.65e-4));
  CHECK(near(rate.at(5'000), 3e-4));
  CHECK(near(rate.at(295'755), 1.65e-4));  // half way down
  CHECK(near(rate.at(586'510), 3e-5));
  CHECK(near(rate.at(587'010), 1.5e-5));
  CHECK(rate.at(587'509) > 0);  // the last step still learns
  CHECK(rate.at(587'510) == 0);
}

// The configuration that was released with it: 2000 steps up from a tenth of 4e-4, then a cosine to a tenth at 739,328.
TEST_CASE("OLMo 1B's rates can be written", "[train]") {
  const LearningRate rate{
      .peak = 4e-4, .floor = 4e-5, .warmup = 2'000, .steps = 739'328, .decay = Decay::cosine, .warmup_from = 0.1};
  CHECK_NOTHROW(rate.check());
  CHECK(near(rate.at(0), 4e-5));
  CHECK(near(rate.at(1'000), 2.2e-4));
  CHECK(near(rate.at(2'000), 4e-4));
  CHECK(near(rate.at(370'664), 2.2e-4));  // half way: the cosine is 0
  CHECK(near(rate.at(2'000 + 737'328 / 3), 4e-5 + 3.6e-4 * 0.75));
  CHECK(near(rate.at(739'328), 4e-5));
}

TEST_CASE("A constant rate with a cool-down is a trapezoid", "[train]") {
  const LearningRate rate{.peak = 0.5, .warmup = 2, .steps = 20, .decay = Decay::constant, .cooldown = 5};
  CHECK(rate.at(2) == 0.5);
  CHECK(rate.at(15) == 0.5);
  CHECK(near(rate.at(18), 0.2));
  CHECK(rate.at(20) == 0);
}

// Hu et al. 2024, §4: up in a line, stable, and an exponential decay in the last tenth of the steps.
TEST_CASE("Warm-up, stable, decay has its exact values at every border", "[train]") {
  LearningRate rate{.peak = 0.01,
                    .warmup = 100,
                    .steps = 2'000,
                    .decay = Decay::constant,
                    .cooldown = 200,
                    .cooldown_shape = Cooldown::exponential,
                    .cooldown_floor = 0.001};
  CHECK_NOTHROW(rate.check());
  const auto borders = [&] {
    CHECK(near(rate.at(0), 0.0001));
    CHECK(near(rate.at(49), 0.005));
    CHECK(rate.at(99) == 0.01);
    for (const std::size_t s : {100, 101, 1'000, 1'799, 1'800}) CHECK(rate.at(s) == 0.01);
    CHECK(rate.at(1'801) < 0.01);
    CHECK(rate.at(1'999) > 0.001);
    for (const std::size_t s : {2'000, 2'001, 1'000'000}) CHECK(rate.at(s) == 0.001);
    for (std::size_t s = 1'800; s < 2'000; ++s) CHECK(rate.at(s + 1) < rate.at(s));
    CHECK_FALSE(rate.ends_at_zero());
  };
  borders();
  CHECK(near(rate.at(1'900), 0.01 * std::sqrt(0.1)));
  CHECK(near(rate.at(1'801), 0.01 * std::pow(0.1, 1.0 / 200)));
  rate.cooldown_shape = Cooldown::linear;
  borders();
  CHECK(near(rate.at(1'900), 0.0055));
  CHECK(near(rate.at(1'950), 0.00325));
  rate.cooldown_shape = Cooldown::cosine;
  borders();
  CHECK(near(rate.at(1'900), 0.0055));
  CHECK(near(rate.at(1'850), 0.001 + 0.009 * (1 + std::sqrt(0.5)) / 2));
  rate.cooldown_shape = Cooldown::one_minus_sqrt;  // Hägele et al. 2024
  borders();
  CHECK(near(rate.at(1'850), 0.0055));
  CHECK(near(rate.at(1'900), 0.001 + 0.009 * (1 - std::sqrt(0.5))));
}

TEST_CASE("A longer warm-up-stable-decay run has the rates of the shorter one up to its cool-down", "[train]") {
  const auto of = [](std::size_t steps) {
    return LearningRate{.peak = 0.5, .warmup = 3, .steps = steps, .decay = Decay::constant, .cooldown = 10};
  };
  for (std::size_t s = 0; s <= 90; ++s) CHECK(of(100).at(s) == of(300).at(s));
  CHECK(of(100).at(91) < of(300).at(91));
}

TEST_CASE("The inverse square root begins at the peak and has no end", "[train]") {
  LearningRate rate{.peak = 0.8, .warmup = 4, .decay = Decay::inverse_sqrt};
  CHECK_NOTHROW(rate.check());
  CHECK(near(rate.at(1), 0.4));
  CHECK(rate.at(3) == 0.8);
  CHECK(rate.at(4) == 0.8);
  CHECK(near(rate.at(16), 0.4));
  CHECK(near(rate.at(400), 0.08));
  rate.steps = 16;
  CHECK(near(rate.at(400), 0.08));
  CHECK_FALSE(rate.ends_at_zero());
  rate.floor = 0.2;
  CHECK(rate.at(400) == 0.2);
  rate.warmup = 0;
  CHECK(rate.at(0) == 0.8);
  CHECK(near(rate.at(3), 0.4));
  rate = {.peak = 0.8, .warmup = 4, .steps = 20, .decay = Decay::inverse_sqrt, .cooldown = 4};
  CHECK(near(rate.at(16), 0.4));
  CHECK(near(rate.at(18), 0.2));
  CHECK(rate.at(20) == 0);
}

TEST_CASE("A schedule knows whether it ends at 0", "[train]") {
  CHECK(LearningRate{.steps = 9}.ends_at_zero());
  CHECK(LearningRate{.steps = 9, .decay = Decay::linear}.ends_at_zero());
  CHECK(LearningRate{.floor = 1e-5, .steps = 9, .cooldown = 2}.ends_at_zero());
  CHECK(LearningRate{.steps = 9, .decay = Decay::constant, .cooldown = 2}.ends_at_zero());
  CHECK(LearningRate{.warmup = 20, .steps = 9}.ends_at_zero());
  CHECK_FALSE(LearningRate{}.ends_at_zero());
  CHECK_FALSE(LearningRate{.floor = 1e-9, .steps = 9}.ends_at_zero());
  CHECK_FALSE(LearningRate{.steps = 9, .decay = Decay::constant}.ends_at_zero());
  CHECK_FALSE(LearningRate{.peak = 0, .steps = 9}.ends_at_zero());  // it was 0 all along
}

TEST_CASE("A cool-down that would rise, or never arrive, is refused", "[train]") {
  const LearningRate rate{.peak = 0.1, .floor = 0.01, .steps = 20, .cooldown = 5, .cooldown_floor = 0.01};
  CHECK_NOTHROW(rate.check());
  LearningRate other = rate;
  other.cooldown_floor = 0.02;  // the cosine comes down to 0.01
  CHECK_THROWS_AS(other.check(), bora::ConfigError);
  other.decay = Decay::constant;
  CHECK_NOTHROW(other.check());
  other.cooldown_shape = Cooldown::exponential;
  CHECK_NOTHROW(other.check());
  other.cooldown_floor = 0;
  CHECK_THROWS_AS(other.check(), bora::ConfigError);
  for (const double bad : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_THROWS_AS(LearningRate{.cooldown_floor = bad}.check(), bora::ConfigError);
}

TEST_CASE("A cool-down without room is refused", "[train]") {
  const auto check = [](std::size_t warmup, std::size_t steps, std::size_t cooldown, Decay decay) {
    LearningRate{.warmup = warmup, .steps = steps, .decay = decay, .cooldown = cooldown}.check();
  };
  CHECK_THROWS_AS(check(5, 10, 5, Decay::cosine), bora::ConfigError);
  CHECK_THROWS_AS(check(11, 10, 1, Decay::cosine), bora::ConfigError);
  CHECK_THROWS_AS(check(0, 10, 11, Decay::linear), bora::ConfigError);
  CHECK_NOTHROW(check(5, 10, 4, Decay::cosine));
}

TEST_CASE("A rate that is negative or no number is refused", "[train]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {-1e-9, nan, infinity}) {
    CHECK_THROWS_AS(LearningRate{.peak = bad}.check(), bora::ConfigError);
    CHECK_THROWS_AS(LearningRate{.floor = bad}.check(), bora::ConfigError);
  }
  for (const double bad : {-0.1, 1.1, nan, infinity})
    CHECK_THROWS_AS(LearningRate{.warmup_from = bad}.check(), bora::ConfigError);
  CHECK_NOTHROW(LearningRate{.peak = 0, .floor = 0}.check());
}
