/// Hugging Face's `tokenizer.json`, of the Llama and Mixtral kind.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/json.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

// Parts of the file that control spaces, in the forms that are written.

inline Json bpe_replace(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}
inline Json bpe_normalizer(const BpeVocabulary& vocabulary) {
  if (vocabulary.leading_space != LeadingSpace::added) return nullptr;
  Json list = Json::array();
  list.push_back({{"type", "Prepend"}, {"prepend", bpe_space}});
  list.push_back(bpe_replace(" ", bpe_space));
  return {{"type", "Sequence"}, {"normalizers", std::move(list)}};
}
inline Json bpe_pre_tokenizer(const BpeVocabulary& vocabulary) {
  if (vocabulary.leading_space == LeadingSpace::added && !vocabulary.split_at_spaces) return nullptr;
  const char* scheme = vocabulary.leading_space == LeadingSpace::if_missing         ? "always"
                       : vocabulary.leading_space == LeadingSpace::if_missing_first ? "first"
                                                                                    : "never";
  return {{"type", "Metaspace"},
          {"replacement", bpe_space},
          {"prepend_scheme", scheme},
          {"split", vocabulary.split_at_spaces}};
}
inline Json bpe_decoder(DecodedSpace dropped) {
  Json list = Json::array();
  if (dropped == DecodedSpace::drop_all) {
    list.push_back({{"type", "ByteFallback"}});
    list.push_back({{"type", "Metaspace"}, {"replacement", bpe_space}, {"prepend_scheme", "always"}, {"split", false}});
  } else {
    list.push_back(bpe_replace(bpe_space, " "));
    list.push_back({{"type", "ByteFallback"}});
    list.push_back({{"type", "Fuse"}});
    if (dropped == DecodedSpace::drop_one)
      list.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", std::move(list)}};
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

/// End of the error message for a tokenizer of another kind.
inline constexpr std::string_view bpe_readable =
    ", expected the SentencePiece-like kind of Llama 2, TinyLlama, Mistral v0.1 and Mixtral: BPE with 'byte_fallback' "
    "and "
    "'▁' for spaces; a model with another tokenizer runs on token ids, with text encoded and decoded by the program "
    "that "
    "it comes from";

/// Reads one file and refuses any other kind of tokenizer: one that differs in a detail would silently give other ids.
class TokenizerFile {
 public:
  explicit TokenizerFile(const std::filesystem::path& file) : file_(file), root_(read_json(file)) {
    if (!root_.is_object()) refuse("is ", json_kind(root_), ", expected an object");
    if (find_json(root_, "model") == nullptr && root_.contains("vocab") && root_.contains("config"))
      refuse("holds a tekken tokenizer, Mistral's own format", bpe_readable);
  }

  BpeTokenizer read() const {
    const Json& model = require_object(root_, "model", file_);
    check_kind(model);
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
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(file_, parts...);
  }
  /// A value as messages show it.
  static std::string shown(const Json* value) {
    return value == nullptr ? "missing" : legible_json(value->dump(-1, ' ', true));
  }
  static std::string legible_json(const std::string& text) {
    return text.size() > 300 ? text.substr(0, 300) + "..." : text;
  }

  static const Json* find_value(const Json& object, std::string_view key) {
    const auto found = object.find(std::string(key));
    return found == object.end() ? nullptr : &*found;
  }
  void require_null(const Json& object, std::string_view key, std::string_view parent) const {
    if (const Json* value = find_json(object, key))
      refuse("key ", json_path(parent, key), " is ", shown(value), ", expected null or none");
  }
  void require_string_is(const Json& object, std::string_view key, std::string_view expected) const {
    if (const Json* value = find_value(object, key); value != nullptr && value->is_null())
      refuse("key ", json_path("model", key), " is null, expected '", expected, "'");
    const std::string value = require_string(object, key, file_, "model");
    if (value != expected)
      refuse("key ", json_path("model", key), " is ", printable(value), ", expected '", expected, "'");
  }

  /// The type of a part, "" where it has none.
  static std::string type_of(const Json* part) {
    if (part == nullptr || !part->is_object()) return "";
    const Json* type = find_json(*part, "type");
    return type != nullptr && type->is_string() ? type->get<std::string>() : "";
  }
  /// The steps of a part such as `decoder`: those of a Sequence one after the other, or the only one there is.
  void add_steps(const Json& part, std::string_view list, std::vector<const Json*>& steps) const {
    const Json* inner = type_of(&part) == "Sequence" ? find_json(part, list) : nullptr;
    if (inner == nullptr || !inner->is_array())
      steps.push_back(&part);
    else
      for (const Json& step : *inner) add_steps(step, list, steps);
  }
  std::vector<const Json*> steps(std::string_view key, std::string_view list) const {
    std::vector<const Json*> steps;
    if (const Json* part = find_json(root_, key)) add_steps(*part, list, steps);
    return steps;
  }
  bool has_step(std::string_view key, std::string_view list, std::string_view type) const {
    for (const Json* step : steps(key, list))
      if (type_of(step) == type) return true;
    return false;
  }
  static bool types_are(const std::vector<const Json*>& steps, std::initializer_list<std::string_view> types) {
    return std::equal(steps.begin(), steps.end(), types.begin(), types.end(),
                      [](const Json* step, std::string_view type) { return type_of(step) == type; });
  }

  /// Refuses other kinds by name: a message about a missing key would not help.
  void check_kind(const Json& model) const {
    const std::string type = type_of(&model);
    if (has_step("pre_tokenizer", "pretokenizers", "ByteLevel") || has_step("decoder", "decoders", "ByteLevel"))
      refuse("holds a byte-level tokenizer (its ",
             has_step("pre_tokenizer", "pretokenizers", "ByteLevel") ? "pre_tokenizer" : "decoder",
             " is ByteLevel), the kind of GPT-2, Llama 3 and Qwen", bpe_readable);
    for (const std::string_view other : {"Unigram", "WordPiece", "WordLevel"})
      if (type == other) refuse("key 'model.type' is '", type, "': it holds a ", type, " tokenizer", bpe_readable);
  }
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

  /// Pieces by id. Ids may be unused or belong to added tokens; the number of gaps is limited, so that a file cannot
  /// ask for much memory.
  std::vector<std::string> pieces(const Json& model) const {
    constexpr std::size_t most_left_out = 65'536;
    const Json& vocab = require_object(model, "vocab", file_, "model");
    const std::size_t limit = vocab.size() + most_left_out;
    std::vector<std::string> pieces;
    for (const auto& [piece, id] : vocab.items()) {
      if (!is_whole_number(id) || id.get<std::size_t>() >= limit)
        refuse("key ", json_path("model.vocab", piece), " is ", json_kind(id), ", expected an id below ", limit,
               ": there are ", vocab.size(), " pieces, and at most ", most_left_out, " ids may be left out");
      if (piece.empty()) refuse("key 'model.vocab' holds an empty piece, expected some text in each");
      const auto place = id.get<std::size_t>();
      if (place >= pieces.size()) pieces.resize(place + 1);
      if (!pieces[place].empty())
        refuse("key ", json_path("model.vocab", piece), " is ", json_kind(id),
               ", expected an id of its own: ", printable(pieces[place]), " has it already");
      pieces[place] = piece;
    }
    return pieces;
  }

  std::vector<std::pair<std::string, std::string>> merges(const Json& model) const {
    std::vector<std::pair<std::string, std::string>> merges;
    for (const Json& merge : require_array(model, "merges", file_, "model"))
      merges.push_back(merge.is_string() ? spaced_pair(merge.get<std::string>(), merges.size())
                                         : listed_pair(merge, merges.size()));
    return merges;
  }
  std::pair<std::string, std::string> spaced_pair(const std::string& merge, std::size_t rank) const {
    const std::size_t space = merge.find(' ');
    if (space == 0 || space == merge.npos || space + 1 == merge.size() || merge.find(' ', space + 1) != merge.npos)
      refuse("key 'model.merges': entry ", rank, " is ", printable(merge),
             ", expected two pieces with a space between");
    return {merge.substr(0, space), merge.substr(space + 1)};
  }
  std::pair<std::string, std::string> listed_pair(const Json& merge, std::size_t rank) const {
    if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string())
      refuse("key 'model.merges': entry ", rank, " is ", shown(&merge), ", expected two pieces");
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
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
  AddedToken added_token(const Json& added, const std::string& parent) const {
    const auto flag = [&](const char* key) { return optional_bool(added, key, file_, parent).value_or(false); };
    const std::size_t id = require_size(added, "id", file_, parent);
    constexpr std::size_t end = 0x7fffffff;
    if (id >= end) refuse("key ", json_path(parent, "id"), " is ", id, ", expected an id below ", end);
    return {.id = static_cast<TokenId>(id),
            .content = require_string(added, "content", file_, parent),
            .special = require_bool(added, "special", file_, parent),
            .lstrip = flag("lstrip"),
            .rstrip = flag("rstrip"),
            .normalized = flag("normalized"),
            .single_word = flag("single_word")};
  }
  void check_added_token(const AddedToken& token, const Json& vocab, const std::vector<std::string>& pieces,
                         const std::string& parent) const {
    if (token.content.empty()) refuse("key ", json_path(parent, "content"), " is empty, expected some text");
    const auto id = static_cast<std::size_t>(token.id);
    if (const Json* own = find_json(vocab, token.content); own != nullptr && own->get<std::size_t>() != id)
      refuse("key ", json_path(parent, "id"), " is ", id, ", expected ", own->get<std::size_t>(), ", the id of ",
             printable(token.content), " in model.vocab");
    if (id < pieces.size() && !pieces[id].empty() && pieces[id] != token.content)
      refuse("key ", json_path(parent, "id"), " is ", id, " for ", printable(token.content),
             ", expected another: it is the id of ", printable(pieces[id]), " in model.vocab");
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
  void check_ids(const std::vector<AddedToken>& tokens) const {
    std::vector<std::size_t> order(tokens.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return tokens[a].id != tokens[b].id ? tokens[a].id < tokens[b].id : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i)
      if (tokens[order[i]].id == tokens[order[i - 1]].id)
        refuse("key ", json_path(message("added_tokens[", order[i], "]"), "id"), " is ", tokens[order[i]].id, " for ",
               printable(tokens[order[i]].content), ", expected another: it is the id of added_tokens[", order[i - 1],
               "], ", printable(tokens[order[i - 1]].content));
  }

  const std::filesystem::path& file_;
  Json root_;
};

inline Json bpe_added_token(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

inline void check_written_piece(const std::string& piece) {
  json_string(piece);  // throws where it is no UTF-8
  if (piece.find(' ') != piece.npos)
    throw ConfigError(message("piece ", legible_piece(piece), " holds a space, expected '", bpe_space, "' for it"));
}

inline Json bpe_model(const BpeVocabulary& vocabulary) {
  Json vocab = Json::object(), merges = Json::array();
  for (std::size_t id = 0; id < vocabulary.pieces.size(); ++id)
    if (!vocabulary.pieces[id].empty()) vocab[vocabulary.pieces[id]] = id;
  for (const auto& [left, right] : vocabulary.merges) merges.push_back(left + " " + right);
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", "<unk>"},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", true},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

}  // namespace detail

/// Reads a `tokenizer.json` of the kind that Llama 2, TinyLlama, Mistral v0.1 and Mixtral have, in the form with a
/// normalizer and in that of transformers 5 with a Metaspace, and with tokens added after the vocabulary. Throws
/// FileError, naming the key, what was found and what was expected, for any other kind (byte-level, Unigram, WordPiece,
/// …), for pieces or added tokens that share an id, and for merges of texts that are no pieces.
inline BpeTokenizer load_tokenizer(const std::filesystem::path& file) { return detail::TokenizerFile(file).read(); }

/// Writes `tokenizer.json` as Hugging Face's tokenizers read it. Throws FileError where writing fails, ConfigError
/// where a piece is no UTF-8 or holds a space, which a merge could not spell, and where the file's format has no form
/// for the vocabulary: `LeadingSpace::added` with pieces that are split at spaces.
inline void save_tokenizer(const BpeTokenizer& tokenizer, const std::filesystem::path& file) {
  const BpeVocabulary& vocabulary = tokenizer.vocabulary();
  if (vocabulary.split_at_spaces && vocabulary.leading_space == LeadingSpace::added)
    throw ConfigError(
        "save_tokenizer: the vocabulary splits at spaces and always adds one in front, expected another "
        "leading_space");
  for (const std::string& piece : vocabulary.pieces) detail::check_written_piece(piece);
  Json added = Json::array();
  for (const AddedToken& token : tokenizer.added_tokens()) {
    json_string(token.content);  // throws where it is no UTF-8
    added.push_back(detail::bpe_added_token(token));
  }
  const Json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", std::move(added)},
                     {"normalizer", detail::bpe_normalizer(vocabulary)},
                     {"pre_tokenizer", detail::bpe_pre_tokenizer(vocabulary)},
                     {"post_processor", detail::bpe_post_processor(tokenizer.bos())},
                     {"decoder", detail::bpe_decoder(vocabulary.decoded_space)},
                     {"model", detail::bpe_model(vocabulary)}};
  write_file(file, root.dump(1) + "\n");
}

}}  // namespace bora::BORA_ABI
