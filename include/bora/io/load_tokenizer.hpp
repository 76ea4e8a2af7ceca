/// Finds and reads the tokenizer of a checkpoint.
#pragma once
#include <bora/files/compiled_files.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/tokenizer_options.hpp>
#include <filesystem>

namespace bora { inline namespace BORA_ABI {

/// Reads the tokenizer of a folder, or a file of any kind: `tokenizer.json` (Hugging Face), `tokenizer.model`
/// (SentencePiece), `tekken.json` (Mistral), `tokenizer.bin` (llama2.c), a GGUF file. In a folder,
/// `tokenizer_config.json` and `special_tokens_map.json` say which tokens begin and end a text; a folder without a
/// tokenizer whose model has 256 ids has raw bytes. Throws FileError where there is no tokenizer, and for a file or a
/// kind that cannot be read, saying what was found and what was expected.
BORA_FILE_FUNCTION Tokenizer load_tokenizer(const std::filesystem::path& path, const TokenizerOptions& options = {});

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/compiled/load_tokenizer.hpp>
#endif
