// The tokenizers of Llama 2 and Mistral 7B, from their SentencePiece models: as tokenizer.json, which transformers
// makes of them, and as llama2.c's tokenizer.bin.
#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/reference.hpp"
#include <bora/io/load_tokenizer.hpp>
#include <bora/io/tokenizer_json.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<bora::TokenId>;

struct Piece {
  std::string text;
  float score = 0;
  std::uint64_t type = 1;  ///< 1: text, 2: unknown, 3: control, 6: a byte
};

/// The fields of a protocol buffer's message, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  /// Whether there is another field; then `number` is its number, and `text` or `value` its value.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    number = tag >> 3;
    if ((tag & 7) == 0) {
      value = varint();
    } else {
      const std::size_t size = (tag & 7) == 2 ? varint() : (tag & 7) == 5 ? 4 : 8;
      text = rest_.substr(0, size);
      rest_.remove_prefix(size);
    }
    return true;
  }
  std::uint64_t number = 0, value = 0;
  std::string_view text;

 private:
  std::uint64_t varint() {
    std::uint64_t sum = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      sum |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return sum;
    }
  }
  std::string_view rest_;
};

/// The pieces of a SentencePiece model, by id (sentencepiece_model.proto).
std::vector<Piece> pieces_of(const fs::path& model) {
  const std::string bytes = support::bytes_of(model);
  std::vector<Piece> pieces;
  for (Fields all(bytes); all.next();) {
    if (all.number != 1) continue;
    Piece& piece = pieces.emplace_back();
    for (Fields one(all.text); one.next();) {
      if (one.number == 1) piece.text = one.text;
      if (one.number == 2) std::memcpy(&piece.score, one.text.data(), 4);
      if (one.number == 3) piece.type = one.value;
    }
  }
  return pieces;
}

/// The merges that transformers derives (convert_slow_tokenizer.py, generate_merges): each piece from every two that
/// make it, those of the highest score first.
std::vector<std::pair<std::string, std::string>> merges_of(const std::vector<Piece>& pieces) {
  std::unordered_map<std::string, std::size_t> ids;
  for (std::size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].type == 1) ids.emplace(pieces[id].text, id);
  using Merge = std::tuple<float, std::size_t, std::size_t>;  // score, left, right
  std::vector<Merge> merges;
  for (const Piece& piece : pieces) {
    std::vector<Merge> of_piece;
    for (std::size_t cut = 1; piece.type == 1 && cut < piece.text.size(); ++cut) {
      if ((static_cast<unsigned char>(piece.text[cut]) & 0xc0) == 0x80) continue;  // inside a character
      const auto left = ids.find(piece.text.substr(0, cut)), right = ids.find(piece.text.substr(cut));
      if (left != ids.end() && right != ids.end()) of_piece.emplace_back(piece.score, left->second, right->second);
    }
    std::ranges::sort(of_piece);
    merges.insert(merges.end(), of_piece.begin(), of_piece.end());
  }
  std::ranges::stable_sort(merges, std::ranges::greater{}, [](const Merge& m) { return std::get<0>(m); });
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& [score, left, right] : merges) texts.emplace_back(pieces[left].text, pieces[right].text);
  return texts;
}

bora::BpeTokenizer as_tokenizer_json(const std::vector<Piece>& pieces) {
  bora::BpeVocabulary vocabulary;
  for (const Piece& piece : pieces) vocabulary.pieces.push_back(piece.text);
  vocabulary.merges = merges_of(pieces);
  const support::TemporaryFolder folder;
  bora::save_tokenizer(bora::BpeTokenizer(vocabulary), folder / "tokenizer.json");
  return bora::load_tokenizer(folder / "tokenizer.json");
}

/// As llama2.c's tokenizer.py writes it.
bora::Llama2cTokenizer as_tokenizer_bin(const std::vector<Piece>& pieces) {
  std::string bytes;
  std::size_t longest = 0;
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    std::string text = id == 1 ? "\n<s>\n" : id == 2 ? "\n</s>\n" : pieces[id].text;
    for (std::size_t at; (at = text.find("▁")) != std::string::npos;) text.replace(at, 3, " ");
    longest = std::max(longest, text.size());
    bytes += support::as_bytes(pieces[id].score) + support::as_bytes(static_cast<std::int32_t>(text.size())) + text;
  }
  const support::TemporaryFolder folder;
  return bora::Llama2cTokenizer(
      folder.file("tokenizer.bin", support::as_bytes(static_cast<std::int32_t>(longest)) + bytes));
}

/// How many lines of a file of cases there are, and the texts whose ids or decoded text are others.
template <class Tokenizer>
std::pair<std::size_t, std::vector<std::string>> compare(const Tokenizer& tokenizer, const fs::path& cases) {
  std::size_t count = 0;
  std::vector<std::string> others;
  std::ifstream file(cases);
  for (std::string line; std::getline(file, line); ++count) {
    const bora::Json one = bora::parse_json(line, cases);
    const auto text = one.at("text").get<std::string>();
    const Ids ids = one.at("ids").get<Ids>();
    Ids with_bos{1};
    with_bos.insert(with_bos.end(), ids.begin(), ids.end());
    const bool same = tokenizer.encode(text) == with_bos && tokenizer.decode(with_bos) == one.value("decoded", text);
    if (!same) others.push_back(text);
  }
  return {count, others};
}

}  // namespace

TEST_CASE("The tokenizers of Llama 2 and Mistral 7B give the ids of SentencePiece", "[io]") {
  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("tokenizers of Llama 2 and Mistral 7B");
  std::size_t count = 0;
  for (const char* name : {"llama2", "mistral"}) {
    const fs::path folder = *reference / "tokenizers" / name;
    const std::vector<Piece> pieces = pieces_of(folder / "tokenizer.model");
    REQUIRE(pieces.size() == 32'000);
    const bora::BpeTokenizer bpe = as_tokenizer_json(pieces);
    const bora::Llama2cTokenizer llama2c = as_tokenizer_bin(pieces);
    for (const char* cases : {"cases.jsonl", "upstream_cases.jsonl"}) {
      if (!fs::exists(folder / cases)) continue;
      INFO(name << ", " << cases);
      const auto [lines, others] = compare(bpe, folder / cases);
      CHECK(others == std::vector<std::string>{});
      // U+2581 is a space to SentencePiece; a tokenizer.bin spells spaces as spaces, and knows no other.
      auto others_for_llama2c = compare(llama2c, folder / cases).second;
      std::erase(others_for_llama2c, "▁lower▁block");
      CHECK(others_for_llama2c == std::vector<std::string>{});
      count += lines;
    }
  }
  CHECK(count == 306);
}

TEST_CASE("The tokenizer of Llama 2 with a Metaspace gives the same ids, but for spaces in front", "[io]") {
  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("tokenizer of Llama 2");
  const fs::path folder = *reference / "tokenizers" / "llama2";
  bora::BpeVocabulary v = as_tokenizer_json(pieces_of(folder / "tokenizer.model")).vocabulary();
  const bora::BpeTokenizer older(v);
  v.leading_space = bora::LeadingSpace::if_missing_first;
  const bora::BpeTokenizer first(v);
  v.leading_space = bora::LeadingSpace::never;
  v.decoded_space = bora::DecodedSpace::keep;
  const bora::BpeTokenizer never(v);
  std::ifstream file(folder / "cases.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto text = bora::parse_json(line, folder).at("text").get<std::string>();
    INFO(text);
    const bool begins = text.starts_with(' ') || text.starts_with("▁");
    CHECK(first.encode(text) == (begins ? never.encode(text) : older.encode(text)));
    CHECK(never.encode(" " + text) == (text.empty() ? never.encode(" ") : older.encode(text)));
    if (text.find("▁") == text.npos) CHECK(never.decode(never.encode(text)) == text);
  }
}
