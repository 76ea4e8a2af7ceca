#include "support/catch.hpp"
#include <bora/layers/position.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>
#include <vector>

namespace {

constexpr double pi = std::numbers::pi;

bool close(double found, double expected) { return std::abs(found - expected) <= 1e-14 * std::abs(expected); }

/// theta^(-2c/R), the plain frequencies, as facts have them.
std::vector<double> plain(double theta, std::size_t rotary) {
  std::vector<double> f;
  for (std::size_t c = 0; c < rotary / 2; ++c)
    f.push_back(1 / std::pow(theta, 2.0 * static_cast<double>(c) / static_cast<double>(rotary)));
  return f;
}
template <class Rope>
std::vector<double> of(std::size_t head_dim) {
  std::vector<double> f;
  for (std::size_t c = 0; c < Rope::rotary(head_dim) / 2; ++c) f.push_back(Rope::frequency(c, head_dim));
  return f;
}
std::size_t differences(const std::vector<double>& found, const std::vector<double>& expected) {
  std::size_t wrong = found.size() != expected.size();
  for (std::size_t c = 0; c < std::min(found.size(), expected.size()); ++c) wrong += !close(found[c], expected[c]);
  return wrong;
}

}  // namespace

TEST_CASE("Rotary frequencies fall from 1 by the base", "[layers]") {
  for (const std::size_t head_dim : {2, 8, 64, 128, 256}) {
    CHECK(differences(of<bora::Rope<1e4>>(head_dim), plain(1e4, head_dim)) == 0);
    CHECK(differences(of<bora::Rope<1e6>>(head_dim), plain(1e6, head_dim)) == 0);
  }
  CHECK(bora::Rope<1e4>::frequency(0, 128) == 1);
  CHECK(close(bora::Rope<1e4>::frequency(32, 128), 0.01));
  CHECK(bora::Rope<1e4>::Scaling::amplitude() == 1);
}

TEST_CASE("A partial rotation takes its frequencies from the rotated width", "[layers]") {
  CHECK(bora::Rope<1e4, 0.25>::rotary(64) == 16);
  CHECK(bora::Rope<1e4, 0.25>::rotary(256) == 64);
  CHECK(bora::Rope<1e4, 0.4>::rotary(80) == 32);
  CHECK(differences(of<bora::Rope<1e4, 0.25>>(64), plain(1e4, 16)) == 0);
}

TEST_CASE("Linear scaling divides the frequencies", "[layers]") {
  auto expected = plain(1e4, 128);
  for (double& f : expected) f /= 4;
  CHECK(differences(of<bora::Rope<1e4, 1.0, bora::LinearScaling<4.0>>>(128), expected) == 0);
  CHECK(bora::LinearScaling<4.0>::amplitude() == 1);
}

TEST_CASE("NTK scaling stretches the base", "[layers]") {
  const auto expected = plain(1e4 * std::pow(8.0, 128.0 / 126.0), 128);
  const auto found = of<bora::Rope<1e4, 1.0, bora::NtkScaling<8.0>>>(128);
  CHECK(differences(found, expected) == 0);
  CHECK(found.front() == 1);                               // the fastest pair stays,
  CHECK(close(found.back(), plain(1e4, 128).back() / 8));  // the slowest is interpolated
  CHECK(of<bora::Rope<1e4, 1.0, bora::NtkScaling<8.0>>>(2) == std::vector<double>{1});
}

TEST_CASE("YaRN interpolates slow pairs, keeps fast ones and blends between", "[layers]") {
  static constexpr bora::YarnSettings settings{.factor = 16, .original_context = 4096};
  const double d = 128, base = 1e4;
  const auto pair = [&](double turns) { return d * std::log(4096 / (2 * pi * turns)) / (2 * std::log(base)); };
  const double low = std::max(0.0, std::floor(pair(32))), high = std::min(d - 1, std::ceil(pair(1)));
  auto expected = plain(base, 128);
  std::size_t kept = 0, divided = 0;
  for (std::size_t c = 0; c < expected.size(); ++c) {
    const double ramp = std::clamp((static_cast<double>(c) - low) / std::max(0.001, high - low), 0.0, 1.0);
    expected[c] = expected[c] / 16 * ramp + expected[c] * (1 - ramp);
    kept += ramp == 0;
    divided += ramp == 1;
  }
  CHECK(differences(of<bora::Rope<1e4, 1.0, bora::YarnScaling<settings>>>(128), expected) == 0);
  CHECK(kept > 10);
  CHECK(divided > 10);
  CHECK(kept + divided < 64);
  CHECK(close(bora::YarnScaling<settings>::amplitude(), 0.1 * std::log(16.0) + 1));
}

TEST_CASE("YaRN's betas say where its blend begins and ends", "[layers]") {
  static constexpr bora::YarnSettings narrow{.factor = 4, .original_context = 4096, .beta_fast = 4, .beta_slow = 2};
  const auto plain_f = plain(1e4, 64), f = of<bora::Rope<1e4, 1.0, bora::YarnScaling<narrow>>>(64);
  std::size_t wrong = 0;
  for (std::size_t c = 0; c < f.size(); ++c) {
    const double turns = 4096 * plain_f[c] / (2 * pi);  // in the original context
    if (turns > 4 * 1.4) wrong += !close(f[c], plain_f[c]);
    if (turns < 2 / 1.4) wrong += !close(f[c], plain_f[c] / 4);
  }
  CHECK(wrong == 0);
}

TEST_CASE("Llama 3's scaling divides long waves, keeps short ones and blends between", "[layers]") {
  static constexpr bora::Llama3Settings settings{};
  auto expected = plain(5e5, 128);
  std::size_t kept = 0, divided = 0, blended = 0;
  for (double& f : expected) {
    const double wave = 2 * pi / f;
    if (wave < 8192.0 / 4) {
      ++kept;
    } else if (wave > 8192.0 / 1) {
      f /= 8;
      ++divided;
    } else {
      const double u = (8192 / wave - 1) / (4 - 1);
      f = (1 - u) * f / 8 + u * f;
      ++blended;
    }
  }
  CHECK(differences(of<bora::Rope<5e5, 1.0, bora::Llama3Scaling<settings>>>(128), expected) == 0);
  CHECK(std::min({kept, divided, blended}) > 0);
  CHECK(bora::Llama3Scaling<settings>::amplitude() == 1);
}

TEST_CASE("A scaling by one changes nothing", "[layers]") {
  static constexpr bora::YarnSettings yarn{.factor = 1, .original_context = 2048};
  static constexpr bora::Llama3Settings llama3{.factor = 1};
  const auto expected = plain(1e4, 64);
  CHECK(differences(of<bora::Rope<1e4, 1.0, bora::LinearScaling<1.0>>>(64), expected) == 0);
  CHECK(differences(of<bora::Rope<1e4, 1.0, bora::NtkScaling<1.0>>>(64), expected) == 0);
  CHECK(differences(of<bora::Rope<1e4, 1.0, bora::YarnScaling<yarn>>>(64), expected) == 0);
  CHECK(differences(of<bora::Rope<1e4, 1.0, bora::Llama3Scaling<llama3>>>(64), expected) == 0);
}

TEST_CASE("Sinusoidal positions are sines and cosines in turn", "[layers]") {
  std::size_t wrong = 0;
  for (const std::size_t position : {0, 1, 7, 1000})
    for (std::size_t i = 0; i < 10; ++i) {
      const double angle = static_cast<double>(position) / std::pow(10'000.0, 2.0 * static_cast<double>(i) / 20);
      wrong += std::abs(bora::SinusoidalPositions::value<double>(position, 2 * i, 20) - std::sin(angle)) > 1e-12;
      wrong += std::abs(bora::SinusoidalPositions::value<double>(position, 2 * i + 1, 20) - std::cos(angle)) > 1e-12;
    }
  CHECK(wrong == 0);
}

TEST_CASE("Linear biases of a power of two of heads fall by one factor", "[layers]") {
  for (std::size_t h = 0; h < 8; ++h) CHECK(bora::Alibi<>::slope(h, 8) == std::exp2(-double(h + 1)));
  for (std::size_t h = 0; h < 32; ++h) CHECK(bora::Alibi<8.0>::slope(h, 32) == std::exp2(-0.25 * double(h + 1)));
  CHECK(bora::Alibi<16.0>::slope(0, 8) == 0.25);
  CHECK(bora::Alibi<>::slope(0, 1) == std::exp2(-8));
}

TEST_CASE("Linear biases of other head counts are those of the power below, then the odd ones of that above",
          "[layers]") {
  const std::size_t heads = GENERATE(3, 5, 6, 7, 12, 20, 71);
  std::size_t below = 1;
  while (2 * below <= heads) below *= 2;
  for (std::size_t h = 0; h < heads; ++h) {
    const double n = static_cast<double>(below);
    const double expected =
        h < below ? std::exp2(-8.0 * double(h + 1) / n) : std::exp2(-4.0 * (2 * double(h - below) + 1) / n);
    CHECK(close(bora::Alibi<>::slope(h, heads), expected));
  }
}

TEST_CASE("T5's buckets count single distances, then grow with their logarithm", "[layers]") {
  using Bias = bora::T5RelativeBias<>;
  std::size_t wrong = 0;
  for (std::size_t n = 0; n < 1000; ++n) {
    const std::size_t expected =
        n < 16
            ? n
            : std::min<std::size_t>(
                  31, static_cast<std::size_t>(16 + std::floor(std::log(double(n) / 16) / std::log(128.0 / 16) * 16)));
    wrong += Bias::bucket(n) != expected;
  }
  CHECK(wrong == 0);
  // Spot values of the published implementation.
  for (const auto& [distance, bucket] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 0}, {15, 15}, {16, 16}, {18, 16}, {19, 17}, {32, 21}, {64, 26}, {112, 30}, {113, 31}, {100'000, 31}})
    CHECK(Bias::bucket(distance) == bucket);
}

TEST_CASE("T5's buckets of any size rise from 0 to the last", "[layers]") {
  using Bias = bora::T5RelativeBias<6, 20>;
  std::size_t wrong = 0;
  for (std::size_t n = 1; n < 100; ++n) {
    const std::size_t step = Bias::bucket(n) - Bias::bucket(n - 1);
    wrong += step > 1;
  }
  CHECK(wrong == 0);
  CHECK(Bias::bucket(0) == 0);
  CHECK(Bias::bucket(20) == 5);
}

TEST_CASE("Positions of attention and of the embedding are told apart", "[layers]") {
  static_assert(bora::PositionPolicy<bora::Rope<1e4, 0.5>> && bora::PositionPolicy<bora::Alibi<>>);
  static_assert(bora::PositionPolicy<bora::T5RelativeBias<>> && bora::PositionPolicy<bora::NoPosition>);
  static_assert(!bora::PositionPolicy<bora::LearnedPositions> && !bora::PositionPolicy<bora::SinusoidalPositions>);
  static_assert(bora::EmbeddingPosition<bora::LearnedPositions> && bora::EmbeddingPosition<bora::SinusoidalPositions>);
  static_assert(!bora::EmbeddingPosition<bora::Rope<1e4>>);
  CHECK(true);
}
