/// Options of attention and feed-forward: biases.
#pragma once
#include <bora/layers/policy_description.hpp>

namespace bora { inline namespace BORA_ABI {

/// Option of attention: query, key and value have a bias, the output has none (Qwen 2).
struct QkvBias {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<QkvBias> = {}) { return PolicyDescription("QkvBias"); }
};

/// Option of attention and feed-forward: every linear layer has a bias.
struct Bias {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Bias> = {}) { return PolicyDescription("Bias"); }
};

}}  // namespace bora::BORA_ABI
