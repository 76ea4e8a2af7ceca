/// Hugging Face's `tokenizer.json`, of the Llama and Mixtral kind.
#pragma once
#include <bora/core/atomic_file.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/io/json.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

namespace detail {

/// The parts of the file that are the same for every tokenizer of this kind.
inline Json bpe_normalizer() {
  return parse_json(R"({"type": "Sequence",
                        "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})",
                    "normalizer");
}
inline Json bpe_decoder() {
  return parse_json(R"({"type": "Sequence",
                        "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                                     {"type": "ByteFallback"},
                                     {"type": "Fuse"},
                                     {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})",
                    "decoder");
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

/// Reads one file, refusing what is of another kind: a tokenizer that differs in a detail gives other ids, silently.
class TokenizerFile {
 public:
  explicit TokenizerFile(const std::filesystem::path& file) : file_(file), root_(read_json(file)) {
    if (!root_.is_object()) refuse("is ", json_kind(root_), ", expected an object");
  }

  BpeTokenizer read() const {
    const Json& model = require_object(root_, "model", file_);
    check_model(model);
    require_null(root_, "pre_tokenizer", "");
    require_same("normalizer", bpe_normalizer());
    require_same("decoder", bpe_decoder());
    BpeVocabulary vocabulary{.pieces = pieces(model), .merges = merges(model), .special_tokens = {}};
    vocabulary.special_tokens = special_tokens(vocabulary.pieces);
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
  /// A value as it may stand in a message.
  static std::string shown(const Json* value) {
    return value == nullptr ? "missing" : legible_json(value->dump(-1, ' ', true));
  }
  static std::string legible_json(const std::string& text) {
    return text.size() > 300 ? text.substr(0, 300) + "..." : text;
  }

  void require_null(const Json& object, std::string_view key, std::string_view parent) const {
    if (const Json* value = find_json(object, key))
      refuse("key ", json_path(parent, key), " is ", shown(value), ", expected null or none");
  }
  void require_same(std::string_view key, const Json& expected) const {
    const Json* value = find_json(root_, key);
    if (value == nullptr || *value != expected)
      refuse("key ", json_path("", key), " is ", shown(value), ", expected ", expected.dump(-1, ' ', true));
  }
  void require_string_is(const Json& object, std::string_view key, std::string_view expected) const {
    const std::string value = require_string(object, key, file_, "model");
    if (value != expected)
      refuse("key ", json_path("model", key), " is ", printable(value), ", expected '", expected, "'");
  }

  void check_model(const Json& model) const {
    require_string_is(model, "type", "BPE");
    require_string_is(model, "unk_token", "<unk>");
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

  /// Whether BOS comes first is the caller's choice; any other template would add tokens that nobody asked for.
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

  std::vector<std::string> pieces(const Json& model) const {
    const Json& vocab = require_object(model, "vocab", file_, "model");
    std::vector<std::string> pieces(vocab.size());
    for (const auto& [piece, id] : vocab.items()) {
      if (!is_whole_number(id) || id.get<std::size_t>() >= pieces.size())
        refuse("key ", json_path("model.vocab", piece), " is ", json_kind(id), ", expected an id below ", pieces.size(),
               ", the number of pieces");
      std::string& place = pieces[id.get<std::size_t>()];
      if (!place.empty())
        refuse("key ", json_path("model.vocab", piece), " is ", json_kind(id),
               ", expected an id of its own: ", printable(place), " has it already");
      if (piece.empty()) refuse("key 'model.vocab' holds an empty piece, expected some text in each");
      place = piece;
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

  /// Added tokens must be pieces that are no text: others would be cut out of a text before the merges.
  std::vector<std::string> special_tokens(const std::vector<std::string>& pieces) const {
    std::vector<std::string> found;
    for (const Json& added : require_array(root_, "added_tokens", file_)) {
      const std::string parent = message("added_tokens[", found.size(), "]");
      const std::string content = require_string(added, "content", file_, parent);
      const std::size_t id = require_size(added, "id", file_, parent);
      if (id >= pieces.size() || pieces[id] != content)
        refuse("key ", json_path(parent, "id"), " is ", id, ", expected the id of ", printable(content),
               " in model.vocab");
      if (!require_bool(added, "special", file_, parent))
        refuse("key ", json_path(parent, "special"), " is false, expected true");
      found.push_back(content);
    }
    return found;
  }

  const std::filesystem::path& file_;
  Json root_;
};

inline Json bpe_added_token(TokenId id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

inline void check_written_piece(const std::string& piece) {
  json_string(piece);  // throws where it is no UTF-8
  if (piece.find(' ') != piece.npos)
    throw ConfigError(message("piece ", legible_piece(piece), " holds a space, expected '", bpe_space, "' for it"));
}

inline Json bpe_model(const BpeVocabulary& vocabulary) {
  Json vocab = Json::object(), merges = Json::array();
  for (std::size_t id = 0; id < vocabulary.pieces.size(); ++id) vocab[vocabulary.pieces[id]] = id;
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

/// Reads a `tokenizer.json` of the kind that Llama, Mistral v0.1 and Mixtral have. Throws FileError, naming the key,
/// what was found and what was expected, for any other kind (byte-level, WordPiece, Unigram, with a pre-tokenizer, …),
/// for ids that are not 0 .. n - 1 once each, and for merges of what are no pieces.
inline BpeTokenizer load_tokenizer(const std::filesystem::path& file) { return detail::TokenizerFile(file).read(); }

/// Writes `tokenizer.json` as Hugging Face's tokenizers read it. Throws FileError where writing fails, ConfigError
/// where a piece is no UTF-8 or holds a space, which a merge could not spell.
inline void save_tokenizer(const BpeTokenizer& tokenizer, const std::filesystem::path& file) {
  const BpeVocabulary& vocabulary = tokenizer.vocabulary();
  Json added = Json::array();
  for (const std::string& piece : vocabulary.pieces) detail::check_written_piece(piece);
  for (std::size_t id = 0; id < vocabulary.pieces.size(); ++id)
    if (std::find(vocabulary.special_tokens.begin(), vocabulary.special_tokens.end(), vocabulary.pieces[id]) !=
        vocabulary.special_tokens.end())
      added.push_back(detail::bpe_added_token(static_cast<TokenId>(id), vocabulary.pieces[id]));
  const Json root = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", std::move(added)},
                     {"normalizer", detail::bpe_normalizer()},
                     {"pre_tokenizer", nullptr},
                     {"post_processor", detail::bpe_post_processor(tokenizer.bos())},
                     {"decoder", detail::bpe_decoder()},
                     {"model", detail::bpe_model(vocabulary)}};
  write_file(file, root.dump(1) + "\n");
}

}  // namespace bora::inline BORA_ABI
