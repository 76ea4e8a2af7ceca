#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/core/executor.hpp>
#include <bora/core/random.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <bora/text/gguf_vocabulary.hpp>
#include <bora/text/known_patterns.hpp>
#include <bora/text/normalize.hpp>
#include <bora/text/unigram_tokenizer.hpp>
#include <bora/text/word_pattern.hpp>
#ifdef BORA_HAS_PCRE2
#include <bora/text/pcre2.hpp>
#endif
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bora::AddedTokens, bora::SplitBehavior, bora::TokenId, bora::Tokenizer;
using Ids = std::vector<TokenId>;
using Words = std::vector<std::string>;
constexpr bora::EncodeOptions no_bos{.bos = false};

Words words(const bora::Splitter& splitter, std::string_view text) {
  Words all;
  splitter.split(text, [&](std::string_view word) { all.emplace_back(word); });
  return all;
}
Words words(const std::string& pattern, std::string_view text, SplitBehavior behavior = SplitBehavior::isolated,
            bool inverted = false) {
  return words(bora::Splitter({{bora::word_pattern(pattern), behavior, inverted}}), text);
}

/// A token a byte, a few merges, and added tokens.
bora::ByteLevelVocabulary small() {
  bora::ByteLevelVocabulary v;
  for (int byte = 0; byte < 256; ++byte) v.tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* token : {"he", "ll", "hell", "hello", " w", "aa"}) v.tokens.emplace_back(token);
  v.merges = {{'h', 'e', 256, 0}, {'l', 'l', 257, 1}, {256, 257, 258, 2},
              {258, 'o', 259, 3}, {' ', 'w', 260, 4}, {'a', 'a', 261, 5}};
  v.splitter = make_splitter(bora::detail::named_splittings[0]);
  v.added_tokens = {{.id = 262, .content = "<|end|>"}, {.id = 263, .content = "   ", .special = false}};
  return v;
}

std::string random_text(bora::Random& random) {
  std::string text;
  for (std::size_t n = random.below(24); n > 0; --n) switch (random.below(6)) {
      case 0:
        bora::detail::append_utf8(text, static_cast<char32_t>(0xa0 + random.below(0x3000)));
        break;
      case 1:
        text += " \n\r\t'  "[random.below(7)];
        break;
      case 2:
        text += "'sStTreRElLvVmMdD"[random.below(17)];
        break;
      case 3:
        text += static_cast<char>(random.below(256));
        break;
      default:
        text += static_cast<char>(32 + random.below(95));
    }
  return text;
}

}  // namespace

TEST_CASE("Patterns cut texts as their alternatives say, the first that fits", "[text]") {
  using bora::detail::gpt2_pattern, bora::detail::llama3_pattern, bora::detail::tekken_pattern;
  CHECK(words(gpt2_pattern, "it's 123  go!") == Words{"it", "'s", " 123", " ", " go", "!"});
  CHECK(words(gpt2_pattern, "it'S") == Words{"it", "'", "S"});
  CHECK(words(llama3_pattern, "it'S 12345!\n\n  x") == Words{"it", "'S", " ", "123", "45", "!\n\n", " ", " x"});
  CHECK(words(llama3_pattern, "a'\u017f") == Words{"a", "'\u017f"});  // long s is an s in any case
  CHECK(words(llama3_pattern, " \t\n \n x") == Words{" \t\n \n", " x"});
  CHECK(words(tekken_pattern, "HelloWorld 12") == Words{"Hello", "World", " ", "1", "2"});
  CHECK(words(llama3_pattern, "\xff\xffz") == Words{"\xff\xff", "z"});  // bytes that are no UTF-8 are no letters
}

TEST_CASE("Matches are isolated, removed or joined to what stands beside them", "[text]") {
  CHECK(words("-", "a--b-") == Words{"a", "-", "-", "b", "-"});
  CHECK(words("-", "a--b-", SplitBehavior::removed) == Words{"a", "b"});
  CHECK(words("-", "a--b-", SplitBehavior::contiguous) == Words{"a", "--", "b", "-"});
  CHECK(words("-", "a--b-", SplitBehavior::merged_with_previous) == Words{"a-", "-", "b-"});
  CHECK(words("-", "-a--b", SplitBehavior::merged_with_next) == Words{"-a", "-", "-b"});
  CHECK(words("[a-z]", "a1b", SplitBehavior::removed, true) == Words{"a", "b"});
}

TEST_CASE("A construct that is not known makes no pattern", "[text]") {
  for (const char* pattern : {"^a", "a$", "a*?", "(a+)+", R"(\p{Han})", R"(\b)", "(?<=a)b", "(a)\\1", "[[:alpha:]]",
                              "a*", "", "(", "[", "[a", "a{2", "a{3,2}", "(?i:\xc3\xa9)", "\xff"})
    CHECK(bora::word_pattern(pattern) == nullptr);
  CHECK(bora::word_pattern(R"([^\s\p{L}]++|a{2,3}|(?:b|c)d?|.)") != nullptr);
}

TEST_CASE("A pattern that would take too long is refused while it is searched for", "[text]") {
  const auto pattern = bora::word_pattern("a*a*a*a*a*a*b");
  CHECK_THROWS_AS(pattern->find(std::string(3'000, 'a'), 0), bora::ConfigError);
}

#ifdef BORA_HAS_PCRE2
TEST_CASE("Patterns cut random texts as PCRE2 does", "[text]") {
  using namespace bora::detail;
  bora::Random random(3);
  for (const char* pattern : {gpt2_pattern, llama3_pattern, qwen2_pattern, tekken_pattern, o200k_pattern,
                              deepseek_words, R"(\s?\p{P}+|[0-9]{2,3})"}) {
    const auto own = bora::word_pattern(pattern), other = bora::pcre2_pattern(pattern);
    for (int i = 0; i < 500; ++i) {
      std::string text = random_text(random), valid;
      bora::Utf8Stream stream;
      valid = stream.push(text) + stream.finish();
      CHECK(words(bora::Splitter({{own}}), valid) == words(bora::Splitter({{other}}), valid));
    }
  }
  CHECK(bora::pcre2_pattern("(") == nullptr);
  CHECK_THROWS_AS(bora::pcre2_pattern("(a+)+$")->find(std::string(40, 'a') + "b", 0), bora::ConfigError);
}
#endif

TEST_CASE("Texts are put in a canonical form, bytes that are no UTF-8 stay", "[text]") {
  const auto nfc = [](std::string_view text) { return bora::normalize(text, bora::CanonicalForm::composed); };
  const auto nfd = [](std::string_view text) { return bora::normalize(text, bora::CanonicalForm::decomposed); };
  CHECK(nfc("e\u0301") == "\u00e9");
  CHECK(nfd("\u00e9x") == "e\u0301x");
  CHECK(nfc("a\u0323\u0307 a\u0307\u0323") == "\u1ea1\u0307 \u1ea1\u0307");
  CHECK(nfc("\u1100\u1161\u11a8") == "\uac01");
  CHECK(nfd("\uac01") == "\u1100\u1161\u11a8");
  CHECK(nfc("\u0344\u212b\u0958") == "\u0308\u0301\u00c5\u0915\u093c");
  CHECK(nfc("\xff"
            "e\u0301\xc3") == "\xff\u00e9\xc3");
  CHECK(nfc(std::string(100'000, 'a') + "\u0301").ends_with("\u00e1"));
}

TEST_CASE("A byte-level tokenizer merges words and finds added tokens", "[text]") {
  const Tokenizer t = make_tokenizer(small());
  CHECK(t.vocab_size() == 264);
  CHECK(t.encode("hello wa") == Ids{259, 260, 'a'});
  CHECK(t.encode("aaa") == Ids{261, 'a'});
  CHECK(t.encode("a   b<|end|>") == Ids{'a', 263, 'b', '<', '|', 'e', 'n', 'd', '|', '>'});
  CHECK(t.encode("a<|end|>", {.added = AddedTokens::all}) == Ids{'a', 262});
  CHECK(t.encode("   ", {.added = AddedTokens::none}) == Ids{' ', ' ', ' '});
  CHECK(t.decode(Ids{259, 262, 263, 999, -1}) == "hello   ");
  CHECK(t.decode(Ids{259, 262}, bora::SpecialTokens::spelled) == "hello<|end|>");
  CHECK(t.token_bytes(260) == " w");
  CHECK(t.added_token("<|end|>") == 262);
  CHECK(t.is_special(262));
  CHECK(!t.is_special(263));
  CHECK_THROWS_AS(t.eos(), bora::ConfigError);
  CHECK_THROWS_AS(t.encode("a", {.eos = true}), bora::ConfigError);
}

TEST_CASE("Merges can be ignored for whole words, and never make a special token", "[text]") {
  bora::ByteLevelVocabulary v = small();
  v.tokens.emplace_back("hex");  // 262: no merge makes it
  v.added_tokens = {{.id = 259, .content = "hello"}};
  CHECK(make_tokenizer(v).encode("hex") == Ids{256, 'x'});
  CHECK(make_tokenizer(v).encode("hello") == Ids{258, 'o'});
  v.ignore_merges = true;
  CHECK(make_tokenizer(v).encode("hex") == Ids{262});
  CHECK(make_tokenizer(v).encode("hello") == Ids{258, 'o'});
}

TEST_CASE("A text that arrives in parts has the ids of the whole", "[text]") {
  const Tokenizer t = make_tokenizer(small());
  bora::Random random(5);
  std::string text;
  while (text.size() < 200'000) text += random_text(random) + " word";
  Ids parts;
  auto stream = t.encode_stream(no_bos);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = 1 + random.below(9'000);
    const Ids some = stream.push(std::string_view(text).substr(at, size));
    parts.insert(parts.end(), some.begin(), some.end());
    at += size;
  }
  CHECK(!parts.empty());  // most of the text did not wait
  const Ids rest = stream.finish();
  parts.insert(parts.end(), rest.begin(), rest.end());
  CHECK(parts == t.encode(text, no_bos));
  CHECK(t.decode(parts) == text);
}

TEST_CASE("Many texts are encoded on a pool as one by one", "[text][threads]") {
  const Tokenizer t = make_tokenizer(small());
  bora::Random random(7);
  std::vector<std::string> texts(200);
  for (std::string& text : texts) text = random_text(random);
  bora::ThreadPool pool(3);
  const auto all = t.encode_all(texts, no_bos, &pool);
  for (std::size_t i = 0; i < texts.size(); ++i) CHECK(all[i] == t.encode(texts[i], no_bos));
  CHECK_THROWS_AS(t.encode_all(texts, {.eos = true}, &pool), bora::ConfigError);
}

TEST_CASE("Decoding token by token never gives half a character", "[text]") {
  const Tokenizer t = make_tokenizer(small());
  auto stream = t.stream();
  CHECK(stream.push('\xe2' & 0xff).empty());
  CHECK(stream.push('\x82' & 0xff).empty());
  CHECK(stream.push('\xac' & 0xff) == "\u20ac");
  CHECK(stream.push('\xe2' & 0xff).empty());
  CHECK(stream.push('a') ==
        "\ufffd"
        "a");
  CHECK(stream.push(262).empty());
  CHECK(stream.finish().empty());
}

TEST_CASE("A long word is merged in time that does not grow with its square", "[text]") {
  const Tokenizer t = make_tokenizer(small());
  CHECK(t.encode(std::string(300'000, 'a'), no_bos) == Ids(150'000, 261));
}

TEST_CASE("A byte-level vocabulary that contradicts itself is refused", "[text]") {
  const auto refusal = [](auto change) {
    bora::ByteLevelVocabulary v = small();
    change(v);
    return support::refusal<bora::ConfigError>([&] { make_tokenizer(std::move(v)); });
  };
  CHECK(refusal([](auto& v) { v.merges.push_back({1, 2, 999, 9}); }) == "a merge names id 999, expected one below 262");
  CHECK(refusal([](auto& v) { v.merges.push_back({'h', 'e', 256, 9}); }).starts_with("the merge of rank 9 joins"));
  CHECK(refusal([](auto& v) { v.added_tokens[0].content = ""; }).starts_with("added token with id 262 is empty"));
  CHECK(refusal([](auto& v) { v.added_tokens[0].id = 1'000'000; }).find("at most 65536 ids") != std::string::npos);
  CHECK(refusal([](auto& v) { v.added_tokens[0].id = 263; }).find("both have id 263") != std::string::npos);
}

TEST_CASE("A unigram tokenizer takes the most probable pieces", "[text]") {
  bora::UnigramVocabulary v;
  for (const auto& [piece, score] : std::vector<std::pair<std::string, double>>{
           {"<unk>", 0}, {"\u2581", -3}, {"a", -3}, {"b", -3}, {"ab", -4}, {"\u2581ab", -4.5}, {"ba", -3.5}}) {
    v.pieces.push_back(piece);
    v.scores.push_back(score);
    v.in_texts.push_back(piece != "<unk>");
  }
  v.unknown = 0;
  v.added_tokens = {{.id = 0, .content = "<unk>"}};
  const Tokenizer t = make_tokenizer(v);
  CHECK(t.encode("ab") == Ids{5});
  CHECK(t.encode("aba") == Ids{5, 2});
  CHECK(t.encode("xyz a") == Ids{1, 0, 1, 2});
  CHECK(t.encode("") == Ids{});
  CHECK(t.decode(Ids{5, 2}) == "aba");
  v.collapses_spaces = true;
  CHECK(make_tokenizer(v).encode("  a  ab ") == Ids{1, 2, 5});
  v.scores.pop_back();
  CHECK_THROWS_AS(make_tokenizer(v), bora::ConfigError);
}

TEST_CASE("Vocabularies of GGUF files that contradict themselves are refused by key", "[text]") {
  bora::GgufVocabulary good{.model = "llama", .pre = "", .tokens = {"<unk>", "<s>", "</s>", "a"}};
  good.scores = {0, 0, 0, -1};
  good.token_type = {2, 3, 3, 1};
  const Tokenizer t = make_tokenizer(good);
  CHECK(t.encode("axx") == Ids{1, 0, 3, 0});
  CHECK(t.eos() == 2);
  const auto refusal = [&](auto change) {
    bora::GgufVocabulary v = good;
    change(v);
    return support::refusal<bora::ConfigError>([&] { make_tokenizer(v); });
  };
  using V = bora::GgufVocabulary;
  CHECK(refusal([](V& v) { v.model = "bert"; }).starts_with("key 'tokenizer.ggml.model' is 'bert', expected"));
  CHECK(refusal([](V& v) { v.scores.pop_back(); }).starts_with("key 'tokenizer.ggml.scores' has 3 entries"));
  CHECK(refusal([](V& v) { v.token_type.pop_back(); }).starts_with("key 'tokenizer.ggml.token_type' has 3 entries"));
  CHECK(refusal([](V& v) { v.token_type[3] = 7; }).starts_with("key 'tokenizer.ggml.token_type' is 7 for token 3"));
  CHECK(refusal([](V& v) { v.bos_token_id = 4; }).starts_with("key 'tokenizer.ggml.bos_token_id' is 4"));
  CHECK(refusal([](V& v) { v.tokens.clear(); }).starts_with("key 'tokenizer.ggml.tokens' is missing"));
  CHECK(refusal([](V& v) {
          v.model = "gpt2";
          v.pre = "unheard-of";
        }).starts_with("key 'tokenizer.ggml.pre' is 'unheard-of'"));
  CHECK(refusal([](V& v) {
          v.model = "gpt2";
          v.pre = "gpt-2";
          v.merges = {"a b"};
        }).starts_with("key 'tokenizer.ggml.merges' entry 0 is 'a b'"));
}
