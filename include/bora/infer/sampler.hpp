/// Draws tokens from logits.
#pragma once
#include <bora/core/float_mode.hpp>
#include <bora/core/random.hpp>
#include <bora/core/tensor.hpp>
#include <bora/simd/rows.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// A number that is added to a token's logit.
struct LogitBias {
  TokenId token;  ///< its id; one that the vocabulary does not have is ignored
  double bias;    ///< minus infinity rules the token out
};

/// How a token is drawn. Ids beyond `vocab_size` are left out first, then penalties and biases change the logits. The
/// filters apply in the order written here, each to what the one before left.
struct SamplingOptions {
  double temperature = 1.0;  ///< divides the logits; 0 always takes the largest
  std::size_t top_k = 0;     ///< keeps the k largest logits; 0 keeps all
  double top_p = 1.0;        ///< keeps the fewest tokens, largest first, that hold this share of probability
                             ///< (Holtzman et al. 2020, §3.1); 1 keeps all
  double min_p = 0.0;        ///< keeps tokens at least this probable relative to the most probable one
                             ///< (Nguyen et al. 2024, §3); 0 keeps all
  double typical_p = 1.0;    ///< keeps the fewest tokens that hold this share of probability, those first whose
                             ///< surprise is nearest to the entropy (Meister et al. 2023, §3); 1 keeps all
  /// Divides positive logits of tokens that the prompt or the text holds, and multiplies negative ones (Keskar et al.
  /// 2019, §4.1); 1 changes none.
  double repetition_penalty = 1.0;
  double frequency_penalty = 0.0;          ///< subtracted from a token's logit for each time that it was drawn
  double presence_penalty = 0.0;           ///< subtracted once from the logit of a token that was drawn
  std::vector<LogitBias> logit_bias = {};  ///< added after the penalties
  std::uint64_t seed = 0;                  ///< of the draws: equal seeds and logits give equal tokens
  /// Ids from this one on are never drawn, whatever their logits: for models whose vocabulary is larger than their
  /// tokenizer's, so that ids without text are not drawn. 0, or more than there are logits: all may be drawn.
  std::size_t vocab_size = 0;
};

/// Throws ConfigError unless 0 <= temperature, finite; 0 < top_p <= 1; 0 <= min_p < 1; 0 < typical_p <= 1; 0 <
/// repetition_penalty, finite; the other penalties are finite, and no bias is NaN.
inline void check_sampling(const SamplingOptions& options) {
  const auto require = [](bool met, const char* option, double value, const char* expected) {
    if (!met) throw ConfigError(detail::message(option, " is ", value, ", expected ", expected));
  };
  const auto penalty = [&](const char* option, double value) {
    require(std::isfinite(value), option, value, "a finite number");
  };
  require(options.temperature >= 0 && std::isfinite(options.temperature), "temperature", options.temperature,
          "a finite number of 0 or more");
  require(options.top_p > 0 && options.top_p <= 1, "top_p", options.top_p, "above 0 and at most 1");
  require(options.min_p >= 0 && options.min_p < 1, "min_p", options.min_p, "at least 0 and below 1");
  require(options.typical_p > 0 && options.typical_p <= 1, "typical_p", options.typical_p, "above 0 and at most 1");
  require(options.repetition_penalty > 0 && std::isfinite(options.repetition_penalty), "repetition_penalty",
          options.repetition_penalty, "a finite number above 0");
  penalty("frequency_penalty", options.frequency_penalty);
  penalty("presence_penalty", options.presence_penalty);
  for (const LogitBias& b : options.logit_bias)
    if (std::isnan(b.bias))
      throw ConfigError(detail::message("logit_bias of token ", b.token, " is NaN, expected a number"));
}

namespace detail {

[[noreturn]] inline void no_token_to_choose(std::size_t size) {
  throw Error(message("no token can be chosen: all of ", size, " logits are NaN or minus infinity"));
}

/// exp(x) for x <= 0, to a few units in the last place; 0 below the normal numbers. C libraries round exp differently,
/// even by processor: a draw would depend on them.
inline double exp_of_negative(double x) noexcept {
  constexpr double log2_e = 1.4426950408889634, ln2_high = 6.93147180369123816490e-01,
                   ln2_low = 1.90821492927058770e-10;
  if (!(x > -708)) return 0;
  const double n = std::floor(x * log2_e + 0.5);
  const double r = x - n * ln2_high - n * ln2_low;  // n has so few bits that the first product is exact
  constexpr double inverse_factorial[] = {
      1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
      1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
  double p = 0;
  for (std::size_t i = std::size(inverse_factorial); i-- > 0;) p = p * r + inverse_factorial[i];
  return p * std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + 1023) << 52);
}

}  // namespace detail

/// The largest of `logits` [vocab], ties to the lower id. A NaN is never chosen, nor is minus infinity, which
/// stands for a token that is ruled out. Throws Error where nothing else is left.
inline TokenId largest_logit(std::span<const float> logits) {
  const std::size_t token = simd::largest_index(logits.data(), logits.size());
  if (token == logits.size()) detail::no_token_to_choose(logits.size());
  return static_cast<TokenId>(token);
}

/// Draws tokens as SamplingOptions say. Equal seeds and logits give equal tokens, on every machine: every operation is
/// exactly rounded, every sum runs in a fixed order, ties go to the lower id, and each call at a temperature above 0
/// takes one number of the seed's stream. A call allocates nothing once `vocab_size` logits have room. Copyable: a copy
/// draws what the original would.
class Sampler {
 public:
  /// \param vocab_size  logits to allocate memory for now; 0: the first call allocates
  /// Throws ConfigError, see check_sampling.
  explicit Sampler(const SamplingOptions& options = {}, std::size_t vocab_size = 0)
      : options_(options),
        random_(options.seed),
        counts_(options.repetition_penalty != 1 || options.frequency_penalty != 0 || options.presence_penalty != 0) {
    check_sampling(options);
    if (options.temperature > 0) candidates_.reserve(vocab_size);
    if (changes_logits()) changed_.reserve(vocab_size);
    if (counts_) noted_.reserve(vocab_size), times_.reserve(vocab_size);
  }

  /// \param logits  [vocab]. NaN and minus infinity are never chosen; plus infinity outweighs every finite logit
  /// Throws Error where no token can be chosen.
  TokenId operator()(std::span<const float> logits) {
    const detail::FloatMode mode;
    if (options_.vocab_size != 0) logits = logits.first(std::min(options_.vocab_size, logits.size()));
    if (changes_logits()) logits = changed(logits);
    const TokenId token = choose(logits);
    note(token, 1);
    return token;
  }

  /// Notes the tokens of a prompt, for the repetition penalty.
  void read(std::span<const TokenId> prompt) {
    for (const TokenId token : prompt) note(token, 0);
  }

  /// Draws from now on with the numbers that `other` will draw with, and from a text that holds the same tokens.
  void follow(const Sampler& other) {
    random_ = other.random_;
    if (!counts_) return;
    noted_ = other.noted_;
    times_ = other.times_;
  }

  /// As given.
  const SamplingOptions& options() const noexcept { return options_; }

 private:
  struct Candidate {
    double weight;  // probability relative to the most probable token's, which is exactly 1
    float logit;
    TokenId id;
  };
  /// A total order, so that the tokens kept do not depend on the standard library's selection algorithm.
  static bool ranks_before(const Candidate& a, const Candidate& b) noexcept {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  }

  TokenId choose(std::span<const float> logits) {
    if (options_.temperature == 0) return largest_logit(logits);
    collect(logits);
    if (candidates_.empty()) detail::no_token_to_choose(logits.size());
    keep_top_k(logits);
    weigh();
    keep_top_p();
    keep_min_p();
    keep_typical();
    return draw();
  }

  bool changes_logits() const noexcept { return counts_ || !options_.logit_bias.empty(); }

  void note(TokenId token, std::uint32_t times) {
    if (!counts_ || token < 0) return;
    const auto at = static_cast<std::size_t>(token);
    if (at >= times_.size()) times_.resize(at + 1, never);
    if (times_[at] == never) {
      noted_.push_back(token);
      times_[at] = 0;
    }
    times_[at] += times;
  }

  /// The logits after penalties and biases.
  std::span<const float> changed(std::span<const float> logits) {
    changed_.assign(logits.begin(), logits.end());
    for (const TokenId token : noted_) {
      const auto at = static_cast<std::size_t>(token);
      if (at >= logits.size()) continue;
      double logit = logits[at];
      logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
      logit -= options_.frequency_penalty * times_[at];
      if (times_[at] > 0) logit -= options_.presence_penalty;
      changed_[at] = static_cast<float>(logit);
    }
    for (const LogitBias& b : options_.logit_bias)
      if (b.token >= 0 && static_cast<std::size_t>(b.token) < logits.size()) {
        float& logit = changed_[static_cast<std::size_t>(b.token)];
        logit = static_cast<float>(logit + b.bias);
      }
    return changed_;
  }

  void collect(std::span<const float> logits) {
    candidates_.clear();
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (logits[i] > -std::numeric_limits<float>::infinity())
        candidates_.push_back({0.0, logits[i], static_cast<TokenId>(i)});
  }

  /// nth_element leaves an unspecified order; a second pass restores the order of ids.
  void keep_top_k(std::span<const float> logits) {
    if (options_.top_k == 0 || options_.top_k >= candidates_.size()) return;
    const auto nth = candidates_.begin() + static_cast<std::ptrdiff_t>(options_.top_k - 1);
    std::nth_element(candidates_.begin(), nth, candidates_.end(), ranks_before);
    const Candidate last = *nth;
    collect(logits);
    std::erase_if(candidates_, [&](const Candidate& c) { return ranks_before(last, c); });
  }

  void weigh() noexcept {
    largest_ = -std::numeric_limits<float>::infinity();
    for (const Candidate& c : candidates_) largest_ = std::max(largest_, c.logit);
    for (Candidate& c : candidates_) c.weight = detail::exp_of_negative(log_weight(c));
  }
  double log_weight(const Candidate& c) const noexcept {
    if (c.logit == largest_) return 0;  // infinity minus infinity is NaN
    return (static_cast<double>(c.logit) - static_cast<double>(largest_)) / options_.temperature;
  }

  /// How far a token's surprise is from the entropy. With log(total) on both sides, they are -log_weight and its mean.
  struct Surprise {
    const Sampler* sampler = nullptr;  // null: all are as far
    double mean = 0;
    double distance(const Candidate& c) const noexcept {
      return sampler == nullptr ? 0 : std::abs(sampler->log_weight(c) - mean);
    }
  };

  /// Keeps the fewest tokens that hold a share of the weight: those of the least surprise first, then by rank. Pops
  /// them from a heap; the rest is never sorted.
  void keep_share(double share, const Surprise& surprise) {
    const double enough = share * total_weight();
    const auto after = [&surprise](const Candidate& a, const Candidate& b) {
      const double x = surprise.distance(a), y = surprise.distance(b);
      return x != y ? x > y : ranks_before(b, a);
    };
    std::make_heap(candidates_.begin(), candidates_.end(), after);
    auto kept = candidates_.end();
    for (double sum = 0; sum < enough && kept != candidates_.begin(); sum += kept->weight) {
      std::pop_heap(candidates_.begin(), kept, after);
      --kept;
    }
    candidates_.erase(candidates_.begin(), kept);
  }

  void keep_top_p() {
    if (options_.top_p != 1) keep_share(options_.top_p, {});
  }

  void keep_min_p() {
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < options_.min_p; });
  }

  void keep_typical() {
    if (options_.typical_p == 1) return;
    double mean = 0;
    const double total = total_weight();
    for (const Candidate& c : candidates_)
      if (c.weight > 0) mean += c.weight / total * log_weight(c);
    keep_share(options_.typical_p, {this, mean});
  }

  TokenId draw() noexcept {
    const double target = random_.uniform() * total_weight();  // below the total, which is summed in the same order
    auto at = candidates_.begin();
    for (double sum = at->weight; sum <= target && at + 1 != candidates_.end(); sum += at->weight) ++at;
    return at->id;
  }

  double total_weight() const noexcept {
    double sum = 0;
    for (const Candidate& c : candidates_) sum += c.weight;
    return sum;
  }

  static constexpr std::uint32_t never = ~std::uint32_t{0};

  SamplingOptions options_;
  Random random_;
  float largest_ = 0;
  std::vector<Candidate> candidates_;
  bool counts_;                       // whether a penalty needs to know the tokens of the text
  std::vector<TokenId> noted_;        // each once
  std::vector<std::uint32_t> times_;  // [id]: how often it was drawn; `never`: not even in the prompt
  std::vector<float> changed_;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
