#include "text_files.hpp"
#include <bora/io/save_gguf.hpp>

namespace fs = std::filesystem;

void command::copy_text_files(const fs::path& from, const fs::path& folder) {
  if (from.extension() == ".gguf") {
    if (!fs::exists(folder / "tokenizer.gguf")) bora::save_gguf_vocabulary(from, folder / "tokenizer.gguf");
    return;
  }
  const fs::path old = fs::is_directory(from) ? from : from.parent_path() / ".";
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "tokenizer.bin", "tokenizer_config.json", "special_tokens_map.json",
        "generation_config.json", "chat_template.jinja", "tekken.json", "vocab.json", "merges.txt", "tokenizer.gguf"})
    if (fs::exists(old / name) && !fs::exists(folder / name)) fs::copy_file(old / name, folder / name);
}
