#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/token_file.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bora::TokenFile, bora::TokenFileWriter, bora::TokenId;
using support::as_bytes, support::bytes_of, support::lacks, support::refusal, support::TemporaryFolder;

const std::vector<std::vector<TokenId>> documents{{1, 2, 3}, {}, {9, 0, 5, 7}, {8}};

std::filesystem::path write(const std::filesystem::path& path, std::size_t vocab_size) {
  TokenFileWriter file(path, vocab_size);
  for (const auto& document : documents) file.append(document, 2 * document.size());
  file.commit();
  return path;
}

std::uint64_t sum_of(std::string_view bytes) {
  bora::detail::Checksum sum;
  sum.add(std::as_bytes(std::span(bytes)));
  return sum.value();
}
/// Puts a number in the place of a word and makes the checksum right again.
std::string with_word(std::string bytes, std::size_t at, std::uint64_t word) {
  bytes.replace(at, 8, as_bytes(word));
  bytes.resize(bytes.size() - 8);
  return bytes + as_bytes(sum_of(bytes));
}
/// What a file of these bytes is refused with.
std::string refused(std::string_view bytes) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.file("tokens", bytes);
  return refusal(path, [&] { TokenFile file(path); });
}

}  // namespace

TEST_CASE("A token file gives back the documents that were written", "[io]") {
  for (const std::size_t vocab_size : {10, 65'536, 65'537, 200'000}) {
    const TemporaryFolder folder;
    const TokenFile file(write(folder / "tokens", vocab_size));
    CHECK(file.vocab_size() == vocab_size);
    CHECK(file.tokens() == 8);
    CHECK(file.text_bytes() == 16);
    CHECK(file.bytes_per_token() == 2.0);
    REQUIRE(file.documents() == documents.size());
    for (std::size_t i = 0; i < documents.size(); ++i) CHECK(file.read(file.document(i)) == documents[i]);
    CHECK(file.read(bora::Range{2, 5}) == std::vector<TokenId>{3, 9, 0});
    CHECK(folder.count() == 1);  // nothing is left beside it
  }
}

TEST_CASE("Tokens take two bytes up to a vocabulary of 65536, else four", "[io]") {
  const TemporaryFolder folder;
  const std::vector<TokenId> largest{65'535};
  for (const std::size_t vocab_size : {65'536, 65'537}) {
    const std::filesystem::path path = folder / std::to_string(vocab_size);
    TokenFileWriter file(path, vocab_size);
    for (int i = 0; i < 8; ++i) file.append(largest);
    file.commit();
    CHECK(std::filesystem::file_size(path) == 8 * (4 + 8 + 4) + (vocab_size == 65'536 ? 16 : 32));
    CHECK(TokenFile(path).read(bora::Range{7, 8}) == largest);
  }
}

TEST_CASE("Long files are written in pieces, and may be read anywhere", "[io]") {
  const TemporaryFolder folder;
  std::vector<TokenId> ids(100'003);
  std::iota(ids.begin(), ids.end(), 0);
  TokenFileWriter writer(folder / "tokens", 100'003);
  writer.append(std::span(ids).first(40'000));
  writer.append(std::span(ids).subspan(40'000));
  writer.commit();
  const TokenFile file(folder / "tokens");
  CHECK(file.read(bora::Range{0, ids.size()}) == ids);
  CHECK(file.read(bora::Range{65'530, 65'540}) == std::vector<TokenId>(ids.begin() + 65'530, ids.begin() + 65'540));
  CHECK(file.text_bytes() == 0);  // nobody said
  CHECK(lacks(refusal(file.path(), [&] { file.read(bora::Range{100'000, 100'004}); }),
              "holds 100003 tokens, expected 4 from token 100000") == "");
}

TEST_CASE("Without commit nothing is left, and what was there stays", "[io]") {
  const TemporaryFolder folder;
  const std::string before = bytes_of(write(folder / "tokens", 10));
  {
    TokenFileWriter file(folder / "tokens", 20);
    file.append(documents[0]);
  }
  CHECK(bytes_of(folder / "tokens") == before);
  CHECK(folder.count() == 1);
}

TEST_CASE("A document with an id outside the vocabulary is refused whole", "[io]") {
  const TemporaryFolder folder;
  TokenFileWriter file(folder / "tokens", 10);
  file.append(documents[0]);
  CHECK_THROWS_AS(file.append(std::vector<TokenId>{1, 10}), bora::TokenError);
  CHECK_THROWS_AS(file.append(std::vector<TokenId>{-1}), bora::TokenError);
  file.commit();
  CHECK(TokenFile(folder / "tokens").tokens() == 3);
  CHECK_THROWS_AS(file.append(documents[0]), bora::FileError);
  CHECK_THROWS_AS(file.commit(), bora::FileError);
  CHECK_THROWS_AS(TokenFileWriter(folder / "other", 0), bora::ConfigError);
  CHECK_THROWS_AS(TokenFileWriter(folder / "other", (std::size_t{1} << 31) + 1), bora::ConfigError);
  CHECK_THROWS_AS(TokenFileWriter(folder / "no" / "folder", 10), bora::FileError);
}

TEST_CASE("A token file that is not whole is refused at every length", "[io]") {
  const TemporaryFolder folder;
  const std::string whole = bytes_of(write(folder / "tokens", 10));
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK(refused(whole.substr(0, size)) != "accepted");
  CHECK(refused(whole + std::string(8, '\0')) != "accepted");
  CHECK(lacks(refused(whole.substr(0, 40)), "ends after 40 bytes, expected 64 or more") == "");
}

TEST_CASE("A token file in which any byte is wrong is refused", "[io]") {
  const TemporaryFolder folder;
  const std::string whole = bytes_of(write(folder / "tokens", 10));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
    CHECK(refused(bytes) != "accepted");
  }
}

TEST_CASE("What is wrong with a token file is said in a sentence", "[io]") {
  const TemporaryFolder folder;
  const std::string whole = bytes_of(write(folder / "tokens", 10));
  REQUIRE(whole.size() == 32 + 16 + 32 + 32);
  CHECK(refused(with_word(whole, 48, 3)) == "accepted");  // so the cases below are refused for what they say
  const auto says = [](const std::string& bytes, std::string_view part) { return lacks(refused(bytes), part); };
  CHECK(says(with_word(whole, 0, 0x736e656b6f74), "begins with 'tokens', expected 'bora-tok'") == "");
  CHECK(says("PK\3\4 and so on", "begins with 'PK\\x03\\x04 and', expected 'bora-tok': it is no token file") == "");
  CHECK(says(with_word(whole, 8, 2), "has version 2 of this format, expected 1") == "");
  CHECK(says(with_word(whole, 16, 4), "gives 4 as the bytes of a token, expected 2 for vocab_size 10") == "");
  CHECK(says(with_word(whole, 24, 0), "gives 0 as vocab_size, expected 1 to 2147483648") == "");
  CHECK(says(with_word(whole, 24, std::uint64_t{1} << 40), "as vocab_size, expected 1 to") == "");
  CHECK(says(with_word(whole, 24, 9), "token 3 is 9, expected ids below vocab_size 9") == "");
  CHECK(says(with_word(whole, 80, 9), "give 9 tokens in 4 documents, which take 120") == "");
  CHECK(says(with_word(whole, 80, ~std::uint64_t{0}), "which take more than that") == "");
  CHECK(says(with_word(whole, 88, std::uint64_t{1} << 61), "which take more than that") == "");
  CHECK(says(with_word(whole, 56, 2), "document 1 ends at token 2, expected 3 to 8") == "");
  CHECK(says(with_word(whole, 64, 99), "document 2 ends at token 99, expected 3 to 8") == "");
  CHECK(says(with_word(whole, 72, 7), "its last document ends at token 7, expected 8") == "");
  std::string damaged = whole;
  damaged[32] = 2;
  CHECK(says(damaged, "is damaged: its checksum is") == "");
}

TEST_CASE("A token file that others change while it is open is refused, not read beyond its vocabulary", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder / "tokens";
  std::vector<TokenId> ids(1'000'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i % 10);
  TokenFileWriter writer(path, 10);
  writer.append(ids);
  writer.commit();
  const TokenFile file(path);
  CHECK(file.read(bora::Range{900'000, 900'100}).size() == 100);
  {
    std::fstream changed(path, std::ios::binary | std::ios::in | std::ios::out);
    changed.seekp(32 + 2 * 900'010);
    changed.put('\x7f');
  }
  CHECK(lacks(refusal(path, [&] { file.read(bora::Range{900'000, 900'100}); }),
              "was changed while it is in use: it now holds token 127, expected ids below vocab_size 10") == "");
  std::filesystem::resize_file(path, 5'000);
  CHECK(file.read(bora::Range{0, 1'000}).size() == 1'000);
  CHECK(lacks(refusal(path, [&] { file.read(bora::Range{900'000, 900'100}); }), "ended after ") == "");
  CHECK(file.document(0).end == ids.size());
}
