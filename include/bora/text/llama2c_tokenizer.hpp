/// Llama 2's tokenizer as llama2.c stores it (`tokenizer.py`, `run.c`): byte-pair merges by score, with bytes for
/// characters that have no piece.
#pragma once
#include <bora/files/mapped_file.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/encode_options.hpp>
#include <bora/text/encode_stream.hpp>
#include <bora/text/joined_pieces.hpp>
#include <bora/text/merge_table.hpp>
#include <bora/text/pair_merger.hpp>
#include <bora/text/piece_index.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

// The format's fixed ids. `tokenizer.bin` does not say so: they are SentencePiece's as Llama 2 trained it.
inline constexpr TokenId llama2c_bos = 1, llama2c_eos = 2, llama2c_first_byte = 3, llama2c_first_piece = 3 + 256;

/// Contents of a `tokenizer.bin`.
struct ScoredPieces {
  std::vector<std::string> pieces;
  std::vector<float> scores;
};

/// A vocabulary for lookups in both directions.
class PieceTable {
 public:
  explicit PieceTable(ScoredPieces file) {
    for (std::size_t byte = 0; byte < 256; ++byte)
      merges_.bytes[byte] = llama2c_first_byte + static_cast<TokenId>(byte);
    // Special tokens and bytes are no text: "<s>" in a prompt must not end it, "<0x0A>" must come back as six
    // characters.
    for (std::size_t id = llama2c_first_piece; id < file.pieces.size(); ++id)
      if (const auto code = single_code_point(file.pieces[id]); code >= 0)
        merges_.characters.set(static_cast<char32_t>(code), static_cast<TokenId>(id));
    merges_.space = merges_.characters.find(U' ');
    merges_.set_merges(file.pieces, JoinedPieces(file.pieces, file.scores, [](std::size_t id) {
                                      return id >= static_cast<std::size_t>(llama2c_first_piece);
                                    }).merges);
    texts_ = std::move(file.pieces);
    for (const TokenId id : {llama2c_bos, llama2c_eos}) texts_[static_cast<std::size_t>(id)].clear();
    for (std::size_t byte = 0; byte < 256; ++byte)
      texts_[llama2c_first_byte + byte] = static_cast<char>(static_cast<unsigned char>(byte));
  }

  std::size_t size() const noexcept { return texts_.size(); }
  /// What `id` decodes to; nothing for BOS and EOS, and for ids that are not in the file.
  std::string_view text(TokenId id) const noexcept {
    return id >= 0 && static_cast<std::size_t>(id) < size() ? std::string_view(texts_[static_cast<std::size_t>(id)])
                                                            : std::string_view();
  }
  const MergeVocabulary& merges() const noexcept { return merges_; }

 private:
  std::vector<std::string> texts_;
  MergeVocabulary merges_;
};

/// Reads a `tokenizer.bin` front to back. Nothing in the file sizes a buffer before the file is known to hold
/// that many bytes.
class PieceFile {
 public:
  explicit PieceFile(const std::filesystem::path& path) : file_(path), rest_(file_.text()) {}

  /// \param vocab_size  pieces to expect; 0: as many as there are
  ScoredPieces read(std::size_t vocab_size) {
    read_longest();
    ScoredPieces read;
    while (vocab_size == 0 ? !rest_.empty() : read.pieces.size() < vocab_size) {
      if (rest_.empty()) refuse("ends after ", read.pieces.size(), " pieces, expected vocab_size ", vocab_size);
      read_piece(read);
    }
    if (!rest_.empty())
      refuse("holds ", rest_.size(), " bytes after its last piece, expected none: vocab_size is ", vocab_size);
    if (read.pieces.size() < static_cast<std::size_t>(llama2c_first_piece))
      refuse("holds ", read.pieces.size(), " pieces, expected at least ", llama2c_first_piece,
             ": 3 special tokens and 256 bytes");
    check_twice(read.pieces);
    return read;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(file_.path(), parts...);
  }

  void read_longest() {
    longest_ = read_word("the header");
    if (longest_ < 1) refuse("gives ", longest_, " as the length of its longest piece, expected 1 or more");
  }

  void read_piece(ScoredPieces& read) {
    const std::string name = message("piece ", read.pieces.size());
    const float score = std::bit_cast<float>(read_word(name));
    if (!std::isfinite(score)) refuse(name, " has score ", score, ", expected a finite number");
    const std::int32_t length = read_word(name);
    if (length < 1 || length > longest_)
      refuse(name, " has length ", length, ", expected 1 to ", longest_, ", the longest that the file announces");
    const std::string_view piece = read_bytes(static_cast<std::size_t>(length), name);
    check_byte(piece, read.pieces.size());
    read.pieces.emplace_back(piece);
    read.scores.push_back(score);
  }
  void check_twice(const std::vector<std::string>& pieces) const {
    const auto [first, second] = PieceIndex(pieces).duplicate();
    if (first >= 0)
      refuse("piece ", second, " is ", legible_piece(pieces[static_cast<std::size_t>(second)]),
             ", expected a new one: it is piece ", first, " already");
  }

  /// Encoding falls back on id = byte + 3, so those must be the bytes.
  void check_byte(std::string_view piece, std::size_t id) const {
    constexpr std::size_t first = llama2c_first_byte, end = llama2c_first_piece;
    if (id < first || id >= end || piece == byte_piece(id - first)) return;
    refuse("piece ", id, " is ", legible_piece(piece), ", expected the byte ", byte_piece(id - first));
  }

  /// Little-endian, on any machine.
  std::int32_t read_word(std::string_view part) {
    const std::string_view bytes = read_bytes(4, part);
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i)
      word |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return static_cast<std::int32_t>(word);
  }

  std::string_view read_bytes(std::size_t count, std::string_view part) {
    if (count > rest_.size())
      refuse("ends inside ", part, ": ", rest_.size(), " bytes are left, expected ", count, " or more");
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  MappedFile file_;
  std::string_view rest_;  ///< bytes not read yet
  std::int32_t longest_ = 0;
};

/// Encodes one text that arrives in parts.
class Llama2cEncoder {
 public:
  Llama2cEncoder(const PieceTable& table, EncodeOptions options) noexcept
      : options_(options), stretch_(table.merges()) {}

  void push(std::string_view text, std::vector<TokenId>& out) {
    begin(out);
    stretch_.add(text, out);
  }
  void finish(std::vector<TokenId>& out) {
    begin(out);
    stretch_.end(out);
    if (options_.eos) out.push_back(llama2c_eos);
    begun_ = false;
  }

 private:
  void begin(std::vector<TokenId>& out) {
    if (begun_) return;
    if (options_.bos) out.push_back(llama2c_bos);
    stretch_.begin(Prefix::always);
    begun_ = true;
  }

  EncodeOptions options_;
  StretchEncoder stretch_;
  bool begun_ = false;
};

}  // namespace detail

/// The tokenizer of Llama 2 and of the llama2.c models, read from `tokenizer.bin`: int32 length of the longest
/// piece, then for each id float32 score, int32 length, bytes; all little-endian. Id 0 stands for the unknown, 1
/// begins a sequence, 2 ends it, 3 .. 258 are bytes, the rest pieces of text.
///
/// Encoding gives SentencePiece's ids: a space goes before any text that is not empty; the text is cut into
/// characters, and one without a piece becomes its bytes (id = byte + 3); then the adjacent pair whose joined
/// piece scores highest is merged, leftmost first among equals, until none is left. Special tokens spelled out in the
/// text are plain text, and so is U+2581, which SentencePiece takes for a space: the file's pieces hold spaces.
/// Copyable; const members may be called from several threads at once.
class Llama2cTokenizer {
 public:
  static constexpr TokenId bos = detail::llama2c_bos;  ///< 1, which begins a sequence
  static constexpr TokenId eos = detail::llama2c_eos;  ///< 2, which ends it

  /// \param path        a `tokenizer.bin`
  /// \param vocab_size  the model's, for the file does not hold it; 0 reads to the end of the file
  /// Throws FileError where the file cannot be read, is truncated or too long, a length or a score is
  /// impossible, a piece comes twice, or ids 3 .. 258 are not the bytes.
  explicit Llama2cTokenizer(const std::filesystem::path& path, std::size_t vocab_size = 0)
      : table_(detail::PieceFile(path).read(vocab_size)) {}

  /// Ids are below it.
  std::size_t vocab_size() const noexcept { return table_.size(); }

  /// The ids of any text, valid UTF-8 or not. Takes no memory beyond the ids and the longest stretch of text that
  /// merges may reach across.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const {
    std::vector<TokenId> ids;
    detail::Llama2cEncoder encoder(table_, options);
    encoder.push(text, ids);
    encoder.finish(ids);
    return ids;
  }

  /// Encodes a text that arrives in parts, to the ids of the whole.
  using EncodeStream = bora::EncodeStream<detail::Llama2cEncoder>;
  /// An encoder of its own for one text.
  EncodeStream encode_stream(EncodeOptions options = {}) const& {
    return EncodeStream(detail::Llama2cEncoder(table_, options));
  }
  EncodeStream encode_stream(EncodeOptions options = {}) const&& = delete;  // it would outlive the tokenizer

  /// What `encode_stream` runs, for those who keep the ids themselves.
  using Encoder = detail::Llama2cEncoder;
  /// An encoder for one text, which the tokenizer must outlive.
  Encoder encoder(EncodeOptions options) const { return Encoder(table_, options); }

  /// The bytes that `id` stands for within a text; none for BOS, EOS and ids that the file does not have.
  std::string_view token_bytes(TokenId id) const noexcept { return table_.text(id); }

  /// The bytes of `ids`, valid UTF-8 or not: `decode(encode(text)) == text`. A space right after BOS is dropped,
  /// so ids encoded without BOS come back with the space that encoding put in front. BOS and EOS themselves
  /// are no text, and neither are ids that the file does not have: a model's vocabulary is often padded beyond its
  /// tokenizer's.
  std::string decode(std::span<const TokenId> ids) const {
    std::string text;
    TokenId previous = eos;
    for (const TokenId id : ids) text += text_after(std::exchange(previous, id), id);
    return text;
  }

  /// Decodes token by token, whole characters only. The tokenizer must outlive it.
  class Stream {
   public:
    /// See Llama2cTokenizer::stream.
    explicit Stream(const Llama2cTokenizer& tokenizer, InvalidBytes invalid = InvalidBytes::replace) noexcept
        : tokenizer_(&tokenizer), utf8_(invalid) {}
    /// See Llama2cTokenizer::stream.
    explicit Stream(const Llama2cTokenizer&& tokenizer, InvalidBytes invalid = InvalidBytes::replace) = delete;

    /// The characters that `id` completes; none for ids that the tokenizer does not have. To print a continuation only,
    /// push the prompt's ids as well and ignore what comes out: whether a space is dropped depends on the id before.
    std::string push(TokenId id) { return utf8_.push(tokenizer_->text_after(std::exchange(previous_, id), id)); }
    /// Ends the text: returns bytes of an incomplete character; see Utf8Stream::finish. The stream can then be reused.
    std::string finish() {
      previous_ = eos;
      return utf8_.finish();
    }

   private:
    const Llama2cTokenizer* tokenizer_;
    TokenId previous_ = eos;
    Utf8Stream utf8_;
  };

  /// A decoder of its own for one text.
  Stream stream(InvalidBytes invalid = InvalidBytes::replace) const& noexcept { return Stream(*this, invalid); }
  Stream stream(InvalidBytes invalid = InvalidBytes::replace) const&& = delete;  // it would outlive the tokenizer

 private:
  std::string_view text_after(TokenId previous, TokenId id) const noexcept {
    std::string_view text = table_.text(id);
    if (previous == bos && text.starts_with(' ')) text.remove_prefix(1);
    return text;
  }

  detail::PieceTable table_;
};

}}  // namespace bora::BORA_ABI
