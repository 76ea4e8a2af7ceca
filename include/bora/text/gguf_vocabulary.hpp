/// The vocabulary that a GGUF file embeds, as `tokenizer.ggml.*` keys give it.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/byte_alphabet.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <bora/text/known_patterns.hpp>
#include <bora/text/piece_index.hpp>
#include <bora/text/token_table.hpp>
#include <bora/text/tokenizer.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

/// What the keys of a GGUF file say about its tokenizer, each member named after its key (tokenizer.ggml.tokens, …);
/// checked by make_tokenizer, not by who fills it. An absent key is an empty vector, string or optional.
struct GgufVocabulary {
  std::string model = {};                     ///< "llama" (SentencePiece BPE) or "gpt2" (byte-level BPE)
  std::string pre = {};                       ///< names the splitting into words of "gpt2": "llama-bpe", "qwen2", …
  std::vector<std::string> tokens = {};       ///< by id; any bytes
  std::vector<float> scores = {};             ///< of each token: "llama"
  std::vector<std::int32_t> token_type = {};  ///< of each token, see GgufTokenType
  std::vector<std::string> merges = {};       ///< "a b", in order of rank: "gpt2"
  std::optional<std::uint32_t> bos_token_id = {};      ///< begins a sequence; "llama": 1 if absent
  std::optional<std::uint32_t> eos_token_id = {};      ///< ends a sequence; "llama": 2 if absent
  std::optional<std::uint32_t> unknown_token_id = {};  ///< "llama": 0 if absent
  std::optional<std::uint32_t> padding_token_id = {};  ///< fills batches
  std::optional<bool> add_bos_token = {};              ///< if absent: "llama" adds BOS, "gpt2" does not
  std::optional<bool> add_eos_token = {};              ///< if absent: no
  std::optional<bool> add_space_prefix = {};  ///< "llama": whether a space goes in front of a text; yes if absent
};

namespace detail {

/// Builds a tokenizer of either model and refuses what contradicts.
class GgufTokenizer {
 public:
  explicit GgufTokenizer(const GgufVocabulary& vocabulary) : v_(vocabulary) {
    if (v_.tokens.empty()) refuse("tokens", "is missing or empty, expected a text for each id");
    if (v_.tokens.size() >= static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
      refuse("tokens", message("has ", v_.tokens.size(), " entries, expected as many as ids can count"));
    if (!v_.token_type.empty() && v_.token_type.size() != v_.tokens.size())
      refuse("token_type", message("has ", v_.token_type.size(), " entries, expected ", v_.tokens.size(),
                                   ", one for each of tokens"));
    for (std::size_t id = 0; id < v_.token_type.size(); ++id)
      if (v_.token_type[id] < 1 || v_.token_type[id] > 6)
        refuse("token_type", message("is ", v_.token_type[id], " for token ", id, ", expected 1 to 6"));
  }

  Tokenizer make() const {
    if (v_.model == "llama") return sentencepiece();
    if (v_.model == "gpt2") return byte_level();
    refuse("model", message("is ", legible_piece(v_.model), ", expected 'llama' or 'gpt2'"));
  }

 private:
  [[noreturn]] static void refuse(std::string_view key, const std::string& why) {
    throw ConfigError(message("key 'tokenizer.ggml.", key, "' ", why));
  }
  GgufTokenType type(std::size_t id) const noexcept {
    return v_.token_type.empty() ? GgufTokenType::normal : static_cast<GgufTokenType>(v_.token_type[id]);
  }
  bool special(std::size_t id) const noexcept {
    return type(id) == GgufTokenType::control || type(id) == GgufTokenType::unknown;
  }
  std::optional<TokenId> checked(std::string_view key, std::optional<std::uint32_t> id) const {
    if (!id) return std::nullopt;
    if (*id >= v_.tokens.size())
      refuse(key, message("is ", *id, ", expected one below ", v_.tokens.size(), ", the number of tokens"));
    return static_cast<TokenId>(*id);
  }
  /// Llama 2's ids where the keys are missing, if those are control tokens.
  std::optional<TokenId> llama_id(std::string_view key, std::optional<std::uint32_t> id,
                                  std::uint32_t otherwise) const {
    if (id) return checked(key, id);
    return otherwise < v_.tokens.size() && special(otherwise) ? std::optional(static_cast<TokenId>(otherwise))
                                                              : std::nullopt;
  }
  TokenizerFacts facts(std::string kind) const {
    return {.kind = std::move(kind),
            .bos = checked("bos_token_id", v_.bos_token_id),
            .eos = checked("eos_token_id", v_.eos_token_id),
            .unknown = checked("unknown_token_id", v_.unknown_token_id),
            .padding = checked("padding_token_id", v_.padding_token_id),
            .adds_bos = v_.add_bos_token.value_or(false),
            .adds_eos = v_.add_eos_token.value_or(false)};
  }

  Tokenizer sentencepiece() const {
    if (v_.scores.size() != v_.tokens.size())
      refuse("scores",
             message("has ", v_.scores.size(), " entries, expected ", v_.tokens.size(), ", one for each of tokens"));
    TokenizerFacts facts = this->facts("GGUF SentencePiece BPE");
    facts.bos = llama_id("bos_token_id", v_.bos_token_id, 1);
    facts.eos = llama_id("eos_token_id", v_.eos_token_id, 2);
    facts.unknown = llama_id("unknown_token_id", v_.unknown_token_id, 0);
    facts.adds_bos = v_.add_bos_token.value_or(facts.bos.has_value());
    const bool prefix = v_.add_space_prefix.value_or(true);
    BpeVocabulary vocabulary{.pieces = v_.tokens,
                             .merges = {},
                             .special_tokens = {},
                             .leading_space = prefix ? LeadingSpace::added : LeadingSpace::never,
                             .decoded_space = prefix ? DecodedSpace::drop_one : DecodedSpace::keep,
                             .scores = v_.scores,
                             .unknown_token = "",
                             .bos_token = "",
                             .eos_token = "",
                             .byte_fallback = false};
    for (std::size_t id = 0; id < v_.tokens.size(); ++id) {
      const std::string& token = v_.tokens[id];
      if (token.empty()) continue;
      if (special(id)) vocabulary.special_tokens.push_back(token);
      if (type(id) == GgufTokenType::user_defined)
        vocabulary.added_tokens.push_back(
            {.id = static_cast<TokenId>(id), .content = bpe_spaced(token), .special = false});
    }
    if (facts.unknown) vocabulary.unknown_token = v_.tokens[static_cast<std::size_t>(*facts.unknown)];
    if (vocabulary.unknown_token.empty()) vocabulary.byte_fallback = true;  // there must be all bytes
    return Tokenizer(std::make_shared<const BpeCore>(BpeTokenizer(vocabulary))).with(std::move(facts));
  }

  Tokenizer byte_level() const {
    ByteLevelVocabulary vocabulary;
    vocabulary.tokens.resize(v_.tokens.size());
    for (std::size_t id = 0; id < v_.tokens.size(); ++id) {
      const bool user_defined = type(id) == GgufTokenType::user_defined;
      if ((special(id) || user_defined) && !v_.tokens[id].empty())
        vocabulary.added_tokens.push_back(
            {.id = static_cast<TokenId>(id), .content = v_.tokens[id], .special = !user_defined});
      else
        vocabulary.tokens[id] = ByteAlphabet::get().bytes(v_.tokens[id]).value_or("");
    }
    vocabulary.merges = token_merges(vocabulary.tokens);
    const NamedSplitting& named = splitting();
    vocabulary.splitter = make_splitter(named);
    vocabulary.ignore_merges = named.ignores_merges;
    vocabulary.facts = facts("GGUF byte-level BPE");
    if (!v_.add_bos_token) vocabulary.facts.adds_bos = named.adds_bos && vocabulary.facts.bos.has_value();
    return make_tokenizer(std::move(vocabulary));
  }
  const NamedSplitting& splitting() const {
    const std::string_view name = v_.pre.empty() ? std::string_view("default") : std::string_view(v_.pre);
    for (const NamedSplitting& known : named_splittings)
      if (known.has_name(name)) return known;
    refuse("pre", message("is ", legible_piece(v_.pre), ", a splitting into words that is not known"));
  }
  std::vector<TokenMerge> token_merges(const std::vector<std::string>& tokens) const {
    const TokenTable table(tokens, [](std::size_t) { return true; });
    std::vector<TokenMerge> merges;
    for (const std::string& merge : v_.merges) {
      const std::size_t space = merge.find(' ', 1);
      const std::string name = message("entry ", merges.size(), " is ", legible_piece(merge));
      if (space == merge.npos || space + 1 == merge.size())
        refuse("merges", message(name, ", expected two tokens with a space between"));
      const std::string left = ByteAlphabet::get().bytes(merge.substr(0, space)).value_or("");
      const std::string right = ByteAlphabet::get().bytes(merge.substr(space + 1)).value_or("");
      const TokenId a = table.find(left), b = table.find(right), joined = table.find(left + right);
      if (a < 0 || b < 0 || joined < 0)
        refuse("merges", message(name, ", expected two of tokens that together are another"));
      merges.push_back({a, b, joined, static_cast<std::uint32_t>(merges.size())});
    }
    return merges;
  }

  const GgufVocabulary& v_;
};

}  // namespace detail

/// A tokenizer with that vocabulary, which encodes as llama.cpp does, to the same ids. Throws ConfigError, with a
/// sentence that names the key, for a model or a splitting that is not known, arrays of other lengths than `tokens`,
/// ids and types out of range, and merges of texts that are no tokens.
inline Tokenizer make_tokenizer(const GgufVocabulary& vocabulary) { return detail::GgufTokenizer(vocabulary).make(); }

}}  // namespace bora::BORA_ABI
