/// Batches of tokens for training or evaluation: the target of each position, the lengths of the rows, and which
/// documents share a row.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A token's id. Range-checked wherever it enters the library.
using TokenId = std::int32_t;

/// The target of one position: the token to be predicted, and the weight of its loss.
struct TokenTarget {
  TokenId id;    ///< the token to be predicted
  float weight;  ///< weight of its loss; never 0
};

/// Optional parts of a batch beside its token ids; each may be empty. Rows are laid out as the ids: [batch, time].
struct BatchParts {
  /// [batch, time]: the target of each position. Empty: the next token of the sequence, so the last position of a
  /// sequence has no target.
  std::vector<TokenId> targets = {};
  /// [batch, time]: weight of the loss at each position, any finite number; 0: no target there. Empty: 1. See
  /// `weights_before`.
  std::vector<float> weights = {};
  /// [batch]: tokens of each row, 1 to time; what follows them is padding, which nothing reads. Empty: time.
  std::vector<std::size_t> lengths = {};
  /// [batch, time]: the number of the document that a token belongs to. A sequence ends where the number changes: it
  /// sees no other sequence of its row, and its positions begin at 0. Empty: each row is one sequence, whatever
  /// documents were packed into it.
  std::vector<std::int32_t> segments = {};
};

/// Rows of tokens: [batch, time]. Without parts, rows have one length, each is one sequence, and each token predicts
/// the next.
class TokenBatch {
 public:
  TokenBatch() = default;
  /// Throws ConfigError when `ids` does not hold batch * time tokens, or a part has another size than it should, a
  /// length that is not 1 to time, or a weight that is not finite.
  TokenBatch(std::size_t batch, std::size_t time, std::vector<TokenId> ids, BatchParts parts = {})
      : batch_(batch), time_(time), ids_(std::move(ids)), parts_(std::move(parts)) {
    // By division: the product of sizes that are too large could wrap around to one that fits.
    if (batch == 0 || time == 0 ? !ids_.empty() : ids_.size() / batch != time || ids_.size() % batch != 0)
      throw ConfigError(
          detail::message("TokenBatch: ", ids_.size(), " ids given, expected batch ", batch, " * time ", time));
    check_parts();
  }

  /// Rows.
  std::size_t batch() const noexcept { return batch_; }
  /// Tokens in each row, padding included.
  std::size_t time() const noexcept { return time_; }
  /// All token ids, row by row.
  std::span<const TokenId> ids() const noexcept { return ids_; }
  /// The tokens of row `b`, padding included.
  std::span<const TokenId> row(std::size_t b) const noexcept {
    return std::span<const TokenId>(ids_).subspan(b * time_, time_);
  }
  /// The optional parts, as given.
  const BatchParts& parts() const noexcept { return parts_; }

  /// Tokens of row `b`, without padding.
  std::size_t length(std::size_t b) const noexcept { return parts_.lengths.empty() ? time_ : parts_.lengths[b]; }
  /// Tokens of all rows, without padding.
  std::size_t tokens() const noexcept {
    std::size_t sum = 0;
    for (std::size_t b = 0; b < batch_; ++b) sum += length(b);
    return sum;
  }
  /// End of the sequence that token t of row b belongs to: one past its last token.
  std::size_t sequence_end(std::size_t b, std::size_t t) const noexcept {
    const std::size_t end = length(b);
    if (parts_.segments.empty()) return end;
    const std::int32_t* segment = parts_.segments.data() + b * time_;
    std::size_t last = t + 1;
    while (last < end && segment[last] == segment[t]) ++last;
    return last;
  }
  /// The target at token t of row b, t < length(b), if it has one.
  std::optional<TokenTarget> target(std::size_t b, std::size_t t) const noexcept {
    const std::size_t at = b * time_ + t;
    const float weight = parts_.weights.empty() ? 1 : parts_.weights[at];
    if (weight == 0) return std::nullopt;
    if (!parts_.targets.empty()) return TokenTarget{parts_.targets[at], weight};
    if (t + 1 >= length(b)) return std::nullopt;
    if (!parts_.segments.empty() && parts_.segments[at] != parts_.segments[at + 1]) return std::nullopt;
    return TokenTarget{ids_[at + 1], weight};
  }
  /// Number of targets in the batch.
  std::size_t targets() const noexcept {
    std::size_t sum = 0;
    for (std::size_t b = 0; b < batch_; ++b)
      for (std::size_t t = 0; t < length(b); ++t) sum += target(b, t).has_value();
    return sum;
  }

 private:
  void check_parts() const {
    check_size("targets", parts_.targets.size(), ids_.size(), "batch * time");
    check_size("weights", parts_.weights.size(), ids_.size(), "batch * time");
    check_size("segments", parts_.segments.size(), ids_.size(), "batch * time");
    check_size("lengths", parts_.lengths.size(), batch_, "batch");
    for (std::size_t b = 0; b < parts_.lengths.size(); ++b)
      if (const std::size_t length = parts_.lengths[b]; length == 0 || length > time_)
        throw ConfigError(detail::message("TokenBatch: row ", b, " has length ", length, ", expected 1 to ", time_));
    for (const float weight : parts_.weights)
      if (!std::isfinite(weight))
        throw ConfigError(detail::message("TokenBatch: a weight is ", static_cast<double>(weight),
                                          ", expected finite numbers, 0 for what is no target"));
  }
  static void check_size(std::string_view part, std::size_t found, std::size_t expected, std::string_view what) {
    if (found != 0 && found != expected)
      throw ConfigError(
          detail::message("TokenBatch: ", found, " ", part, " given, expected none or ", what, ": ", expected));
  }

  std::size_t batch_ = 0, time_ = 0;
  std::vector<TokenId> ids_;
  BatchParts parts_;
};

/// Makes `BatchParts::weights` from weights given per predicted token, as answer masks are: the weight of token t of a
/// row moves to position t - 1, which predicts that token. Both are [batch, time].
inline std::vector<float> weights_before(std::size_t time, std::span<const float> of_tokens) {
  std::vector<float> weights(of_tokens.size());
  for (std::size_t i = 0; i + 1 < of_tokens.size(); ++i)
    if ((i + 1) % time != 0) weights[i] = of_tokens[i + 1];
  return weights;
}

/// Throws TokenError unless 0 <= id < vocab_size.
inline void check_token(TokenId id, std::size_t vocab_size) {
  if (id < 0 || static_cast<std::size_t>(id) >= vocab_size)
    throw TokenError(detail::message("token id ", id, " is outside the vocabulary: expected 0 to ", vocab_size - 1));
}
/// The same for each id.
inline void check_tokens(std::span<const TokenId> ids, std::size_t vocab_size) {
  for (const TokenId id : ids) check_token(id, vocab_size);
}

}}  // namespace bora::BORA_ABI
