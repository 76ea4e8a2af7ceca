#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/data.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/bytes.hpp>
#include <array>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bora::ByteTokenizer, bora::PackOptions, bora::TokenFile, bora::TokenId;
using support::lacks, support::refusal, support::TemporaryFolder;

/// The documents of a token file of bytes; the id 256 is shown as '|'.
std::vector<std::string> texts(const std::filesystem::path& path) {
  const TokenFile file(path);
  std::vector<std::string> all(file.documents());
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const TokenId id : file.read(file.document(i))) all[i] += id == 256 ? '|' : static_cast<char>(id);
  return all;
}
using Texts = std::vector<std::string>;

/// What packing this JSONL is refused with.
std::string jsonl_refusal(std::string_view lines) {
  const TemporaryFolder folder;
  const std::array files{folder.file("lines.jsonl", lines)};
  try {
    bora::pack_jsonl(ByteTokenizer(), files, folder / "tokens");
  } catch (const bora::FileError& error) {
    CHECK(folder.count() == 1);  // nothing half-written
    const std::string text = error.what(), start = files[0].string();
    return text.starts_with(start) ? text.substr(start.size()) : "no path in: " + text;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("A text file is a document, in the order given", "[data]") {
  const TemporaryFolder folder;
  const std::array files{folder.file("b", "second\n"), folder.file("a", "first")};
  const bora::PackReport report = bora::pack_text(ByteTokenizer(), files, folder / "tokens");
  CHECK(texts(folder / "tokens") == Texts{"second\n", "first"});
  CHECK(report.documents == 2);
  CHECK(report.tokens == 12);
  CHECK(report.text_bytes == 12);
}

TEST_CASE("A separator cuts a text file into documents, empty ones left out", "[data]") {
  const TemporaryFolder folder;
  const std::array files{folder.file("a", "--one--two\n----three-"), folder.file("b", "four--")};
  bora::pack_text(ByteTokenizer(), files, folder / "tokens", {.separator = "--"});
  CHECK(texts(folder / "tokens") == Texts{"one", "two\n", "three-", "four"});
}

TEST_CASE("The end-of-document token follows each document and needs room in the vocabulary", "[data]") {
  const TemporaryFolder folder;
  const std::array files{folder.file("a", "x\ny")};
  const PackOptions options{.end_of_document = 256, .separator = "\n", .vocab_size = 257};
  const bora::PackReport report = bora::pack_text(ByteTokenizer(), files, folder / "tokens", options);
  CHECK(texts(folder / "tokens") == Texts{"x|", "y|"});
  CHECK(report.tokens == 4);
  CHECK(TokenFile(folder / "tokens").text_bytes() == 2);
  CHECK_THROWS_AS(bora::pack_text(ByteTokenizer(), files, folder / "other", {.end_of_document = 256}),
                  bora::TokenError);
  CHECK_FALSE(std::filesystem::exists(folder / "other"));
}

TEST_CASE("A line of JSONL is a document; blank lines and empty texts are none", "[data]") {
  const TemporaryFolder folder;
  const std::array files{
      folder.file("a", "{\"text\":\"one\\nline\",\"id\":3}\r\n\n  \n{\"text\":\"\"}\n{\"text\":\"\\u00fc\"}"),
      folder.file("b", "{\"text\":\"last\"}\n")};
  const bora::PackReport report = bora::pack_jsonl(ByteTokenizer(), files, folder / "tokens");
  CHECK(texts(folder / "tokens") == Texts{"one\nline", "\xc3\xbc", "last"});
  CHECK(report.empty_texts == 1);
  CHECK(TokenFile(folder / "tokens").text_bytes() == 14);
  const std::array story{folder.file("c", "{\"story\":\"once\"}")};
  bora::pack_jsonl(ByteTokenizer(), story, folder / "tokens", {.field = "story"});
  CHECK(texts(folder / "tokens") == Texts{"once"});
}

TEST_CASE("A bad line of JSONL is refused by file and line", "[data]") {
  const std::string good = "{\"text\":\"fine\"}\n";
  CHECK(lacks(jsonl_refusal(good + "\n" + good + "{\"body\":\"x\"}"),
              ", line 4: has no key 'text', expected a string") == "");
  CHECK(lacks(jsonl_refusal(good + "{\"text\":3}"), ", line 2: key 'text' is 3, expected a string") == "");
  CHECK(lacks(jsonl_refusal(good + "[1]\n"), ", line 2: is an array, expected an object with a key 'text'") == "");
  CHECK(lacks(jsonl_refusal(good + good + "{\"text\":\"x\n\"}"), ", line 3: is not valid JSON") == "");
  CHECK(lacks(jsonl_refusal("{\"text\":\"\xff\"}"), ", line 1: is not valid JSON") == "");
  CHECK(jsonl_refusal(good) == "accepted");
}

TEST_CASE("Empty files and texts are counted and left out, and nothing fails", "[data]") {
  const TemporaryFolder folder;
  const std::array files{folder.file("a", ""), folder.file("b", "text"), folder.file("c", "")};
  const bora::PackReport report = bora::pack_text(ByteTokenizer(), files, folder / "tokens", {.end_of_document = 0});
  CHECK(texts(folder / "tokens") == Texts{std::string("text\0", 5)});
  CHECK(report.documents == 1);
  CHECK(report.empty_texts == 2);
  const std::array lines{folder.file("d", ""), folder.file("e", "{\"text\":\"\"}\n")};
  const bora::PackReport none = bora::pack_jsonl(ByteTokenizer(), lines, folder / "none");
  CHECK(none.documents == 0);
  CHECK(none.empty_texts == 2);
  CHECK(TokenFile(folder / "none").tokens() == 0);
}

TEST_CASE("A document begins with the tokenizer's mark unless that is not wanted", "[data]") {
  bora::BpeVocabulary vocabulary{
      .pieces = {"<unk>", "<s>", "</s>"}, .merges = {}, .special_tokens = {"<unk>", "<s>", "</s>"}};
  for (std::size_t byte = 0; byte < 256; ++byte) vocabulary.pieces.push_back(bora::detail::byte_piece(byte));
  for (const char* piece : {"a", "b", "\u2581", "ab", "\u2581ab"}) vocabulary.pieces.emplace_back(piece);
  vocabulary.merges = {{"a", "b"}, {"\u2581", "ab"}};
  const bora::BpeTokenizer tokenizer(vocabulary);

  const TemporaryFolder folder;
  const std::array files{folder.file("a", "ab\nab")};
  const auto packed = [&](const PackOptions& options) {
    bora::pack_text(tokenizer, files, folder / "tokens", options);
    const TokenFile file(folder / "tokens");
    return file.read(bora::Range{0, file.tokens()});
  };
  const TokenId ab = static_cast<TokenId>(tokenizer.vocab_size() - 1), bos = tokenizer.bos(), eos = tokenizer.eos();
  CHECK(packed({.separator = "\n"}) == std::vector<TokenId>{bos, ab, bos, ab});
  CHECK(packed({.bos = false, .separator = "\n"}) == std::vector<TokenId>{ab, ab});
  CHECK(packed({.end_of_document = eos, .separator = "\n"}) == std::vector<TokenId>{bos, ab, eos, bos, ab, eos});
  CHECK(packed({.bos = false, .end_of_document = eos, .separator = "\n"}) == std::vector<TokenId>{ab, eos, ab, eos});
}

TEST_CASE("A missing text file leaves no token file", "[data]") {
  const TemporaryFolder folder;
  const std::array files{folder.file("a", "text"), folder / "missing"};
  CHECK(refusal(files[1], [&] { bora::pack_text(ByteTokenizer(), files, folder / "tokens"); }) == "does not exist");
  CHECK(folder.count() == 1);
}

TEST_CASE("The last part of a text is held out, from the beginning of a line on", "[data]") {
  const TemporaryFolder folder;
  const auto training = folder / "training", held_out = folder / "held_out";
  const auto pack = [&](std::string_view text, double share) {
    bora::pack_held_out(ByteTokenizer(), folder.file("text", text), share, training, held_out);
    return std::pair(texts(training), texts(held_out));
  };
  CHECK(pack("one\ntwo\nthree\n", 0.5) == std::pair(Texts{"one\ntwo\n"}, Texts{"three\n"}));
  CHECK(pack("no line ends", 0.25) == std::pair(Texts{"no line e"}, Texts{"nds"}));
  CHECK(pack("the last line ends\n", 0.25) == std::pair(Texts{"the last line e"}, Texts{"nds\n"}));
  CHECK(pack("x", 0.5) == std::pair(Texts{"x"}, Texts{}));                  // too little for two
  CHECK(pack("aaa\u00e9", 0.3) == std::pair(Texts{"aaa\u00e9"}, Texts{}));  // never half a character
  const std::string lines = std::string(50, 'a') + "\n" + std::string(40, 'b') + "\nend\n";
  CHECK(pack(lines, 0.5).second == Texts{std::string(40, 'b') + "\nend\n"});
  CHECK(pack(lines, 0.3).second == Texts{std::string(23, 'b') + "\nend\n"});  // the next line is not near
  bora::pack_held_out(ByteTokenizer(), folder.file("text", "first\n--second\n--third\n--fourth\n"), 0.55, training,
                      held_out, {.end_of_document = 256, .separator = "--", .vocab_size = 257});
  CHECK(texts(training) == Texts{"first\n|", "second\n|"});
  CHECK(texts(held_out) == Texts{"third\n|", "fourth\n|"});
  for (const double share : {0.0, 1.0, -0.5, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(pack("text", share), bora::ConfigError);
  CHECK(refusal(folder.file("empty", ""), [&] {
          bora::pack_held_out(ByteTokenizer(), folder / "empty", 0.5, training, held_out);
        }) == "is empty");
}
