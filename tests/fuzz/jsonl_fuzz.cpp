// A JSONL file, and the same bytes as text: refused, and no token file is there; or the token file holds the documents.
#include "fuzz/fuzz.hpp"
#include <bora/data.hpp>
#include <bora/text/bytes.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace {

std::filesystem::path place() {
  const auto path = fuzz::folder() / "packed";
  std::filesystem::create_directory(path);
  return path;
}

/// The bytes of all documents, without the id that ends each.
std::string joined(const bora::TokenFile& file) {
  std::string text;
  for (const bora::TokenId id : file.read(bora::Range{0, file.tokens()}))
    if (id != 256) text += static_cast<char>(id);
  return text;
}

template <class Pack>
std::optional<std::string> packed(Pack&& pack) {
  const auto target = place() / "x.tokens";
  const bora::PackOptions options{.end_of_document = 256, .separator = "\n", .vocab_size = 257};
  bora::PackReport report;
  if (!fuzz::survives([&] { report = pack(target, options); })) {
    fuzz::require(std::filesystem::is_empty(place()), "what is refused leaves nothing");
    return std::nullopt;
  }
  const bora::TokenFile file(target);
  fuzz::require(file.documents() == report.documents && file.tokens() == report.tokens, "the report is the file's");
  fuzz::require(report.tokens == report.text_bytes + report.documents, "a token a byte, and one for the end");
  for (std::size_t i = 0; i < file.documents(); ++i) fuzz::require(file.document(i).size() > 1, "no document is empty");
  std::filesystem::remove(target);
  return joined(file);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::array files{fuzz::folder().file("x.jsonl", fuzz::text_of(data, size))};
  const bora::ByteTokenizer bytes;
  packed([&](const auto& target, const auto& options) { return bora::pack_jsonl(bytes, files, target, options); });
  const auto text =
      packed([&](const auto& target, const auto& options) { return bora::pack_text(bytes, files, target, options); });
  std::string expected(fuzz::text_of(data, size));
  std::erase(expected, '\n');
  fuzz::require(text == expected, "a text is packed as it stands, without its separators");
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string>
      good = {"{\"text\":\"one\\nline\",\"id\":3}\r\n\n  \n{\"text\":\"\"}\n{\"text\":\"\\u00fc\"}",
              "{\"text\":\"last\"}\n"},
      words = {"text", "body", "\\ud800", "\\u0000", "\\n", "\n", "{", "}", "[1]", "\xef\xbb\xbf", "\xff"};
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_json(fuzz::base_of(data, size, good, random), words, random), data, max_size);
}
