#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/tokenizer_json.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace {

using bora::Json;

bora::BpeTokenizer small_tokenizer() {
  bora::BpeVocabulary v;
  v.pieces = v.special_tokens;
  for (std::size_t byte = 0; byte < 256; ++byte) v.pieces.push_back(bora::detail::byte_piece(byte));
  for (const char* piece : {"▁", "a", "b", "é", "\"", "▁a", "ab", "▁ab"}) v.pieces.emplace_back(piece);
  v.merges = {{"▁", "a"}, {"a", "b"}, {"▁a", "b"}};
  return bora::BpeTokenizer(v);
}

/// What small_tokenizer is written as.
Json written() {
  const support::TemporaryFolder folder;
  bora::save_tokenizer(small_tokenizer(), folder / "tokenizer.json");
  return bora::read_json(folder / "tokenizer.json");
}

bora::BpeTokenizer read(const Json& json) {
  const support::TemporaryFolder folder;
  return bora::load_tokenizer(folder.file("tokenizer.json", json.dump()));
}

std::string refused(const std::function<void(Json&)>& change) {
  const support::TemporaryFolder folder;
  Json json = written();
  change(json);
  const auto path = folder.file("tokenizer.json", json.dump());
  return support::refusal(path, [&] { bora::load_tokenizer(path); });
}

}  // namespace

TEST_CASE("A tokenizer.json is read as it was written", "[io]") {
  const support::TemporaryFolder folder;
  const bora::BpeTokenizer tokenizer = small_tokenizer();
  bora::save_tokenizer(tokenizer, folder / "tokenizer.json");
  CHECK(folder.count() == 1);
  const bora::BpeTokenizer again = bora::load_tokenizer(folder / "tokenizer.json");
  CHECK(again.vocabulary().pieces == tokenizer.vocabulary().pieces);
  CHECK(again.vocabulary().merges == tokenizer.vocabulary().merges);
  CHECK(again.vocabulary().special_tokens == tokenizer.vocabulary().special_tokens);
  for (const std::string text : {"", "ab ab", "é\n\"", "日本", " a"}) {
    CHECK(again.encode(text) == tokenizer.encode(text));
    CHECK(again.decode(again.encode(text)) == text);
  }
}

TEST_CASE("A written tokenizer.json has the parts that Hugging Face's tokenizers look for", "[io]") {
  const Json json = written();
  CHECK(json.at("model").at("type") == "BPE");
  CHECK(json.at("model").at("byte_fallback") == true);
  CHECK(json.at("model").at("vocab").at("▁ab") == 266);
  CHECK(json.at("model").at("merges") == Json({"▁ a", "a b", "▁a b"}));
  CHECK(json.at("pre_tokenizer").is_null());
  CHECK(json.at("normalizer").at("normalizers").size() == 2);
  CHECK(json.at("decoder").at("decoders").size() == 4);
  CHECK(json.at("post_processor").at("special_tokens").at("<s>").at("ids") == Json({1}));
  CHECK(json.at("added_tokens").size() == 3);
  CHECK(json.at("added_tokens")[2].at("content") == "</s>");
}

TEST_CASE("Merges may be pairs, and parts that decide nothing may be absent", "[io]") {
  Json json = written();
  json["model"]["merges"] = bora::parse_json(R"([["▁", "a"], ["a", "b"], ["▁a", "b"]])", "merges");
  for (const char* key : {"post_processor", "pre_tokenizer", "version", "padding", "truncation"}) json.erase(key);
  json["model"].erase("dropout");
  json["model"]["ignore_merges"] = false;
  CHECK(read(json).encode("ab") == small_tokenizer().encode("ab"));
}

TEST_CASE("A tokenizer.json of another kind is refused with its key", "[io]") {
  struct Case {
    std::function<void(Json&)> change;
    std::string expected;
  };
  const Case cases[] = {
      {[](Json& j) { j = Json::array(); }, "is an array, expected an object"},
      {[](Json& j) { j.erase("model"); }, "has no key 'model', expected an object"},
      {[](Json& j) { j["model"]["type"] = "WordPiece"; }, "key 'model.type' is 'WordPiece', expected 'BPE'"},
      {[](Json& j) { j["model"]["type"] = "Unigram"; }, "key 'model.type' is 'Unigram', expected 'BPE'"},
      {[](Json& j) { j["model"]["unk_token"] = nullptr; }, "has no key 'model.unk_token', expected a string"},
      {[](Json& j) { j["model"]["byte_fallback"] = false; }, "key 'model.byte_fallback' is false, expected true"},
      {[](Json& j) { j["model"]["ignore_merges"] = true; }, "key 'model.ignore_merges' is true, expected false"},
      {[](Json& j) { j["model"]["dropout"] = 0.1; }, "key 'model.dropout' is 0.1, expected null or none"},
      {[](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; },
       "key 'model.end_of_word_suffix' is '</w>', expected none"},
      {[](Json& j) { j["model"]["continuing_subword_prefix"] = "##"; },
       "key 'model.continuing_subword_prefix' is '##', expected none"},
      {[](Json& j) { j["pre_tokenizer"] = {{"type", "ByteLevel"}}; },
       "key 'pre_tokenizer' is {\"type\":\"ByteLevel\"}, expected null or none"},
      {[](Json& j) { j["normalizer"] = nullptr; }, "key 'normalizer' is missing, expected {\"normalizers\":"},
      {[](Json& j) { j["normalizer"] = {{"type", "NFC"}}; }, "key 'normalizer' is {\"type\":\"NFC\"}, expected {"},
      {[](Json& j) { j["decoder"]["decoders"].erase(3); }, "key 'decoder' is {"},
      {[](Json& j) { j["decoder"] = {{"type", "ByteLevel"}}; },
       "key 'decoder' is {\"type\":\"ByteLevel\"}, expected {"},
      {[](Json& j) { j["post_processor"]["type"] = "ByteLevel"; }, "key 'post_processor' is {"},
      {[](Json& j) { j["post_processor"]["single"].push_back(j["post_processor"]["single"][0]); },
       "expected none or a TemplateProcessing whose 'single' is ["},
      {[](Json& j) { j["post_processor"].erase("special_tokens"); },
       "has no key 'post_processor.special_tokens', expected an object"},
      {[](Json& j) { j["post_processor"]["special_tokens"].erase("<s>"); },
       "has no key 'post_processor.special_tokens.<s>', expected an object"},
      {[](Json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {2}; },
       "key 'post_processor.special_tokens.<s>.ids' is [2], expected the id of '<s>' in model.vocab"},
      {[](Json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {1, 2}; },
       "key 'post_processor.special_tokens.<s>.ids' is [1,2], expected the id of '<s>'"},
      {[](Json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {-1}; }, "ids' is [-1], expected the id"},
      {[](Json& j) { j["post_processor"]["special_tokens"]["<s>"]["ids"] = {267}; }, "ids' is [267], expected the id"},
  };
  for (const auto& [change, expected] : cases) CHECK(support::lacks(refused(change), expected) == "");
}

TEST_CASE("Ids, merges and special tokens that do not fit together are refused", "[io]") {
  struct Case {
    std::function<void(Json&)> change;
    std::string expected;
  };
  const Case cases[] = {
      {[](Json& j) { j["model"]["vocab"] = Json::array(); }, "key 'model.vocab' is an array, expected an object"},
      {[](Json& j) { j["model"]["vocab"]["a"] = 267; },
       "key 'model.vocab.a' is 267, expected an id below 267, the number of pieces"},
      {[](Json& j) { j["model"]["vocab"]["a"] = -1; }, "key 'model.vocab.a' is -1, expected an id below 267"},
      {[](Json& j) { j["model"]["vocab"]["a"] = "x"; }, "key 'model.vocab.a' is the string 'x', expected an id"},
      {[](Json& j) { j["model"]["vocab"]["b"] = 260; },
       "key 'model.vocab.b' is 260, expected an id of its own: 'a' has it already"},
      {[](Json& j) {
         j["model"]["vocab"].erase("b");
         j["model"]["vocab"][""] = 261;
       },
       "key 'model.vocab' holds an empty piece"},
      {[](Json& j) {
         j["model"]["vocab"].erase("<0x7F>");
         j["model"]["vocab"]["x"] = 130;
       },
       "vocabulary has no piece '<0x7F>', expected one"},
      {[](Json& j) { j["model"]["merges"] = nullptr; }, "has no key 'model.merges', expected an array"},
      {[](Json& j) { j["model"]["merges"][1] = "ab"; },
       "key 'model.merges': entry 1 is 'ab', expected two pieces with a space between"},
      {[](Json& j) { j["model"]["merges"][1] = "a b c"; }, "entry 1 is 'a b c', expected two pieces"},
      {[](Json& j) { j["model"]["merges"][1] = 7; }, "key 'model.merges': entry 1 is 7, expected two pieces"},
      {[](Json& j) { j["model"]["merges"][1] = Json({"a"}); }, "entry 1 is [\"a\"], expected two pieces"},
      {[](Json& j) { j["model"]["merges"][1] = "a z"; }, "merge 1 names 'z', which is no piece of text"},
      {[](Json& j) { j["model"]["merges"][1] = "b a"; }, "merge 1 names 'ba', which is no piece of text"},
      {[](Json& j) { j["model"]["merges"].push_back("a b"); }, "merge 3 joins 'a' and 'b', expected a new one"},
      {[](Json& j) { j["added_tokens"] = nullptr; }, "has no key 'added_tokens', expected an array"},
      {[](Json& j) { j["added_tokens"].erase(1); }, "piece 1 is '<s>' and no special token, expected one"},
      {[](Json& j) { j["added_tokens"][1]["id"] = 5; },
       "key 'added_tokens[1].id' is 5, expected the id of '<s>' in model.vocab"},
      {[](Json& j) { j["added_tokens"][1]["special"] = false; },
       "key 'added_tokens[1].special' is false, expected true"},
      {[](Json& j) {
         j["added_tokens"].push_back(j["added_tokens"][0]);
         j["added_tokens"][3]["content"] = "[INST]";
         j["added_tokens"][3]["id"] = 267;
       },
       "key 'added_tokens[3].id' is 267, expected the id of '[INST]'"},
  };
  for (const auto& [change, expected] : cases) CHECK(support::lacks(refused(change), expected) == "");
}

TEST_CASE("Files that are no JSON, or missing, are refused as files", "[io]") {
  const support::TemporaryFolder folder;
  CHECK_THROWS_AS(bora::load_tokenizer(folder / "none.json"), bora::FileError);
  const auto path = folder.file("tokenizer.json", written().dump().substr(0, 1'000));
  CHECK(support::lacks(support::refusal(path, [&] { bora::load_tokenizer(path); }), "is not valid JSON") == "");
}

TEST_CASE("What the format cannot spell is not written", "[io]") {
  const support::TemporaryFolder folder;
  for (const std::string piece : {"a b", "\xff"}) {
    bora::BpeVocabulary v = small_tokenizer().vocabulary();
    v.pieces.push_back(piece);
    CHECK_THROWS_AS(bora::save_tokenizer(bora::BpeTokenizer(v), folder / "tokenizer.json"), bora::ConfigError);
  }
  CHECK(folder.count() == 0);
}
