/// Log-probabilities that a model gives to tokens.
#pragma once
#include <bora/core/tensor.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// A token and how probable the model holds it.
struct TokenLogProbability {
  TokenId token;           ///< its id
  double log_probability;  ///< natural logarithm; minus infinity for a token that is ruled out
};

/// What the model's own distribution (temperature 1, no filters) says of a drawn token.
struct LogProbabilities {
  TokenLogProbability chosen{0, 0};           ///< the drawn token
  std::vector<TokenLogProbability> top = {};  ///< the most probable ones, the first first; ties by id
};

/// The log-probability of `token`, and the `count` most probable tokens. NaN logits count as minus infinity.
inline LogProbabilities log_probabilities(std::span<const float> logits, TokenId token, std::size_t count = 0) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  const auto logit = [&](std::size_t i) { return logits[i] > none ? static_cast<double>(logits[i]) : none; };
  double largest = none, sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) largest = std::max(largest, logit(i));
  const auto relative = [&](std::size_t i) { return logit(i) == largest ? 0.0 : logit(i) - largest; };
  for (std::size_t i = 0; i < logits.size(); ++i) sum += std::exp(relative(i));
  const auto of = [&](std::size_t i) {
    return TokenLogProbability{static_cast<TokenId>(i), relative(i) - std::log(sum)};
  };

  LogProbabilities result;
  const auto at = static_cast<std::size_t>(token);
  result.chosen = token >= 0 && at < logits.size() ? of(at) : TokenLogProbability{token, none};
  if (count == 0) return result;
  std::vector<std::size_t> order(logits.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(count, order.size()));
  std::partial_sort(order.begin(), end, order.end(),
                    [&](std::size_t a, std::size_t b) { return logit(a) != logit(b) ? logit(a) > logit(b) : a < b; });
  for (auto i = order.begin(); i != end; ++i) result.top.push_back(of(*i));
  return result;
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
