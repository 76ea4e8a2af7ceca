/// Byte-pair tokenizers of the Llama and Mixtral kind: merges in an order of rank over the characters of the whole
/// text, and bytes for characters that have no piece.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/added_tokens.hpp>
#include <bora/text/encode_options.hpp>
#include <bora/text/encode_stream.hpp>
#include <bora/text/joined_pieces.hpp>
#include <bora/text/merge_table.hpp>
#include <bora/text/pair_merger.hpp>
#include <bora/text/piece_index.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Where encoding puts a space in front. Added tokens that a text spells cut it into stretches.
enum class LeadingSpace {
  added,             ///< of each stretch, whatever it begins with: Llama 2, and `legacy=True` since
  text,              ///< of the text alone, whatever it begins with: SentencePiece
  if_missing,        ///< of each stretch that does not begin with one: `prepend_scheme` "always"
  if_missing_first,  ///< of the text alone, unless it begins with one or with an added token: "first"
  never,             ///< nowhere: "never"
};

/// Which space decoding drops again.
enum class DecodedSpace {
  drop_one,  ///< the first one of a text
  drop_all,  ///< every one of the first token: transformers' `Metaspace` decoder
  keep,      ///< none
};

/// Vocabulary and options of a byte-pair tokenizer. A piece spells a space as "▁" (U+2581) and the byte 10 as "<0x0A>".
struct BpeVocabulary {
  std::vector<std::string> pieces;                          ///< by id; an empty one is an id without text
  std::vector<std::pair<std::string, std::string>> merges;  ///< pairs of pieces to join, in order of rank
  /// Pieces that stand for no text; at least these three.
  std::vector<std::string> special_tokens = {"<unk>", "<s>", "</s>"};
  /// Tokens that are cut out of a text before it is merged (see EncodeOptions::added): with ids after the pieces, at
  /// ids without text, or pieces themselves. Special tokens that are not listed are found as they are spelled.
  std::vector<AddedToken> added_tokens = {};
  LeadingSpace leading_space = LeadingSpace::added;     ///< what encoding puts in front
  DecodedSpace decoded_space = DecodedSpace::drop_one;  ///< what decoding drops
  /// Whether each "▁" begins a stretch that is merged by itself (Metaspace with `split`), so that no piece contains "▁"
  /// after its first character, not even a piece of several spaces.
  bool split_at_spaces = false;
  /// By id, where no merges are listed: any two pieces of text whose texts together are a piece are joined, the highest
  /// score first.
  std::vector<float> scores = {};
  std::string unknown_token = "<unk>";  ///< a special token; empty: there is none
  std::string bos_token = "<s>";        ///< likewise
  std::string eos_token = "</s>";       ///< likewise
  /// Whether there must be pieces for all bytes. If not, characters without a piece or bytes are the unknown token, one
  /// for a run of them.
  bool byte_fallback = true;
};

namespace detail {

inline constexpr std::string_view bpe_space = "\xe2\x96\x81";  // U+2581

/// "a▁b" with a space for the mark.
inline std::string bpe_spaced(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    const bool space = piece.starts_with(bpe_space);
    text += space ? ' ' : piece[0];
    piece.remove_prefix(space ? bpe_space.size() : 1);
  }
  return text;
}
/// The other way round.
inline std::string bpe_marked(std::string_view text) {
  std::string marked;
  for (const char c : text) c == ' ' ? marked += bpe_space : marked += c;
  return marked;
}

/// Pieces, merges and added tokens by id, checked.
class BpeTable {
 public:
  explicit BpeTable(const BpeVocabulary& vocabulary) : vocabulary_(vocabulary) {
    if (pieces() >= static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
      throw ConfigError(message("vocabulary has ", pieces(), " pieces, expected as many as ids can count"));
    const PieceIndex index(vocabulary_.pieces);
    check_pieces(index);
    kinds_.assign(pieces(), Kind::text);
    for (const std::string& piece : vocabulary_.special_tokens) kind(require(index, piece)) = Kind::special;
    add_tokens(index);
    merges_.bytes.fill(-1);
    for (std::size_t byte = 0; byte < 256; ++byte)
      if (vocabulary.byte_fallback || index.find(byte_piece(byte)) >= 0) set_byte(index, byte);
    add_texts();
    add_characters();
    add_merges(index);
    add_sets();
    unknown_ = special(index, vocabulary_.unknown_token);
    bos_ = special(index, vocabulary_.bos_token);
    eos_ = special(index, vocabulary_.eos_token);
    if (vocabulary_.byte_fallback) return;
    if (unknown_ < 0) throw ConfigError("vocabulary has neither bytes nor an unknown token, expected one of the two");
    merges_.unknown = unknown_;
  }

  const BpeVocabulary& vocabulary() const noexcept { return vocabulary_; }
  /// All tokens that texts can spell, by id: added tokens, and special tokens that are not among them.
  const std::vector<AddedToken>& spelled() const noexcept { return spelled_; }
  std::size_t size() const noexcept { return std::max(pieces(), end_of_added_); }
  TokenId unknown() const noexcept { return unknown_; }
  TokenId bos() const noexcept { return bos_; }
  TokenId eos() const noexcept { return eos_; }

  /// What `id` decodes to; nothing for special tokens, and for ids that are not in the vocabulary.
  std::string_view text(TokenId id) const noexcept {
    if (id >= 0 && static_cast<std::size_t>(id) < texts_.size()) return texts_[static_cast<std::size_t>(id)];
    const auto found = std::lower_bound(spelled_.begin(), spelled_.end(), id,
                                        [](const AddedToken& token, TokenId i) { return token.id < i; });
    if (found == spelled_.end() || found->id != id || found->special) return {};
    return words_[static_cast<std::size_t>(found - spelled_.begin())];
  }
  const MergeVocabulary& merges() const noexcept { return merges_; }

  struct Sets {
    AddedTokenSet raw, normalized;
    std::string single_word;  ///< a token among them that needs Unicode's word characters
  };
  const Sets& sets(AddedTokens added) const noexcept { return sets_[static_cast<std::size_t>(added)]; }

 private:
  enum class Kind : unsigned char { text, byte, special };

  std::size_t pieces() const noexcept { return vocabulary_.pieces.size(); }
  Kind& kind(TokenId id) noexcept { return kinds_[static_cast<std::size_t>(id)]; }

  static TokenId require(const PieceIndex& index, std::string_view piece) {
    const TokenId id = index.find(piece);
    if (id < 0) throw ConfigError(message("vocabulary has no piece ", legible_piece(piece), ", expected one"));
    return id;
  }
  TokenId special(const PieceIndex& index, std::string_view piece) {
    if (piece.empty()) return -1;
    const TokenId id = require(index, piece);
    if (kind(id) != Kind::special)
      throw ConfigError(message("piece ", id, " is ", legible_piece(piece), " and no special token, expected one"));
    return id;
  }
  void check_pieces(const PieceIndex& index) const {
    const auto [first, second] = index.duplicate();
    if (first >= 0)
      throw ConfigError(message("piece ", second, " is ",
                                legible_piece(vocabulary_.pieces[static_cast<std::size_t>(second)]),
                                ", expected a new one: it is piece ", first, " already"));
  }

  void add_tokens(const PieceIndex& index) {
    spelled_ = vocabulary_.added_tokens;
    for (const AddedToken& token : spelled_) check_added(index, token);
    std::sort(spelled_.begin(), spelled_.end(), [](const auto& a, const auto& b) { return a.content < b.content; });
    for (std::size_t i = 1; i < spelled_.size(); ++i)
      if (spelled_[i].content == spelled_[i - 1].content)
        throw ConfigError(
            message("added token ", legible_piece(spelled_[i].content), " comes twice, expected it once"));
    const auto by_content = [](const AddedToken& token, const std::string& content) { return token.content < content; };
    const std::size_t listed = spelled_.size();
    for (const std::string& piece : vocabulary_.special_tokens) {
      const auto end = spelled_.begin() + static_cast<std::ptrdiff_t>(listed);
      const auto found = std::lower_bound(spelled_.begin(), end, piece, by_content);
      if (found == end || found->content != piece) spelled_.push_back({.id = index.find(piece), .content = piece});
    }
    std::sort(spelled_.begin(), spelled_.end(),
              [](const auto& a, const auto& b) { return a.id != b.id ? a.id < b.id : a.content < b.content; });
    for (std::size_t i = 1; i < spelled_.size(); ++i)
      if (spelled_[i].id == spelled_[i - 1].id && spelled_[i].content != spelled_[i - 1].content)
        throw ConfigError(message("added tokens ", legible_piece(spelled_[i - 1].content), " and ",
                                  legible_piece(spelled_[i].content), " both have id ", spelled_[i].id,
                                  ", expected an id for each"));
    for (const AddedToken& token : spelled_) {
      if (token.special && static_cast<std::size_t>(token.id) < pieces()) kind(token.id) = Kind::special;
      end_of_added_ = std::max(end_of_added_, static_cast<std::size_t>(token.id) + 1);
      words_.push_back(token.special ? std::string() : bpe_spaced(token.content));
    }
  }
  void check_added(const PieceIndex& index, const AddedToken& token) const {
    const std::string name = message("added token ", legible_piece(token.content), " has id ", token.id);
    if (token.content.empty())
      throw ConfigError(message("added token with id ", token.id, " is empty, expected some text"));
    if (token.id < 0 || token.id == std::numeric_limits<TokenId>::max())
      throw ConfigError(message(name, ", expected 0 to ", std::numeric_limits<TokenId>::max() - 1));
    if (const TokenId id = index.find(token.content); id >= 0 && id != token.id)
      throw ConfigError(message(name, ", expected ", id, ", its id among the pieces"));
    if (const auto place = static_cast<std::size_t>(token.id);
        place < pieces() && !vocabulary_.pieces[place].empty() && vocabulary_.pieces[place] != token.content)
      throw ConfigError(
          message(name, ", expected another: it is the id of piece ", legible_piece(vocabulary_.pieces[place])));
  }

  void set_byte(const PieceIndex& index, std::size_t value) {
    const TokenId id = require(index, byte_piece(value));
    if (kind(id) == Kind::special)
      throw ConfigError(message("piece ", id, " is both a special token and a byte, expected one of the two"));
    kind(id) = Kind::byte;
    merges_.bytes[value] = id;
  }

  void add_texts() {
    for (std::size_t id = 0; id < pieces(); ++id)
      texts_.push_back(kinds_[id] == Kind::text ? bpe_spaced(vocabulary_.pieces[id]) : std::string());
    for (std::size_t value = 0; value < 256; ++value)
      if (merges_.bytes[value] >= 0)
        texts_[static_cast<std::size_t>(merges_.bytes[value])] = static_cast<char>(static_cast<unsigned char>(value));
    for (std::size_t i = 0; i < spelled_.size(); ++i)  // words at ids that no piece has
      if (const auto id = static_cast<std::size_t>(spelled_[i].id); id < pieces() && vocabulary_.pieces[id].empty())
        texts_[id] = words_[i];
  }

  void add_characters() {
    for (std::size_t id = 0; id < pieces(); ++id)
      if (const auto code = single_code_point(vocabulary_.pieces[id]);
          code >= 0 && kinds_[id] == Kind::text && code != ' ')
        merges_.characters.set(static_cast<char32_t>(code), static_cast<TokenId>(id));
    merges_.space = merges_.characters.find(U'\u2581');
    merges_.characters.set(U' ', merges_.space);
    if (vocabulary_.split_at_spaces) merges_.cut_before = merges_.space;
  }

  void add_merges(const PieceIndex& index) {
    if (!vocabulary_.scores.empty()) return add_scored_merges();
    if (vocabulary_.merges.size() >= std::numeric_limits<std::uint32_t>::max())
      throw ConfigError("there are more merges than ranks can count");
    std::vector<Merge> merges;
    merges.reserve(vocabulary_.merges.size());
    for (std::size_t rank = 0; rank < vocabulary_.merges.size(); ++rank) {
      const auto& [left, right] = vocabulary_.merges[rank];
      merges.push_back({merged_piece(index, rank, left),
                        merged_piece(index, rank, right),
                        {static_cast<std::uint32_t>(rank), merged_piece(index, rank, left + right)}});
    }
    // The characters at the ends of pieces are looked up as a text's are, spaces included.
    merges_.set_merges(vocabulary_.pieces, merges);
    if (const PairMerge* twice = merges_.pairs.duplicate()) {
      const auto& [left, right] = vocabulary_.merges[twice->rank];
      throw ConfigError(message("merge ", twice->rank, " joins ", legible_piece(left), " and ", legible_piece(right),
                                ", expected a new one: an earlier merge joins the two already"));
    }
  }
  void add_scored_merges() {
    if (vocabulary_.scores.size() != pieces())
      throw ConfigError(message("vocabulary has ", vocabulary_.scores.size(), " scores, expected one for each of ",
                                pieces(), " pieces"));
    for (std::size_t id = 0; id < pieces(); ++id)
      if (!std::isfinite(vocabulary_.scores[id]))
        throw ConfigError(message("piece ", id, " has score ", vocabulary_.scores[id], ", expected a finite number"));
    const auto is_text = [&](std::size_t id) { return kinds_[id] == Kind::text; };
    merges_.set_merges(vocabulary_.pieces, JoinedPieces(vocabulary_.pieces, vocabulary_.scores, is_text).merges);
  }
  TokenId merged_piece(const PieceIndex& index, std::size_t rank, const std::string& piece) {
    const TokenId id = index.find(piece);
    if (id >= 0 && kind(id) == Kind::text) return id;
    throw ConfigError(
        message("merge ", rank, " names ", legible_piece(piece), ", which is no piece of text, expected one"));
  }

  void add_sets() {
    for (const AddedTokens which : {AddedTokens::words, AddedTokens::all}) {
      Sets& sets = sets_[static_cast<std::size_t>(which)];
      std::vector<AddedToken> raw, normalized;
      for (const AddedToken& token : spelled_) {
        if (token.special && which == AddedTokens::words) continue;
        if (token.single_word) sets.single_word = token.content;
        (token.normalized ? normalized : raw).push_back(token);
      }
      // The normalizer was applied to these, too; SentencePiece's user-defined symbols are spelled so already.
      if (vocabulary_.leading_space == LeadingSpace::text)
        for (AddedToken& token : normalized) token.content = bpe_marked(token.content);
      if (vocabulary_.leading_space == LeadingSpace::added)
        for (AddedToken& token : normalized) token.content = std::string(bpe_space) + bpe_marked(token.content);
      sets.raw = AddedTokenSet(std::move(raw));
      sets.normalized = AddedTokenSet(std::move(normalized));
    }
  }

  BpeVocabulary vocabulary_;
  std::vector<Kind> kinds_;
  std::vector<std::string> texts_;
  std::vector<AddedToken> spelled_;  ///< by id
  std::vector<std::string> words_;   ///< what each of these decodes to
  std::size_t end_of_added_ = 0;     ///< one more than their largest id
  MergeVocabulary merges_;
  std::array<Sets, 3> sets_;  ///< by AddedTokens
  TokenId unknown_ = 0, bos_ = 0, eos_ = 0;
};

/// Encodes one text that arrives in parts: cuts out added tokens, before and after the normalizer, and merges the rest.
class BpeEncoder {
 public:
  BpeEncoder(const BpeTable& table, EncodeOptions options)
      : table_(&table),
        options_(options),
        raw_(table.sets(options.added).raw),
        normalized_(table.sets(options.added).normalized),
        normalizes_(!table.sets(options.added).normalized.empty()),
        stretch_(table.merges()) {
    if (const std::string& token = table.sets(options.added).single_word; !token.empty())
      throw ConfigError(message("added token ", legible_piece(token),
                                " has 'single_word', which no text can spell here, "
                                "expected another choice of EncodeOptions::added"));
  }

  void push(std::string_view text, std::vector<TokenId>& out) {
    begin(out);
    raw_.push(text, [&](std::string_view part) { add_raw(part, out); }, [&](TokenId id) { add_raw_token(id, out); });
  }
  /// A token in the middle of the text; SentencePiece begins a new text behind it.
  void token(TokenId id, std::vector<TokenId>& out) {
    begin(out);
    raw_.finish([&](std::string_view part) { add_raw(part, out); }, [&](TokenId t) { add_raw_token(t, out); });
    end_raw(out);
    out.push_back(id);
    at_start_ = table_->vocabulary().leading_space == LeadingSpace::text;
  }
  void finish(std::vector<TokenId>& out) {
    begin(out);
    raw_.finish([&](std::string_view part) { add_raw(part, out); }, [&](TokenId id) { add_raw_token(id, out); });
    end_raw(out);
    if (options_.eos) out.push_back(table_->eos());
    begun_ = false;
    at_start_ = true;
  }

 private:
  void begin(std::vector<TokenId>& out) {
    if (!begun_ && options_.bos) out.push_back(table_->bos());
    begun_ = true;
  }

  void add_raw(std::string_view part, std::vector<TokenId>& out) {
    if (!normalizes_) return add_plain(part, out);
    const LeadingSpace leading = table_->vocabulary().leading_space;
    const bool marks = leading == LeadingSpace::added || leading == LeadingSpace::text;
    const bool in_front = (leading == LeadingSpace::added && !in_raw_) || (leading == LeadingSpace::text && at_start_);
    const std::string text =
        (in_front ? std::string(bpe_space) : std::string()) + (marks ? bpe_marked(part) : std::string(part));
    in_raw_ = true;
    if (marks) at_start_ = false;
    normalized_.push(
        text, [&](std::string_view plain) { add_plain(plain, out); }, [&](TokenId id) { add_token(id, out); });
  }
  void end_raw(std::vector<TokenId>& out) {
    normalized_.finish([&](std::string_view plain) { add_plain(plain, out); }, [&](TokenId id) { add_token(id, out); });
    end_plain(out);
    in_raw_ = false;
  }
  void add_raw_token(TokenId id, std::vector<TokenId>& out) {
    end_raw(out);
    if (at_start_ && table_->vocabulary().leading_space == LeadingSpace::text) stretch_.space(out);
    add_token(id, out);
  }

  void add_plain(std::string_view text, std::vector<TokenId>& out) {
    if (!in_plain_) stretch_.begin(prefix());
    in_plain_ = true;
    at_start_ = false;
    stretch_.add(text, out);
  }
  Prefix prefix() const noexcept {
    switch (table_->vocabulary().leading_space) {
      case LeadingSpace::added:
        return normalizes_ ? Prefix::none : Prefix::always;  // add_raw has prepended it
      case LeadingSpace::text:
        return !normalizes_ && at_start_ ? Prefix::always : Prefix::none;
      case LeadingSpace::if_missing:
        return Prefix::if_missing;
      case LeadingSpace::if_missing_first:
        return at_start_ ? Prefix::if_missing : Prefix::none;
      case LeadingSpace::never:
        break;
    }
    return Prefix::none;
  }
  void end_plain(std::vector<TokenId>& out) {
    if (in_plain_) stretch_.end(out);
    in_plain_ = false;
  }
  void add_token(TokenId id, std::vector<TokenId>& out) {
    end_plain(out);
    out.push_back(id);
    at_start_ = false;
  }

  const BpeTable* table_;
  EncodeOptions options_;
  AddedTokenSplitter raw_, normalized_;
  bool normalizes_;
  StretchEncoder stretch_;
  bool begun_ = false, at_start_ = true, in_raw_ = false, in_plain_ = false;
};

}  // namespace detail

/// The tokenizer of Llama, Mistral v0.1 and Mixtral as Hugging Face's `tokenizer.json` describes it (see
/// io/tokenizer_json.hpp): "▁" for spaces and, as BpeVocabulary::leading_space says, in front of the text; merges by
/// rank, leftmost first among equals; bytes for characters without a piece.
///
/// Any bytes come back as they were, but for U+2581, which is a space, as for SentencePiece; bytes that are no UTF-8
/// are encoded as byte pieces. Where encoding adds a space only if there is none (`if_missing`), a text's own first
/// space does not come back. EncodeOptions::added says which added tokens a text can spell; special ones are plain text
/// by default. Copyable; const members may be called from several threads at once.
class BpeTokenizer {
 public:
  /// Throws ConfigError where pieces come twice, a special token or one of the 256 bytes is missing, a merge names a
  /// text that is no piece or comes twice, or an added token is empty, comes twice or has another token's id.
  explicit BpeTokenizer(const BpeVocabulary& vocabulary) : table_(vocabulary) {}

  /// One more than the largest id, added tokens included. Some ids below it may have no text.
  std::size_t vocab_size() const noexcept { return table_.size(); }
  /// The vocabulary it was made from.
  const BpeVocabulary& vocabulary() const noexcept { return table_.vocabulary(); }
  /// `<unk>`; -1 where there is none, as for the two below.
  TokenId unknown() const noexcept { return table_.unknown(); }
  /// `<s>`: begins a sequence.
  TokenId bos() const noexcept { return table_.bos(); }
  /// `</s>`: ends one.
  TokenId eos() const noexcept { return table_.eos(); }
  /// The added or special token that is spelled so, such as "<|im_end|>"; nothing where there is none.
  std::optional<TokenId> added_token(std::string_view content) const noexcept {
    for (const AddedToken& token : table_.spelled())
      if (token.content == content) return token.id;
    return std::nullopt;
  }
  /// Every added or special token, by id.
  const std::vector<AddedToken>& added_tokens() const noexcept { return table_.spelled(); }

  /// The ids of any text, valid UTF-8 or not. Takes no memory beyond the ids and the longest stretch of text that
  /// merges may reach across: a word or two in Llama's vocabularies. Throws ConfigError where `added` asks for a token
  /// that is found between word boundaries only.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const {
    std::vector<TokenId> ids;
    detail::BpeEncoder encoder(table_, options);
    constexpr std::size_t part = std::size_t{1} << 16;
    for (; !text.empty(); text.remove_prefix(std::min(part, text.size()))) encoder.push(text.substr(0, part), ids);
    encoder.finish(ids);
    return ids;
  }

  /// Encodes a text that arrives in parts, to the ids of the whole.
  using EncodeStream = bora::EncodeStream<detail::BpeEncoder>;
  /// An encoder of its own for one text. Throws as `encode` does.
  EncodeStream encode_stream(EncodeOptions options = {}) const& {
    return EncodeStream(detail::BpeEncoder(table_, options));
  }
  EncodeStream encode_stream(EncodeOptions options = {}) const&& = delete;  // it would outlive the tokenizer

  /// What `encode_stream` runs, for those who keep the ids themselves.
  using Encoder = detail::BpeEncoder;
  /// An encoder for one text, which the tokenizer must outlive.
  Encoder encoder(EncodeOptions options) const { return Encoder(table_, options); }

  /// The bytes that `id` stands for within a text; none for special tokens and ids that the tokenizer does not have.
  std::string_view token_bytes(TokenId id) const noexcept { return table_.text(id); }

  /// The bytes of `ids`, without the space that encoding put in front (BpeVocabulary::decoded_space):
  /// `decode(encode(text)) == text`. Special tokens, and ids that the tokenizer does not have, are no text: a model's
  /// vocabulary is often padded beyond its tokenizer's.
  std::string decode(std::span<const TokenId> ids) const {
    std::string text;
    bool first = true;
    for (const TokenId id : ids) append_text(id, first, text);
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

    /// The characters that `id` completes; none for special tokens and for ids that the tokenizer does not have. To
    /// print a continuation only, push the prompt's ids as well and ignore what comes out: the text's first space is
    /// dropped.
    std::string push(TokenId id) {
      std::string text;
      tokenizer_->append_text(id, first_, text);
      return text.empty() ? text : utf8_.push(text);
    }
    /// Ends the text: returns bytes of an incomplete character; see Utf8Stream::finish. The stream can then be reused.
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
  /// \param first  whether no token with text came before
  void append_text(TokenId id, bool& first, std::string& text) const {
    std::string_view part = table_.text(id);
    if (part.empty()) return;
    const DecodedSpace dropped = vocabulary().decoded_space;
    if (std::exchange(first, false) && dropped != DecodedSpace::keep) {
      if (dropped == DecodedSpace::drop_all) {
        for (const char c : part)
          if (c != ' ') text += c;
        return;
      }
      if (part[0] == ' ') part.remove_prefix(1);
    }
    text += part;
  }

  detail::BpeTable table_;
};

}}  // namespace bora::BORA_ABI
