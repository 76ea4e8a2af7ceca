/// Hugging Face's `tokenizer.json`.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/save_tokenizer.hpp>
#include <bora/io/tokenizer_json_byte_level.hpp>
#include <bora/io/tokenizer_json_characters.hpp>
#include <bora/io/tokenizer_json_parts.hpp>
#include <bora/io/tokenizer_json_unigram.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/text_pattern.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/tokenizer_options.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Refuses what is no tokenizer, and the kinds that are not read, by name.
inline void check_tokenizer_json(const std::filesystem::path& file, const Json& root) {
  if (!root.is_object()) refuse_file(file, "is ", json_kind(root), ", expected an object");
  if (find_json(root, "model") == nullptr && root.contains("vocab") && root.contains("config"))
    refuse_file(file, "holds a tekken tokenizer, Mistral's own format, expected it under the name tekken.json");
  const Json& model = require_object(root, "model", file);
  const std::string type = optional_string(model, "type", file, "model").value_or("");
  for (const std::string_view other : {"WordPiece", "WordLevel"})
    if (type == other)
      refuse_file(file, "key 'model.type' is '", type, "': it holds a ", type,
                  " tokenizer, expected BPE or Unigram, the kinds of models that write text");
}

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
  return json_object({{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", "<unk>"},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", true},
                      {"byte_fallback", true},
                      {"vocab", std::move(vocab)},
                      {"merges", std::move(merges)}});
}

}  // namespace detail

/// Reads a `tokenizer.json`: byte-level BPE (GPT-2, GPT-NeoX, OLMo, Llama 3, Qwen, DeepSeek), BPE of characters with
/// byte fallback (Llama 2, Mistral, Mixtral) and Unigram. Throws FileError, naming the key, what was found and what was
/// expected, for any other kind (WordPiece, WordLevel), for stages that it does not know, for tokens that share an id,
/// and for merges of texts that are no tokens.
inline Tokenizer read_tokenizer_json(const std::filesystem::path& file, const TokenizerOptions& options = {}) {
  const Json root = read_json(file);
  detail::check_tokenizer_json(file, root);
  if (detail::ByteLevelJson::is_kind(file, root)) return detail::ByteLevelJson(file, root, options.patterns).read();
  if (const Json* type = detail::find_json(root["model"], "type"); type != nullptr && *type == Json("Unigram"))
    return detail::UnigramJson(file, root, options.patterns).read();
  return Tokenizer(
      std::make_shared<const detail::BpeCore>(detail::CharacterBpeJson(file, root).read(), AddedTokens::all));
}

BORA_FILE_DEFINITION void save_tokenizer(const BpeTokenizer& tokenizer, const std::filesystem::path& file) {
  const BpeVocabulary& vocabulary = tokenizer.vocabulary();
  if (vocabulary.split_at_spaces && vocabulary.leading_space == LeadingSpace::added)
    throw ConfigError(
        "save_tokenizer: the vocabulary splits at spaces and always adds one in front, expected another "
        "leading_space");
  if (!vocabulary.scores.empty() || !vocabulary.byte_fallback || vocabulary.leading_space == LeadingSpace::text ||
      vocabulary.unknown_token != "<unk>" || vocabulary.bos_token != "<s>" || vocabulary.eos_token != "</s>")
    throw ConfigError(
        "save_tokenizer: the vocabulary comes from a SentencePiece model, expected one with listed merges, bytes and "
        "the "
        "special tokens <unk>, <s> and </s>");
  for (const std::string& piece : vocabulary.pieces) detail::check_written_piece(piece);
  Json added = Json::array();
  for (const AddedToken& token : tokenizer.added_tokens()) {
    json_string(token.content);  // throws where it is no UTF-8
    added.push_back(detail::bpe_added_token(token));
  }
  const Json root = detail::json_object({{"version", "1.0"},
                                         {"truncation", nullptr},
                                         {"padding", nullptr},
                                         {"added_tokens", std::move(added)},
                                         {"normalizer", detail::bpe_normalizer(vocabulary)},
                                         {"pre_tokenizer", detail::bpe_pre_tokenizer(vocabulary)},
                                         {"post_processor", detail::bpe_post_processor(tokenizer.bos())},
                                         {"decoder", detail::bpe_decoder(vocabulary.decoded_space)},
                                         {"model", detail::bpe_model(vocabulary)}});
  write_file(file, root.dump(1) + "\n");
}

}}  // namespace bora::BORA_ABI
