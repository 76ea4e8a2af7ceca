// The program of docs/loading_models.md: opens a model that was registered, as code that names no model does.
#include "../../examples/pocket.hpp"
#include <bora/any/plugin.hpp>
#include <bora/infer/generate.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

BORA_REGISTER_MODEL(Pocket, bora::F32);

namespace {

// [write_text]
void write_text(const std::filesystem::path& path) {
  const auto model = bora::open_any(path);  // a folder, a .gguf or a .bin
  const auto words = bora::load_tokenizer(path);
  const auto session = model->session({.capacity = 64});
  bora::AnySequence sequence(*session);
  for (const auto id : bora::generate(sequence, words.encode("Once upon a time"), {.temperature = 0, .max_tokens = 8}))
    std::printf("%s", std::string(words.token_bytes(id)).c_str());
}
// [/write_text]

}  // namespace

int main(int, char** argv) { write_text(argv[1]); }
