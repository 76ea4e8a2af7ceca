#include "support/catch.hpp"
#include "train/runs.hpp"
#include <bora/train/token_mixture.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

namespace {

using bora::TokenId, bora::TokenMixture, bora::TokenMixtureOptions;
using support::TemporaryFolder;

/// A file of the ids first, first + 1, …: a token tells where it stood.
std::filesystem::path counting(const TemporaryFolder& folder, std::size_t first, std::size_t count) {
  std::vector<TokenId> ids(count);
  std::iota(ids.begin(), ids.end(), static_cast<TokenId>(first));
  return runs::token_file(folder / ("from" + std::to_string(first) + "-" + std::to_string(count)), ids, 100'000);
}
bool same(const bora::TokenBatch& a, const bora::TokenBatch& b) { return std::ranges::equal(a.ids(), b.ids()); }

}  // namespace

TEST_CASE("Any row goes to a source at once, and each source has its share at any time", "[train]") {
  for (const std::vector<double>& weights :
       std::vector<std::vector<double>>{{1}, {1, 1}, {0.7, 0.2, 0.1}, {5, 1, 1, 1, 1, 1, 1e-3}, {1e-9, 1}}) {
    const bora::detail::RowDealer dealer(weights);
    const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<std::uint64_t> counts(weights.size());
    double worst = 0;
    for (std::uint64_t row = 0; row < 20'000; ++row) {
      const auto place = dealer.at(row);
      REQUIRE(place.source < weights.size());
      REQUIRE(place.row == counts[place.source]);  // counted, though nothing counts
      ++counts[place.source];
      for (std::size_t s = 0; s < weights.size(); ++s)
        worst =
            std::max(worst, std::abs(static_cast<double>(counts[s]) - static_cast<double>(row + 1) * weights[s] / all));
    }
    CHECK(worst <= 1 + std::log2(static_cast<double>(weights.size())));
  }
}

TEST_CASE("An epoch visits each row of a file once, and rows follow the text", "[train]") {
  const TemporaryFolder folder;
  TokenMixture mixture({.sources = {{counting(folder, 0, 1000)}}, .batch = 3, .time = 10, .seed = 4});
  REQUIRE(mixture.rows(0) == 99);
  std::set<TokenId> offsets;
  std::vector<std::vector<TokenId>> orders;
  for (int epoch = 0; epoch < 4; ++epoch) {
    std::vector<TokenId> starts;
    for (int n = 0; n < 33; ++n) {
      const bora::TokenBatch batch = mixture.next();
      for (std::size_t b = 0; b < 3; ++b) {
        for (std::size_t t = 1; t < 10; ++t) REQUIRE(batch.row(b)[t] == batch.row(b)[t - 1] + 1);
        starts.push_back(batch.row(b)[0]);
      }
    }
    orders.push_back(starts);
    std::ranges::sort(starts);
    for (std::size_t i = 1; i < starts.size(); ++i) REQUIRE(starts[i] == starts[i - 1] + 10);
    CHECK(starts[0] < 10);
    offsets.insert(starts[0]);
  }
  CHECK(offsets.size() > 1);  // rows are cut elsewhere in other epochs
  CHECK(orders[0] != orders[1]);
}

TEST_CASE("A file of exactly one row, and of one row and a little, is read within its bounds", "[train]") {
  const TemporaryFolder folder;
  for (const std::size_t tokens : {10, 11, 18, 19, 20}) {
    TokenMixture mixture({.sources = {{counting(folder, 0, tokens)}}, .batch = 1, .time = 10});
    CHECK(mixture.rows(0) == 1);
    for (int n = 0; n < 50; ++n) CHECK(mixture.next().row(0)[9] < static_cast<TokenId>(tokens));
  }
}

TEST_CASE("Weights decide how often a source is read, not its size", "[train]") {
  const TemporaryFolder folder;
  TokenMixture mixture(
      {.sources = {{counting(folder, 0, 2000), 1}, {counting(folder, 50'000, 100), 3}}, .batch = 4, .time = 10});
  for (int n = 0; n < 50; ++n) {
    const bora::TokenBatch batch = mixture.next();
    std::size_t second = 0;
    for (std::size_t b = 0; b < 4; ++b) second += batch.row(b)[0] >= 50'000;
    CHECK(second == 3);
  }
  CHECK(mixture.vocab_size() == 100'000);
}

TEST_CASE("Batch n depends on options and files alone", "[train]") {
  const TemporaryFolder folder;
  const TokenMixtureOptions options{
      .sources = {{counting(folder, 0, 700), 2}, {counting(folder, 50'000, 300), 1}}, .batch = 4, .time = 9, .seed = 1};
  TokenMixture mixture(options), other(options);
  TokenMixtureOptions reseeded = options;
  reseeded.seed = 2;
  std::size_t same_rows = 0;
  for (std::uint64_t n = 0; n < 100; ++n) {
    CHECK(same(mixture.next(), other.at(n)));
    same_rows += same(other.at(n), TokenMixture(reseeded).at(n));
  }
  CHECK(same_rows == 0);
  other.restore(mixture.state());
  CHECK(same(mixture.next(), other.next()));
  CHECK(same(mixture.at(0), TokenMixture(options).next()));
}

TEST_CASE("The state of another mixture is refused", "[train]") {
  const TemporaryFolder folder;
  const TokenMixtureOptions options{.sources = {{counting(folder, 0, 700), 2}}, .batch = 4, .time = 9, .seed = 1};
  TokenMixture mixture(options);
  mixture.next();
  const auto refused = [&](auto change) {
    TokenMixtureOptions changed = options;
    change(changed);
    TokenMixture other(changed);
    CHECK_THROWS_AS(other.restore(mixture.state()), bora::ConfigError);
    CHECK(other.state().batches == 0);
  };
  refused([](auto& o) { o.seed = 2; });
  refused([](auto& o) { o.batch = 5; });
  refused([](auto& o) { o.time = 8; });
  refused([](auto& o) { o.sources[0].weight = 3; });
  refused([&](auto& o) { o.sources[0].file = counting(folder, 1, 700); });
  refused([&](auto& o) { o.sources.push_back({counting(folder, 1, 700)}); });
  TokenMixture again(options);
  CHECK_THROWS_AS(again.restore({~std::uint64_t{0} / 4, mixture.state().fingerprint}), bora::ConfigError);
  CHECK(again.state().batches == 0);
  CHECK_NOTHROW(again.restore(mixture.state()));
}

TEST_CASE("Impossible mixtures are refused", "[train]") {
  const TemporaryFolder folder;
  const auto file = counting(folder, 0, 20);
  CHECK_THROWS_AS(TokenMixture({}), bora::ConfigError);
  CHECK_THROWS_AS(TokenMixture({.sources = {{file}}, .batch = 0, .time = 5}), bora::ConfigError);
  CHECK_THROWS_AS(TokenMixture({.sources = {{file}}, .batch = 1, .time = 1}), bora::ConfigError);
  for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_THROWS_AS(TokenMixture({.sources = {{file, bad}}, .batch = 1, .time = 5}), bora::ConfigError);
  CHECK_THROWS_AS(TokenMixture({.sources = {{file, 1e308}, {file, 1e308}}, .batch = 1, .time = 5}), bora::ConfigError);
  for (const std::size_t many : {std::size_t{1} << 61, std::size_t{1} << 58, ~std::size_t{0}})
    CHECK_THROWS_AS(TokenMixture({.sources = {{file}}, .batch = many, .time = 8}), bora::ConfigError);
  CHECK_THROWS_AS(TokenMixture({.sources = {{file}}, .batch = 1, .time = std::size_t{1} << 62}), bora::ConfigError);
  CHECK_THROWS_AS(TokenMixture({.sources = {{folder / "missing"}}, .batch = 1, .time = 5}), bora::FileError);
  CHECK(support::refusal(file, [&] { TokenMixture({.sources = {{file}}, .batch = 1, .time = 21}); }) ==
        "holds 20 tokens, expected 21 or more: a row");
}
