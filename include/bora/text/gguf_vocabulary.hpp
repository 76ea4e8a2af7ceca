/// The vocabulary that a GGUF file embeds, as `tokenizer.ggml.*` keys give it.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/tokenizer.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Values of `tokenizer.ggml.token_type`.
enum class GgufTokenType : std::int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

/// What the keys of a GGUF file say about its tokenizer, each named after `tokenizer.ggml.<key>`; checked by
/// make_tokenizer, not by who fills it. An absent key is an empty vector, string or optional.
struct GgufVocabulary {
  std::string model;                              ///< "llama" (SentencePiece BPE) or "gpt2" (byte-level BPE)
  std::string pre;                                ///< names the splitting into words of "gpt2": "llama-bpe", "qwen2", …
  std::vector<std::string> tokens;                ///< by id; any bytes
  std::vector<float> scores;                      ///< of each token: "llama"
  std::vector<std::int32_t> token_type;           ///< of each token, see GgufTokenType
  std::vector<std::string> merges;                ///< "a b", in order of rank: "gpt2"
  std::optional<std::uint32_t> bos_token_id;      ///< begins a sequence; "llama": 1 if absent
  std::optional<std::uint32_t> eos_token_id;      ///< ends a sequence; "llama": 2 if absent
  std::optional<std::uint32_t> unknown_token_id;  ///< "llama": 0 if absent
  std::optional<std::uint32_t> padding_token_id;  ///< fills batches
  std::optional<bool> add_bos_token;              ///< if absent: "llama" adds BOS, "gpt2" does not
  std::optional<bool> add_eos_token;              ///< if absent: no
  std::optional<bool> add_space_prefix;           ///< "llama": whether a space goes in front of a text; yes if absent
};

/// A tokenizer with that vocabulary, which encodes as llama.cpp does, to the same ids. Throws ConfigError, with a
/// sentence that names the key, for a model or a splitting that is not known, arrays of other lengths than `tokens`,
/// ids and types out of range, and merges of texts that are no tokens.
inline Tokenizer make_tokenizer(const GgufVocabulary& vocabulary) {
  throw ConfigError(detail::message("tokenizer.ggml.model is '", vocabulary.model, "', which is not read yet"));
}

}}  // namespace bora::BORA_ABI
