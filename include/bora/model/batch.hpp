/// Checks of a batch before it is processed, and how it is divided into the rows of a forward pass.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/spec.hpp>
#include <algorithm>
#include <cstddef>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Calls f(row, begin, end) for each sequence of the rows of a batch: its tokens [begin, end).
template <class F>
void for_sequences(const TokenBatch& batch, Range rows, F&& f) {
  for (std::size_t b = rows.begin; b < rows.end; ++b)
    for (std::size_t t = 0, end; t < batch.length(b); t = end) {
      end = batch.sequence_end(b, t);
      f(b, t, end);
    }
}

/// Sizes of a forward pass over rows of a batch.
struct BatchShape {
  std::size_t rows = 0;       ///< of the forward: tokens, padding counted
  std::size_t longest = 0;    ///< tokens of a sequence at most
  std::size_t sequences = 0;  ///< at most

  bool holds(const BatchShape& other) const noexcept {
    return other.rows <= rows && other.longest <= longest && other.sequences <= sequences;
  }
  /// A shape large enough for both. The number of sequences grows by doubling, since it varies from batch to batch.
  BatchShape joined(const BatchShape& other) const noexcept {
    return {std::max(rows, other.rows), std::max(longest, other.longest),
            other.sequences <= sequences ? sequences : std::max(2 * sequences, other.sequences)};
  }
};
inline BatchShape shape_of(const TokenBatch& batch, Range rows) {
  BatchShape shape{rows.size() * batch.time(), batch.time(), rows.size()};
  if (batch.parts().segments.empty()) return shape;
  shape.sequences = 0;
  for_sequences(batch, rows, [&](std::size_t, std::size_t, std::size_t) { ++shape.sequences; });
  return shape;
}

/// Throws unless the batch fits the model: ids in range, at least `least_time` tokens a row, sequences within learned
/// positions.
template <ModelSpec S>
void check_batch(const TokenBatch& batch, std::size_t least_time) {
  if (batch.batch() == 0 || batch.time() < least_time)
    throw TokenError(message("a batch of ", batch.batch(), " rows of ", batch.time(),
                             " tokens is too small: expected at least ", "1 row of ", least_time));
  for_sequences(batch, {0, batch.batch()}, [&](std::size_t b, std::size_t begin, std::size_t end) {
    if (Anatomy<S>::positions_learned && end - begin > S::context)
      throw CapacityError(
          message("rows of ", end - begin, " tokens do not fit the model's ", S::context, " learned positions"));
    check_tokens(batch.row(b).subspan(begin, end - begin), S::vocab_size);
  });
}

/// The same for a batch to train on or to evaluate. It may have no target if other batches of the step have one.
template <ModelSpec S>
void check_targets(const TokenBatch& batch) {
  const bool given = !batch.parts().targets.empty();
  check_batch<S>(batch, given ? 1 : 2);
  if (!given) return;
  for (std::size_t b = 0; b < batch.batch(); ++b)
    for (std::size_t t = 0; t < batch.length(b); ++t)
      if (const auto target = batch.target(b, t)) check_token(target->id, S::vocab_size);
}

/// Rows of a batch whose logits are in memory at a time.
inline constexpr std::size_t head_rows = 256;

}}}  // namespace bora::BORA_ABI::detail
