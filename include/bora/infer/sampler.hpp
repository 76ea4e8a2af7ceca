/// Draws tokens from logits.
#pragma once
#include <bora/core/float_mode.hpp>
#include <bora/core/random.hpp>
#include <bora/core/tensor.hpp>
#include <bora/simd/rows.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// How a token is drawn. Ids beyond `vocab_size` are left out first; then the filters apply in the order written here,
/// each to what the one before left.
struct SamplingOptions {
  double temperature = 1.0;  ///< divides the logits; 0 always takes the largest
  std::size_t top_k = 0;     ///< keeps the k largest logits; 0 keeps all
  double top_p = 1.0;        ///< keeps the fewest tokens, largest first, that hold this share of probability
                             ///< (Holtzman et al. 2020, §3.1); 1 keeps all
  double min_p = 0.0;        ///< keeps tokens at least this probable relative to the most probable one
                             ///< (Nguyen et al. 2024, §3); 0 keeps all
  std::uint64_t seed = 0;    ///< of the draws: equal seeds and logits give equal tokens
  /// Ids from this one on are never drawn, whatever their logits: for models whose vocabulary is larger than their
  /// tokenizer's, so that ids without text are not drawn. 0, or more than there are logits: all may be drawn.
  std::size_t vocab_size = 0;
};

/// Throws ConfigError unless 0 <= temperature, finite; 0 < top_p <= 1; 0 <= min_p < 1.
inline void check_sampling(const SamplingOptions& options) {
  if (!(options.temperature >= 0 && std::isfinite(options.temperature)))
    throw ConfigError(
        detail::message("temperature is ", options.temperature, ", expected a finite number of 0 or more"));
  if (!(options.top_p > 0 && options.top_p <= 1))
    throw ConfigError(detail::message("top_p is ", options.top_p, ", expected above 0 and at most 1"));
  if (!(options.min_p >= 0 && options.min_p < 1))
    throw ConfigError(detail::message("min_p is ", options.min_p, ", expected at least 0 and below 1"));
}

namespace detail {

[[noreturn]] inline void no_token_to_choose(std::size_t size) {
  throw Error(message("no token can be chosen: all of ", size, " logits are NaN or minus infinity"));
}

}  // namespace detail

/// The largest of `logits` [vocab], ties to the lower id. A NaN is never chosen, nor is minus infinity, which
/// stands for a token that is ruled out. Throws Error where nothing else is left.
inline TokenId largest_logit(std::span<const float> logits) {
  const std::size_t token = simd::largest_index(logits.data(), logits.size());
  if (token == logits.size()) detail::no_token_to_choose(logits.size());
  return static_cast<TokenId>(token);
}

/// Draws tokens as SamplingOptions say. Equal seeds and logits give equal tokens: every sum runs in a fixed
/// order, ties go to the lower id, and each call at a temperature above 0 takes one number of the seed's stream.
/// A call allocates nothing once `vocab_size` logits have room. Copyable: a copy draws what the original would.
class Sampler {
 public:
  /// \param vocab_size  logits to allocate memory for now; 0: the first call allocates
  /// Throws ConfigError, see check_sampling.
  explicit Sampler(const SamplingOptions& options = {}, std::size_t vocab_size = 0)
      : options_(options), random_(options.seed) {
    check_sampling(options);
    if (options.temperature > 0) candidates_.reserve(vocab_size);
  }

  /// \param logits  [vocab]. NaN and minus infinity are never chosen; plus infinity outweighs every finite logit
  /// Throws Error where no token can be chosen.
  TokenId operator()(std::span<const float> logits) {
    const detail::FloatMode mode;
    if (options_.vocab_size != 0) logits = logits.first(std::min(options_.vocab_size, logits.size()));
    if (options_.temperature == 0) return largest_logit(logits);
    collect(logits);
    if (candidates_.empty()) detail::no_token_to_choose(logits.size());
    keep_top_k(logits);
    weigh();
    keep_top_p();
    keep_min_p();
    return draw();
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
    double largest = -std::numeric_limits<double>::infinity();
    for (const Candidate& c : candidates_) largest = std::max<double>(largest, c.logit);
    for (Candidate& c : candidates_) {
      const double logit = c.logit;
      c.weight = logit == largest ? 1.0 : std::exp((logit - largest) / options_.temperature);  // inf - inf is NaN
    }
  }

  /// Pops the most probable tokens from a heap until they hold enough probability; the rest is never sorted.
  void keep_top_p() {
    if (options_.top_p == 1) return;
    const double enough = options_.top_p * total_weight();
    const auto ranks_after = [](const Candidate& a, const Candidate& b) { return ranks_before(b, a); };
    std::make_heap(candidates_.begin(), candidates_.end(), ranks_after);
    auto kept = candidates_.end();
    for (double sum = 0; sum < enough && kept != candidates_.begin(); sum += kept->weight) {
      std::pop_heap(candidates_.begin(), kept, ranks_after);
      --kept;
    }
    candidates_.erase(candidates_.begin(), kept);
  }

  void keep_min_p() {
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < options_.min_p; });
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

  SamplingOptions options_;
  Random random_;
  std::vector<Candidate> candidates_;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
