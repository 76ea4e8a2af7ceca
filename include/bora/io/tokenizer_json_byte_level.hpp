/// The kind of `tokenizer.json` that GPT-2, GPT-NeoX, OLMo, Llama 3, Qwen and DeepSeek have: byte-level BPE.
#pragma once
#include <bora/io/json.hpp>
#include <bora/io/tokenizer_json_stages.hpp>
#include <bora/text/byte_alphabet.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <bora/text/token_table.hpp>
#include <bora/text/tokenizer.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Reads the byte-level kind.
class ByteLevelJson : TokenizerJsonStages {
 public:
  using TokenizerJsonStages::TokenizerJsonStages;

  /// Whether the file holds this kind.
  static bool is_kind(const std::filesystem::path& file, const Json& root) {
    const PatternCompiler none;
    const ByteLevelJson json(file, root, none);
    return json.has_step("pre_tokenizer", "pretokenizers", "ByteLevel") ||
           json.has_step("decoder", "decoders", "ByteLevel");
  }

  Tokenizer read() const {
    const Json& model = require_object(root_, "model", file_);
    check_model(model);
    ByteLevelVocabulary vocabulary;
    const std::vector<std::string> pieces = this->pieces(model);
    vocabulary.added_tokens = added_tokens(pieces);
    vocabulary.tokens = tokens(pieces, vocabulary.added_tokens);
    vocabulary.merges = token_merges(model, vocabulary.tokens);
    vocabulary.ignore_merges = optional_bool(model, "ignore_merges", file_, "model").value_or(false);
    vocabulary.normalizer = normalizer();
    Words words = this->words();
    vocabulary.prefix_space = words.prefix_space;
    vocabulary.splitter = Splitter(std::move(words.steps));
    read_template(vocabulary.facts);
    vocabulary.facts.added = AddedTokens::all;
    check_decoder();
    try {
      return make_tokenizer(std::move(vocabulary));
    } catch (const ConfigError& error) {
      refuse(error.what());
    }
  }

 private:
  void check_model(const Json& model) const {
    if (optional_string(model, "type", file_, "model").value_or("BPE") != "BPE")
      refuse("key 'model.type' is ", shown(find_json(model, "type")), ", expected 'BPE' in a byte-level tokenizer");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (const std::string value = optional_string(model, key, file_, "model").value_or(""); !value.empty())
        refuse("key ", json_path("model", key), " is ", printable(value), ", expected none");
    if (optional_bool(model, "byte_fallback", file_, "model").value_or(false))
      refuse("key 'model.byte_fallback' is true, expected false in a byte-level tokenizer");
    if (const double dropout = optional_number(model, "dropout", file_, "model").value_or(0); dropout != 0)
      refuse("key 'model.dropout' is ", dropout, ", expected null: it makes ids random");
  }
  void check_decoder() const {
    if (!types_are(steps("decoder", "decoders"), {"ByteLevel"}))
      refuse("key 'decoder' is ", shown(find_value(root_, "decoder")), ", expected ByteLevel");
  }

  /// The bytes of each piece; none for an added token that no text merges to.
  std::vector<std::string> tokens(const std::vector<std::string>& pieces, const std::vector<AddedToken>& added) const {
    std::vector<std::string> tokens(pieces.size());
    std::vector<char> is_added(pieces.size());
    for (const AddedToken& token : added)
      if (static_cast<std::size_t>(token.id) < pieces.size()) is_added[static_cast<std::size_t>(token.id)] = 1;
    for (std::size_t id = 0; id < pieces.size(); ++id) {
      const std::optional<std::string> bytes = ByteAlphabet::get().bytes(pieces[id]);
      if (!bytes && !is_added[id])
        refuse("key ", json_path("model.vocab", pieces[id]), " has characters that stand for no byte");
      tokens[id] = bytes.value_or("");
    }
    return tokens;
  }
  std::vector<TokenMerge> token_merges(const Json& model, const std::vector<std::string>& tokens) const {
    const TokenTable table(tokens, [](std::size_t) { return true; });
    std::vector<TokenMerge> merges;
    const auto id_of = [&](const std::string& bytes, std::string_view piece) {
      const TokenId id = table.find(bytes);
      if (id < 0)
        refuse("key 'model.merges': entry ", merges.size(), " names ", printable(piece),
               ", which is no piece, expected one of model.vocab");
      return id;
    };
    for (const Json& merge : require_array(model, "merges", file_, "model")) {
      const auto [left, right] = merge.is_string() ? spaced_pair(merge.get_ref<const std::string&>(), merges.size())
                                                   : listed_pair(merge, merges.size());
      const std::string a = ByteAlphabet::get().bytes(left).value_or(""),
                        b = ByteAlphabet::get().bytes(right).value_or("");
      merges.push_back(
          {id_of(a, left), id_of(b, right), id_of(a + b, left + right), static_cast<std::uint32_t>(merges.size())});
    }
    return merges;
  }
};

}}}  // namespace bora::BORA_ABI::detail
