#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/load_tokenizer.hpp>
#include <bora/io/tokenizer_json.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
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

Json& add_token(Json& j, std::size_t id, const std::string& content) {
  j["added_tokens"].push_back(j["added_tokens"][0]);
  j["added_tokens"].back()["id"] = id;
  j["added_tokens"].back()["content"] = content;
  return j["added_tokens"].back();
}

/// Metaspace instead of the normalizer, as transformers 5 writes it.
Json with_metaspace(const std::string& part) {
  Json j = written();
  j["normalizer"] = nullptr;
  j["pre_tokenizer"] = bora::parse_json(part, "pre_tokenizer");
  return j;
}
std::string metaspace_refused(const std::string& part) {
  const support::TemporaryFolder folder;
  const auto path = folder.file("tokenizer.json", with_metaspace(part).dump());
  return support::refusal(path, [&] { bora::load_tokenizer(path); });
}
using Ids = std::vector<bora::TokenId>;
Ids plain(const bora::BpeTokenizer& t, const std::string& text, bora::AddedTokens added = bora::AddedTokens::words) {
  return t.encode(text, {.bos = false, .added = added});
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
  CHECK(again.vocabulary().leading_space == bora::LeadingSpace::added);
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

TEST_CASE("A Metaspace puts a space in front where there is none", "[io]") {
  // small_tokenizer: ▁ 259, a 260, b 261, é 262, " 263, ▁a 264, ab 265, ▁ab 266
  for (const char* scheme : {"always", "first"}) {
    const auto t = read(with_metaspace(std::string(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": ")") +
                                       scheme + R"(", "split": false})"));
    CHECK(plain(t, "ab") == Ids{266});
    CHECK(plain(t, " ab") == Ids{266});  // one is there
    CHECK(plain(t, "▁ab") == Ids{266});
    CHECK(plain(t, "  ab") == Ids{259, 266});
    CHECK(plain(t, " ") == Ids{259});
    CHECK(plain(t, "").empty());
    CHECK(plain(t, "é") == Ids{259, 262});
    CHECK(plain(t, "\n") == Ids{259, 13});
    CHECK(plain(t, "\xff") == Ids{259, 258});
    CHECK(t.encode("ab", {.eos = true}) == Ids{1, 266, 2});
    CHECK(t.decode(t.encode("ab ab")) == "ab ab");
  }
  Json j = with_metaspace(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false})");
  j["decoder"]["decoders"].erase(3);
  const auto never = read(j);
  CHECK(plain(never, "ab ab") == Ids{265, 266});
  CHECK(plain(never, " ") == Ids{259});
  for (const std::string text : {" ab", "ab", "  ", "", "é\n\"", " \xff"})
    CHECK(never.decode(never.encode(text)) == text);
}

TEST_CASE("First and always differ behind an added token", "[io]") {
  using enum bora::AddedTokens;
  const auto with = [](const char* scheme) {
    Json j = with_metaspace(std::string(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": ")") + scheme +
                            R"(", "split": false})");
    add_token(j, 267, "[INST]");
    return read(j);
  };
  CHECK(plain(with("always"), "ab[INST]ab", all) == Ids{266, 267, 266});
  CHECK(plain(with("first"), "ab[INST]ab", all) == Ids{266, 267, 265});
  CHECK(plain(with("first"), "[INST]ab", all) == Ids{267, 265});
  CHECK(plain(with("always"), "[INST]ab", all) == Ids{267, 266});
  CHECK(plain(with("never"), "ab[INST]ab", all) == Ids{265, 267, 265});
  Json older = written();
  add_token(older, 267, "[INST]");
  CHECK(plain(read(older), "ab[INST] ab", all) == Ids{266, 267, 259, 266});
  CHECK(plain(read(older), "<s>ab</s>", all) == Ids{1, 266, 2});
}

TEST_CASE("Older and shorter forms of the same are read", "[io]") {
  const auto same = [](const std::string& part, const Ids& ids) {
    INFO(part);
    CHECK(plain(read(with_metaspace(part)), "ab ab") == ids);
  };
  same(R"({"type": "Metaspace", "replacement": "▁", "add_prefix_space": true, "split": false})", {266, 266});
  same(R"({"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": false, "split": false})",
       {265, 266});
  same(R"({"type": "Metaspace", "replacement": "▁", "split": false})", {266, 266});
  same(
      R"({"type": "Metaspace", "replacement": "▁", "add_prefix_space": true, "prepend_scheme": "never", "split": false})",
      {265, 266});
  same(R"({"type": "Sequence", "pretokenizers": [{"type": "Metaspace", "replacement": "▁", "split": false}]})",
       {266, 266});

  Json j = written();
  j["normalizer"]["normalizers"].erase(0);  // a Sequence of one
  CHECK(plain(read(j), "ab ab") == Ids{265, 266});
  j["normalizer"] = Json(j["normalizer"]["normalizers"][0]);
  CHECK(plain(read(j), "ab ab") == Ids{265, 266});
  j = written();
  std::swap(j["normalizer"]["normalizers"][0], j["normalizer"]["normalizers"][1]);
  CHECK(plain(read(j), " ab") == Ids{259, 266});
  j["decoder"] =
      bora::parse_json(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"})", "decoder");
  CHECK(read(j).decode(Ids{1, 259, 266, 13}) == " ab\n");
  CHECK(read(j).decode(Ids{266, 266}) == "ab ab");
  j["decoder"]["prepend_scheme"] = "never";
  CHECK(read(j).decode(Ids{266, 266}) == " ab ab");
}

TEST_CASE("With split no piece goes on behind a space", "[io]") {
  Json j = with_metaspace(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"})");
  j["model"]["vocab"]["▁▁"] = 267;
  j["model"]["vocab"]["b▁"] = 268;
  for (const char* merge : {"▁ ▁", "b ▁"}) j["model"]["merges"].push_back(merge);
  CHECK(plain(read(j), "b  b") == Ids{259, 261, 259, 259, 261});
  j["pre_tokenizer"]["split"] = false;
  CHECK(plain(read(j), "b  b") == Ids{259, 261, 267, 261});
}

TEST_CASE("A Metaspace that contradicts itself is refused", "[io]") {
  const auto refused_with = [](const std::string& part, std::string_view expected) {
    CHECK(support::lacks(metaspace_refused(part), expected) == "");
  };
  refused_with(R"({"type": "Metaspace", "replacement": "_"})",
               "key 'pre_tokenizer.replacement' is \"_\", expected '▁'");
  refused_with(R"({"type": "Metaspace", "replacement": "▁", "str_rep": "x"})", "key 'pre_tokenizer.str_rep' is \"x\"");
  refused_with(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "last"})",
               "key 'pre_tokenizer.prepend_scheme' is 'last', expected 'always', 'first' or 'never'");
  refused_with(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "add_prefix_space": false})",
               "is 'first' and 'pre_tokenizer.add_prefix_space' is false, expected two that agree");
  refused_with(R"({"type": "Metaspace", "replacement": "▁", "split": 1})", "key 'pre_tokenizer.split' is 1, expected");
  Json both = written();
  both["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}};
  CHECK_THROWS_AS(read(both), bora::FileError);
}

TEST_CASE("Added tokens go on behind the vocabulary, with gaps", "[io]") {
  using enum bora::AddedTokens;
  Json j = written();
  add_token(j, 270, "<|im_start|>");
  add_token(j, 300, "new word")["special"] = false;
  const auto t = read(j);
  CHECK(t.vocab_size() == 301);
  CHECK(plain(t, "ab ab") == Ids{266, 266});
  CHECK(t.decode(Ids{1, 270, 266, 280, 300, 299, 2}) == "abnew word");
  CHECK(t.added_token("<|im_start|>") == 270);
  CHECK_FALSE(t.added_token("ab").has_value());
  // A text spells words, and special tokens where that is asked for.
  CHECK(plain(t, "ab<|im_start|>").size() > 8);
  CHECK(t.decode(t.encode("ab<|im_start|>")) == "ab<|im_start|>");
  CHECK(plain(t, "ab<|im_start|>", all) == Ids{266, 270});
  CHECK(plain(t, "abnew wordab") == Ids{266, 300, 266});
  CHECK(plain(t, "new word", none).size() > 2);
  for (const auto& text : {"ab<|im_start|>", "abnew wordab"}) CHECK(t.decode(t.encode(text, {.added = none})) == text);

  const support::TemporaryFolder folder;
  bora::save_tokenizer(t, folder / "tokenizer.json");
  const bora::BpeTokenizer again = bora::load_tokenizer(folder / "tokenizer.json");
  CHECK(again.added_tokens() == t.added_tokens());
  CHECK(again.vocab_size() == 301);
}

TEST_CASE("An added token fills an id that the vocabulary leaves out", "[io]") {
  Json j = written();
  j["model"]["vocab"].erase("é");
  CHECK(read(j).vocab_size() == 267);
  CHECK(read(j).decode(Ids{262}).empty());
  add_token(j, 262, "word")["special"] = false;
  CHECK(read(j).decode(Ids{262, 265}) == "wordab");
  CHECK(plain(read(j), "abword") == Ids{266, 262});
}

TEST_CASE("Added tokens take white space, and words of the normalized text their space", "[io]") {
  using enum bora::AddedTokens;
  Json j = written();
  add_token(j, 267, "[L]")["lstrip"] = true;
  add_token(j, 268, "[R]")["rstrip"] = true;
  add_token(j, 269, "[LONG]");
  add_token(j, 270, "[LONGER]");
  const auto t = read(j);
  CHECK(plain(t, "ab \n\u3000[L] ab", all) == Ids{266, 267, 259, 266});
  CHECK(plain(t, "ab [R] \t ab", all) == Ids{266, 259, 268, 266});
  CHECK(plain(t, "[R] [L]", all) == Ids{268, 267});
  CHECK(plain(t, "[LONGER][LONG][LON", all) == [&] {
    Ids ids{270, 269};
    for (const auto id : plain(t, "[LON", none)) ids.push_back(id);
    return ids;
  }());
  add_token(j, 271, "ba")["normalized"] = true;  // as `add_tokens(["ba"])` makes it
  j["added_tokens"].back()["special"] = false;
  const auto with_word = read(j);
  CHECK(plain(with_word, "ba") == Ids{271});
  CHECK(plain(with_word, "ab ba") == Ids{266, 271});
  CHECK(plain(with_word, "abba") == Ids{266, 261, 260});  // "▁ba" is what is searched for
  CHECK(plain(with_word, "ab baab") == Ids{266, 271, 265});
}

TEST_CASE("A tokenizer.json of another kind is refused with its key", "[io]") {
  struct Case {
    std::function<void(Json&)> change;
    std::string expected;
  };
  const Case cases[] = {
      {[](Json& j) { j = Json::array(); }, "is an array, expected an object"},
      {[](Json& j) { j.erase("model"); }, "has no key 'model', expected an object"},
      {[](Json& j) { j = {{"config", Json::object()}, {"vocab", Json::array()}}; },
       "holds a tekken tokenizer, Mistral's own format, expected it under the name tekken.json"},
      {[](Json& j) { j["model"]["type"] = "WordPiece"; },
       "key 'model.type' is 'WordPiece': it holds a WordPiece tokenizer, expected BPE or Unigram"},
      {[](Json& j) { j["model"]["unk_token"] = nullptr; }, "key 'model.unk_token' is null, expected '<unk>'"},
      {[](Json& j) { j["model"]["byte_fallback"] = false; }, "key 'model.byte_fallback' is false, expected true"},
      {[](Json& j) { j["model"]["ignore_merges"] = true; }, "key 'model.ignore_merges' is true, expected false"},
      {[](Json& j) { j["model"]["dropout"] = 0.1; }, "key 'model.dropout' is 0.1, expected null or none"},
      {[](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; },
       "key 'model.end_of_word_suffix' is '</w>', expected none"},
      {[](Json& j) { j["model"]["continuing_subword_prefix"] = "##"; },
       "key 'model.continuing_subword_prefix' is '##', expected none"},
      {[](Json& j) { j["pre_tokenizer"] = {{"type", "Whitespace"}}; },
       "key 'pre_tokenizer' is {\"type\":\"Whitespace\"}, expected null or a Metaspace"},
      {[](Json& j) { j["model"]["byte_fallback"] = nullptr; }, "key 'model.byte_fallback' is null, expected true"},
      {[](Json& j) { j["normalizer"] = nullptr; },
       "key 'normalizer' is null and key 'pre_tokenizer' is null, expected one of them to replace ' ' by '▁'"},
      {[](Json& j) { j["normalizer"]["normalizers"][0]["prepend"] = "x"; },
       "key 'normalizer' holds {\"prepend\":\"x\",\"type\":\"Prepend\"}, expected null, or 'Prepend' of '▁' and"},
      {[](Json& j) { j["normalizer"] = {{"type", "NFC"}}; },
       "key 'normalizer' holds {\"type\":\"NFC\"}, expected null"},
      {[](Json& j) { j["decoder"]["decoders"].erase(1); }, "key 'decoder' is {"},
      {[](Json& j) { j["decoder"]["decoders"][3]["start"] = 2; }, "key 'decoder' is {"},
      {[](Json& j) { j["decoder"] = nullptr; }, "key 'decoder' is null, expected {"},
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
      {[](Json& j) { j["model"]["vocab"]["a"] = 65'803; },
       "key 'model.vocab.a' is 65803, expected an id below 65803: there are 267 pieces"},
      {[](Json& j) { j["model"]["vocab"]["a"] = -1; }, "key 'model.vocab.a' is -1, expected an id below 65803"},
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
      {[](Json& j) { j["model"]["merges"] = nullptr; }, "key 'model.merges' is null, expected an array"},
      {[](Json& j) { j["model"]["merges"][1] = "ab"; },
       "key 'model.merges': entry 1 is 'ab', expected two pieces with a space between"},
      {[](Json& j) { j["model"]["merges"][1] = "a b c"; }, "entry 1 is 'a b c', expected two pieces"},
      {[](Json& j) { j["model"]["merges"][1] = 7; }, "key 'model.merges': entry 1 is 7, expected two pieces"},
      {[](Json& j) { j["model"]["merges"][1] = Json({"a"}); }, "entry 1 is [\"a\"], expected two pieces"},
      {[](Json& j) { j["model"]["merges"][1] = "a z"; }, "merge 1 names 'z', which is no piece of text"},
      {[](Json& j) { j["model"]["merges"][1] = "b a"; }, "merge 1 names 'ba', which is no piece of text"},
      {[](Json& j) { j["model"]["merges"].push_back("a b"); }, "merge 3 joins 'a' and 'b', expected a new one"},
      {[](Json& j) { j["added_tokens"] = nullptr; }, "key 'added_tokens' is null, expected an array"},
      {[](Json& j) { j["added_tokens"].erase(1); }, "piece 1 is '<s>' and no special token, expected one"},
      {[](Json& j) { j["added_tokens"][1]["id"] = 5; },
       "key 'added_tokens[1].id' is 5, expected 1, the id of '<s>' in model.vocab"},
      {[](Json& j) { j["added_tokens"][1]["special"] = false; }, "piece 1 is '<s>' and no special token, expected one"},
      {[](Json& j) { add_token(j, 260, "[INST]"); },
       "key 'added_tokens[3].id' is 260 for '[INST]', expected another: it is the id of 'a' in model.vocab"},
      {[](Json& j) { add_token(j, 267, "a"); },
       "key 'added_tokens[3].id' is 267, expected 260, the id of 'a' in model.vocab"},
      {[](Json& j) {
         add_token(j, 267, "[A]");
         add_token(j, 267, "[B]");
       },
       "key 'added_tokens[4].id' is 267 for '[B]', expected another: it is the id of added_tokens[3], '[A]'"},
      {[](Json& j) {
         add_token(j, 267, "[A]");
         add_token(j, 268, "[A]");
       },
       "added token '[A]' comes twice, expected it once"},
      {[](Json& j) { add_token(j, 267, ""); }, "key 'added_tokens[3].content' is empty, expected some text"},
      {[](Json& j) { add_token(j, 0x7fffffff, "[A]"); },
       "key 'added_tokens[3].id' is 2147483647, expected an id below 2147483647"},
      {[](Json& j) { j["added_tokens"].push_back(7); }, "key 'added_tokens[3]' is 7, expected an object"},
      {[](Json& j) {
         add_token(j, 267, "word").at("special") = false;
         j["added_tokens"][3]["single_word"] = true;
       },
       "key 'added_tokens[3].single_word' is true, expected false"},
  };
  for (const auto& [change, expected] : cases) CHECK(support::lacks(refused(change), expected) == "");
}

TEST_CASE("Files that are no JSON, or missing, are refused as files", "[io]") {
  const support::TemporaryFolder folder;
  CHECK_THROWS_AS(bora::load_tokenizer(folder / "none.json"), bora::FileError);
  const auto path = folder.file("tokenizer.json", written().dump().substr(0, 1'000));
  CHECK(support::lacks(support::refusal(path, [&] { bora::load_tokenizer(path); }), "is not valid JSON") == "");
}

TEST_CASE("Every treatment of spaces is read as it was written", "[io]") {
  using bora::DecodedSpace, bora::LeadingSpace;
  bora::BpeVocabulary v = small_tokenizer().vocabulary();
  v.added_tokens = {{.id = 270, .content = "[A]", .special = false, .lstrip = true},
                    {.id = 275, .content = "[B]", .rstrip = true, .normalized = true, .single_word = true}};
  const support::TemporaryFolder folder;
  for (const auto leading :
       {LeadingSpace::added, LeadingSpace::if_missing, LeadingSpace::if_missing_first, LeadingSpace::never})
    for (const auto decoded : {DecodedSpace::drop_one, DecodedSpace::drop_all, DecodedSpace::keep})
      for (const bool split : {false, true}) {
        v.leading_space = leading;
        v.decoded_space = decoded;
        v.split_at_spaces = split;
        const bora::BpeTokenizer tokenizer(v);
        if (split && leading == LeadingSpace::added) {
          CHECK_THROWS_AS(bora::save_tokenizer(tokenizer, folder / "tokenizer.json"), bora::ConfigError);
          continue;
        }
        bora::save_tokenizer(tokenizer, folder / "tokenizer.json");
        const bora::BpeTokenizer again = bora::load_tokenizer(folder / "tokenizer.json");
        CHECK(again.vocabulary().leading_space == leading);
        CHECK(again.vocabulary().decoded_space == decoded);
        CHECK(again.vocabulary().split_at_spaces == split);
        CHECK(again.added_tokens() == tokenizer.added_tokens());
        CHECK_THROWS_AS(again.encode("ab", {.added = bora::AddedTokens::all}), bora::ConfigError);  // a single word
        CHECK(again.decode(again.encode("ab[A]ab")) == tokenizer.decode(tokenizer.encode("ab[A]ab")));
      }
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
