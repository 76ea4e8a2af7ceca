/// Factors of the token embedding where it enters the residual stream.
#pragma once
#include <bora/core/abi.hpp>
#include <bora/layers/policy_description.hpp>
#include <cmath>
#include <concepts>
#include <cstddef>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// The embedding as it is.
struct NoEmbeddingScale {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NoEmbeddingScale> = {}) { return PolicyDescription("NoEmbeddingScale"); }
};

/// The embedding times sqrt(dim), rounded to F32 whatever the weights' format (Gemma). A tied head is not scaled.
struct RootOfWidth {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<RootOfWidth> = {}) { return PolicyDescription("RootOfWidth"); }
  /// The factor, for a residual stream of width `dim`.
  static float factor(std::size_t dim) noexcept { return static_cast<float>(std::sqrt(static_cast<double>(dim))); }
};

/// A policy that scales: `factor(dim)`.
template <class P>
concept ScalesEmbedding = requires(std::size_t dim) {
  { P::factor(dim) } noexcept -> std::convertible_to<double>;
};
/// A factor of the embedding, or none.
template <class P>
concept EmbeddingScalePolicy = std::same_as<P, NoEmbeddingScale> || ScalesEmbedding<P>;

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
