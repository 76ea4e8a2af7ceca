/// Byte-pair tokenizers of the Llama and Mixtral kind: merges in an order of rank over the characters of the whole
/// text, and bytes for characters that have no piece.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <bora/text/pair_merger.hpp>
#include <bora/text/utf8.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// What a byte-pair tokenizer is made of. A piece spells a space as "▁" (U+2581) and the byte 10 as "<0x0A>".
struct BpeVocabulary {
  std::vector<std::string> pieces;                          ///< by id
  std::vector<std::pair<std::string, std::string>> merges;  ///< which pieces join, the first first
  /// Pieces that are no text; these three at least.
  std::vector<std::string> special_tokens = {"<unk>", "<s>", "</s>"};
};

namespace detail {

inline constexpr std::string_view bpe_space = "\xe2\x96\x81";  // U+2581

/// Pieces and merges by id, checked.
class BpeTable {
 public:
  explicit BpeTable(const BpeVocabulary& vocabulary) : vocabulary_(vocabulary) {
    add_pieces();
    kinds_.assign(size(), Kind::text);
    for (const std::string& piece : vocabulary_.special_tokens) set_special(piece);
    for (std::size_t byte = 0; byte < 256; ++byte) set_byte(byte);
    add_texts();
    add_merges();
  }

  const BpeVocabulary& vocabulary() const noexcept { return vocabulary_; }
  std::size_t size() const noexcept { return vocabulary_.pieces.size(); }
  /// What `id` decodes to; nothing for special tokens.
  const std::string& text(TokenId id) const noexcept { return texts_[static_cast<std::size_t>(id)]; }
  bool is_special(TokenId id) const noexcept { return kinds_[static_cast<std::size_t>(id)] == Kind::special; }
  TokenId byte(unsigned char value) const noexcept { return bytes_[value]; }
  TokenId require(std::string_view piece) const {
    const auto found = ids_.find(std::string(piece));
    if (found == ids_.end()) throw ConfigError(message("vocabulary has no piece ", legible(piece), ", expected one"));
    return found->second;
  }

  /// The id of a whole character of text, or -1.
  TokenId find(std::string_view character) const {
    const auto found = ids_.find(std::string(character));
    return found == ids_.end() || kinds_[static_cast<std::size_t>(found->second)] != Kind::text ? -1 : found->second;
  }
  std::optional<PairMerge> find(TokenId left, TokenId right) const {
    const auto found = merges_.find(pair(left, right));
    if (found == merges_.end()) return std::nullopt;
    return found->second;
  }

 private:
  enum class Kind : unsigned char { text, byte, special };

  static std::uint64_t pair(TokenId left, TokenId right) noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }

  void add_pieces() {
    if (size() > static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
      throw ConfigError(message("vocabulary has ", size(), " pieces, expected as many as ids can count"));
    for (std::size_t id = 0; id < size(); ++id) {
      const std::string& piece = vocabulary_.pieces[id];
      if (piece.empty()) throw ConfigError(message("piece ", id, " is empty, expected some text"));
      const auto [entry, added] = ids_.emplace(piece, static_cast<TokenId>(id));
      if (!added)
        throw ConfigError(message("piece ", id, " is ", legible(piece), ", expected a new one: it is piece ",
                                  entry->second, " already"));
    }
  }
  void set_special(const std::string& piece) { kinds_[static_cast<std::size_t>(require(piece))] = Kind::special; }
  void set_byte(std::size_t value) {
    const TokenId id = require(byte_piece(value));
    if (is_special(id))
      throw ConfigError(message("piece ", id, " is both a special token and a byte, expected one of the two"));
    kinds_[static_cast<std::size_t>(id)] = Kind::byte;
    bytes_[value] = id;
  }

  void add_texts() {
    for (std::size_t id = 0; id < size(); ++id)
      texts_.push_back(kinds_[id] == Kind::text ? spaced(vocabulary_.pieces[id]) : std::string());
    for (std::size_t value = 0; value < 256; ++value)
      texts_[static_cast<std::size_t>(bytes_[value])] = static_cast<char>(static_cast<unsigned char>(value));
  }
  static std::string spaced(std::string_view piece) {
    std::string text;
    while (!piece.empty()) {
      const bool space = piece.starts_with(bpe_space);
      text += space ? ' ' : piece[0];
      piece.remove_prefix(space ? bpe_space.size() : 1);
    }
    return text;
  }

  void add_merges() {
    if (vocabulary_.merges.size() > std::numeric_limits<std::uint32_t>::max())
      throw ConfigError("there are more merges than ranks can count");
    for (std::size_t rank = 0; rank < vocabulary_.merges.size(); ++rank) {
      const auto& [left, right] = vocabulary_.merges[rank];
      const TokenId a = merged_piece(rank, left), b = merged_piece(rank, right), ab = merged_piece(rank, left + right);
      if (!merges_.emplace(pair(a, b), PairMerge{static_cast<double>(rank), ab}).second)
        throw ConfigError(message("merge ", rank, " joins ", legible(left), " and ", legible(right),
                                  ", expected a new one: an earlier merge joins the two already"));
    }
  }
  TokenId merged_piece(std::size_t rank, const std::string& piece) const {
    const TokenId id = find(piece);
    if (id >= 0) return id;
    throw ConfigError(message("merge ", rank, " names ", legible(piece), ", which is no piece of text, expected one"));
  }

  BpeVocabulary vocabulary_;
  std::vector<std::string> texts_;
  std::vector<Kind> kinds_;
  std::array<TokenId, 256> bytes_{};
  std::unordered_map<std::string, TokenId> ids_;
  std::unordered_map<std::uint64_t, PairMerge> merges_;
};

/// The characters of a text as tokens, before any merge. A space goes in front, and spaces become U+2581; a U+2581 of
/// the text itself is one too, as for SentencePiece. Characters without a piece become bytes.
inline std::vector<TokenId> bpe_characters(const BpeTable& table, std::string_view text) {
  std::vector<TokenId> ids;
  const auto append = [&](std::string_view piece, std::string_view bytes) {
    const TokenId id = piece.empty() ? -1 : table.find(piece);
    if (id >= 0) return ids.push_back(id);
    for (const char byte : bytes) ids.push_back(table.byte(static_cast<unsigned char>(byte)));
  };
  if (!text.empty()) append(bpe_space, " ");
  while (!text.empty()) {
    const Utf8Start start = utf8_start(text);
    const std::string_view character = text.substr(0, start.length);
    const bool whole = start.kind == Utf8Kind::whole;
    append(!whole ? std::string_view() : character == " " ? bpe_space : character, character);
    text.remove_prefix(start.length);
  }
  return ids;
}

}  // namespace detail

/// The tokenizer of Llama, Mistral v0.1 and Mixtral as Hugging Face's `tokenizer.json` describes it (see
/// io/tokenizer_json.hpp): "▁" in front of the text and for spaces, merges by rank, leftmost first among equals, and
/// bytes for characters without a piece.
///
/// Any bytes come back as they were, but for U+2581, which is a space, as for SentencePiece; bytes that are no UTF-8
/// are encoded as byte pieces. Special tokens spelled out in a text are plain text. Copyable; const members may be
/// called from several threads at once.
class BpeTokenizer {
 public:
  /// Throws ConfigError where pieces are empty or come twice, a special token or one of the 256 bytes is missing, or a
  /// merge names what is no piece of text or comes twice.
  explicit BpeTokenizer(const BpeVocabulary& vocabulary)
      : table_(vocabulary), unknown_(special("<unk>")), bos_(special("<s>")), eos_(special("</s>")) {}

  /// Ids are below it.
  std::size_t vocab_size() const noexcept { return table_.size(); }
  /// What it was made from.
  const BpeVocabulary& vocabulary() const noexcept { return table_.vocabulary(); }
  /// `<unk>`.
  TokenId unknown() const noexcept { return unknown_; }
  /// `<s>`: begins a sequence.
  TokenId bos() const noexcept { return bos_; }
  /// `</s>`: ends one.
  TokenId eos() const noexcept { return eos_; }

  /// The ids of any text, valid UTF-8 or not.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const {
    std::vector<TokenId> ids;
    if (options.bos) ids.push_back(bos_);
    const auto merge = [&](TokenId left, TokenId right) { return table_.find(left, right); };
    const std::vector<TokenId> merged = detail::PairMerger(detail::bpe_characters(table_, text), merge).run();
    ids.insert(ids.end(), merged.begin(), merged.end());
    if (options.eos) ids.push_back(eos_);
    return ids;
  }

  /// The bytes of `ids`, without the space that encoding put in front: `decode(encode(text)) == text`. Special
  /// tokens are no text. Throws TokenError for an id outside the vocabulary.
  std::string decode(std::span<const TokenId> ids) const {
    check_tokens(ids, vocab_size());
    std::string text;
    for (const TokenId id : ids) text += table_.text(id);
    if (text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

  /// Decodes token by token, whole characters only. The tokenizer must outlive it.
  class Stream {
   public:
    /// See BpeTokenizer::stream.
    explicit Stream(const BpeTokenizer& tokenizer, InvalidBytes invalid = InvalidBytes::replace) noexcept
        : tokenizer_(&tokenizer), utf8_(invalid) {}
    /// See BpeTokenizer::stream.
    explicit Stream(const BpeTokenizer&& tokenizer, InvalidBytes invalid = InvalidBytes::replace) = delete;

    /// The characters that `id` completes. To print a continuation only, push the prompt's ids as well and ignore what
    /// comes out: the text's first space is dropped. Throws TokenError for an id outside the vocabulary, changing
    /// nothing.
    std::string push(TokenId id) {
      check_token(id, tokenizer_->vocab_size());
      std::string_view text = tokenizer_->table_.text(id);
      if (text.empty()) return {};
      if (first_ && text[0] == ' ') text.remove_prefix(1);
      first_ = false;
      return utf8_.push(text);
    }
    /// What waited for bytes that did not come; see Utf8Stream::finish. Afterwards the stream is as new.
    std::string finish() {
      first_ = true;
      return utf8_.finish();
    }

   private:
    const BpeTokenizer* tokenizer_;
    bool first_ = true;
    Utf8Stream utf8_;
  };

  /// A decoder of its own for one text.
  Stream stream(InvalidBytes invalid = InvalidBytes::replace) const& noexcept { return Stream(*this, invalid); }
  Stream stream(InvalidBytes invalid = InvalidBytes::replace) const&& = delete;  // it would outlive the tokenizer

 private:
  TokenId special(std::string_view piece) const {
    const TokenId id = table_.require(piece);
    if (!table_.is_special(id))
      throw ConfigError(
          detail::message("piece ", id, " is ", detail::legible(piece), " and no special token, expected one"));
    return id;
  }

  detail::BpeTable table_;
  TokenId unknown_, bos_, eos_;
};

}  // namespace bora::inline BORA_ABI
