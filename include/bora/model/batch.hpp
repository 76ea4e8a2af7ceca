/// What a batch must fulfil before it is worked on.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/spec.hpp>
#include <algorithm>
#include <cstddef>

namespace bora::inline BORA_ABI::detail {

/// Throws unless the batch fits the model: ids in range, at least `least_time` tokens a row, within learned positions.
template <ModelSpec S>
void check_batch(const TokenBatch& batch, std::size_t least_time) {
  if (batch.batch() == 0 || batch.time() < least_time)
    throw TokenError(message("a batch of ", batch.batch(), " rows of ", batch.time(),
                             " tokens is too small: expected at least ", "1 row of ", least_time));
  if (Anatomy<S>::positions_learned && batch.time() > S::context)
    throw CapacityError(
        message("rows of ", batch.time(), " tokens do not fit the model's ", S::context, " learned positions"));
  check_tokens(batch.ids(), S::vocab_size);
}

/// Predictions that a batch's loss is the mean of: each token of a row predicts the next one, the last of a row
/// nothing.
inline std::size_t predictions_of(const TokenBatch& batch) noexcept {
  return batch.time() == 0 ? 0 : batch.batch() * (batch.time() - 1);
}

/// Rows of a batch whose logits are in memory at a time.
inline constexpr std::size_t head_rows = 256;

}  // namespace bora::inline BORA_ABI::detail
