/// Encoding a text that arrives in parts.
#pragma once
#include <bora/core/tensor.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Encodes a text that arrives in parts, to the ids of the whole. Comes from a tokenizer's `encode_stream`, and the
/// tokenizer must outlive it.
template <class Encoder>
class EncodeStream {
 public:
  /// See BpeTokenizer::encode_stream and Llama2cTokenizer::encode_stream.
  explicit EncodeStream(Encoder encoder) : encoder_(std::move(encoder)) {}

  /// Appends a part and returns the ids that no later part can change. A part may end within a character.
  std::vector<TokenId> push(std::string_view text) {
    std::vector<TokenId> ids;
    encoder_.push(text, ids);
    return ids;
  }
  /// Ends the text and returns its last ids. The stream can then be reused.
  std::vector<TokenId> finish() {
    std::vector<TokenId> ids;
    encoder_.finish(ids);
    return ids;
  }

 private:
  Encoder encoder_;
};

}}  // namespace bora::BORA_ABI
