/// The simplest vocabulary: a token is a byte.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/text/utf8.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Raw bytes as tokens: id = byte, 256 of them, no BOS, no EOS. `decode(encode(text)) == text`
/// for any bytes.
class ByteTokenizer {
 public:
  /// The bytes.
  static constexpr std::size_t vocab_size() noexcept { return 256; }

  /// One token a byte.
  static std::vector<TokenId> encode(std::string_view text) {
    std::vector<TokenId> ids;
    ids.reserve(text.size());
    for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte));
    return ids;
  }

  /// One byte a token, valid UTF-8 or not. Ids outside 0 .. 255 are no text: a model's vocabulary may be wider.
  static std::string decode(std::span<const TokenId> ids) {
    std::string text;
    text.reserve(ids.size());
    for (const TokenId id : ids)
      if (is_byte(id)) text += static_cast<char>(id);
    return text;
  }

  /// Decodes token by token, whole characters only.
  class Stream {
   public:
    /// See ByteTokenizer::stream.
    explicit Stream(InvalidBytes invalid = InvalidBytes::replace) noexcept : utf8_(invalid) {}

    /// The characters that `id` completes; none for an id outside 0 .. 255, which changes nothing.
    std::string push(TokenId id) {
      if (!is_byte(id)) return {};
      const char byte = static_cast<char>(id);
      return utf8_.push({&byte, 1});
    }
    /// Ends the text: returns bytes of an incomplete character; see Utf8Stream::finish.
    std::string finish() { return utf8_.finish(); }

   private:
    Utf8Stream utf8_;
  };

  /// A decoder of its own for one text.
  static Stream stream(InvalidBytes invalid = InvalidBytes::replace) noexcept { return Stream(invalid); }

  /// Encodes a text that arrives in parts.
  class EncodeStream {
   public:
    /// One token a byte.
    static std::vector<TokenId> push(std::string_view text) { return encode(text); }
    /// Nothing waits.
    static std::vector<TokenId> finish() { return {}; }
  };

  /// An encoder for one text.
  static EncodeStream encode_stream() noexcept { return {}; }

 private:
  static constexpr bool is_byte(TokenId id) noexcept { return id >= 0 && id < 256; }
};

}}  // namespace bora::BORA_ABI
