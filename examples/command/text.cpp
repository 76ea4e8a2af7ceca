#include "text.hpp"
#include <bora/core/error.hpp>
#include <bora/io/generation_config.hpp>
#include <bora/io/gguf_tokenizer.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <optional>
#if defined(BORA_HAS_PCRE2)
#include <bora/text/pcre2.hpp>
#endif

namespace {

bool is_gguf(const std::filesystem::path& model) { return model.extension() == ".gguf"; }

}  // namespace

bora::Tokenizer command::tokenizer_of(const std::filesystem::path& model, std::size_t vocab_size) try {
  if (is_gguf(model)) return bora::gguf_tokenizer(model);
  const std::string ending = model.extension().string();
  const bool weights = ending == ".bin" || ending == ".safetensors";  // a tokenizer's own file is one too
  const bool beside = weights && !model.filename().string().starts_with("tok");
  bora::TokenizerOptions options;
#if defined(BORA_HAS_PCRE2)
  options.patterns = bora::pcre2_pattern;  // for patterns that the library does not know
#endif
  return bora::load_tokenizer(beside ? model.parent_path() / "." : model, options);
} catch (const bora::FileError&) {
  if (vocab_size == bora::ByteTokenizer::vocab_size()) return bora::ByteTokenizer();
  throw;
}

std::vector<bora::TokenId> command::stop_ids(const std::filesystem::path& model, const bora::Tokenizer& tokenizer) {
  std::vector<bora::TokenId> ids;
  for (const std::optional<bora::TokenId> id : {tokenizer.facts().bos, tokenizer.facts().eos})
    if (id) ids.push_back(*id);
  if (is_gguf(model)) return ids;
  const std::vector<bora::TokenId> named = bora::stop_ids(model);
  ids.insert(ids.end(), named.begin(), named.end());
  return ids;
}

std::vector<bora::TokenId> command::prompt_ids(const bora::Tokenizer& tokenizer, const std::string& prompt) {
  const bool none = prompt.empty() && !tokenizer.facts().adds_bos;
  return tokenizer.encode(none ? "\n" : prompt);
}
