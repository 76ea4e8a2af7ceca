// Learns the merges of a byte-pair tokenizer (Sennrich et al. 2016) from counted words.
#pragma once
#include <bora/text/bpe_tokenizer.hpp>
#include <cstddef>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bpe {

/// How many bytes the first character of a text has: UTF-8 marks those that go on.
inline std::size_t character_length(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
  return length;
}

}  // namespace bpe

/// How often each word occurs. A word begins with its space, and letters do not share one with punctuation, so that no
/// merge reaches across.
class WordCounts {
 public:
  void add(std::string_view text) {
    std::string word = "▁";
    Kind kind = Kind::space;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = bpe::character_length(text.substr(at));
      const Kind next = kind_of(text[at]);
      if (next == Kind::space || (kind != Kind::space && next != kind)) {
        ++counts_[word];
        word.clear();
      }
      word += next == Kind::space ? std::string_view("▁") : text.substr(at, length);
      kind = next;
      at += length;
    }
    ++counts_[word];
  }
  const std::map<std::string, std::size_t>& counts() const { return counts_; }

 private:
  enum class Kind { space, letter, other };
  static Kind kind_of(char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    return c == ' ' ? Kind::space : letter ? Kind::letter : Kind::other;
  }
  std::map<std::string, std::size_t> counts_;
};

namespace bpe {

using Symbols = std::vector<std::string>;
using Pair = std::pair<std::string, std::string>;

/// The piece of a byte that is no character of its own.
inline std::string byte_piece(std::size_t byte) {
  char piece[8];
  std::snprintf(piece, sizeof piece, "<0x%02X>", static_cast<unsigned>(byte));
  return piece;
}

inline Symbols characters(std::string_view word) {
  Symbols symbols;
  while (!word.empty()) {
    const std::size_t length = character_length(word);
    symbols.emplace_back(word.substr(0, length));
    word.remove_prefix(length);
  }
  return symbols;
}

/// The pair that occurs most, the first in the alphabet among equals; empty where none occurs twice.
inline Pair most_frequent(const std::vector<std::pair<Symbols, std::size_t>>& words) {
  std::map<Pair, std::size_t> counts;
  for (const auto& [symbols, count] : words)
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) counts[{symbols[i], symbols[i + 1]}] += count;
  Pair best;
  std::size_t most = 1;
  for (const auto& [pair, count] : counts)
    if (count > most) {
      best = pair;
      most = count;
    }
  return best;
}

inline void join(Symbols& symbols, const Pair& pair) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const bool joins = i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second;
    std::string symbol = joins ? pair.first + pair.second : symbols[i];
    if (joins) ++i;
    symbols[end++] = std::move(symbol);
  }
  symbols.resize(end);
}

}  // namespace bpe

/// A vocabulary of `size` pieces: three special tokens, 256 bytes, the characters of `words`, and as many merges as
/// still fit.
inline bora::BpeVocabulary train_bpe(const WordCounts& words, std::size_t size) {
  bora::BpeVocabulary vocabulary;
  vocabulary.pieces = vocabulary.special_tokens;
  for (std::size_t byte = 0; byte < 256; ++byte) vocabulary.pieces.push_back(bpe::byte_piece(byte));
  std::vector<std::pair<bpe::Symbols, std::size_t>> split;
  std::set<std::string> known;
  for (const auto& [word, count] : words.counts()) {
    split.emplace_back(bpe::characters(word), count);
    known.insert(split.back().first.begin(), split.back().first.end());
  }
  vocabulary.pieces.insert(vocabulary.pieces.end(), known.begin(), known.end());
  while (vocabulary.pieces.size() < size) {
    const bpe::Pair pair = bpe::most_frequent(split);
    if (pair.first.empty()) break;
    for (auto& [symbols, count] : split) bpe::join(symbols, pair);
    vocabulary.merges.push_back(pair);
    if (known.insert(pair.first + pair.second).second) vocabulary.pieces.push_back(pair.first + pair.second);
  }
  return vocabulary;
}
