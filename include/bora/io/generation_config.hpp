/// Where generation stops: the end-of-sequence ids that a Hugging Face folder names.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/files/compiled_files.hpp>
#include <filesystem>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// The ids that end a text: `eos_token_id`, a number or a list, of generation_config.json, or of config.json where that
/// file names none; in the file's order. Empty where neither names one.
/// \param folder  a Hugging Face folder, or a file of weights in one
/// Throws FileError where the folder does not exist, where one of the files cannot be read, and, naming the key, for
/// what is no token id.
BORA_FILE_FUNCTION std::vector<TokenId> stop_ids(const std::filesystem::path& folder);

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/compiled/generation_config.hpp>
#endif
