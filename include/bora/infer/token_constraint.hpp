/// What a text may consist of, told token by token.
#pragma once
#include <bora/core/tensor.hpp>
#include <functional>
#include <span>

namespace bora { inline namespace BORA_ABI {

/// Rules out the tokens that must not come next: a grammar, a list of answers. One object follows one text.
class TokenConstraint {
 public:
  TokenConstraint() = default;
  virtual ~TokenConstraint() = default;

  /// Makes the logits [vocab] of tokens that must not come next minus infinity.
  virtual void mask(std::span<float> logits) = 0;
  /// Tells it of the token that was drawn.
  virtual void accept(TokenId token) = 0;
  /// Whether the text is complete and nothing may follow: it ends here.
  virtual bool complete() const = 0;

 protected:
  /// Only derived types are copied, as a whole.
  TokenConstraint(const TokenConstraint&) = default;
  TokenConstraint& operator=(const TokenConstraint&) = default;
};

/// Called before each draw with the tokens drawn so far and the logits [vocab], which it may change.
using LogitFunction = std::function<void(std::span<const TokenId> drawn, std::span<float> logits)>;

}}  // namespace bora::BORA_ABI
