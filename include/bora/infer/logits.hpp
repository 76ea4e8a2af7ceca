/// Logits of whole batches, without a session.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <algorithm>
#include <cstddef>
#include <span>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Runs the sequences of a batch, one at a time, and calls take(b, t, logits) for every token, on any lane and in any
/// order.
template <ModelSpec S, WeightFormat F, class Take>
void for_each_logits(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool, const Take& take) {
  check_batch<S>(batch, 1);
  constexpr std::size_t group = 64;
  BatchShape shape;  // rows are run one at a time
  for (std::size_t b = 0; b < batch.batch(); ++b) shape = shape.joined(shape_of(batch, {b, b + 1}));
  BatchForward<S, F> forward(shape, lanes_of(pool), Keep::nothing);
  Head<S, F> head(std::min(batch.time(), group));
  for (std::size_t b = 0; b < batch.batch(); ++b) {
    forward.place(batch, {b, b + 1});
    run_gang(pool, [&](const Lane& lane) noexcept {
      forward.run(lane, model);
      for (std::size_t first = 0; first < forward.rows(); first += group) {
        const std::size_t n = std::min(group, forward.rows() - first);
        head.run(lane, model, forward.stream(S::layers).from(first), n);
        const Range share = lane.share(n);
        for (std::size_t r = share.begin; r < share.end; ++r)
          take(b, first + r, std::span<const typename F::Number>(head.logits.row(r), S::vocab_size));
        lane.sync();
      }
    });
  }
}

}  // namespace detail

/// Logits at every position, without a session: [batch, time, vocab], zeros at padding. Row t equals, bit for bit, the
/// logits that a session with an F32 cache gives after token t of the sequence.
template <ModelSpec S, WeightFormat F>
Tensor<typename F::Number, 3> logits(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool = nullptr) {
  using T = typename F::Number;
  Tensor<T, 3> result({batch.batch(), batch.time(), S::vocab_size});
  detail::for_each_logits(model, batch, pool, [&](std::size_t b, std::size_t t, std::span<const T> row) noexcept {
    std::copy(row.begin(), row.end(), result.row(b, t).data());
  });
  return result;
}

}}  // namespace bora::BORA_ABI
