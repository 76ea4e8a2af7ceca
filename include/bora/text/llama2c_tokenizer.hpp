/// Llama 2's tokenizer as llama2.c stores it (`tokenizer.py`, `run.c`): byte-pair merges by score, with bytes
/// for what has no piece.
#pragma once
#include <bora/core/mapped_file.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/pair_merger.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// Which special tokens `encode` puts around a text.
struct EncodeOptions {
  bool bos = true;   ///< the beginning-of-sequence id in front: what a prompt needs
  bool eos = false;  ///< the end-of-sequence id behind: what a training text needs
};

namespace detail {

// The format's fixed ids. `tokenizer.bin` does not say so: they are SentencePiece's as Llama 2 trained it.
inline constexpr TokenId llama2c_bos = 1, llama2c_eos = 2, llama2c_first_byte = 3, llama2c_first_piece = 3 + 256;

/// "<0x0A>": how the file spells a byte.
inline std::string byte_piece(std::size_t byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte / 16], digits[byte % 16], '>'};
}

/// A piece as it may stand in a message: short, and printable whatever it holds.
inline std::string legible(std::string_view piece) {
  std::string text = "'";
  for (const char c : piece.substr(0, 24)) {
    if (c >= ' ' && c <= '~')
      text += c;
    else
      text += byte_piece(static_cast<unsigned char>(c));
  }
  return text + (piece.size() > 24 ? "…'" : "'");
}

/// A vocabulary for lookups in both directions.
class PieceTable {
 public:
  std::size_t size() const noexcept { return texts_.size(); }
  /// What `id` decodes to; nothing for BOS and EOS.
  const std::string& text(TokenId id) const noexcept { return texts_[static_cast<std::size_t>(id)]; }
  float score(TokenId id) const noexcept { return scores_[static_cast<std::size_t>(id)]; }

  /// The id whose piece is exactly `text`, or -1. Special tokens and bytes are no text: "<s>" in a prompt must
  /// not end it, and "<0x0A>" must come back as six characters.
  TokenId find(std::string_view text) const {
    if (text.size() > longest_) return -1;
    const auto found = ids_.find(text);
    return found == ids_.end() || found->second < llama2c_first_piece ? -1 : found->second;
  }

  /// Appends a piece; the returned id is an older one if the table already holds it, and nothing changes.
  TokenId add(std::string piece, float score) {
    const auto id = static_cast<TokenId>(size());
    const auto [entry, added] = ids_.emplace(std::move(piece), id);
    if (!added) return entry->second;
    longest_ = std::max(longest_, entry->first.size());
    scores_.push_back(score);
    texts_.push_back(decoded(id, entry->first));
    return id;
  }

 private:
  static std::string decoded(TokenId id, const std::string& piece) {
    if (id == llama2c_bos || id == llama2c_eos) return {};
    if (id < llama2c_first_byte || id >= llama2c_first_piece) return piece;
    return std::string(1, static_cast<char>(id - llama2c_first_byte));
  }
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  std::vector<std::string> texts_;
  std::vector<float> scores_;
  std::unordered_map<std::string, TokenId, Hash, std::equal_to<>> ids_;
  std::size_t longest_ = 0;
};

/// Reads a `tokenizer.bin` front to back. Nothing in the file sizes a buffer before the file is known to hold
/// that many bytes.
class PieceFile {
 public:
  explicit PieceFile(const std::filesystem::path& path) : file_(path), rest_(file_.text()) {}

  /// \param vocab_size  pieces to expect; 0: as many as there are
  PieceTable read(std::size_t vocab_size) {
    read_longest();
    PieceTable table;
    while (vocab_size == 0 ? !rest_.empty() : table.size() < vocab_size) {
      if (rest_.empty()) refuse("ends after ", table.size(), " pieces, expected vocab_size ", vocab_size);
      read_piece(table);
    }
    if (!rest_.empty())
      refuse("holds ", rest_.size(), " bytes after its last piece, expected none: vocab_size is ", vocab_size);
    if (table.size() < static_cast<std::size_t>(llama2c_first_piece))
      refuse("holds ", table.size(), " pieces, expected at least ", llama2c_first_piece,
             ": 3 special tokens and 256 bytes");
    return table;
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

  void read_piece(PieceTable& table) {
    const std::string name = message("piece ", table.size());
    const float score = std::bit_cast<float>(read_word(name));
    if (!std::isfinite(score)) refuse(name, " has score ", score, ", expected a finite number");
    const std::int32_t length = read_word(name);
    if (length < 1 || length > longest_)
      refuse(name, " has length ", length, ", expected 1 to ", longest_, ", the longest that the file announces");
    std::string piece(read_bytes(static_cast<std::size_t>(length), name));
    check_byte(piece, table.size());
    const std::string shown = legible(piece);
    const auto next = static_cast<TokenId>(table.size());
    const TokenId id = table.add(std::move(piece), score);
    if (id != next) refuse(name, " is ", shown, ", expected a new one: it is piece ", id, " already");
  }

  /// Encoding falls back on id = byte + 3, so those must be the bytes.
  void check_byte(const std::string& piece, std::size_t id) const {
    constexpr std::size_t first = llama2c_first_byte, end = llama2c_first_piece;
    if (id < first || id >= end || piece == byte_piece(id - first)) return;
    refuse("piece ", id, " is ", legible(piece), ", expected the byte ", byte_piece(id - first));
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
  std::string_view rest_;  ///< what was not read yet
  std::int32_t longest_ = 0;
};

/// The characters of a text as tokens, before any merge; those without a piece as bytes.
inline std::vector<TokenId> llama2c_characters(const PieceTable& table, std::string_view text) {
  std::vector<TokenId> ids;
  while (!text.empty()) {
    const Utf8Start start = utf8_start(text);
    const std::string_view character = text.substr(0, start.length);
    const TokenId id = start.kind == Utf8Kind::whole ? table.find(character) : -1;
    if (id >= 0)
      ids.push_back(id);
    else
      for (const char byte : character) ids.push_back(llama2c_first_byte + static_cast<unsigned char>(byte));
    text.remove_prefix(start.length);
  }
  return ids;
}

/// The piece that two spell together, the highest score first. Bytes stay bytes: a piece of several characters is not
/// put together from halves of them.
inline std::optional<PairMerge> llama2c_merge(const PieceTable& table, TokenId left, TokenId right) {
  if (left < llama2c_first_piece || right < llama2c_first_piece) return std::nullopt;
  const TokenId id = table.find(table.text(left) + table.text(right));
  if (id < 0) return std::nullopt;
  return PairMerge{-static_cast<double>(table.score(id)), id};
}

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

  /// The ids of any text, valid UTF-8 or not.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const {
    std::vector<TokenId> ids;
    if (options.bos) ids.push_back(bos);
    if (!text.empty()) {
      const std::string spaced = " " + std::string(text);
      const auto merge = [&](TokenId left, TokenId right) { return detail::llama2c_merge(table_, left, right); };
      const std::vector<TokenId> merged = detail::PairMerger(detail::llama2c_characters(table_, spaced), merge).run();
      ids.insert(ids.end(), merged.begin(), merged.end());
    }
    if (options.eos) ids.push_back(eos);
    return ids;
  }

  /// The bytes of `ids`, valid UTF-8 or not: `decode(encode(text)) == text`. A space right after BOS is dropped,
  /// so ids encoded without BOS come back with the space that encoding put in front. BOS and EOS themselves
  /// are no text. Throws TokenError for an id outside the vocabulary.
  std::string decode(std::span<const TokenId> ids) const {
    check_tokens(ids, vocab_size());
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

    /// The characters that `id` completes. To print a continuation only, push the prompt's ids as well and
    /// ignore what comes out: whether a space is dropped depends on the id before. Throws TokenError for an id
    /// outside the vocabulary, changing nothing.
    std::string push(TokenId id) {
      check_token(id, tokenizer_->vocab_size());
      return utf8_.push(tokenizer_->text_after(std::exchange(previous_, id), id));
    }
    /// What waited for bytes that did not come; see Utf8Stream::finish. Afterwards the stream is as new.
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

}  // namespace bora::inline BORA_ABI
