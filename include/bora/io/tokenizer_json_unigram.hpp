/// The kind of `tokenizer.json` that T5 and XLM-RoBERTa have: Unigram.
#pragma once
#include <bora/io/json.hpp>
#include <bora/io/tokenizer_json_stages.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/unigram_tokenizer.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Reads the Unigram kind.
class UnigramJson : TokenizerJsonStages {
 public:
  using TokenizerJsonStages::TokenizerJsonStages;

  Tokenizer read() const {
    const Json& model = require_object(root_, "model", file_);
    UnigramVocabulary vocabulary;
    read_pieces(model, vocabulary);
    vocabulary.byte_fallback = optional_bool(model, "byte_fallback", file_, "model").value_or(false);
    vocabulary.added_tokens = added_tokens(vocabulary.pieces);
    for (const AddedToken& token : vocabulary.added_tokens)
      if (static_cast<std::size_t>(token.id) < vocabulary.in_texts.size())
        vocabulary.in_texts[static_cast<std::size_t>(token.id)] = 0;
    vocabulary.normalizer = normalizer();
    vocabulary.splitter = Splitter(words().steps);
    read_metaspace(vocabulary);
    read_template(vocabulary.facts);
    vocabulary.facts.added = AddedTokens::all;
    vocabulary.facts.unknown = vocabulary.unknown;
    try {
      return make_tokenizer(std::move(vocabulary));
    } catch (const ConfigError& error) {
      refuse(error.what());
    }
  }

 private:
  void read_pieces(const Json& model, UnigramVocabulary& vocabulary) const {
    for (const Json& entry : require_array(model, "vocab", file_, "model")) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
        refuse("key 'model.vocab': entry ", vocabulary.pieces.size(), " is ", shown(&entry),
               ", expected a piece and its score");
      vocabulary.pieces.push_back(entry[0].get<std::string>());
      vocabulary.scores.push_back(entry[1].get<double>());
    }
    vocabulary.in_texts.assign(vocabulary.pieces.size(), 1);
    for (std::size_t byte = 0; byte < 256; ++byte)
      for (std::size_t id = 0; id < vocabulary.pieces.size() && id < 1024; ++id)
        if (vocabulary.pieces[id] == byte_piece(byte)) vocabulary.in_texts[id] = 0;
    if (const auto unknown = optional_size(model, "unk_id", file_, "model")) {
      if (*unknown >= vocabulary.pieces.size())
        refuse("key 'model.unk_id' is ", *unknown, ", expected one below ", vocabulary.pieces.size());
      vocabulary.unknown = static_cast<TokenId>(*unknown);
      vocabulary.in_texts[*unknown] = 0;
    }
  }
  void read_metaspace(UnigramVocabulary& vocabulary) const {
    const Json* found = nullptr;
    for (const Json* step : steps("pre_tokenizer", "pretokenizers"))
      if (type_of(step) == "Metaspace") found = step;
    if (found == nullptr)
      refuse("key 'pre_tokenizer' is ", shown(find_value(root_, "pre_tokenizer")), ", expected a Metaspace");
    const bool prefix = optional_bool(*found, "add_prefix_space", file_, "pre_tokenizer").value_or(true);
    const std::string scheme =
        optional_string(*found, "prepend_scheme", file_, "pre_tokenizer").value_or(prefix ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      refuse("key 'pre_tokenizer.prepend_scheme' is ", printable(scheme), ", expected 'always', 'first' or 'never'");
    vocabulary.leading_space = scheme == "always"  ? LeadingSpace::if_missing
                               : scheme == "first" ? LeadingSpace::if_missing_first
                                                   : LeadingSpace::never;
    vocabulary.split_at_spaces = optional_bool(*found, "split", file_, "pre_tokenizer").value_or(true);
    vocabulary.decoded_space = scheme == "never" ? DecodedSpace::keep : DecodedSpace::drop_one;
  }
};

}}}  // namespace bora::BORA_ABI::detail
