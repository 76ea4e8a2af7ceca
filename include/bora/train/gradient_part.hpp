/// Partial sums of a step's gradients, which accumulate micro-batches and which ranks exchange.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/model/parameters.hpp>
#include <bora/simd/rows.hpp>
#include <bora/train/objective.hpp>
#include <cstddef>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// The gradients of the micro-batches [first, first + count) of a step: a node of the fixed tree that they are summed
/// in. Sums, not means.
template <ModelSpec S, class T>
struct GradientPart {
  std::size_t first = 0;         ///< the number of its first micro-batch in the step
  std::size_t count = 0;         ///< a power of two that divides `first`
  LossSum loss;                  ///< of these micro-batches
  Parameters<S, T> gradients{};  ///< d loss.loss / d parameter, plus the load-balancing loss's times its coefficient
};

namespace detail {

/// to += from, on all lanes.
template <ModelSpec S, class T>
void add_parameters(Executor* pool, const Parameters<S, T>& from, Parameters<S, T>& to) {
  run_gang(pool, [&](const Lane& lane) noexcept {
    const Range share = lane.share(to.values().size(), simd::block_lanes);
    T* out = to.values().data() + share.begin;
    simd::add(out, from.values().data() + share.begin, out, share.size());
  });
}

}  // namespace detail
}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
