#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/infer/sampler.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace {

using bora::Sampler;
using bora::SamplingOptions;
using bora::TokenId;

constexpr float no_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::vector<float> random_logits(bora::Random& random, std::size_t size) {
  std::vector<float> logits(size);
  for (float& logit : logits) logit = std::round(static_cast<float>(random.normal()) * 8.f) / 4.f;  // with ties
  return logits;
}

std::vector<std::size_t> draw(Sampler sampler, const std::vector<float>& logits, std::size_t draws) {
  std::vector<std::size_t> counts(logits.size());
  for (std::size_t i = 0; i < draws; ++i) ++counts[static_cast<std::size_t>(sampler(logits))];
  return counts;
}

std::set<std::size_t> drawn(const SamplingOptions& options, const std::vector<float>& logits) {
  std::set<std::size_t> tokens;
  const auto counts = draw(Sampler(options), logits, 2'000);
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0) tokens.insert(i);
  return tokens;
}

/// Pearson's chi-square of `counts`, in standard deviations above its mean. Tokens expected less than 8 times
/// count as one; one of probability 0 must not occur.
double surprise(const std::vector<std::size_t>& counts, const std::vector<double>& probabilities) {
  const auto draws = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::size_t{0}));
  double chi_square = 0, rare_expected = 0, rare_seen = 0, cells = 0;
  const auto add = [&](double seen, double expected) {
    chi_square += (seen - expected) * (seen - expected) / expected;
    ++cells;
  };
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = draws * probabilities[i], seen = static_cast<double>(counts[i]);
    if (expected == 0 && seen > 0) return infinity;
    if (expected >= 8) {
      add(seen, expected);
    } else {
      rare_expected += expected;
      rare_seen += seen;
    }
  }
  if (rare_expected >= 1) add(rare_seen, rare_expected);
  const double freedom = std::max(cells - 1, 1.0);
  return (chi_square - freedom) / std::sqrt(2 * freedom);
}

/// The twin: one full sort, each filter as its paper states it, on probabilities that sum to 1.
std::vector<double> expected_probabilities(const SamplingOptions& options, const std::vector<float>& logits) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return logits[x] > logits[y]; });
  if (options.top_k > 0) order.resize(std::min(order.size(), options.top_k));
  std::vector<double> p(logits.size(), 0.0);
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& value : p) value /= sum;
  };
  for (const std::size_t i : order) p[i] = std::exp((logits[i] - logits[order[0]]) / options.temperature);
  normalise();
  double before = 0;
  for (const std::size_t i : order) {
    const double own = p[i];
    if (before >= options.top_p) p[i] = 0;
    before += own;
  }
  normalise();
  const double most = p[order[0]];
  for (double& value : p)
    if (value < options.min_p * most) value = 0;
  normalise();
  double entropy = 0, held = 0;
  for (const double value : p)
    if (value > 0) entropy -= value * std::log(value);
  std::erase_if(order, [&](std::size_t i) { return p[i] == 0; });
  const auto distance = [&](std::size_t i) { return std::abs(-std::log(p[i]) - entropy); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return distance(x) < distance(y) - 1e-12; });
  for (const std::size_t i : order) {
    const double own = p[i];
    if (held >= options.typical_p) p[i] = 0;
    held += own;
  }
  normalise();
  return p;
}

std::string refusal(const SamplingOptions& options) {
  try {
    Sampler{options};
  } catch (const bora::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("Temperature 0 takes the largest logit, ties to the lower id", "[infer]") {
  Sampler sampler({.temperature = 0});
  CHECK(sampler(std::vector<float>{-3, 2, 1}) == 1);
  CHECK(sampler(std::vector<float>{-1, 5, 5, 5}) == 1);
  CHECK(sampler(std::vector<float>{0, infinity, infinity}) == 1);
  CHECK(sampler(std::vector<float>{-infinity, std::numeric_limits<float>::lowest()}) == 1);
}

TEST_CASE("A NaN and minus infinity are never chosen", "[infer]") {
  const double temperature = GENERATE(0.0, 1.0, 100.0);
  const std::vector<float> logits = {no_number, 0, -infinity, -1, no_number, -2};
  for (const std::size_t token : drawn({.temperature = temperature}, logits))
    CHECK((token == 1 || token == 3 || token == 5));
  CHECK(drawn({.temperature = temperature, .top_k = 2, .top_p = 0.9}, logits).count(5) == 0);
}

TEST_CASE("Where no token can be chosen the sampler says so", "[infer]") {
  const double temperature = GENERATE(0.0, 1.0);
  Sampler sampler({.temperature = temperature});
  const std::vector<std::vector<float>> hopeless = {
      {}, {no_number}, {no_number, no_number, no_number}, {-infinity, no_number}};
  for (const auto& logits : hopeless) CHECK_THROWS_AS(sampler(logits), bora::Error);
  try {
    sampler(hopeless[2]);
  } catch (const bora::Error& error) {
    CHECK(error.what() == std::string("no token can be chosen: all of 3 logits are NaN or minus infinity"));
  }
  CHECK(sampler(std::vector<float>{no_number, 1}) == 1);
}

TEST_CASE("Plus infinity outweighs every finite logit", "[infer]") {
  CHECK(drawn({}, {0, infinity, 3e38f, infinity}) == std::set<std::size_t>{1, 3});
}

TEST_CASE("Tokens are drawn as often as they are probable", "[infer]") {
  const std::vector<double> probabilities = {0.25, 0.05, 0.3, 0.02, 0.18, 0.2};
  const double found = surprise(draw(Sampler({.seed = 7}), logits_of(probabilities), 100'000), probabilities);
  CHECK(found < 4);
  CHECK(found > -2.5);  // nor suspiciously well
}

TEST_CASE("Every combination of filters draws what its definition gives", "[infer]") {
  const double temperature = GENERATE(0.3, 1.0, 2.5);
  const std::size_t top_k =
      GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{63}, std::size_t{64}, std::size_t{1000});
  const double top_p = GENERATE(1e-9, 0.35, 0.9, 1.0);
  const double min_p = GENERATE(0.0, 0.2, 0.999);
  bora::Random random(11);
  const std::vector<float> logits = random_logits(random, 64);
  const SamplingOptions options{
      .temperature = temperature, .top_k = top_k, .top_p = top_p, .min_p = min_p, .seed = random()};
  // 216 fixed seeds; a chi-square has a longer tail than a bell
  CHECK(surprise(draw(Sampler(options), logits, 4'000), expected_probabilities(options, logits)) < 5);
}

TEST_CASE("Typical sampling keeps the tokens whose surprise is nearest to the entropy", "[infer]") {
  const double temperature = GENERATE(0.5, 1.0, 3.0);
  const double typical_p = GENERATE(1e-9, 0.2, 0.6, 0.95);
  const double top_p = GENERATE(0.8, 1.0);
  bora::Random random(21);
  std::vector<float> logits(50);
  for (float& logit : logits) logit = static_cast<float>(random.normal()) * 2;  // without ties
  logits[3] = -infinity;
  const SamplingOptions options{.temperature = temperature, .top_p = top_p, .typical_p = typical_p, .seed = random()};
  CHECK(surprise(draw(Sampler(options), logits, 4'000), expected_probabilities(options, logits)) < 5);
  // The most probable token is not the most typical one: it says too little.
  CHECK(drawn({.typical_p = 0.1}, logits_of({0.6, 0.2, 0.1, 0.1})) == std::set<std::size_t>{1});
  CHECK(drawn({.typical_p = 0.1}, logits_of({0.4, 0.15, 0.15, 0.15, 0.15})) == std::set<std::size_t>{1});
}

TEST_CASE("Penalties and biases change the logits of tokens that were there", "[infer]") {
  const std::vector<float> logits = {1, 4, -1, 3.5f, 3};
  const auto greedy = [&](SamplingOptions options, const std::vector<TokenId>& prompt) {
    options.temperature = 0;
    Sampler sampler(options);
    sampler.read(prompt);
    std::vector<TokenId> tokens;
    for (int i = 0; i < 5; ++i) tokens.push_back(sampler(logits));
    return tokens;
  };
  using Tokens = std::vector<TokenId>;
  CHECK(greedy({}, {1, 1}) == Tokens{1, 1, 1, 1, 1});
  // Divided once, however often it was there: 4 becomes 2; 3.5 and 3 follow, and then 2 is the largest that is left.
  CHECK(greedy({.repetition_penalty = 2}, {1, 1}) == Tokens{3, 4, 1, 1, 1});
  CHECK(greedy({.repetition_penalty = 2}, {99, -1}) == Tokens{1, 3, 4, 1, 1});  // ids that there are not
  // Once drawn, always 2 less: 4, 3.5 and 3 become 2, 1.5 and 1. The prompt does not count.
  CHECK(greedy({.presence_penalty = 2}, {3}) == Tokens{1, 3, 4, 1, 1});
  // 0.6 less each time: 4, 3.5; 3.4, 3; 2.9.
  CHECK(greedy({.frequency_penalty = 0.6}, {3}) == Tokens{1, 3, 1, 4, 3});
  CHECK(greedy({.logit_bias = {{2, 9}, {77, 9}, {-1, 9}}}, {}) == Tokens{2, 2, 2, 2, 2});
  CHECK(greedy({.logit_bias = {{1, -infinity}, {3, -infinity}}}, {}) == Tokens{4, 4, 4, 4, 4});
  // A negative logit is multiplied: it must not grow.
  Sampler sampler({.temperature = 0, .repetition_penalty = 4});
  sampler.read(std::vector<TokenId>{0});
  CHECK(sampler(std::vector<float>{-1, -2}) == 1);
}

TEST_CASE("Penalised probabilities are those of the changed logits", "[infer]") {
  bora::Random random(22);
  const std::vector<float> logits = random_logits(random, 20);
  std::vector<float> changed = logits;
  const std::vector<TokenId> prompt = {3, 5, 3, 11};
  for (const TokenId t : {3, 5, 11}) {
    float& logit = changed[static_cast<std::size_t>(t)];
    logit = logit > 0 ? logit / 1.5f : logit * 1.5f;
  }
  changed[7] += 2;
  std::vector<std::size_t> counts(logits.size());
  for (std::uint64_t seed = 0; seed < 4'000; ++seed) {  // a sampler a draw: a drawn token would be penalised
    Sampler sampler({.top_p = 0.95, .repetition_penalty = 1.5, .logit_bias = {{7, 2}}, .seed = seed});
    sampler.read(prompt);
    ++counts[static_cast<std::size_t>(sampler(logits))];
  }
  CHECK(surprise(counts, expected_probabilities({.top_p = 0.95}, changed)) < 5);
}

TEST_CASE("exp of negative numbers is exact to a few units in the last place", "[infer]") {
  double worst = 0;
  for (double x = 0; x > -700; x -= 0.0137) {
    const double expected = std::exp(x);
    worst = std::max(worst, std::abs(bora::detail::exp_of_negative(x) - expected) / expected);
  }
  CHECK(worst < 1e-15);
  CHECK(bora::detail::exp_of_negative(0) == 1);
  CHECK(bora::detail::exp_of_negative(-infinity) == 0);
  CHECK(bora::detail::exp_of_negative(-1e300) == 0);
}

TEST_CASE("The tokens of a seed are these, on every machine", "[infer]") {
  bora::Random random(23);
  std::vector<float> logits(1'000);
  for (float& logit : logits) logit = random.bell_at(random.position()), random();
  Sampler sampler({.temperature = 0.8, .top_k = 500, .top_p = 0.9, .typical_p = 0.9, .seed = 1});
  std::vector<TokenId> tokens;
  for (int i = 0; i < 8; ++i) tokens.push_back(sampler(logits));
  CHECK(tokens == std::vector<TokenId>{86, 28, 115, 171, 478, 923, 829, 767});
}

TEST_CASE("Temperature comes first, then top_k, top_p, min_p", "[infer]") {
  const std::vector<float> logits = logits_of({0.1, 0.2, 0.4, 0.3});
  // Squared and scaled, 0.4 holds 0.53: temperature before top_p.
  CHECK(drawn({.temperature = 0.5, .top_p = 0.5}, logits) == std::set<std::size_t>{2});
  // Of the two largest, 0.4 holds 0.57: top_k before top_p.
  CHECK(drawn({.top_k = 2, .top_p = 0.5}, logits) == std::set<std::size_t>{2});
  // Had min_p left only 0.4 and 0.3 first, 0.4 alone would reach one half: top_p before min_p.
  CHECK(drawn({.top_p = 0.5, .min_p = 0.6}, logits) == std::set<std::size_t>{2, 3});
}

TEST_CASE("top_k keeps exactly k, ties to the lower id", "[infer]") {
  CHECK(drawn({.top_k = 3}, {1, 2, 1, 1, 1}) == std::set<std::size_t>{0, 1, 2});
  CHECK(drawn({.top_k = 1}, {0, 0, 0}) == std::set<std::size_t>{0});
}

TEST_CASE("top_p keeps the token that crosses the share", "[infer]") {
  const std::vector<float> logits = logits_of({0.125, 0.5, 0.25, 0.125});
  CHECK(drawn({.top_p = 0.49}, logits) == std::set<std::size_t>{1});
  CHECK(drawn({.top_p = 0.51}, logits) == std::set<std::size_t>{1, 2});
  CHECK(drawn({.top_p = 0.8}, logits) == std::set<std::size_t>{0, 1, 2});
  CHECK(drawn({.top_p = 0.9}, logits) == std::set<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("A tiny temperature is greedy and a huge one is uniform", "[infer]") {
  const std::vector<float> logits = {-2, 3, 2.999f, 0};
  CHECK(drawn({.temperature = 1e-300}, logits) == std::set<std::size_t>{1});
  CHECK(surprise(draw(Sampler({.temperature = 1e300}), logits, 10'000), {0.25, 0.25, 0.25, 0.25}) < 4);
}

TEST_CASE("A seed gives the same tokens again, another seed others", "[infer]") {
  bora::Random random(12);
  const std::vector<float> logits = random_logits(random, 300);
  const auto tokens = [&](std::uint64_t seed, std::size_t reserved) {
    Sampler sampler({.top_k = 200, .top_p = 0.97, .seed = seed}, reserved);
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < 50; ++i) ids.push_back(sampler(logits));
    return ids;
  };
  CHECK(tokens(1, 0) == tokens(1, 300));
  CHECK(tokens(1, 0) != tokens(2, 0));
}

TEST_CASE("A copy of a sampler draws what the original draws", "[infer]") {
  bora::Random random(13);
  const std::vector<float> logits = random_logits(random, 40);
  Sampler original({.seed = 3}, logits.size());
  for (std::size_t i = 0; i < 5; ++i) original(logits);
  Sampler copy = original;
  for (std::size_t i = 0; i < 50; ++i) CHECK(original(logits) == copy(logits));
}

TEST_CASE("What a sampler drew from does not linger", "[infer]") {
  Sampler sampler({.top_p = 0.9});
  const std::vector<float> wide(100, 0.f), narrow = {0, 9};
  sampler(wide);
  for (std::size_t i = 0; i < 50; ++i) CHECK(sampler(narrow) < 2);
}

TEST_CASE("Impossible sampling options are refused with a sentence", "[infer]") {
  const double not_a_number = no_number;
  CHECK(refusal({}) == "accepted");
  CHECK(refusal({.temperature = 0, .top_k = 5, .top_p = 1, .min_p = 0.5}) == "accepted");
  CHECK(refusal({.temperature = -1}) == "temperature is -1, expected a finite number of 0 or more");
  CHECK(refusal({.temperature = infinity}) == "temperature is inf, expected a finite number of 0 or more");
  CHECK(refusal({.temperature = not_a_number}) == "temperature is NaN, expected a finite number of 0 or more");
  CHECK(refusal({.top_p = 0}) == "top_p is 0, expected above 0 and at most 1");
  CHECK(refusal({.top_p = 1.5}) == "top_p is 1.5, expected above 0 and at most 1");
  CHECK(refusal({.top_p = not_a_number}) == "top_p is NaN, expected above 0 and at most 1");
  CHECK(refusal({.min_p = 1}) == "min_p is 1, expected at least 0 and below 1");
  CHECK(refusal({.min_p = -0.5}) == "min_p is -0.5, expected at least 0 and below 1");
  CHECK(refusal({.min_p = not_a_number}) == "min_p is NaN, expected at least 0 and below 1");
  CHECK(refusal({.typical_p = 0}) == "typical_p is 0, expected above 0 and at most 1");
  CHECK(refusal({.repetition_penalty = 0}) == "repetition_penalty is 0, expected a finite number above 0");
  CHECK(refusal({.frequency_penalty = infinity}) == "frequency_penalty is inf, expected a finite number");
  CHECK(refusal({.presence_penalty = not_a_number}) == "presence_penalty is NaN, expected a finite number");
  CHECK(refusal({.logit_bias = {{7, not_a_number}}}) == "logit_bias of token 7 is NaN, expected a number");
}

TEST_CASE("Ids beyond vocab_size are left out before everything", "[infer]") {
  const std::vector<float> logits{0.5f, 2.0f, no_number, 9.0f, infinity};
  CHECK(Sampler({.temperature = 0, .vocab_size = 3})(logits) == 1);
  CHECK(Sampler({.temperature = 0, .vocab_size = 4})(logits) == 3);
  CHECK(Sampler({.temperature = 0, .vocab_size = 50})(logits) == 4);
  CHECK(drawn({.vocab_size = 3}, logits) == std::set<std::size_t>{0, 1});
  CHECK(drawn({.top_k = 1, .vocab_size = 3}, logits) == std::set<std::size_t>{1});
  CHECK(drawn({.top_p = 0.01, .vocab_size = 3}, logits) == std::set<std::size_t>{1});
  CHECK(drawn({.min_p = 0.99, .vocab_size = 1}, logits) == std::set<std::size_t>{0});
}
