/// The vocabulary that a GGUF file gets from a Hugging Face folder.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/json.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <bora/io/sentencepiece_model.hpp>
#include <bora/text/gguf_vocabulary.hpp>
#include <bora/text/known_patterns.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Translates a tokenizer.json of byte-pair encoding.
class GgufVocabularyOf {
 public:
  GgufVocabularyOf(const std::filesystem::path& file, const Tokenizer& tokenizer)
      : file_(file), json_(read_json(file)), facts_(tokenizer.facts()) {}

  GgufVocabulary make() {
    const Json& model = require_object(json_, "model", file_);
    const auto type = optional_string(model, "type", file_).value_or("BPE");
    if (type != "BPE") refuse("its kind is ", type, ", expected BPE");
    const Json* fallback = find_json(model, "byte_fallback");
    const bool characters = fallback != nullptr && *fallback == true;
    v_.model = characters ? "llama" : "gpt2";
    v_.pre = characters ? "default" : splitting(model);
    for (const auto& [token, id] : require_object(model, "vocab", file_).items()) set(id, token, GgufTokenType::normal);
    if (const Json* added = find_json(json_, "added_tokens"))
      for (const Json& token : *added)
        set(token.at("id"), token.at("content").get<std::string>(),
            token.value("special", false) ? GgufTokenType::control : GgufTokenType::user_defined);
    if (characters)
      as_sentencepiece(model);
    else
      v_.merges = merges(model);
    const auto id = [](std::optional<TokenId> token) -> std::optional<std::uint32_t> {
      return token ? std::optional(static_cast<std::uint32_t>(*token)) : std::nullopt;
    };
    v_.bos_token_id = id(facts_.bos);
    v_.eos_token_id = id(facts_.eos);
    v_.unknown_token_id = id(facts_.unknown);
    v_.padding_token_id = id(facts_.padding);
    v_.add_bos_token = facts_.adds_bos;
    v_.add_eos_token = facts_.adds_eos;
    return std::move(v_);
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw ConfigError(message(file_.string(), ": no vocabulary of GGUF is like it: ", parts...));
  }
  void set(const Json& id, std::string_view token, GgufTokenType type) {
    if (!is_whole_number(id) || id.get<double>() > 1 << 24) refuse("a token's id is ", json_kind(id));
    const auto at = id.get<std::size_t>();
    while (v_.tokens.size() <= at) {
      v_.tokens.push_back(message("[PAD", v_.tokens.size(), "]"));
      v_.token_type.push_back(static_cast<std::int32_t>(GgufTokenType::unused));
    }
    v_.tokens[at] = token;
    v_.token_type[at] = static_cast<std::int32_t>(type);
  }
  std::vector<std::string> merges(const Json& model) const {
    std::vector<std::string> all;
    const Json* list = find_json(model, "merges");
    if (list == nullptr || !list->is_array()) refuse("it has no merges");
    for (const Json& merge : *list)
      all.push_back(merge.is_string() ? merge.get<std::string>()
                                      : message(merge.at(0).get<std::string>(), " ", merge.at(1).get<std::string>()));
    return all;
  }

  /// SentencePiece's form: a piece's score is the rank of the merge that makes it.
  void as_sentencepiece(const Json& model) {
    v_.scores.assign(v_.tokens.size(), 0.0f);
    const PieceRanks ranks(v_.tokens);
    float rank = 0;
    for (const std::string& merge : merges(model)) {
      const std::size_t space = merge.find(' ', 1);
      const auto piece =
          space == merge.npos ? std::nullopt : ranks.find(merge.substr(0, space) + merge.substr(space + 1));
      if (piece && v_.scores[*piece] == 0) v_.scores[*piece] = -(rank += 1);
    }
    for (std::size_t id = 0; id < v_.tokens.size(); ++id) {
      const std::string& token = v_.tokens[id];
      if (token.size() == 6 && token.starts_with("<0x") && token.ends_with('>'))
        v_.token_type[id] = static_cast<std::int32_t>(GgufTokenType::byte);
    }
    if (facts_.unknown)
      v_.token_type[static_cast<std::size_t>(*facts_.unknown)] = static_cast<std::int32_t>(GgufTokenType::unknown);
    v_.add_space_prefix = json_.dump().find("\"Prepend\"") != std::string::npos ||
                          json_.dump().find("\"prepend_scheme\":\"first\"") != std::string::npos ||
                          json_.dump().find("\"prepend_scheme\":\"always\"") != std::string::npos;
  }
  /// Pieces by their texts.
  class PieceRanks {
   public:
    explicit PieceRanks(const std::vector<std::string>& tokens) {
      for (std::size_t id = 0; id < tokens.size(); ++id) ids_.emplace_back(tokens[id], id);
      std::ranges::sort(ids_);
    }
    std::optional<std::size_t> find(const std::string& piece) const {
      const auto at = std::ranges::lower_bound(ids_, piece, {}, &std::pair<std::string, std::size_t>::first);
      return at == ids_.end() || at->first != piece ? std::nullopt : std::optional(at->second);
    }

   private:
    std::vector<std::pair<std::string, std::size_t>> ids_;
  };

  // ---- the splitting into words

  void add_patterns(const Json& step, std::vector<std::string>& patterns) const {
    const std::string type = step.value("type", "");
    if (type == "Sequence")
      for (const Json& part : step.at("pretokenizers")) add_patterns(part, patterns);
    else if (type == "Split" && step.at("pattern").contains("Regex"))
      patterns.push_back(step.at("pattern").at("Regex").get<std::string>());
    else if (type == "ByteLevel" && step.value("use_regex", true))
      patterns.emplace_back(gpt2_pattern);
    else if (type == "Digits")
      patterns.emplace_back(R"(\p{N})");
    else if (type != "ByteLevel")
      refuse("its pre-tokenizer has a step of type ", printable(type));
  }
  std::string splitting(const Json& model) const {
    std::vector<std::string> patterns;
    if (const Json* step = find_json(json_, "pre_tokenizer"); step != nullptr && step->is_object())
      add_patterns(*step, patterns);
    const Json* ignores = find_json(model, "ignore_merges");
    const bool ignores_merges = ignores != nullptr && *ignores == true;
    for (const NamedSplitting& named : named_splittings) {
      std::vector<std::string> known;
      for (const char* pattern : named.patterns)
        if (pattern != nullptr) known.emplace_back(pattern);
      if (known == patterns && named.ignores_merges == ignores_merges) return std::string(named.names.front());
    }
    refuse("its splitting into words has no name there");
  }

  const std::filesystem::path& file_;
  Json json_;
  TokenizerFacts facts_;
  GgufVocabulary v_;
};

}  // namespace detail

/// The vocabulary of a folder's tokenizer.json or SentencePiece model as GGUF files hold it; nothing where there is
/// neither. Throws ConfigError for a tokenizer that GGUF has no form for.
inline std::optional<GgufVocabulary> gguf_vocabulary_of(const std::filesystem::path& folder) {
  const std::filesystem::path json = folder / "tokenizer.json", sentencepiece = folder / "tokenizer.model";
  if (detail::is_there(json)) return detail::GgufVocabularyOf(json, load_tokenizer(folder)).make();
  if (detail::is_there(sentencepiece)) return detail::SentencePieceFile(sentencepiece).gguf_vocabulary();
  return std::nullopt;
}

}}  // namespace bora::BORA_ABI
