/// The forward of whole batches: rows of one length, each from its first token on.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/forward.hpp>
#include <cstddef>
#include <span>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI::detail {

/// A forward with a cache of its own, and the memory for batches of one shape.
template <ModelSpec S, WeightFormat F>
class BatchForward : public Forward<S, F> {
 public:
  using Element = std::conditional_t<std::is_same_v<typename F::Number, double>, F64, F32>;

  BatchForward(std::size_t batch, std::size_t time, std::size_t lanes, Keep keep)
      : Forward<S, F>(batch * time, lanes, keep, keep == Keep::everything ? time : 0),
        batch_(batch),
        time_(time),
        cache_(LinearCache<Element>(), cache_layers<S>(), {time, time, 0, batch}) {}

  std::size_t batch() const noexcept { return batch_; }
  std::size_t time() const noexcept { return time_; }
  std::size_t rows() const noexcept { return batch_ * time_; }
  bool fits(const TokenBatch& batch) const noexcept { return batch.batch() == batch_ && batch.time() == time_; }
  const KeyValueCache<Element>& cache() const noexcept { return cache_; }

  /// \param ids  of the next run, [batch, time]
  void place(std::span<const TokenId> ids) {
    for (std::size_t b = 0; b < batch_; ++b) {
      cache_.reset(b);
      cache_.append(b, time_);
      for (std::size_t t = 0; t < time_; ++t) {
        this->places()[b * time_ + t] = {b, t};
        this->tokens()[b * time_ + t] = ids[b * time_ + t];
      }
    }
  }
  void run(const Lane& lane, const Decoder<S, F>& model) noexcept { Forward<S, F>::run(lane, model, cache_, rows()); }

 private:
  std::size_t batch_, time_;
  KeyValueCache<Element> cache_;
};

}  // namespace bora::inline BORA_ABI::detail
BORA_AFTER_NAMESPACE();
