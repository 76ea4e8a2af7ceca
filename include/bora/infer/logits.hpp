/// Logits of whole batches, without a session.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/forward.hpp>
#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace bora::inline BORA_ABI {

/// Logits at every position, without a session: [batch, time, vocab]. Row t equals, bit for bit, what a session with an
/// F32 cache says after token t.
template <ModelSpec S, WeightFormat F>
Tensor<typename F::Number, 3> logits(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool = nullptr) {
  using T = typename F::Number;
  using E = std::conditional_t<std::is_same_v<T, double>, F64, F32>;
  detail::check_batch<S>(batch, 1);
  constexpr std::size_t head_rows = 64;
  const std::size_t time = batch.time();
  KeyValueCache<E> cache(LinearCache<E>(), detail::cache_layers<S>(), {time, time, 0, 1});
  detail::Forward<S, F> forward(time, detail::lanes_of(pool), detail::Keep::nothing);
  detail::Head<S, F> head(std::min(time, head_rows));
  Tensor<T, 3> result({batch.batch(), time, S::vocab_size});
  for (std::size_t b = 0; b < batch.batch(); ++b) {
    cache.reset(0);
    cache.append(0, time);
    for (std::size_t t = 0; t < time; ++t) {
      forward.places()[t] = {0, t};
      forward.tokens()[t] = batch.row(b)[t];
    }
    run_gang(pool, [&](const Lane& lane) noexcept {
      forward.run(lane, model, cache, time);
      for (std::size_t first = 0; first < time; first += head_rows) {
        const std::size_t n = std::min(head_rows, time - first);
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

}  // namespace bora::inline BORA_ABI
