#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/data.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/bytes.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
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
  CHECK(lacks(jsonl_refusal(good + good + "{\"text\":\"x\n\"}"), ", line 3, column 11: is not valid JSON: ") == "");
  CHECK(lacks(jsonl_refusal("{\"text\":\"\xff\"}"), ", line 1, column 10: is not valid JSON: ") == "");
  CHECK(jsonl_refusal(good) == "accepted");
}

TEST_CASE("A bad line of JSONL is named at one place, with its cause", "[data]") {
  const std::string good = "{\"text\":\"fine\"}\n";
  const auto says = [&](std::string_view line, const std::string& expected) {
    const std::string found = jsonl_refusal(good + std::string(line) + "\n" + good);
    CHECK(lacks(found, expected) == "");
    CHECK(found.find("line 1") == found.npos);
  };
  says("{\"text\":null}", ", line 2: key 'text' is null, expected a string");
  says("{\"text\":{\"a\":1}}", ", line 2: key 'text' is an object, expected a string");
  says("{\"Text\":\"x\"}", ", line 2: has no key 'text', expected a string");
  says("null", ", line 2: is null, expected an object with a key 'text'");
  says("\"text\"", ", line 2: is the string 'text', expected an object");
  says("{\"text\":\"cut \\ud83d here\"}", ", line 2, column 20: is not valid JSON: ");
  says("{\"text\":\"x\",\"score\":NaN}", ", line 2, column 21: is not valid JSON: ");
  says("{\"text\":\"x\",\"score\":-Infinity}", ", line 2, column ");
  says("{\"text\":\"x\"", ", line 2, column 12: is not valid JSON: ");
  says("{\"text\":\"x\"} {\"text\":\"y\"}", ", line 2, column 14: is not valid JSON: ");
  says("{\"text\":\"x\",\"text\":\"y\"}", ", line 2: key 'text' occurs twice");
  says(std::string_view("{\"text\":\"\0\"}", 13), ", line 2, column 10: is not valid JSON: a zero byte");
  says("{\"text\":\"\xc3\"}", ", line 2, column ");
  says(std::string(100, '[') + std::string(100, ']'), ", line 2: JSON values are nested deeper than 64");
}

TEST_CASE("Bad lines of JSONL can be skipped and counted, and no good line is lost", "[data]") {
  const std::string bad[] = {"{\"text\":null}",
                             "{\"body\":\"x\"}",
                             "[1]",
                             "7",
                             "{\"text\":\"\\ud83d\"}",
                             "{\"text\":\"x\",\"n\":NaN}",
                             "{\"text\":\"\xff\"}",
                             "{\"text\":\"x",
                             "}",
                             "{\"text\":\"x\",\"text\":\"y\"}",
                             "\xef\xbb\xbf",
                             std::string(1000, '[')};
  std::string lines = "\xef\xbb\xbf";  // a byte order mark
  Texts expected;
  for (std::size_t i = 0; i < std::size(bad); ++i) {
    const std::string text = "good " + std::to_string(i);
    lines += "{\"text\":\"" + text + "\"}\r\n" + bad[i] + "\n\r\n{\"text\":\"\"}\n";
    expected.push_back(text);
  }
  const TemporaryFolder folder;
  const std::array files{folder.file("a", lines), folder.file("b", "{\"text\":\"end\"}\n{\"text\":\"cut of")};
  expected.emplace_back("end");
  const bora::PackReport report =
      bora::pack_jsonl(ByteTokenizer(), files, folder / "tokens", {.bad_lines = bora::BadLines::skip});
  CHECK(texts(folder / "tokens") == expected);
  CHECK(report.documents == expected.size());
  CHECK(report.skipped == std::size(bad) + 1);
  CHECK(report.empty_texts == std::size(bad));
  REQUIRE(report.skipped_lines.size() == 10);
  CHECK(report.skipped_lines[0].file == files[0]);
  CHECK(report.skipped_lines[0].line == 2);
  CHECK(report.skipped_lines[0].why == files[0].string() + ", line 2: key 'text' is null, expected a string");
  CHECK(report.skipped_lines[9].line == 38);
  const std::array missing{files[0], folder / "missing"};  // a file is not a line
  CHECK_THROWS_AS(bora::pack_jsonl(ByteTokenizer(), missing, folder / "none", {.bad_lines = bora::BadLines::skip}),
                  bora::FileError);
  CHECK(folder.count() == 3);
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

namespace {

/// Letters, spaces and line ends, with a separator here and there.
std::string long_text(std::size_t size) {
  bora::Random random(7);
  std::string text;
  while (text.size() < size) {
    for (std::size_t n = 1 + random.below(9); n > 0; --n) text += "abcdefgé\u3042"[random.below(12)];
    text += random.below(5000) == 0 ? "<|end|>" : random.below(9) == 0 ? "\n" : " ";
  }
  return text;
}

/// A tokenizer that encodes whole texts only, as one of a program of one's own may.
struct WholeTexts {
  static std::size_t vocab_size() { return 256; }
  static std::vector<TokenId> encode(std::string_view text) { return ByteTokenizer::encode(text); }
};

}  // namespace

TEST_CASE("Files that are read in parts give the documents of the whole", "[data]") {
  const std::string text = long_text(1'200'000);  // several parts, with separators across their ends
  const TemporaryFolder folder;
  const std::array files{folder.file("a", text)};
  Texts expected;
  for (std::size_t at = 0, end; at < text.size(); at = end + 7) {
    end = std::min(text.find("<|end|>", at), text.size());
    if (end > at) expected.push_back(text.substr(at, end - at));
  }
  REQUIRE(expected.size() > 10);
  bora::pack_text(ByteTokenizer(), files, folder / "tokens", {.separator = "<|end|>"});
  CHECK(texts(folder / "tokens") == expected);
  bora::pack_text(WholeTexts(), files, folder / "tokens", {.separator = "<|end|>"});
  CHECK(texts(folder / "tokens") == expected);
  bora::pack_text(ByteTokenizer(), files, folder / "tokens");
  CHECK(texts(folder / "tokens") == Texts{text});
  std::string repeated;
  for (int i = 0; i < 200'000; ++i) repeated += "aab";  // a separator that begins within what may be one
  const std::array other{folder.file("b", repeated + "aaab")};
  bora::pack_text(ByteTokenizer(), other, folder / "tokens", {.separator = "aaab"});
  CHECK(texts(folder / "tokens") == Texts{repeated});
}

TEST_CASE("Lines longer than a part are read whole", "[data]") {
  std::string lines;
  Texts expected;
  for (const std::size_t size : {10u, 262'130u, 600'000u, 0u, 3u, 524'288u}) {
    std::string text(size, 'x');
    lines += "{\"text\":\"" + text + "\"}\n";
    if (size > 0) expected.push_back(std::move(text));
  }
  const TemporaryFolder folder;
  const std::array files{folder.file("a", lines), folder.file("b", "\n"), folder.file("c", "")};
  const auto report = bora::pack_jsonl(ByteTokenizer(), files, folder / "tokens");
  CHECK(texts(folder / "tokens") == expected);
  CHECK(report.empty_texts == 2);
}

TEST_CASE("What is no file of text is refused by name", "[data]") {
  const TemporaryFolder folder;
  const auto says = [&](const std::filesystem::path& path) {
    const std::array files{path};
    CHECK(refusal(path, [&] { bora::pack_text(ByteTokenizer(), files, folder / "tokens"); }) ==
          refusal(path, [&] { bora::pack_jsonl(ByteTokenizer(), files, folder / "tokens"); }));
    return refusal(path, [&] { bora::pack_text(ByteTokenizer(), files, folder / "tokens"); });
  };
  CHECK(says(folder.path()) == "is a folder, expected a file");
  CHECK(says("/dev/null") == "is a device or pipe, expected a file");
  CHECK(says(folder / "none") == "does not exist");
  CHECK(folder.count() == 0);
}

TEST_CASE("A document in parts must be ended, and a wrong id closes the file", "[data]") {
  const TemporaryFolder folder;
  const std::vector<TokenId> ids{1, 2}, wrong{9};
  {
    bora::TokenFileWriter writer(folder / "tokens", 5);
    writer.append_part(ids);
    CHECK(lacks(refusal(folder / "tokens", [&] { writer.commit(); }), "its last document was not ended") == "");
    writer.append_part(ids);
    writer.end_document(3);
    writer.append(ids, 1);
    writer.commit();
  }
  const TokenFile file(folder / "tokens");
  CHECK(file.documents() == 2);
  CHECK(file.read(file.document(0)) == std::vector<TokenId>{1, 2, 1, 2});
  CHECK(file.text_bytes() == 4);
  bora::TokenFileWriter writer(folder / "other", 5);
  CHECK_THROWS_AS(writer.append_part(wrong), bora::TokenError);
  CHECK_THROWS_AS(writer.commit(), bora::FileError);
}
