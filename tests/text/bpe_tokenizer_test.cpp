#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Ids = std::vector<bora::TokenId>;
using Merges = std::vector<std::pair<std::string, std::string>>;

/// Special tokens, bytes, the characters "▁", a … e and é, then what `merges` make.
bora::BpeVocabulary vocabulary(const Merges& merges) {
  bora::BpeVocabulary v;
  v.pieces = v.special_tokens;
  for (std::size_t byte = 0; byte < 256; ++byte) v.pieces.push_back(bora::detail::byte_piece(byte));
  for (const char* character : {"▁", "a", "b", "c", "d", "e", "é"}) v.pieces.emplace_back(character);
  for (const auto& [left, right] : merges)
    if (std::find(v.pieces.begin(), v.pieces.end(), left + right) == v.pieces.end()) v.pieces.push_back(left + right);
  v.merges = merges;
  return v;
}

std::vector<std::string> pieces_of(const bora::BpeTokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> pieces;
  for (const bora::TokenId id : tokenizer.encode(text, {.bos = false}))
    pieces.push_back(tokenizer.vocabulary().pieces[static_cast<std::size_t>(id)]);
  return pieces;
}
using Pieces = std::vector<std::string>;

/// A text as characters, spaces as "▁".
Pieces characters(std::string_view text) {
  Pieces symbols;
  while (!text.empty()) {
    const std::size_t length = bora::detail::utf8_start(text).length;
    symbols.emplace_back(text[0] == ' ' ? "▁" : text.substr(0, length));
    text.remove_prefix(length);
  }
  return symbols;
}

/// The definition, one merge at a time over all symbols: O(n^2).
Pieces merged(const bora::BpeVocabulary& v, Pieces symbols) {
  for (;;) {
    std::size_t best = v.merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
      for (std::size_t rank = 0; rank < best; ++rank)
        if (v.merges[rank].first == symbols[i] && v.merges[rank].second == symbols[i + 1]) {
          best = rank;
          at = i;
        }
    if (best == v.merges.size()) return symbols;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}
Pieces merged_one_by_one(const bora::BpeVocabulary& v, std::string_view text) {
  return merged(v, characters(" " + std::string(text)));
}

/// Merges of pieces that are there by then, each pair once.
bora::BpeVocabulary random_vocabulary(bora::Random& random) {
  Merges merges;
  std::vector<std::string> pieces = {"▁", "a", "b", "c"};
  for (std::size_t i = 0; i < 24; ++i) {
    std::pair merge{pieces[random.below(pieces.size())], pieces[random.below(pieces.size())]};
    if (std::find(merges.begin(), merges.end(), merge) != merges.end()) continue;
    if (merge.first.size() + merge.second.size() > 12) continue;
    pieces.push_back(merge.first + merge.second);
    merges.insert(merges.begin() + static_cast<std::ptrdiff_t>(random.below(merges.size() + 1)), std::move(merge));
  }
  return vocabulary(merges);
}

std::string random_text(bora::Random& random, std::string_view letters, std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += letters[random.below(letters.size())];
  return text;
}
std::string random_bytes(bora::Random& random, std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(static_cast<unsigned char>(random.below(256)));
  return text;
}

std::string refusal(const bora::BpeVocabulary& v) {
  try {
    bora::BpeTokenizer tokenizer(v);
  } catch (const bora::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("Merges run in the order of their ranks, leftmost first", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({{"b", "c"}, {"a", "b"}, {"a", "a"}, {"ab", "bc"}, {"▁", "a"}}));
  CHECK(pieces_of(tokenizer, "abc") == Pieces{"▁a", "bc"});  // "b c" comes before "a b"
  CHECK(pieces_of(tokenizer, "aaa") == Pieces{"▁", "aa", "a"});
  CHECK(pieces_of(tokenizer, "dabbc") == Pieces{"▁", "d", "abbc"});
  CHECK(pieces_of(tokenizer, "a a") == Pieces{"▁a", "▁a"});
}

TEST_CASE("A merge whose pair is gone does not bring another forward", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({{"b", "c"}, {"a", "b"}, {"bc", "d"}, {"a", "bc"}}));
  CHECK(pieces_of(tokenizer, "abcd") == Pieces{"▁", "a", "bcd"});
}

TEST_CASE("A space goes in front of text, and special tokens around it where asked", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({}));
  CHECK(tokenizer.encode("") == Ids{tokenizer.bos()});
  CHECK(tokenizer.encode("", {.bos = false}).empty());
  CHECK(tokenizer.encode("a", {.bos = true, .eos = true}) == Ids{1, 259, 260, 2});
  CHECK(tokenizer.unknown() == 0);
  CHECK(tokenizer.vocab_size() == 3 + 256 + 7);
}

TEST_CASE("Encoding merges as the definition does one merge at a time", "[text]") {
  bora::Random random(1);
  for (std::size_t round = 0; round < 200; ++round) {
    const bora::BpeVocabulary v = random_vocabulary(random);
    const std::string text = random_text(random, "aabbc ", 1 + random.below(60));
    INFO(text);
    CHECK(pieces_of(bora::BpeTokenizer(v), text) == merged_one_by_one(v, text));
  }
}

TEST_CASE("Characters without a piece become bytes, and any bytes come back", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({{"▁", "a"}, {"a", "b"}}));
  CHECK(pieces_of(tokenizer, "é\n") == Pieces{"▁", "é", "<0x0A>"});
  CHECK(pieces_of(tokenizer, "ü") == Pieces{"▁", "<0xC3>", "<0xBC>"});
  CHECK(pieces_of(tokenizer, "\xff") == Pieces{"▁", "<0xFF>"});
  for (const std::string text : {"a", " a", "  a  b ", " ", "<s>", "</s><unk>", "<0x0A>", "日本 ü 😀", "\n\n"}) {
    INFO(text);
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
    CHECK(tokenizer.decode(tokenizer.encode(text, {.bos = false, .eos = true})) == text);
  }
  CHECK(tokenizer.encode("a▁b") == tokenizer.encode("a b"));  // as for SentencePiece
  bora::Random random(2);
  for (std::size_t round = 0; round < 200; ++round) {
    const std::string bytes = random_bytes(random, random.below(40));
    CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
  }
}

TEST_CASE("Special tokens spelled out in a text are plain text", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({}));
  for (const bora::TokenId id : tokenizer.encode("<s></s><unk><0x00>", {.bos = false})) CHECK(id > 2);
  CHECK(tokenizer.encode("<0x00>", {.bos = false}).size() == 7);
}

TEST_CASE("A stream releases whole characters, and the same text as decoding", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({{"▁", "a"}, {"a", "b"}}));
  const std::string text = "ab ü 日a\n";
  auto stream = tokenizer.stream();
  std::string streamed;
  for (const bora::TokenId id : tokenizer.encode(text)) {
    const std::string part = stream.push(id);
    CHECK((part.empty() || bora::detail::utf8_start(part).kind == bora::detail::Utf8Kind::whole));
    streamed += part;
  }
  CHECK(streamed + stream.finish() == text);
  CHECK(stream.push(259).empty());  // a new text: its first space is dropped
  CHECK(stream.push(259) == " ");   // its second is not
  CHECK(stream.push(3 + 0xe6).empty());
  CHECK(stream.finish() == "\xef\xbf\xbd");
}

TEST_CASE("Ids that the tokenizer does not have are no text", "[text]") {
  bora::BpeVocabulary v = vocabulary({{"▁", "a"}});
  v.pieces.emplace_back();  // an id without text
  v.pieces.emplace_back("xyz");
  const bora::BpeTokenizer tokenizer(v);
  const auto size = static_cast<bora::TokenId>(tokenizer.vocab_size());
  using Limits = std::numeric_limits<bora::TokenId>;
  Ids ids = tokenizer.encode("a ü a");
  auto stream = tokenizer.stream();
  std::string streamed;
  for (const bora::TokenId none : {size, size + 1, Limits::max(), -1, Limits::min(), size - 2})
    for (const std::size_t at : {std::size_t{0}, ids.size() / 2, ids.size()})
      ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(at), none);
  for (const bora::TokenId id : ids) streamed += stream.push(id);
  CHECK(tokenizer.decode(ids) == "a ü a");
  CHECK(streamed + stream.finish() == "a ü a");
  CHECK(tokenizer.decode(Ids{size - 1}) == "xyz");
}

namespace {

/// Encodes by the rules as they are written: cut at `[A]` and `[B]`, spaces in front, cut at spaces, merged one by one.
Pieces encoded_plainly(const bora::BpeVocabulary& v, std::string text) {
  using bora::LeadingSpace;
  Pieces all;
  const auto stretch = [&](std::string_view part, bool first) {
    if (part.empty()) return;
    Pieces symbols = characters(part);
    const bool missing = symbols.front() != "▁";
    if (v.leading_space == LeadingSpace::added || (v.leading_space == LeadingSpace::if_missing && missing) ||
        (v.leading_space == LeadingSpace::if_missing_first && missing && first))
      symbols.insert(symbols.begin(), "▁");
    while (!symbols.empty()) {
      const auto begin = symbols.begin() + 1;
      const auto end = v.split_at_spaces ? std::find(begin, symbols.end(), "▁") : symbols.end();
      for (std::string& piece : merged(v, Pieces(symbols.begin(), end))) all.push_back(std::move(piece));
      symbols.erase(symbols.begin(), end);
    }
  };
  bool first = true;
  for (std::size_t at; (at = std::min(text.find("[A]"), text.find("[B]"))) != text.npos; first = false) {
    stretch(text.substr(0, at), first);
    all.push_back(text.substr(at, 3));
    text.erase(0, at + 3);
  }
  stretch(text, first);
  return all;
}

Ids streamed(const bora::BpeTokenizer& tokenizer, std::string_view text, bora::EncodeOptions options,
             bora::Random& random) {
  Ids ids;
  auto stream = tokenizer.encode_stream(options);
  while (!text.empty()) {
    const std::size_t size = std::min<std::size_t>(text.size(), random.below(12));
    for (const bora::TokenId id : stream.push(text.substr(0, size))) ids.push_back(id);
    text.remove_prefix(size);
  }
  for (const bora::TokenId id : stream.finish()) ids.push_back(id);
  return ids;
}

}  // namespace

TEST_CASE("A text that is cut where no merge reaches has the ids of the whole", "[text]") {
  using bora::LeadingSpace;
  bora::Random random(8);
  for (std::size_t round = 0; round < 150; ++round) {
    bora::BpeVocabulary v = random_vocabulary(random);
    v.added_tokens = {{.id = 2000, .content = "[A]"}, {.id = 900, .content = "[B]", .special = false}};
    v.leading_space = std::array{LeadingSpace::added, LeadingSpace::if_missing, LeadingSpace::if_missing_first,
                                 LeadingSpace::never}[random.below(4)];
    v.split_at_spaces = random.below(3) == 0;
    const bora::BpeTokenizer tokenizer(v);
    std::string text;
    for (std::size_t n = random.below(140); n > 0; --n)
      text += std::array<std::string_view, 9>{"a", "a", "b", "c", " ", " ", "é", "[A]", "[B]"}[random.below(9)];
    INFO(text);
    const bora::EncodeOptions options{.bos = false, .added = bora::AddedTokens::all};
    const Ids ids = tokenizer.encode(text, options);
    Pieces pieces;
    for (const bora::TokenId id : ids)
      pieces.push_back(id == 2000 ? "[A]" : id == 900 ? "[B]" : v.pieces[static_cast<std::size_t>(id)]);
    CHECK(pieces == encoded_plainly(v, text));
    CHECK(streamed(tokenizer, text, options, random) == ids);
  }
}

TEST_CASE("Any bytes that arrive in parts have the ids of the whole", "[text]") {
  bora::Random random(9);
  const bora::BpeTokenizer tokenizer(vocabulary({{"▁", "a"}, {"a", "b"}, {"é", "a"}}));
  for (std::size_t round = 0; round < 100; ++round) {
    std::string text = random_bytes(random, random.below(60));
    for (const char* part : {"é", "日", "😀", "a b"}) text.insert(random.below(text.size() + 1), part);
    const bora::EncodeOptions options{.eos = true};
    CHECK(streamed(tokenizer, text, options, random) == tokenizer.encode(text, options));
  }
  auto stream = tokenizer.encode_stream();
  CHECK(stream.push("").size() == 1);  // BOS
  CHECK(stream.finish().empty());
  CHECK(stream.finish() == Ids{1});  // as new: an empty text
}

TEST_CASE("Long stretches merge as short ones do", "[text]") {
  bora::Random random(10);
  for (std::size_t round = 0; round < 40; ++round) {
    const bora::BpeVocabulary v = random_vocabulary(random);
    for (const std::size_t length : {22u, 23u, 24u, 25u, 26u, 90u}) {
      const std::string text = random_text(random, "aab", length);
      INFO(text);
      CHECK(pieces_of(bora::BpeTokenizer(v), text) == merged_one_by_one(v, text));
    }
  }
}

TEST_CASE("A long text is encoded in little more than linear time", "[text]") {
  const bora::BpeTokenizer tokenizer(vocabulary({{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}}));
  const Ids ids = tokenizer.encode(std::string(1'000'000, 'a'), {.bos = false});  // quadratic would take hours
  CHECK(ids.size() == 125'001);
}

TEST_CASE("An impossible vocabulary is refused with a sentence", "[text]") {
  const bora::BpeVocabulary good = vocabulary({{"a", "b"}});
  REQUIRE(refusal(good) == "accepted");
  const auto refused = [&](auto change) {
    bora::BpeVocabulary v = good;
    change(v);
    return refusal(v);
  };
  using V = bora::BpeVocabulary;
  CHECK(refused([](V& v) { v.pieces[260] = ""; }) == "merge 0 names 'a', which is no piece of text, expected one");
  CHECK(refused([](V& v) { v.pieces[261] = "a"; }) == "piece 261 is 'a', expected a new one: it is piece 260 already");
  CHECK(refused([](V& v) { v.pieces[1] = "[s]"; }) == "vocabulary has no piece '<s>', expected one");
  CHECK(refused([](V& v) { v.pieces[3] = "x"; }) == "vocabulary has no piece '<0x00>', expected one");
  CHECK(refused([](V& v) { v.special_tokens.pop_back(); }) == "piece 2 is '</s>' and no special token, expected one");
  CHECK(refused([](V& v) { v.special_tokens.push_back("<0x0A>"); }) ==
        "piece 13 is both a special token and a byte, expected one of the two");
  CHECK(refused([](V& v) { v.merges.emplace_back("a", "x"); }) ==
        "merge 1 names 'x', which is no piece of text, expected one");
  CHECK(refused([](V& v) { v.merges.emplace_back("a", "c"); }) ==
        "merge 1 names 'ac', which is no piece of text, expected one");
  CHECK(refused([](V& v) { v.merges.emplace_back("<s>", "a"); }) ==
        "merge 1 names '<s>', which is no piece of text, expected one");
  const auto added = [&](bora::AddedToken token) {
    return refused([&](V& v) { v.added_tokens.push_back(std::move(token)); });
  };
  CHECK(added({.id = 300, .content = "[A]"}) == "accepted");
  CHECK(added({.id = 1, .content = "<s>"}) == "accepted");
  CHECK(added({.id = 300, .content = ""}) == "added token with id 300 is empty, expected some text");
  CHECK(added({.id = -1, .content = "[A]"}) == "added token '[A]' has id -1, expected 0 to 2147483646");
  CHECK(added({.id = 300, .content = "a"}) == "added token 'a' has id 300, expected 260, its id among the pieces");
  CHECK(added({.id = 260, .content = "[A]"}) ==
        "added token '[A]' has id 260, expected another: it is the id of piece 'a'");
  CHECK(refused([](V& v) { v.added_tokens = {{.id = 300, .content = "[A]"}, {.id = 300, .content = "[B]"}}; }) ==
        "added tokens '[A]' and '[B]' both have id 300, expected an id for each");
  CHECK(refused([](V& v) { v.added_tokens = {{.id = 300, .content = "[A]"}, {.id = 301, .content = "[A]"}}; }) ==
        "added token '[A]' comes twice, expected it once");
  CHECK(refused([](V& v) { v.merges.emplace_back("a", "b"); }) ==
        "merge 1 joins 'a' and 'b', expected a new one: an earlier merge joins the two already");
}
