/// Mistral's `tekken.json`: byte-level BPE by the rank of tokens.
#pragma once
#include <bora/io/json.hpp>
#include <bora/text/base64.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <bora/text/text_pattern.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/word_pattern.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Reads one file.
class TekkenFile {
 public:
  TekkenFile(const std::filesystem::path& file, const PatternCompiler& patterns)
      : file_(file), root_(read_json(file)), config_(require_object(root_, "config", file)), patterns_(patterns) {
    special_ = require_size(config_, "default_num_special_tokens", file_, "config");
    size_ = require_size(config_, "default_vocab_size", file_, "config");
    constexpr std::size_t most = 10'000'000;
    if (special_ > size_ || size_ > most)
      refuse("key 'config.default_num_special_tokens' is ", special_, " and 'config.default_vocab_size' ", size_,
             ", expected the first not above the second, and that not above ", most);
  }

  Tokenizer read() const {
    ByteLevelVocabulary vocabulary;
    vocabulary.tokens.resize(special_);
    read_tokens(vocabulary.tokens);
    std::vector<std::uint32_t> ranks(vocabulary.tokens.size());
    for (std::size_t id = special_; id < ranks.size(); ++id) ranks[id] = static_cast<std::uint32_t>(id - special_);
    vocabulary.merges = merges_by_rank(vocabulary.tokens, ranks);
    vocabulary.ignore_merges = true;
    vocabulary.added_tokens = special_tokens();
    vocabulary.splitter = Splitter({{.pattern = pattern()}});
    vocabulary.facts.kind = "tekken";
    read_ends(vocabulary);
    try {
      return make_tokenizer(std::move(vocabulary));
    } catch (const ConfigError& error) {
      refuse(error.what());
    }
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(file_, parts...);
  }

  /// Those that the vocabulary has room for; the file may hold more.
  void read_tokens(std::vector<std::string>& tokens) const {
    const Json& list = require_array(root_, "vocab", file_);
    const std::size_t count = std::min(list.size(), size_ - special_);
    for (std::size_t rank = 0; rank < count; ++rank) {
      const std::string parent = message("vocab[", rank, "]");
      if (!list[rank].is_object())
        refuse("key ", json_path("", parent), " is ", json_kind(list[rank]), ", expected an object");
      if (const std::size_t own = require_size(list[rank], "rank", file_, parent); own != rank)
        refuse("key ", json_path(parent, "rank"), " is ", own, ", expected ", rank, ": tokens are in order of rank");
      const std::optional<std::string> bytes = from_base64(require_string(list[rank], "token_bytes", file_, parent));
      if (!bytes || bytes->empty()) refuse("key ", json_path(parent, "token_bytes"), " is no base64 of a token");
      if (rank < 256 && bytes->size() != 1)
        refuse("key ", json_path(parent, "token_bytes"), " has ", bytes->size(),
               " bytes, expected one: the first 256 "
               "tokens are the bytes");
      tokens.push_back(*bytes);
    }
  }
  std::shared_ptr<const TextPattern> pattern() const {
    const std::string text = require_string(config_, "pattern", file_, "config");
    if (auto known = word_pattern(text)) return known;
    if (patterns_)
      if (auto compiled = patterns_(text)) return compiled;
    refuse("key 'config.pattern' is ", printable(text),
           patterns_ ? ", expected one that PCRE2 knows" : ", which takes PCRE2: this program was built without it");
  }

  /// Files of version 7 and later list them; older ones have those of Mistral Nemo.
  std::vector<AddedToken> special_tokens() const {
    std::vector<AddedToken> all;
    if (const Json* list = optional_array(root_, "special_tokens", file_)) {
      for (const Json& token : *list) {
        const std::string parent = message("special_tokens[", all.size(), "]");
        all.push_back({.id = static_cast<TokenId>(checked_rank(token, parent)),
                       .content = require_string(token, "token_str", file_, parent)});
      }
      return all;
    }
    constexpr const char* names[] = {"<unk>",
                                     "<s>",
                                     "</s>",
                                     "[INST]",
                                     "[/INST]",
                                     "[AVAILABLE_TOOLS]",
                                     "[/AVAILABLE_TOOLS]",
                                     "[TOOL_RESULTS]",
                                     "[/TOOL_RESULTS]",
                                     "[TOOL_CALLS]",
                                     "[IMG]",
                                     "<pad>",
                                     "[IMG_BREAK]",
                                     "[IMG_END]",
                                     "[PREFIX]",
                                     "[MIDDLE]",
                                     "[SUFFIX]"};
    for (const char* name : names)
      if (all.size() < special_) all.push_back({.id = static_cast<TokenId>(all.size()), .content = name});
    return all;
  }
  std::size_t checked_rank(const Json& token, const std::string& parent) const {
    const std::size_t rank = require_size(token, "rank", file_, parent);
    if (rank >= special_) refuse("key ", json_path(parent, "rank"), " is ", rank, ", expected one below ", special_);
    return rank;
  }
  static void read_ends(ByteLevelVocabulary& vocabulary) {
    for (const AddedToken& token : vocabulary.added_tokens) {
      if (token.content == "<s>") vocabulary.facts.bos = token.id;
      if (token.content == "</s>") vocabulary.facts.eos = token.id;
      if (token.content == "<unk>") vocabulary.facts.unknown = token.id;
      if (token.content == "<pad>") vocabulary.facts.padding = token.id;
    }
    vocabulary.facts.adds_bos = vocabulary.facts.bos.has_value();
  }

  const std::filesystem::path& file_;
  Json root_;
  const Json& config_;
  const PatternCompiler& patterns_;
  std::size_t special_ = 0, size_ = 0;
};

}  // namespace detail

/// Reads a `tekken.json`. Control tokens are plain text unless EncodeOptions::added asks for all. Throws FileError,
/// naming the key, for sizes that contradict, tokens out of order and patterns that are not known.
inline Tokenizer read_tekken(const std::filesystem::path& file, const PatternCompiler& patterns = {}) {
  return detail::TekkenFile(file, patterns).read();
}

}}  // namespace bora::BORA_ABI
