/// Unigram tokenizers (Kudo 2018): a text is cut along the most probable path of pieces.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/added_tokens.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <bora/text/normalizer.hpp>
#include <bora/text/piece_index.hpp>
#include <bora/text/splitter.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/tokenizer_core.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Vocabulary and stages of a unigram tokenizer. A piece spells a space as "▁" (U+2581) and the byte 10 as "<0x0A>".
struct UnigramVocabulary {
  std::vector<std::string> pieces;      ///< by id; an empty one is an id without text
  std::vector<double> scores;           ///< of each piece: the logarithm of its probability
  std::vector<char> in_texts;           ///< of each piece: whether texts are cut into it; special ones and bytes no
  std::optional<TokenId> unknown = {};  ///< for characters that no piece begins with, one for a run of them
  bool byte_fallback = false;           ///< or the bytes of such a run
  std::vector<AddedToken> added_tokens = {};            ///< cut out of a text; with ids of their own or of pieces
  Normalizer normalizer = {};                           ///< what is left is normalised
  bool collapses_spaces = false;                        ///< runs of spaces become one, and those at the ends go
  Splitter splitter = {};                               ///< and cut into words before spaces become "▁"
  LeadingSpace leading_space = LeadingSpace::text;      ///< what encoding puts in front
  bool split_at_spaces = false;                         ///< whether each "▁" begins a word
  DecodedSpace decoded_space = DecodedSpace::drop_one;  ///< what decoding drops
  TokenizerFacts facts = {.kind = "Unigram"};           ///< ids that begin and end texts
};

namespace detail {

/// Pieces by their prefixes: a trie whose edges are in one hash table.
class PieceTrie {
 public:
  template <class Wanted>
  PieceTrie(const std::vector<std::string>& pieces, Wanted wanted) : ids_{-1}, secret_(std::random_device()() | 1ull) {
    std::size_t bytes = 1;
    for (std::size_t id = 0; id < pieces.size(); ++id)
      if (wanted(id)) bytes += pieces[id].size();
    edges_.resize(std::bit_ceil(2 * bytes));
    for (std::size_t id = 0; id < pieces.size(); ++id)
      if (wanted(id) && !pieces[id].empty()) insert(pieces[id], static_cast<TokenId>(id));
  }

  /// Calls `piece(id, length)` for each piece that `text` begins with, the shortest first.
  template <class Piece>
  void prefixes(std::string_view text, Piece piece) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const Edge& edge = edges_[place(node, text[i])];
      if (edge.target == 0) return;
      node = edge.target;
      if (ids_[node] >= 0) piece(ids_[node], i + 1);
    }
  }

 private:
  struct Edge {
    std::uint64_t key = 0;
    std::uint32_t target = 0;  ///< 0: no edge
  };
  std::size_t place(std::uint32_t node, char byte) const noexcept {
    const std::uint64_t key = std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
    std::uint64_t h = (key ^ secret_) * 0x9e3779b97f4a7c15ull;
    h = (h ^ h >> 29) * (secret_ | 1);
    for (std::size_t at = h >> 17 & (edges_.size() - 1);; at = (at + 1) & (edges_.size() - 1))
      if (edges_[at].target == 0 || edges_[at].key == key) return at;
  }
  void insert(std::string_view piece, TokenId id) {
    std::uint32_t node = 0;
    for (const char byte : piece) {
      Edge& edge = edges_[place(node, byte)];
      if (edge.target == 0) {
        edge = {std::uint64_t{node} << 8 | static_cast<unsigned char>(byte), static_cast<std::uint32_t>(ids_.size())};
        ids_.push_back(-1);
      }
      node = edge.target;
    }
    if (ids_[node] < 0) ids_[node] = id;
  }

  std::vector<TokenId> ids_;  ///< of each node: the piece that ends there
  std::vector<Edge> edges_;
  std::uint64_t secret_;
};

/// A unigram tokenizer.
class UnigramCore : public TokenizerCore {
 public:
  explicit UnigramCore(UnigramVocabulary vocabulary)
      : TokenizerCore(std::move(vocabulary.facts), vocabulary.decoded_space),
        v_(std::move(vocabulary)),
        added_(v_.added_tokens, v_.pieces, v_.normalizer),
        trie_(v_.pieces, [this](std::size_t id) { return checked(id) && v_.in_texts[id] != 0; }) {
    for (std::size_t id = 0; id < v_.pieces.size(); ++id) least_ = std::min(least_, v_.scores[id]);
    if (!v_.unknown && !v_.byte_fallback)
      throw ConfigError("vocabulary has neither bytes nor an unknown token, expected one of the two");
    if (v_.unknown && (*v_.unknown < 0 || static_cast<std::size_t>(*v_.unknown) >= v_.pieces.size()))
      throw ConfigError(message("the unknown token has id ", *v_.unknown, ", expected one below ", v_.pieces.size()));
    add_bytes();
    add_texts();
  }

  std::size_t vocab_size() const noexcept override { return texts_.size(); }
  const std::vector<AddedToken>& added_tokens() const noexcept override { return added_.tokens(); }
  std::string_view text(TokenId id) const noexcept override {
    return id >= 0 && static_cast<std::size_t>(id) < texts_.size()
               ? std::string_view(texts_[static_cast<std::size_t>(id)])
               : std::string_view();
  }
  std::unique_ptr<PartEncoder> encoder(AddedTokens added) const override {
    return std::make_unique<WordCutEncoder>(*this, added, false);
  }
  void encode(std::string_view text, AddedTokens added, std::vector<TokenId>& out) const override {
    const AddedTokenTable::Sets& sets = added_.sets(added);
    Path path;
    bool first = true;
    const auto token = [&](TokenId id) {
      if (std::exchange(first, false) && v_.leading_space == LeadingSpace::text) encode_words(bpe_space, path, out);
      out.push_back(id);
    };
    const auto plain = [&](std::string_view part) {
      encode_plain(part, first, path, out);
      first = false;
    };
    std::string storage;
    cut_added_tokens(
        sets.raw, text,
        [&](std::string_view part) {
          cut_added_tokens(sets.normalized, v_.normalizer.apply(part, storage), plain, token, word_character);
        },
        token, word_character);
  }

 private:
  /// Of each byte of a word: the best piece that ends there.
  struct Step {
    double score = -std::numeric_limits<double>::infinity();
    std::uint32_t begin = 0;
    TokenId id = -1;  ///< -1: a character without a piece
  };
  using Path = std::vector<Step>;

  bool checked(std::size_t id) const {
    if (v_.scores.size() != v_.pieces.size() || v_.in_texts.size() != v_.pieces.size())
      throw ConfigError(
          message("vocabulary has ", v_.pieces.size(), " pieces and ", v_.scores.size(), " scores, expected as many"));
    if (!std::isfinite(v_.scores[id]))
      throw ConfigError(message("piece ", id, " has score ", v_.scores[id], ", expected a finite number"));
    return true;
  }
  void add_bytes() {
    if (!v_.byte_fallback) return;
    const PieceIndex index(v_.pieces);
    for (std::size_t byte = 0; byte < 256; ++byte) {
      bytes_[byte] = index.find(byte_piece(byte));
      if (bytes_[byte] < 0)
        throw ConfigError(message("vocabulary has no piece ", legible_piece(byte_piece(byte)), ", expected one"));
    }
  }
  void add_texts() {
    for (std::size_t id = 0; id < v_.pieces.size(); ++id) texts_.push_back(bpe_spaced(v_.pieces[id]));
    for (std::size_t byte = 0; v_.byte_fallback && byte < 256; ++byte)
      texts_[static_cast<std::size_t>(bytes_[byte])] = static_cast<char>(static_cast<unsigned char>(byte));
    for (const AddedToken& token : added_.tokens()) {
      const auto id = static_cast<std::size_t>(token.id);
      if (id >= texts_.size()) texts_.resize(id + 1);
      texts_[id] = token.special ? std::string() : token.content;
    }
    if (v_.unknown) texts_[static_cast<std::size_t>(*v_.unknown)].clear();
  }

  void encode_plain(std::string_view text, bool first, Path& path, std::vector<TokenId>& out) const {
    std::string collapsed;
    if (v_.collapses_spaces) text = collapsed = with_single_spaces(text);
    if (text.empty()) return;
    if (v_.splitter.empty()) return encode_marked(marked(text, first), path, out);
    v_.splitter.split(text, [&](std::string_view word) {
      encode_marked(marked(word, first), path, out);
      first = v_.leading_space != LeadingSpace::if_missing_first && first;
    });
  }
  static std::string with_single_spaces(std::string_view text) {
    std::string out;
    for (const char c : text)
      if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
    while (out.ends_with(' ')) out.pop_back();
    return out;
  }
  std::string marked(std::string_view text, bool first) const {
    std::string word = bpe_marked(text);
    const bool missing = !std::string_view(word).starts_with(bpe_space);
    const LeadingSpace leading = v_.leading_space;
    if (leading == LeadingSpace::added || (leading == LeadingSpace::text && first) ||
        (leading == LeadingSpace::if_missing && missing) ||
        (leading == LeadingSpace::if_missing_first && first && missing))
      word.insert(0, bpe_space);
    return word;
  }
  void encode_marked(const std::string& text, Path& path, std::vector<TokenId>& out) const {
    if (!v_.split_at_spaces) return encode_words(text, path, out);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(bpe_space, at + 1), text.size());
      encode_words(std::string_view(text).substr(at, end - at), path, out);
      at = end;
    }
  }

  /// The most probable pieces: for each end the best beginning (Viterbi 1967), from left to right.
  void encode_words(std::string_view text, Path& path, std::vector<TokenId>& out) const {
    if (text.size() >= std::numeric_limits<std::uint32_t>::max())
      throw ConfigError(message("a text of ", text.size(), " bytes is too long to be cut into pieces"));
    path.assign(text.size() + 1, {});
    path[0].score = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t character = first_character(text.substr(at)).length;
      bool single = false;
      trie_.prefixes(text.substr(at), [&](TokenId id, std::size_t length) {
        offer(path, at, at + length, path[at].score + v_.scores[static_cast<std::size_t>(id)], id);
        single = single || length == character;
      });
      constexpr double penalty = 10;
      if (!single) offer(path, at, at + character, path[at].score + least_ - penalty, -1);
      at += character;
    }
    write_path(text, path, out);
  }
  static void offer(Path& path, std::size_t begin, std::size_t end, double score, TokenId id) noexcept {
    if (score > path[end].score) path[end] = {score, static_cast<std::uint32_t>(begin), id};
  }
  void write_path(std::string_view text, Path& path, std::vector<TokenId>& out) const {
    // The steps in reverse: each beginning is told where its piece ends.
    std::size_t end = text.size();
    for (std::size_t at = end; at > 0;) {
      const std::size_t begin = path[at].begin;
      path[begin].score = static_cast<double>(at);
      at = begin;
    }
    bool unknown = false;
    for (std::size_t at = 0; at < text.size();) {
      end = static_cast<std::size_t>(path[at].score);
      const TokenId id = path[end].id;
      if (id >= 0)
        out.push_back(id);
      else if (v_.byte_fallback)
        for (const char byte : text.substr(at, end - at)) out.push_back(bytes_[static_cast<unsigned char>(byte)]);
      else if (!unknown)
        out.push_back(*v_.unknown);
      unknown = id < 0;
      at = end;
    }
  }

  UnigramVocabulary v_;
  AddedTokenTable added_;
  PieceTrie trie_;
  double least_ = 0;
  std::array<TokenId, 256> bytes_{};
  std::vector<std::string> texts_;
};

}  // namespace detail

/// A unigram tokenizer. Throws ConfigError where pieces, scores and ids contradict.
inline Tokenizer make_tokenizer(UnigramVocabulary vocabulary) {
  return Tokenizer(std::make_shared<const detail::UnigramCore>(std::move(vocabulary)));
}

}}  // namespace bora::BORA_ABI
