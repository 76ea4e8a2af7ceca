/// How the routers of a mixture of experts spread the tokens. Forward only.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/forward.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace bora::inline BORA_ABI {

namespace detail {

/// The memory of watching the routers on batches of one shape: a forward that keeps what each layer chose.
template <ModelSpec S, WeightFormat F>
class RoutingPass {
 public:
  using A = Anatomy<S>;
  using Element = std::conditional_t<std::is_same_v<typename F::Number, double>, F64, F32>;

  RoutingPass(std::size_t batch, std::size_t time, std::size_t lanes)
      : batch_(batch),
        time_(time),
        cache_(LinearCache<Element>(), cache_layers<S>(), {time, time, 0, batch}),
        forward_(batch * time, lanes, Keep::everything, time) {}

  bool fits(const TokenBatch& batch) const noexcept { return batch.batch() == batch_ && batch.time() == time_; }

  /// Adds the choices of the batch to `counts`, [layers][experts].
  void count(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool,
             std::vector<std::vector<double>>& counts) {
    for (std::size_t r = 0; r < rows(); ++r) {
      if (r % time_ == 0) {
        cache_.reset(r / time_);
        cache_.append(r / time_, time_);
      }
      forward_.places()[r] = {r / time_, r % time_};
      forward_.tokens()[r] = batch.ids()[r];
    }
    run_gang(pool, [&](const Lane& lane) noexcept { forward_.run(lane, model, cache_, rows()); });
    for (std::size_t l = 0; l < S::layers; ++l)
      A::with_kind(l, [&]<std::size_t kind>() {
        using Policy = typename A::template FeedForward<kind>;
        if constexpr (Policy::experts > 0) {
          const auto& choice = forward_.template kept<kind>(l).feed_forward.choice;
          for (std::size_t r = 0; r < rows(); ++r)
            for (std::size_t c = 0; c < Policy::choices; ++c) ++counts[l][static_cast<std::size_t>(choice.row(r)[c])];
        }
      });
  }

 private:
  std::size_t rows() const noexcept { return batch_ * time_; }

  std::size_t batch_, time_;
  KeyValueCache<Element> cache_;
  Forward<S, F> forward_;
};

}  // namespace detail

/// Which share of a layer's choices each expert gets on the batches, [layers][experts]: a row sums to 1, an even router
/// gives 1 / experts, and a layer without experts has an empty row. The same for any number of threads. Throws
/// TokenError for ids outside the vocabulary and for no batch at all.
template <ModelSpec S, WeightFormat F>
std::vector<std::vector<double>> expert_shares(const Decoder<S, F>& model, std::span<const TokenBatch> batches,
                                               Executor* pool = nullptr) {
  for (const TokenBatch& batch : batches) detail::check_batch<S>(batch, 1);
  if (batches.empty()) throw TokenError("expert_shares: no batch given, expected at least one");
  std::vector<std::vector<double>> shares(S::layers);
  for (std::size_t l = 0; l < S::layers; ++l)
    detail::Anatomy<S>::with_kind(
        l, [&]<std::size_t kind>() { shares[l].resize(detail::Anatomy<S>::template FeedForward<kind>::experts); });
  std::optional<detail::RoutingPass<S, F>> pass;
  for (const TokenBatch& batch : batches) {
    if (!pass || !pass->fits(batch)) pass.emplace(batch.batch(), batch.time(), detail::lanes_of(pool));
    pass->count(model, batch, pool, shares);
  }
  for (std::vector<double>& layer : shares) {
    double sum = 0;
    for (const double count : layer) sum += count;
    for (double& count : layer) count /= sum;
  }
  return shares;
}

}  // namespace bora::inline BORA_ABI
