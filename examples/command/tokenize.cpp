#include "tokenize.hpp"
#include <bora/core/error.hpp>
#include <bora/io/json.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <cstddef>
#include <istream>
#include <iterator>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Ids = std::vector<bora::TokenId>;

std::string valid_utf8(std::string_view bytes) {
  bora::Utf8Stream stream;
  std::string text = stream.push(bytes);
  return text + stream.finish();
}

bool is_surrogate(std::string_view text, std::size_t at, char low, char high) {
  if (text.substr(at, 2) != "\\u" || at + 6 > text.size()) return false;
  const char second = static_cast<char>(text[at + 3] | 0x20);
  return (text[at + 2] | 0x20) == 'd' &&
         ((second >= low && second <= high) || (low == '8' && (second == 'a' || second == 'b')));
}
/// A line whose strings have half of a surrogate pair, which is no character, with U+FFFD in its place.
std::string without_half_pairs(std::string line) {
  for (std::size_t at = 0; at + 1 < line.size(); ++at) {
    if (line[at] != '\\') continue;
    if (is_surrogate(line, at, '8', '9') && is_surrogate(line, at + 6, 'c', 'f'))
      at += 11;
    else if (is_surrogate(line, at, '8', '9') || is_surrogate(line, at, 'c', 'f'))
      line.replace(at + 2, 4, "fffd"), at += 5;
    else
      ++at;
  }
  return line;
}

const std::filesystem::path& input() {
  static const std::filesystem::path name = "standard input";
  return name;
}

bora::Json read_line(const std::string& line, std::size_t number) {
  return bora::parse_json(without_half_pairs(valid_utf8(line)), input(), {.line = number});
}

Ids ids_of(const bora::Json& row, std::size_t line) {
  const bora::Json& list = bora::require_array(row, "ids", input());
  Ids ids;
  for (const bora::Json& id : list) {
    if (!id.is_number_integer() || id.get<std::int64_t>() != static_cast<bora::TokenId>(id.get<std::int64_t>()))
      throw bora::FileError("standard input, line " + std::to_string(line) + ": 'ids' holds " +
                            bora::detail::json_kind(id) + ", expected token ids");
    ids.push_back(id.get<bora::TokenId>());
  }
  return ids;
}

void write_ids(std::span<const bora::TokenId> ids, const char* separator, std::ostream& out) {
  for (std::size_t i = 0; i < ids.size(); ++i) out << (i == 0 ? "" : separator) << ids[i];
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) / 16];
    text += digits[static_cast<unsigned char>(c) % 16];
  }
  return text;
}

class Tokenizing {
 public:
  Tokenizing(const bora::Tokenizer& tokenizer, const command::TokenizeOptions& options)
      : tokenizer_(tokenizer),
        special_(options.parse_special.value_or(tokenizer.facts().added == bora::AddedTokens::all)) {}

  Ids encode(std::string_view text) const {
    return tokenizer_.encode(text,
                             {.bos = false, .added = special_ ? bora::AddedTokens::all : bora::AddedTokens::words});
  }
  std::string decode(const Ids& ids) const {
    return tokenizer_.decode(ids, special_ ? bora::SpecialTokens::spelled : bora::SpecialTokens::hidden);
  }
  /// What the ids stand for one by one: of a GGUF file's vocabulary with the space in front of the first word, as
  /// llama.cpp gives it.
  std::string bytes(const Ids& ids) const {
    if (!tokenizer_.facts().kind.starts_with("GGUF")) return decode(ids);
    std::string all;
    for (const bora::TokenId id : ids) all += tokenizer_.token_bytes(id);
    return all;
  }

 private:
  const bora::Tokenizer& tokenizer_;
  bool special_;
};

void write_decoded(const Tokenizing& work, const Ids& ids, std::ostream& out) {
  out << "{\"text\": " << bora::Json(valid_utf8(work.decode(ids))).dump(-1, ' ', true) << ", \"bytes\": \""
      << hexadecimal(work.bytes(ids)) << "\"}\n";
}

void tokenize_lines(const Tokenizing& work, bool decode, std::istream& in, std::ostream& out) {
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const bora::Json row = read_line(line, number);
    if (decode) {
      write_decoded(work, ids_of(row, number), out);
      continue;
    }
    out << "{\"ids\": [";
    write_ids(work.encode(bora::require_string(row, "text", input())), ", ", out);
    out << "]}\n";
  }
}

void tokenize_text(const Tokenizing& work, bool decode, std::istream& in, std::ostream& out) {
  if (!decode) {
    write_ids(work.encode(std::string(std::istreambuf_iterator<char>(in), {})), " ", out);
    out << '\n';
    return;
  }
  Ids ids;
  for (bora::TokenId id; in >> id;) ids.push_back(id);
  if (!in.eof()) throw bora::FileError("standard input: holds something else than token ids, expected whole numbers");
  out << work.decode(ids);
}

}  // namespace

int command::tokenize(const bora::Tokenizer& tokenizer, const TokenizeOptions& options, std::istream& in,
                      std::ostream& out) {
  const Tokenizing work(tokenizer, options);
  (options.jsonl ? tokenize_lines : tokenize_text)(work, options.decode, in, out);
  out.flush();
  if (!out) throw bora::FileError("the output could not be written");
  return 0;
}
