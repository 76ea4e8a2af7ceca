// What belongs to a model beside its weights.
#pragma once
#include <filesystem>

namespace command {

/// Copies tokenizer, chat template and the like of the checkpoint at `from` to a folder, but for what is there already;
/// a GGUF file's tokenizer becomes tokenizer.gguf.
void copy_text_files(const std::filesystem::path& from, const std::filesystem::path& folder);

}  // namespace command
