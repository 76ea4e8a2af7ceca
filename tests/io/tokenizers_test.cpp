#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/reference.hpp"
#include <bora/io/gguf_vocabulary_of.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <bora/text/normalize.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using bora::AddedTokens, bora::Json, bora::TokenId, bora::Tokenizer;
using Ids = std::vector<TokenId>;

/// A byte-level tokenizer.json with the 256 bytes, "ab" and an added token.
Json byte_level_json() {
  Json vocab = Json::object();
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    std::string piece;
    const bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    bora::detail::append_utf8(piece, itself ? static_cast<char32_t>(byte) : next++);
    vocab[piece] = byte;
  }
  vocab["ab"] = 256;
  Json added = Json::array();
  added.push_back({{"id", 257}, {"content", "<|end|>"}, {"special", true}});
  return {{"added_tokens", added},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array({"a b"})}}}};
}
std::string refusal(const Json& json) {
  const support::TemporaryFolder folder;
  const fs::path path = folder.file("tokenizer.json", json.dump());
  return support::refusal(path, [&] { bora::load_tokenizer(path); });
}

std::string tekken(const std::string& pattern, std::size_t special) {
  Json vocab = Json::array();
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t byte = 0; byte < 256; ++byte)
    vocab.push_back({{"rank", byte}, {"token_bytes", std::string{digits[byte / 4], digits[byte % 4 * 16], '=', '='}}});
  vocab.push_back({{"rank", 256}, {"token_bytes", "YWI="}});  // ab
  vocab.push_back({{"rank", 257}, {"token_bytes", "YWJh"}});  // aba
  return Json({{"config",
                {{"pattern", pattern}, {"default_vocab_size", special + 258}, {"default_num_special_tokens", special}}},
               {"vocab", vocab}})
      .dump();
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string field(unsigned number, const std::string& bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string sentencepiece(unsigned model_type, bool collapses) {
  std::string model;
  const auto piece = [&](const std::string& text, float score, unsigned type) {
    model += field(1, field(1, text) + varint(2 << 3 | 5) + support::as_bytes(score) + varint(3 << 3) + varint(type));
  };
  piece("<unk>", 0, 2);
  piece("<s>", 0, 3);
  piece("</s>", 0, 3);
  piece("<word>", 0, 4);
  piece("\u2581", -3, 1);
  piece("a", -3, 1);
  piece("b", -3, 1);
  piece("ab", -1, 1);
  piece("\u2581ab", -2, 1);
  model += field(2, varint(3 << 3) + varint(model_type));
  return model + field(3, varint(4 << 3) + varint(collapses));
}

/// Rows of texts and ids, as the file's own program encodes them, and texts that ids decode to.
void check_rows(const Tokenizer& tokenizer, const fs::path& rows, AddedTokens added) {
  INFO(rows.string());
  std::ifstream file(rows);
  REQUIRE(file);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const Json row = bora::parse_json(line, rows);
    const std::string text = row["text"];
    const Ids ids = row["ids"].get<Ids>();
    CHECK(tokenizer.encode(text, {.bos = false, .added = added}) == ids);
    if (row.contains("decoded"))
      CHECK(tokenizer.decode(ids,
                             added == AddedTokens::all ? bora::SpecialTokens::spelled : bora::SpecialTokens::hidden) ==
            row["decoded"].get<std::string>());
    auto stream = tokenizer.encode_stream({.bos = false, .added = added});
    Ids parts = stream.push(std::string_view(text).substr(0, text.size() / 2));
    for (const Ids& more : {stream.push(std::string_view(text).substr(text.size() / 2)), stream.finish()})
      parts.insert(parts.end(), more.begin(), more.end());
    CHECK(parts == ids);
  }
  CHECK(count > 10);
}

/// The file in `folder`, or what it was before it was compressed, in `unpacked`.
fs::path file_or_unpacked(const fs::path& folder, const char* name, const fs::path& unpacked) {
  if (fs::exists(folder / name)) return folder / name;
  const std::string command =
      "gzip -cd '" + (folder / (std::string(name) + ".gz")).string() + "' > '" + (unpacked / name).string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  return unpacked / name;
}

}  // namespace

TEST_CASE("Published tokenizers of every kind give the ids that they give elsewhere", "[io]") {
  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("published tokenizers");
  const fs::path first = *reference / "tokenizers", second = *reference / "../families/tokenizers";
  const support::TemporaryFolder unpacked;
  struct Case {
    fs::path folder;
    const char* file;
    AddedTokens added;
  };
  const auto all = AddedTokens::all, some = AddedTokens::words;
  // The others take longest to read; tests/tools/check_tokenizers.py asks the command for them.
  std::vector<Case> cases{{first / "gpt2", "tokenizer.json", all},
                          {first / "olmo", "tokenizer.json", all},
                          {first / "llama2", "tokenizer.model", some},
                          {first / "mistral", "tokenizer.model", some}};
  if (fs::exists(second))
    for (const Case& more :
         {Case{second / "mistral-v1", "tokenizer.json", all}, Case{second / "mistral-v3", "tokenizer.model", some}})
      cases.push_back(more);
  for (const Case& c : cases) {
    const Tokenizer tokenizer = bora::load_tokenizer(file_or_unpacked(c.folder, c.file, unpacked.path()));
    CHECK((tokenizer.facts().added == c.added));
    for (const char* rows : {"cases.jsonl", "upstream_cases.jsonl"})
      if (fs::exists(c.folder / rows)) check_rows(tokenizer, c.folder / rows, c.added);
  }
}

TEST_CASE("Vocabularies in GGUF files give the ids that llama.cpp gives", "[io]") {
  const auto reference = support::reference_folder();
  const fs::path files = reference ? *reference / "../gguf/files" : fs::path();
  if (!reference || !fs::exists(files)) return support::skip_without_reference("texts of GGUF files");
  for (const char* name : {"llama-gqa", "stories260k", "falcon", "gpt2", "olmo", "qwen2"}) {
    const Tokenizer tokenizer = bora::load_tokenizer(files / name / "model.gguf");
    check_rows(tokenizer, files / name / "texts.jsonl", AddedTokens::words);
  }
}

TEST_CASE("A byte-level tokenizer.json is read with its stages", "[io]") {
  const support::TemporaryFolder folder;
  Json json = byte_level_json();
  const Tokenizer t = bora::load_tokenizer(folder.file("tokenizer.json", json.dump()));
  CHECK(t.facts().kind == "byte-level BPE");
  CHECK(t.encode("ab e\u0301") == Ids{256, ' ', 0xc3, 0xa9});
  CHECK(t.encode("ab<|end|>", {.added = AddedTokens::all}) == Ids{256, 257});
  json["model"]["merges"] = Json::array({Json::array({"a", "b"})});
  json["pre_tokenizer"]["add_prefix_space"] = true;
  CHECK(bora::load_tokenizer(folder.file("tokenizer.json", json.dump())).encode("ab") == Ids{' ', 256});
  json["post_processor"] = bora::parse_json(
      R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|end|>"}}, {"Sequence": {"id": "A"}}],
          "special_tokens": {"<|end|>": {"ids": [257]}}})",
      "template");
  const Tokenizer with_bos = bora::load_tokenizer(folder.file("tokenizer.json", json.dump()));
  CHECK(with_bos.encode(" ab") == Ids{257, ' ', 256});
  CHECK(with_bos.encode(" ab", {.bos = false}) == Ids{' ', 256});
}

TEST_CASE("A byte-level tokenizer.json that is not understood is refused by its key", "[io]") {
  struct Case {
    void (*change)(Json&);
    const char* expected;
  };
  const Case cases[] = {
      {[](Json& j) { j["normalizer"] = {{"type", "NFKC"}}; },
       "key 'normalizer' holds {\"type\":\"NFKC\"}, expected NFC"},
      {[](Json& j) { j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "\\p{Han}+"}}}}; },
       "key 'pre_tokenizer' cuts texts by the pattern '\\p{Han}+', which takes PCRE2"},
      {[](Json& j) { j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "Gone"}}; },
       "key 'pre_tokenizer.behavior' is 'Gone', expected Isolated"},
      {[](Json& j) { j["pre_tokenizer"] = {{"type", "BertPreTokenizer"}}; }, "key 'pre_tokenizer' holds"},
      {[](Json& j) { j["decoder"] = nullptr; }, "key 'decoder' is null, expected ByteLevel"},
      {[](Json& j) { j["model"]["vocab"]["\u3042"] = 258; }, "characters that stand for no byte"},
      {[](Json& j) { j["model"]["merges"] = Json::array({"a c"}); },
       "key 'model.merges': entry 0 names 'ac', which is no piece"},
      {[](Json& j) { j["model"]["merges"] = Json::array({"a b", "a b"}); }, "the merge of rank 1 joins"},
      {[](Json& j) { j["added_tokens"][0]["id"] = 256; }, "it is the id of 'ab' in model.vocab"},
      {[](Json& j) { j["model"]["dropout"] = 0.5; }, "key 'model.dropout' is 0.5"},
      {[](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "key 'model.end_of_word_suffix' is '</w>'"},
      {[](Json& j) { j["post_processor"] = {{"type", "Other"}}; }, "key 'post_processor' holds"},
  };
  for (const Case& c : cases) {
    Json json = byte_level_json();
    c.change(json);
    CHECK(support::lacks(refusal(json), c.expected) == "");
  }
}

TEST_CASE("A Unigram tokenizer.json takes the most probable pieces of each word", "[io]") {
  const support::TemporaryFolder folder;
  Json json = bora::parse_json(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "</s>", "special": true}],
    "normalizer": {"type": "Strip"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"},
    "decoder": {"type": "Metaspace"},
    "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}],
                       "special_tokens": {"</s>": {"ids": [1]}}},
    "model": {"type": "Unigram", "unk_id": 0,
              "vocab": [["<unk>", 0], ["</s>", 0], ["\u2581", -3], ["a", -3], ["b", -3], ["\u2581ab", -2]]}})",
                               "json");
  const fs::path path = folder.file("tokenizer.json", json.dump());
  const Tokenizer t = bora::load_tokenizer(path);
  CHECK(t.encode(" ab aba") == Ids{5, 5, 3});
  CHECK(t.encode("xy", {.eos = true}) == Ids{2, 0, 1});
  CHECK(t.facts().adds_eos);
  CHECK(t.decode(Ids{5, 5, 3, 1}) == "ab aba");
  json["model"]["vocab"][2] = "a";
  CHECK(support::lacks(refusal(json), "key 'model.vocab': entry 2 is \"a\", expected a piece and its score") == "");
}

TEST_CASE("A tekken.json is merged by rank, and its control tokens are text", "[io]") {
  const support::TemporaryFolder folder;
  const fs::path file = folder.file("tekken.json", tekken("[a-z]+|[^a-z]+", 20));
  const Tokenizer t = bora::load_tokenizer(file);
  CHECK(t.vocab_size() == 278);
  CHECK(t.encode("ababa") == Ids{1, 276, 277});
  CHECK(t.encode("aba", {.bos = false}) == Ids{277});
  CHECK(t.encode("[INST]", {.bos = false}).size() == 6);
  CHECK(t.encode("[INST]", {.bos = false, .added = AddedTokens::all}) == Ids{3});
  const auto says = [&](std::string text) {
    const fs::path path = folder.file("tekken.json", text);
    return support::refusal(path, [&] { bora::load_tokenizer(path); });
  };
  CHECK(support::lacks(says(tekken("(?<=a)b", 20)), "key 'config.pattern' is '(?<=a)b', which takes PCRE2") == "");
  std::string wrong = tekken("a|[^a]", 20);
  wrong.replace(wrong.find("\"rank\":5"), 8, "\"rank\":6");
  CHECK(support::lacks(says(wrong), "key 'vocab[5].rank' is 6, expected 5") == "");
}

TEST_CASE("A SentencePiece model is read, merged by score or by probability", "[io]") {
  const support::TemporaryFolder folder;
  const auto read = [&](unsigned type, bool collapses) {
    return bora::load_tokenizer(folder.file("tokenizer.model", sentencepiece(type, collapses)));
  };
  const Tokenizer bpe = read(2, false);
  CHECK(bpe.encode("ab ab") == Ids{1, 8, 8});
  CHECK(bpe.encode("a<word>b x") == Ids{1, 4, 5, 3, 6, 4, 0});
  CHECK(bpe.encode("<word>") == Ids{1, 4, 3});
  CHECK(bpe.encode("</s>", {.bos = false}) == Ids{4, 0});
  CHECK(bpe.decode(Ids{1, 8, 8, 2}) == "ab ab");
  const Tokenizer unigram = read(1, true);
  CHECK(unigram.encode("  ab   ab ", {.bos = false}) == Ids{8, 8});
  CHECK(unigram.encode("a<word>", {.bos = false}) == Ids{4, 5, 3});
  const auto says = [&](const std::string& bytes) {
    const fs::path path = folder.file("tokenizer.model", bytes);
    return support::refusal(path, [&] { bora::load_tokenizer(path); });
  };
  const std::string good = sentencepiece(2, false);
  CHECK(support::lacks(says(good.substr(0, good.size() - 1)), "ends early") == "");
  CHECK(support::lacks(says(sentencepiece(3, false)), "has model_type 3, expected 1 (unigram) or 2 (BPE)") == "");
  CHECK(support::lacks(says("hello"), "is no SentencePiece model") == "");
}

TEST_CASE("A folder's files say which tokens begin and end texts", "[io]") {
  const support::TemporaryFolder folder;
  folder.file("tokenizer.json", byte_level_json().dump());
  CHECK(bora::load_tokenizer(folder.path()).facts().eos == std::nullopt);
  folder.file("special_tokens_map.json", R"({"eos_token": {"content": "<|end|>"}})");
  CHECK(bora::load_tokenizer(folder.path()).eos() == 257);
  folder.file("tokenizer_config.json", R"({"bos_token": "<|end|>", "add_bos_token": true})");
  CHECK(bora::load_tokenizer(folder.path()).encode("a") == Ids{257, 'a'});

  const support::TemporaryFolder none;
  CHECK(support::lacks(support::refusal(none.path(), [&] { bora::load_tokenizer(none.path()); }),
                       "holds no tokenizer, expected tokenizer.json") == "");
  none.file("config.json", R"({"vocab_size": 256})");
  CHECK(bora::load_tokenizer(none.path()).encode("\xff") == Ids{255});
}

TEST_CASE("The vocabulary that a GGUF file gets from a SentencePiece model gives the same ids", "[io]") {
  const support::TemporaryFolder folder;
  folder.file("tokenizer.model", sentencepiece(2, false));
  const Tokenizer ours = bora::load_tokenizer(folder.path());
  const Tokenizer gguf = bora::make_tokenizer(*bora::gguf_vocabulary_of(folder.path()));
  for (const char* text : {"ab", "abab a b", "a\nb", ""}) CHECK(gguf.encode(text) == ours.encode(text));
  CHECK(gguf.eos() == ours.eos());
  folder.file("tokenizer.model", sentencepiece(1, false));  // a unigram
  CHECK_THROWS_AS(bora::gguf_vocabulary_of(folder.path()), bora::ConfigError);

  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("SentencePiece models as vocabularies of GGUF");
  // Where no added words stand in texts: readers of GGUF have another rule for the space beside them.
  for (const char* name : {"llama2", "mistral"}) {
    const fs::path model = *reference / "tokenizers" / name;
    check_rows(bora::make_tokenizer(*bora::gguf_vocabulary_of(model)), model / "cases.jsonl", AddedTokens::words);
  }
}
