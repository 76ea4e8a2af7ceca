/// Logits of whole batches, without a session.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <algorithm>
#include <cstddef>

namespace bora { inline namespace BORA_ABI {

/// Logits at every position, without a session: [batch, time, vocab], zeros at padding. Row t equals, bit for bit, the
/// logits that a session with an F32 cache gives after token t of the sequence.
template <ModelSpec S, WeightFormat F>
Tensor<typename F::Number, 3> logits(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool = nullptr) {
  using T = typename F::Number;
  detail::check_batch<S>(batch, 1);
  constexpr std::size_t head_rows = 64;
  const std::size_t time = batch.time();
  detail::BatchShape shape;  // rows are run one at a time
  for (std::size_t b = 0; b < batch.batch(); ++b) shape = shape.joined(detail::shape_of(batch, {b, b + 1}));
  detail::BatchForward<S, F> forward(shape, detail::lanes_of(pool), Keep::nothing);
  detail::Head<S, F> head(std::min(time, head_rows));
  Tensor<T, 3> result({batch.batch(), time, S::vocab_size});
  for (std::size_t b = 0; b < batch.batch(); ++b) {
    forward.place(batch, {b, b + 1});
    run_gang(pool, [&](const Lane& lane) noexcept {
      forward.run(lane, model);
      for (std::size_t first = 0; first < forward.rows(); first += head_rows) {
        const std::size_t n = std::min(head_rows, forward.rows() - first);
        head.run(lane, model, forward.stream(S::layers).from(first), n);
        const Range share = lane.share(n);
        for (std::size_t r = share.begin; r < share.end; ++r)
          std::copy_n(head.logits.row(r), S::vocab_size, result.row(b, first + r).data());
        lane.sync();
      }
    });
  }
  return result;
}

}}  // namespace bora::BORA_ABI
