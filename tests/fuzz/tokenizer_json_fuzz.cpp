// A tokenizer.json: refused, or it encodes any text, and what it decodes to is bytes.
#include "fuzz/fuzz.hpp"
#include <bora/io/load_tokenizer.hpp>
#include <bora/io/tokenizer_json.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string good_file() {
  bora::BpeVocabulary vocabulary{
      .pieces = {"<unk>", "<s>", "</s>"}, .merges = {}, .special_tokens = {"<unk>", "<s>", "</s>"}};
  for (std::size_t byte = 0; byte < 256; ++byte) vocabulary.pieces.push_back(bora::detail::byte_piece(byte));
  for (const char* piece : {"a", "b", "\u2581", "ab", "\u2581a"}) vocabulary.pieces.emplace_back(piece);
  vocabulary.merges = {{"a", "b"}, {"\u2581", "a"}};
  bora::save_tokenizer(bora::BpeTokenizer(vocabulary), fuzz::folder() / "good.json");
  return fuzz::bytes_of(fuzz::folder() / "good.json");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::folder().file("tokenizer.json", fuzz::text_of(data, size));
  fuzz::survives([&] {
    const bora::BpeTokenizer tokenizer = bora::load_tokenizer(path);
    const std::string text = "ab a  b\n\u65e5 " + std::string(fuzz::text_of(data, std::min<std::size_t>(size, 40)));
    const auto ids = tokenizer.encode(text);
    for (const bora::TokenId id : ids)
      fuzz::require(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocab_size(), "ids are in the vocabulary");
    static_cast<void>(tokenizer.decode(ids));
  });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {good_file()},
                                        words = {
                                            "<unk>",   "<s>",     "</s>",         "<0x00>",         "<0xFF>", "a",
                                            "ab",      "a b",     "b a",          "merges",         "vocab",  "model",
                                            "\\u2581", "special", "added_tokens", "post_processor", "id",     "BPE"};
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_json(fuzz::base_of(data, size, good, random), words, random), data, max_size);
}
