/// The definitions of io/load_tokenizer.hpp: which kind of tokenizer a path holds.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/gguf_tokenizer.hpp>
#include <bora/io/json.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <bora/io/sentencepiece_model.hpp>
#include <bora/io/tekken_json.hpp>
#include <bora/io/tokenizer_json.hpp>
#include <bora/text/bytes.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/tokenizer_options.hpp>
#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// What `tokenizer_config.json` or `special_tokens_map.json` says a token is: a string, or an object with `content`.
inline std::optional<std::string> named_token(const Json& root, std::string_view key) {
  const Json* value = find_json(root, key);
  if (value != nullptr && value->is_object()) value = find_json(*value, "content");
  return value != nullptr && value->is_string() ? std::optional(value->get<std::string>()) : std::nullopt;
}

/// Facts that stand in files beside the tokenizer, or in the names of its tokens.
class TokenizerFolder {
 public:
  TokenizerFolder(const std::filesystem::path& folder, const Tokenizer& tokenizer)
      : folder_(folder), tokenizer_(tokenizer) {}

  Tokenizer with_facts() const {
    TokenizerFacts facts = tokenizer_.facts();
    if (facts.kind.starts_with("GGUF")) return tokenizer_;  // its keys have said it
    for (const char* file : {"special_tokens_map.json", "tokenizer_config.json"})
      if (std::filesystem::exists(folder_ / file)) read(folder_ / file, facts);
    if (!facts.bos) facts.bos = first_of({"<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "<|endoftext|>"});
    if (!facts.eos)
      facts.eos = first_of({"</s>", "<|end_of_text|>", "<eos>", "<|im_end|>", "<|eot_id|>", "<|endoftext|>"});
    if (facts.bos == std::nullopt) facts.adds_bos = false;
    return tokenizer_.with(std::move(facts));
  }

 private:
  void read(const std::filesystem::path& file, TokenizerFacts& facts) const {
    const Json root = read_json(file, json_settings);
    if (!root.is_object()) refuse_file(file, "is ", json_kind(root), ", expected an object");
    const auto set = [&](const char* key, std::optional<TokenId>& id) {
      if (const auto name = named_token(root, key))
        if (const auto found = tokenizer_.added_token(*name)) id = found;
    };
    set("bos_token", facts.bos);
    set("eos_token", facts.eos);
    set("unk_token", facts.unknown);
    set("pad_token", facts.padding);
    if (const auto adds = optional_bool(root, "add_bos_token", file)) facts.adds_bos = *adds && facts.bos.has_value();
    if (const auto adds = optional_bool(root, "add_eos_token", file)) facts.adds_eos = *adds && facts.eos.has_value();
  }
  std::optional<TokenId> first_of(std::initializer_list<const char*> names) const {
    for (const char* name : names)
      if (const auto id = tokenizer_.added_token(name)) return id;
    return std::nullopt;
  }

  std::filesystem::path folder_;
  const Tokenizer& tokenizer_;
};

inline Tokenizer read_tokenizer_file(const std::filesystem::path& file, const TokenizerOptions& options) {
  const std::string beginning = [&] {
    const MappedFile mapped(file);
    return std::string(mapped.text().substr(0, 4096));
  }();
  if (beginning.starts_with("GGUF")) return gguf_tokenizer(file);
  refuse_foreign_kind(file, beginning, "no tokenizer");
  const std::size_t first = beginning.find_first_not_of(" \t\r\n");
  if (first != beginning.npos && beginning[first] == '{') {
    // The tokens of either kind come later than the keys that tell them apart.
    const bool tekken =
        file.filename().string().find("tekken") != std::string::npos ||
        (beginning.find("\"config\"") != beginning.npos && beginning.find("\"default_vocab_size\"") != beginning.npos);
    return tekken ? read_tekken(file, options.patterns) : read_tokenizer_json(file, options);
  }
  if (file.extension() == ".json") return read_tokenizer_json(file, options);  // says what is wrong
  if (file.extension() == ".bin") return Llama2cTokenizer(file);
  if (first == 0 && beginning[0] != '\n' && beginning.find("== 0\n") != beginning.npos)
    refuse_file(file,
                "is a vocabulary of tiktoken's, which names no pattern and no special tokens, expected the "
                "tokenizer.json that comes with the same model");
  return read_sentencepiece(file);
}

/// The tokenizer's file in a folder; nothing where there is none.
inline std::optional<std::filesystem::path> find_tokenizer_file(const std::filesystem::path& folder) {
  for (const char* name : {"tokenizer.json", "tekken.json", "tokenizer.model", "tokenizer.bin"})
    if (std::filesystem::exists(folder / name)) return folder / name;
  std::vector<std::filesystem::path> others;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tokenizer.model") || (name.starts_with("tok") && name.ends_with(".bin")) ||
        name.ends_with(".gguf"))
      others.push_back(entry.path());
  }
  std::sort(others.begin(), others.end());
  return others.empty() ? std::nullopt : std::optional(others.front());
}

}  // namespace detail

BORA_FILE_DEFINITION Tokenizer load_tokenizer(const std::filesystem::path& path, const TokenizerOptions& options) {
  if (!std::filesystem::is_directory(path))
    return detail::TokenizerFolder(path.parent_path(), detail::read_tokenizer_file(path, options)).with_facts();
  if (const auto file = detail::find_tokenizer_file(path))
    return detail::TokenizerFolder(path, detail::read_tokenizer_file(*file, options)).with_facts();
  if (const auto config = path / "config.json"; std::filesystem::exists(config))
    if (optional_size(read_json(config, json_settings), "vocab_size", config) == ByteTokenizer::vocab_size())
      return ByteTokenizer();
  detail::refuse_file(path,
                      "holds no tokenizer, expected tokenizer.json, tekken.json, tokenizer.model or tokenizer.bin");
}

}}  // namespace bora::BORA_ABI
