// The tokenizer of a model, a prompt in its tokens, and the characters of what follows.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/text/tokenizer.hpp>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace command {

/// The tokenizer that lies beside a model or, of a GGUF file, in it; raw bytes where there is none and the vocabulary
/// is 256. Throws FileError where there is none.
/// \param vocab_size  the model's; 0: unknown
bora::Tokenizer tokenizer_of(const std::filesystem::path& model, std::size_t vocab_size = 0);

/// The ids that end a text: the tokenizer's, and those that the model's files name.
std::vector<bora::TokenId> stop_ids(const std::filesystem::path& model, const bora::Tokenizer& tokenizer);

/// The ids of a prompt. There is at least one, which a session begins with.
std::vector<bora::TokenId> prompt_ids(const bora::Tokenizer& tokenizer, const std::string& prompt);

}  // namespace command
