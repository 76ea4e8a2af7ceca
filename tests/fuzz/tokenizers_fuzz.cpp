// A byte-level or unigram tokenizer.json, a tekken.json or a SentencePiece model: refused, or it encodes any text,
// whole and in parts, to ids of its vocabulary.
#include "fuzz/fuzz.hpp"
#include <bora/io/load_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string vocabulary() {
  bora::Json vocab = bora::Json::object();
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    std::string piece;
    const bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    bora::detail::append_utf8(piece, itself ? static_cast<char32_t>(byte) : next++);
    vocab[piece] = byte;
  }
  vocab["ab"] = 256;
  return vocab.dump();
}
std::string byte_level() {
  return R"({"added_tokens": [{"id": 257, "content": "<|end|>", "special": true, "lstrip": true, "single_word": true}],
             "normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
             {"type": "Split", "pattern": {"Regex": "'s|[^\\r\\n\\p{L}]?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+|."},
              "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "use_regex": false}]},
             "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "ignore_merges": true, "merges": ["a b"], "vocab": )" +
         vocabulary() + "}}";
}
std::string tekken() {
  std::string text = R"({"config": {"pattern": "[a-z]+|[^a-z]", "default_vocab_size": 12, "default_num_special_tokens":
                         8}, "vocab": [)";
  for (int i = 0; i < 4; ++i)
    text +=
        std::string(i == 0 ? "" : ",") + "{\"rank\": " + std::to_string(i) + ", \"token_bytes\": \"" + "YA==" + "\"}";
  return text + "]}";
}
std::string sentencepiece(char type) {
  std::string model;
  const auto piece = [&](std::string_view text, char kind) {
    std::string inner = "\x0a" + std::string(1, static_cast<char>(text.size())) + std::string(text);
    inner += std::string("\x15\0\0\x80\xbf\x18", 6) + kind;
    model += "\x0a" + std::string(1, static_cast<char>(inner.size())) + inner;
  };
  piece("<unk>", 2);
  piece("<s>", 3);
  piece("</s>", 3);
  piece("<w>", 4);
  for (const char* text : {"\u2581", "a", "b", "ab", "\u2581ab"}) piece(text, 1);
  return model + "\x12\x02\x18" + type + std::string("\x1a\x02\x20\0", 4);
}

void encode(const bora::Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.encode(text, {.added = bora::AddedTokens::all});
  for (const bora::TokenId id : ids)
    fuzz::require(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocab_size(), "ids are in the vocabulary");
  static_cast<void>(tokenizer.decode(ids));
  auto stream = tokenizer.encode_stream({.added = bora::AddedTokens::all});
  auto parts = stream.push(text.substr(0, text.size() / 2));
  for (const auto& more : {stream.push(text.substr(text.size() / 2)), stream.finish()})
    parts.insert(parts.end(), more.begin(), more.end());
  fuzz::require(parts == ids, "parts have the ids of the whole");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const std::string text = "ab's  a1234 <|end|><w>\n\u65e5e\u0301 " +
                           std::string(bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 80)));
  for (const char* name : {"tokenizer.json", "tekken.json", "tokenizer.model"}) {
    const bool json = bytes.starts_with('{');
    if (json != std::string_view(name).ends_with("json")) continue;
    const auto path = fuzz::folder().file(name, bytes);
    fuzz::survives([&] { encode(bora::load_tokenizer(path), text); });
    std::filesystem::remove(path);
  }
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {byte_level(), tekken(), sentencepiece(1), sentencepiece(2)};
  static const std::vector<std::string> words = {
      "ab",      "a b",        "ByteLevel",      "NFC",         "NFD",
      "Replace", "Prepend",    "Strip",          "Precompiled", "precompiled_charsmap",
      "Removed", "Contiguous", "MergedWithNext", "[^\\s]+",     "(?i:'s)|.",
      "a{1,3}",  "\\p{Lu}*",   "AAAAAA==",       "id",          "ids"};
  fuzz::Random random(seed);
  std::string base = fuzz::base_of(data, size, good, random);
  if (base.starts_with('{') && random() % 4 != 0)
    return fuzz::give(fuzz::mutated_json(std::move(base), words, random), data, max_size);
  return fuzz::give(fuzz::mutated(std::move(base)), data, max_size);
}
