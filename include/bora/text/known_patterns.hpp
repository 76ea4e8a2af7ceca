/// The patterns by which published byte-level tokenizers cut texts into words, under the names that GGUF files use.
#pragma once
#include <bora/text/splitter.hpp>
#include <bora/text/word_pattern.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// GPT-2's rule (Radford et al. 2019), which Hugging Face's ByteLevel stands for.
inline constexpr const char* gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// cl100k's rule: Llama 3, OLMo 2.
inline constexpr const char* llama3_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// The same with single digits: Qwen 2 and 3.
inline constexpr const char* qwen2_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// Words by their capitals, no contractions: Mistral Nemo's tekken.
inline constexpr const char* tekken_pattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// o200k's rule: Llama 4 and GPT-4o.
inline constexpr const char* o200k_pattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
/// The last step of DeepSeek V3's.
inline constexpr const char* deepseek_words =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{\|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
    R"( ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// A splitting by up to four patterns, one after the other.
struct NamedSplitting {
  std::array<std::string_view, 8> names;
  std::array<const char*, 4> patterns;
  bool ignores_merges = false;
  bool adds_bos = false;

  constexpr bool has_name(std::string_view name) const noexcept {
    return !name.empty() && std::find(names.begin(), names.end(), name) != names.end();
  }
};

/// By the value of `tokenizer.ggml.pre`.
inline constexpr NamedSplitting named_splittings[] = {
    {{"gpt-2", "gpt2", "mpt", "olmo", "phi-2", "jais", "trillion"}, {gpt2_pattern}},
    {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
     {llama3_pattern},
     true,
     true},
    {{"dbrx", "smaug-bpe", "olmo2", "chatglm-bpe", "glm4", "granite-docling"}, {llama3_pattern}},
    {{"qwen2", "stablelm2", "deepseek-r1-qwen", "hunyuan", "megrez"}, {qwen2_pattern}},
    {{"tekken"}, {tekken_pattern}, true, true},
    {{"gpt-4o", "llama4"}, {o200k_pattern}},
    {{"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2_pattern, "[0-9][0-9][0-9]"}},
    {{"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"}, {R"(\p{N})", gpt2_pattern}},
    {{"deepseek-coder"}, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", R"([一-龥ࠀ-一가-퟿]+|\p{N})"}},
    {{"deepseek-v3"}, {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", deepseek_words}},
    {{"default"}, {R"([\p{P}\$\+<=>\^~\|]+)", gpt2_pattern, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
};

/// \param splitting  with patterns that word_pattern knows
inline Splitter make_splitter(const NamedSplitting& splitting) {
  std::vector<SplitStep> steps;
  for (const char* pattern : splitting.patterns)
    if (pattern != nullptr) steps.push_back({.pattern = word_pattern(pattern)});
  return Splitter(std::move(steps));
}

}}}  // namespace bora::BORA_ABI::detail
