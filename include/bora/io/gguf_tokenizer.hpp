/// The tokenizer in a GGUF file.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/gguf_file.hpp>
#include <bora/text/gguf_vocabulary.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Reads the keys `tokenizer.ggml.*`. Throws ConfigError for values of another type.
class GgufVocabularyKeys {
 public:
  explicit GgufVocabularyKeys(const GgufFiles& files) : files_(&files) {}

  bool there() const {
    for (const auto& [key, value] : files_->first().keys())
      if (key.starts_with("tokenizer.ggml.")) return true;
    return false;
  }
  GgufVocabulary read() const {
    GgufVocabulary v;
    v.model = text("model");
    if (v.model.empty()) refuse("has no key tokenizer.ggml.model");
    v.pre = text("pre");
    v.tokens = texts("tokens");
    v.merges = texts("merges");
    if (v.model == "gpt2" && find("merges") == nullptr) refuse("has no key tokenizer.ggml.merges");
    v.scores = scores();
    v.token_type = types();
    v.bos_token_id = id("bos_token_id");
    v.eos_token_id = id("eos_token_id");
    v.unknown_token_id = id("unknown_token_id");
    v.padding_token_id = id("padding_token_id");
    v.add_bos_token = flag("add_bos_token");
    v.add_eos_token = flag("add_eos_token");
    v.add_space_prefix = flag("add_space_prefix");
    return v;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw ConfigError(message(files_->first().path().string(), ": ", parts...));
  }
  const GgufValue* find(std::string_view key) const { return files_->find(message("tokenizer.ggml.", key)); }
  void check(bool right, std::string_view key, std::string_view expected) const {
    if (!right) refuse("key tokenizer.ggml.", key, " is of another type, expected ", expected);
  }
  std::string text(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return "";
    check(value->type == GgufType::string, key, "a string");
    return std::string(value->text());
  }
  std::vector<std::string> texts(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return {};
    check(value->is_array_of(GgufType::string), key, "an array of strings");
    const std::vector<std::string_view> all = value->texts();
    return {all.begin(), all.end()};
  }
  std::vector<float> scores() const {
    const GgufValue* value = find("scores");
    if (value == nullptr) return {};
    check(value->is_array_of(GgufType::f32), "scores", "an array of f32");
    std::vector<float> all(static_cast<std::size_t>(value->count));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(value->number(i));
    return all;
  }
  std::vector<std::int32_t> types() const {
    const GgufValue* value = find("token_type");
    if (value == nullptr) return {};
    check(value->is_integer_array(), "token_type", "an array of integers");
    std::vector<std::int32_t> all(static_cast<std::size_t>(value->count));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::uint64_t type = value->integer(i);
      all[i] = type > 0x7fffffff ? -1 : static_cast<std::int32_t>(type);
    }
    return all;
  }
  std::optional<std::uint32_t> id(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    check(is_gguf_integer(value->type), key, "an integer");
    if (value->integer() > std::numeric_limits<std::uint32_t>::max())
      refuse("key tokenizer.ggml.", key, " is ", value->integer(), ", expected the id of a token");
    return static_cast<std::uint32_t>(value->integer());
  }
  std::optional<bool> flag(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return std::nullopt;
    check(value->type == GgufType::boolean, key, "a bool");
    return value->integer() != 0;
  }

  const GgufFiles* files_;
};

}  // namespace detail

/// What a GGUF file says about its tokenizer; nothing if it says nothing. Throws ConfigError for values of another
/// type.
inline std::optional<GgufVocabulary> vocabulary_of(const GgufFiles& files) {
  const detail::GgufVocabularyKeys keys(files);
  if (!keys.there()) return std::nullopt;
  return keys.read();
}

/// The tokenizer in a GGUF file. Throws ConfigError where it has none, or one that is not read; the message names the
/// key.
inline Tokenizer gguf_tokenizer(const std::filesystem::path& file) {
  const GgufFiles files(file);
  const std::optional<GgufVocabulary> vocabulary = vocabulary_of(files);
  if (!vocabulary)
    throw ConfigError(detail::message(file.string(), ": has no tokenizer, expected keys tokenizer.ggml.*"));
  try {
    return make_tokenizer(*vocabulary);
  } catch (const ConfigError& error) {
    throw ConfigError(detail::message(file.string(), ": ", error.what()));
  }
}

}}  // namespace bora::BORA_ABI
