/// The stages of a `tokenizer.json` around its model: normalizer, pre_tokenizer, post_processor.
#pragma once
#include <bora/io/json.hpp>
#include <bora/io/tokenizer_json_parts.hpp>
#include <bora/text/base64.hpp>
#include <bora/text/known_patterns.hpp>
#include <bora/text/normalizer.hpp>
#include <bora/text/splitter.hpp>
#include <bora/text/text_pattern.hpp>
#include <bora/text/tokenizer_core.hpp>
#include <bora/text/word_pattern.hpp>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A text as a pattern that matches it alone.
inline std::string escaped_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\.^$|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// Reads the stages of one file.
class TokenizerJsonStages : protected TokenizerJson {
 public:
  TokenizerJsonStages(const std::filesystem::path& file, const Json& root, const PatternCompiler& patterns)
      : TokenizerJson(file, root), patterns_(patterns) {}

 protected:
  Normalizer normalizer() const {
    std::vector<Normalizer::Step> all;
    for (const Json* step : steps("normalizer", "normalizers")) all.push_back(normalizer_step(*step));
    return Normalizer(std::move(all));
  }

  /// What `pre_tokenizer` does; a Metaspace is none of its steps.
  struct Words {
    std::vector<SplitStep> steps;
    bool prefix_space = false;
  };
  Words words() const {
    Words words;
    for (const Json* step : steps("pre_tokenizer", "pretokenizers")) add_words(*step, words);
    return words;
  }

  /// The tokens that `post_processor` puts around a text.
  void read_template(TokenizerFacts& facts) const {
    for (const Json* step : steps("post_processor", "processors")) {
      const std::string type = type_of(step);
      if (type == "TemplateProcessing")
        read_single(*step, facts);
      else if (type == "RobertaProcessing" || type == "BertProcessing")
        read_pair(*step, facts);
      else if (type != "ByteLevel")
        refuse("key 'post_processor' holds ", shown(step), ", expected a TemplateProcessing or ByteLevel");
    }
  }

  std::vector<AddedToken> added_tokens(const std::vector<std::string>& pieces) const {
    std::vector<AddedToken> all;
    const Json* list = optional_array(root_, "added_tokens", file_);
    if (list == nullptr) return all;
    const Json& vocab = *find_json(require_object(root_, "model", file_), "vocab");
    for (const Json& added : *list) {
      const std::string parent = message("added_tokens[", all.size(), "]");
      if (!added.is_object()) refuse("key ", json_path("", parent), " is ", json_kind(added), ", expected an object");
      all.push_back(added_token(added, parent));
      if (vocab.is_object()) check_added_token(all.back(), vocab, pieces, parent);
    }
    check_ids(all);
    return all;
  }

 private:
  Normalizer::Step normalizer_step(const Json& step) const {
    const std::string type = type_of(&step);
    if (type == "NFC") return CanonicalForm::composed;
    if (type == "NFD") return CanonicalForm::decomposed;
    if (type == "Prepend") return PrependStep{require_string(step, "prepend", file_, "normalizer")};
    if (type == "Strip")
      return StripStep{optional_bool(step, "strip_left", file_, "normalizer").value_or(true),
                       optional_bool(step, "strip_right", file_, "normalizer").value_or(true)};
    if (type == "Replace") {
      const Json& pattern = require_object(step, "pattern", file_, "normalizer");
      ReplaceStep replace{optional_string(pattern, "String", file_, "normalizer.pattern").value_or(""),
                          require_string(step, "content", file_, "normalizer")};
      if (!replace.from.empty()) return replace;
    }
    if (type == "Precompiled") return character_map(step);
    refuse("key 'normalizer' holds ", shown(&step),
           ", expected NFC, NFD, Prepend, Strip, Replace of a String, or Precompiled");
  }
  std::shared_ptr<const CharacterMap> character_map(const Json& step) const {
    const std::string text = require_string(step, "precompiled_charsmap", file_, "normalizer");
    const std::optional<std::string> bytes = from_base64(text);
    if (!bytes) refuse("key 'normalizer.precompiled_charsmap' is no base64");
    try {
      return std::make_shared<const CharacterMap>(*bytes);
    } catch (const ConfigError& error) {
      refuse("key 'normalizer.precompiled_charsmap': ", error.what());
    }
  }

  std::shared_ptr<const TextPattern> pattern(const std::string& text) const {
    if (auto known = word_pattern(text)) return known;
    if (patterns_)
      if (auto compiled = patterns_(text)) return compiled;
    refuse("key 'pre_tokenizer' cuts texts by the pattern ", printable(text),
           patterns_ ? ", expected one that PCRE2 knows" : ", which takes PCRE2: this program was built without it");
  }
  void add_words(const Json& step, Words& words) const {
    const std::string type = type_of(&step);
    const auto flag = [&](const char* key, bool otherwise) {
      return optional_bool(step, key, file_, "pre_tokenizer").value_or(otherwise);
    };
    const auto add = [&](const std::string& text, SplitBehavior behavior, bool inverted = false) {
      words.steps.push_back({pattern(text), behavior, inverted});
    };
    if (type == "Split")
      add(split_pattern(step), split_behavior(step, SplitBehavior::isolated), flag("invert", false));
    else if (type == "Digits")
      add(R"(\p{N})", flag("individual_digits", false) ? SplitBehavior::isolated : SplitBehavior::contiguous);
    else if (type == "Punctuation")
      add(R"([!-\/:-@\[-`\{-~\p{P}])", split_behavior(step, SplitBehavior::isolated));
    else if (type == "Whitespace")
      add(R"(\w+|[^\w\s]+)", SplitBehavior::removed, true);
    else if (type == "WhitespaceSplit")
      add(R"(\s)", SplitBehavior::removed);
    else if (type == "ByteLevel") {
      words.prefix_space = words.prefix_space || flag("add_prefix_space", true);
      if (flag("use_regex", true)) add(gpt2_pattern, SplitBehavior::isolated);
    } else if (type != "Metaspace") {
      refuse("key 'pre_tokenizer' holds ", shown(&step),
             ", expected ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit or Metaspace");
    }
  }
  std::string split_pattern(const Json& step) const {
    const Json& pattern = require_object(step, "pattern", file_, "pre_tokenizer");
    if (const auto regex = optional_string(pattern, "Regex", file_, "pre_tokenizer.pattern")) return *regex;
    return escaped_pattern(require_string(pattern, "String", file_, "pre_tokenizer.pattern"));
  }
  SplitBehavior split_behavior(const Json& step, SplitBehavior otherwise) const {
    const std::optional<std::string> name = optional_string(step, "behavior", file_, "pre_tokenizer");
    if (!name) return otherwise;
    if (*name == "Isolated") return SplitBehavior::isolated;
    if (*name == "Removed") return SplitBehavior::removed;
    if (*name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
    if (*name == "MergedWithNext") return SplitBehavior::merged_with_next;
    if (*name == "Contiguous") return SplitBehavior::contiguous;
    refuse("key 'pre_tokenizer.behavior' is ", printable(*name),
           ", expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
  }

  void read_single(const Json& step, TokenizerFacts& facts) const {
    const Json& ids = require_object(step, "special_tokens", file_, "post_processor");
    bool behind = false;
    for (const Json& item : require_array(step, "single", file_, "post_processor")) {
      if (find_json(item, "Sequence") != nullptr) {
        behind = true;
        continue;
      }
      const Json& token = require_object(item, "SpecialToken", file_, "post_processor.single");
      const std::string name = require_string(token, "id", file_, "post_processor.single");
      const Json& entry = require_object(ids, name, file_, "post_processor.special_tokens");
      const Json& list = require_array(entry, "ids", file_, "post_processor.special_tokens");
      if (list.size() != 1 || (behind ? facts.adds_eos : facts.adds_bos))
        refuse("key 'post_processor.single' puts several tokens at one end, expected one at most");
      set_end(list[0], behind, facts);
    }
  }
  void read_pair(const Json& step, TokenizerFacts& facts) const {
    for (const bool behind : {false, true}) {
      const Json& pair = require_array(step, behind ? "sep" : "cls", file_, "post_processor");
      if (pair.size() != 2) refuse("key 'post_processor' is ", shown(&step), ", expected a token and its id");
      set_end(pair[1], behind, facts);
    }
  }
  void set_end(const Json& id, bool behind, TokenizerFacts& facts) const {
    if (!is_whole_number(id) || id.get<std::size_t>() >= 0x7fffffff)
      refuse("key 'post_processor' has id ", json_kind(id), ", expected the id of a token");
    (behind ? facts.eos : facts.bos) = static_cast<TokenId>(id.get<std::size_t>());
    (behind ? facts.adds_eos : facts.adds_bos) = true;
  }

  const PatternCompiler& patterns_;
};

}}}  // namespace bora::BORA_ABI::detail
