/// How the routers of a mixture of experts spread the tokens. Forward only.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Adds to `counts`, [layers][experts], the experts chosen in the last call of `forward`, which must have saved all
/// activations.
template <ModelSpec S, WeightFormat F>
void count_choices(const BatchForward<S, F>& forward, std::vector<std::vector<double>>& counts) {
  using A = Anatomy<S>;
  for (std::size_t l = 0; l < S::layers; ++l)
    A::with_kind(l, [&]<std::size_t kind>() {
      using Policy = typename A::template FeedForward<kind>;
      if constexpr (Policy::experts > 0) {
        const auto& choice = forward.template kept<kind>(l).feed_forward.router.choice;
        for (std::size_t r = 0; r < forward.rows(); ++r)
          for (std::size_t c = 0; c < Policy::choices; ++c)
            if (choice.row(r)[c] >= 0) ++counts[l][static_cast<std::size_t>(choice.row(r)[c])];
      }
    });
}

}  // namespace detail

/// Fraction of a layer's routing decisions that go to each expert on the batches, [layers][experts]: a row sums to 1,
/// an even router gives 1 / experts, and a layer without experts has an empty row. The same for any number of threads.
/// Throws TokenError for ids outside the vocabulary and for no batch at all.
template <ModelSpec S, WeightFormat F>
std::vector<std::vector<double>> expert_shares(const Decoder<S, F>& model, std::span<const TokenBatch> batches,
                                               Executor* pool = nullptr) {
  for (const TokenBatch& batch : batches) detail::check_batch<S>(batch, 1);
  if (batches.empty()) throw TokenError("expert_shares: no batch given, expected at least one");
  const detail::FloatMode mode;
  std::vector<std::vector<double>> shares(S::layers);
  for (std::size_t l = 0; l < S::layers; ++l)
    detail::Anatomy<S>::with_kind(
        l, [&]<std::size_t kind>() { shares[l].resize(detail::Anatomy<S>::template FeedForward<kind>::experts); });
  std::optional<detail::BatchForward<S, F>> forward;
  for (const TokenBatch& batch : batches) {
    const detail::BatchShape shape = detail::shape_of(batch, {0, batch.batch()});
    if (!forward || !forward->shape().holds(shape)) forward.emplace(shape, detail::lanes_of(pool), Keep::everything);
    forward->place(batch);
    run_gang(pool, [&](const Lane& lane) noexcept { forward->run(lane, model); });
    detail::count_choices(*forward, shares);
  }
  for (std::vector<double>& layer : shares) {
    double sum = 0;
    for (const double count : layer) sum += count;
    for (double& count : layer) count /= sum;
  }
  return shares;
}

}}  // namespace bora::BORA_ABI
