// The stories that the model that comes with the library is trained and measured on, as token files.
#pragma once
#include "stories.hpp"
#include <bora/data/pack_text.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace pocket {

inline constexpr std::uint64_t training_seed = 1, held_out_seed = 2;

/// A story without the line's end, which a mark stands for.
inline std::string story(std::uint64_t seed, std::uint64_t index) {
  std::string text = stories::story(seed, index);
  text.pop_back();
  return text;
}

/// Stories [0, count) of a seed, each between its special tokens.
inline bora::PackReport pack(const bora::BpeTokenizer& tokenizer, std::uint64_t seed, std::size_t count,
                             const std::filesystem::path& file) {
  bora::TextPacker packer(tokenizer, file, {.end_of_document = tokenizer.eos()});
  for (std::uint64_t i = 0; i < count; ++i) packer.add(story(seed, i));
  return packer.commit();
}

}  // namespace pocket
