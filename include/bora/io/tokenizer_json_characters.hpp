/// The kind of `tokenizer.json` that Llama 2, TinyLlama, Mistral and Mixtral have: byte-pair encoding of characters.
#pragma once
#include <bora/io/json.hpp>
#include <bora/io/tokenizer_json_parts.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

// Parts of the file that control spaces, in the forms that are written.

inline Json bpe_replace(std::string_view from, std::string_view to) {
  return json_object({{"type", "Replace"}, {"pattern", json_object({{"String", from}})}, {"content", to}});
}
inline Json bpe_normalizer(const BpeVocabulary& vocabulary) {
  if (vocabulary.leading_space != LeadingSpace::added) return nullptr;
  Json list = Json::array();
  list.push_back(json_object({{"type", "Prepend"}, {"prepend", bpe_space}}));
  list.push_back(bpe_replace(" ", bpe_space));
  return json_object({{"type", "Sequence"}, {"normalizers", std::move(list)}});
}
inline Json bpe_pre_tokenizer(const BpeVocabulary& vocabulary) {
  if (vocabulary.leading_space == LeadingSpace::added && !vocabulary.split_at_spaces) return nullptr;
  const char* scheme = vocabulary.leading_space == LeadingSpace::if_missing         ? "always"
                       : vocabulary.leading_space == LeadingSpace::if_missing_first ? "first"
                                                                                    : "never";
  return json_object({{"type", "Metaspace"},
                      {"replacement", bpe_space},
                      {"prepend_scheme", scheme},
                      {"split", vocabulary.split_at_spaces}});
}
inline Json bpe_decoder(DecodedSpace dropped) {
  Json list = Json::array();
  if (dropped == DecodedSpace::drop_all) {
    list.push_back(json_object({{"type", "ByteFallback"}}));
    list.push_back(json_object(
        {{"type", "Metaspace"}, {"replacement", bpe_space}, {"prepend_scheme", "always"}, {"split", false}}));
  } else {
    list.push_back(bpe_replace(bpe_space, " "));
    list.push_back(json_object({{"type", "ByteFallback"}}));
    list.push_back(json_object({{"type", "Fuse"}}));
    if (dropped == DecodedSpace::drop_one)
      list.push_back(json_object({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}));
  }
  return json_object({{"type", "Sequence"}, {"decoders", std::move(list)}});
}
inline Json bpe_post_processor(TokenId bos) {
  Json json = parse_json(R"({"type": "TemplateProcessing",
                             "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                        {"Sequence": {"id": "A", "type_id": 0}}],
                             "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                      {"Sequence": {"id": "A", "type_id": 0}},
                                      {"SpecialToken": {"id": "<s>", "type_id": 1}},
                                      {"Sequence": {"id": "B", "type_id": 1}}],
                             "special_tokens": {"<s>": {"id": "<s>", "ids": [], "tokens": ["<s>"]}}})",
                         "post_processor");
  json["special_tokens"]["<s>"]["ids"].push_back(bos);
  return json;
}

/// Reads the SentencePiece-like kind, and refuses what differs in a detail: it would silently give other ids.
class CharacterBpeJson : TokenizerJson {
 public:
  using TokenizerJson::TokenizerJson;

  BpeTokenizer read() const {
    const Json& model = require_object(root_, "model", file_);
    check_model(model);
    BpeVocabulary vocabulary{.pieces = pieces(model), .merges = merges(model), .special_tokens = {}};
    read_spaces(vocabulary);
    vocabulary.decoded_space = decoded_space();
    read_added_tokens(model, vocabulary);
    check_post_processor(vocabulary.pieces);
    try {
      return BpeTokenizer(vocabulary);
    } catch (const ConfigError& error) {
      refuse(error.what());
    }
  }

 private:
  void check_model(const Json& model) const {
    require_string_is(model, "type", "BPE");
    require_string_is(model, "unk_token", "<unk>");
    if (const Json* value = find_value(model, "byte_fallback"); value != nullptr && value->is_null())
      refuse("key 'model.byte_fallback' is null, expected true");
    if (!require_bool(model, "byte_fallback", file_, "model"))
      refuse("key 'model.byte_fallback' is false, expected true");
    if (optional_bool(model, "ignore_merges", file_, "model").value_or(false))
      refuse("key 'model.ignore_merges' is true, expected false");
    require_null(model, "dropout", "model");
    require_empty(model, "continuing_subword_prefix");
    require_empty(model, "end_of_word_suffix");
  }
  void require_empty(const Json& model, std::string_view key) const {
    const std::string value = optional_string(model, key, file_, "model").value_or("");
    if (!value.empty()) refuse("key ", json_path("model", key), " is ", printable(value), ", expected none");
  }

  /// Reads which part replaces spaces by "▁" and prepends one: the normalizer (Prepend, Replace) in older files, or a
  /// Metaspace, which transformers writes for `legacy=False` and since version 5.
  void read_spaces(BpeVocabulary& vocabulary) const {
    const std::vector<const Json*> normalizers = steps("normalizer", "normalizers");
    const std::vector<const Json*> pre_tokenizers = steps("pre_tokenizer", "pretokenizers");
    bool replaces = false, prepends = false;
    for (const Json* step : normalizers) {
      if (!replaces && *step == bpe_replace(" ", bpe_space))
        replaces = true;
      else if (!prepends && is_prepend(*step, replaces))
        prepends = true;
      else
        refuse("key 'normalizer' holds ", shown(step),
               ", expected null, or 'Prepend' of '▁' and 'Replace' of ' ' by '▁'");
    }
    if (pre_tokenizers.size() > 1 || (pre_tokenizers.size() == 1 && type_of(pre_tokenizers[0]) != "Metaspace"))
      refuse("key 'pre_tokenizer' is ", shown(find_json(root_, "pre_tokenizer")), ", expected null or a Metaspace");
    if (!pre_tokenizers.empty() && prepends)
      refuse("key 'normalizer' has a 'Prepend' and key 'pre_tokenizer' is ", shown(find_json(root_, "pre_tokenizer")),
             ", expected only one of the two");
    if (pre_tokenizers.empty() && !replaces)
      refuse("key 'normalizer' is ", shown(find_value(root_, "normalizer")), " and key 'pre_tokenizer' is ",
             shown(find_value(root_, "pre_tokenizer")), ", expected one of them to replace ' ' by '▁'");
    vocabulary.leading_space = prepends ? LeadingSpace::added : LeadingSpace::never;
    if (!pre_tokenizers.empty()) read_metaspace(*pre_tokenizers[0], vocabulary);
  }
  /// Before spaces are replaced, prepending a space has the effect of prepending "▁".
  static bool is_prepend(const Json& step, bool replaced) {
    if (type_of(&step) != "Prepend") return false;
    const Json* text = find_json(step, "prepend");
    return text != nullptr && text->is_string() && (*text == bpe_space || (!replaced && *text == " "));
  }
  void read_metaspace(const Json& part, BpeVocabulary& vocabulary) const {
    vocabulary.leading_space = metaspace_scheme(part, "pre_tokenizer");
    vocabulary.split_at_spaces = optional_bool(part, "split", file_, "pre_tokenizer").value_or(true);
  }
  /// tokenizers before 0.15 write `add_prefix_space` alone, later ones `prepend_scheme`, some both.
  LeadingSpace metaspace_scheme(const Json& part, std::string_view parent) const {
    for (const char* key : {"replacement", "str_rep"})
      if (const Json* value = find_json(part, key); value != nullptr && *value != bpe_space)
        refuse("key ", json_path(parent, key), " is ", shown(value), ", expected '▁' (U+2581)");
    const std::optional<bool> prefix = optional_bool(part, "add_prefix_space", file_, parent);
    const std::string scheme =
        optional_string(part, "prepend_scheme", file_, parent).value_or(prefix.value_or(true) ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      refuse("key ", json_path(parent, "prepend_scheme"), " is ", printable(scheme),
             ", expected 'always', 'first' or 'never'");
    if (scheme != "never" && !prefix.value_or(true))
      refuse("key ", json_path(parent, "prepend_scheme"), " is '", scheme, "' and ",
             json_path(parent, "add_prefix_space"), " is false, expected two that agree");
    return scheme == "always"  ? LeadingSpace::if_missing
           : scheme == "first" ? LeadingSpace::if_missing_first
                               : LeadingSpace::never;
  }

  DecodedSpace decoded_space() const {
    const std::vector<const Json*> all = steps("decoder", "decoders");
    const auto metaspace =
        std::find_if(all.begin(), all.end(), [](const Json* s) { return type_of(s) == "Metaspace"; });
    if (metaspace != all.end() &&
        (types_are(all, {"Metaspace"}) || types_are(all, {"Metaspace", "Fuse"}) ||
         types_are(all, {"ByteFallback", "Metaspace"}) || types_are(all, {"ByteFallback", "Metaspace", "Fuse"})))
      return metaspace_scheme(**metaspace, "decoder") == LeadingSpace::never ? DecodedSpace::keep
                                                                             : DecodedSpace::drop_all;
    const bool strips = types_are(all, {"Replace", "ByteFallback", "Fuse", "Strip"});
    if ((strips || types_are(all, {"Replace", "ByteFallback", "Fuse"})) && *all[0] == bpe_replace(bpe_space, " ") &&
        (!strips || *all[3] == bpe_decoder(DecodedSpace::drop_one)["decoders"][3]))
      return strips ? DecodedSpace::drop_one : DecodedSpace::keep;
    refuse("key 'decoder' is ", shown(find_value(root_, "decoder")), ", expected ",
           bpe_decoder(DecodedSpace::drop_one).dump(-1, ' ', true), ", with or without 'Strip', or a Metaspace");
  }

  /// The caller decides whether BOS is prepended; any other template would add unrequested tokens, and is refused.
  void check_post_processor(const std::vector<std::string>& pieces) const {
    const Json* post = optional_object(root_, "post_processor", file_);
    if (post == nullptr) return;
    if (require_string(*post, "type", file_, "post_processor") != "TemplateProcessing" ||
        require_array(*post, "single", file_, "post_processor") != bpe_post_processor(0)["single"])
      refuse("key 'post_processor' is ", shown(post), ", expected none or a TemplateProcessing whose 'single' is ",
             bpe_post_processor(0)["single"].dump());
    // The template's own table gives the id, whatever the vocabulary says.
    const Json& special = require_object(*post, "special_tokens", file_, "post_processor");
    const Json& bos = require_object(special, "<s>", file_, "post_processor.special_tokens");
    const Json& ids = require_array(bos, "ids", file_, "post_processor.special_tokens.<s>");
    if (ids.size() != 1 || !is_whole_number(ids[0]) || ids[0].get<std::size_t>() >= pieces.size() ||
        pieces[ids[0].get<std::size_t>()] != "<s>")
      refuse("key 'post_processor.special_tokens.<s>.ids' is ", shown(&ids),
             ", expected the id of '<s>' in model.vocab");
  }

  /// Reads `added_tokens`: special pieces, pieces that are cut out of a text, and tokens after the vocabulary.
  void read_added_tokens(const Json& model, BpeVocabulary& vocabulary) const {
    const Json& vocab = require_object(model, "vocab", file_, "model");
    for (const Json& added : require_array(root_, "added_tokens", file_)) {
      const std::string parent = message("added_tokens[", vocabulary.added_tokens.size(), "]");
      if (!added.is_object()) refuse("key ", json_path("", parent), " is ", json_kind(added), ", expected an object");
      AddedToken token = added_token(added, parent);
      check_added_token(token, vocab, vocabulary.pieces, parent);
      check_spelling(token, vocabulary, parent);
      if (token.special && vocab.contains(token.content)) vocabulary.special_tokens.push_back(token.content);
      vocabulary.added_tokens.push_back(std::move(token));
    }
    check_ids(vocabulary.added_tokens);
  }
  /// Refuses spellings that would silently give other ids than transformers does.
  void check_spelling(const AddedToken& token, const BpeVocabulary& vocabulary, const std::string& parent) const {
    if (token.single_word && !token.special)
      refuse("key ", json_path(parent, "single_word"), " is true, expected false: whether ", printable(token.content),
             " is part of a longer word takes Unicode's tables");
    const bool by_normalizer =
        vocabulary.leading_space != LeadingSpace::added && find_json(root_, "normalizer") != nullptr;
    if (by_normalizer && token.normalized &&
        (token.lstrip || token.rstrip || token.content.find(' ') != token.content.npos))
      refuse("key ", json_path(parent, "normalized"), " is true for ", printable(token.content),
             ", which takes spaces that the normalizer replaces, expected false");
  }
};

}}}  // namespace bora::BORA_ABI::detail
