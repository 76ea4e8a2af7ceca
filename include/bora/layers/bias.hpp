/// The option that attention and feed-forward share.
#pragma once
#include <bora/core/abi.hpp>

namespace bora::inline BORA_ABI {

/// Option of attention and feed-forward: every linear layer has a bias.
struct Bias {};

}  // namespace bora::inline BORA_ABI
