/// Writes a tokenizer beside a model.
#pragma once
#include <bora/files/compiled_files.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <filesystem>

namespace bora { inline namespace BORA_ABI {

/// Writes `tokenizer.json` as Hugging Face's tokenizers read it. Throws FileError where writing fails, ConfigError
/// where a piece is no UTF-8 or holds a space, which a merge could not spell, and where the file's format has no form
/// for the vocabulary: `LeadingSpace::added` with pieces that are split at spaces.
BORA_FILE_FUNCTION void save_tokenizer(const BpeTokenizer& tokenizer, const std::filesystem::path& file);

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/tokenizer_json.hpp>
#endif
