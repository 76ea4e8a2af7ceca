/// Packed tokens: the concatenated documents of a corpus in a file that is mapped into memory.
///
/// All numbers are little-endian, 64 bits wide but for the tokens:
///
///     "bora-tok"   version   bytes a token   vocab_size
///     tokens       2 bytes each where vocab_size <= 65536, else 4; zeros up to a multiple of 8 bytes
///     ends         [documents]: where each document ends, in tokens from the first
///     tokens   documents   text bytes (0: not known)   checksum over all of the above
///
/// The counts come last, so that a corpus of any size is written in one pass.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/core/checked.hpp>
#include <bora/core/executor.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/core/tensor.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

struct TokenFileHead {
  std::uint64_t magic = name_word("bora-tok"), version = 1, width = 0, vocab_size = 0;
};
struct TokenFileTail {
  std::uint64_t tokens = 0, documents = 0, text_bytes = 0, checksum = 0;
};

/// Ids are 32 bits wide, with a sign.
inline constexpr std::uint64_t largest_vocabulary = std::uint64_t{1} << 31;
constexpr std::size_t token_width(std::uint64_t vocab_size) noexcept { return vocab_size <= 65'536 ? 2 : 4; }

}  // namespace detail

/// Writes a token file under a temporary name; `commit` renames it to its own. Without `commit` nothing is left behind.
class TokenFileWriter {
 public:
  /// Throws ConfigError for a vocabulary larger than ids can number, FileError if the file cannot be written.
  TokenFileWriter(const std::filesystem::path& file, std::size_t vocab_size)
      : file_(file), path_(file), vocab_size_(vocab_size) {
    if (vocab_size == 0 || vocab_size > detail::largest_vocabulary)
      throw ConfigError(
          detail::message("TokenFileWriter: vocab_size ", vocab_size, ", expected 1 to ", detail::largest_vocabulary));
    const detail::TokenFileHead head{.width = detail::token_width(vocab_size), .vocab_size = vocab_size};
    write(std::as_bytes(std::span(&head, 1)));
  }

  /// Appends a document. `text_bytes` is the size of its text, if known. Throws TokenError for an id outside the
  /// vocabulary, writing nothing, and FileError if writing fails, as on a full disk.
  void append(std::span<const TokenId> document, std::optional<std::size_t> text_bytes = {}) {
    check_tokens(document, vocab_size_);
    append_part(document);
    end_document(text_bytes);
  }
  /// Appends part of a document, which `end_document` ends: for documents that are not in memory as a whole. Throws as
  /// `append`.
  void append_part(std::span<const TokenId> part) {
    require_open();
    open_ = false;  // a partly written document must not be committed
    check_tokens(part, vocab_size_);
    if (detail::token_width(vocab_size_) == 2)
      add_numbers<std::uint16_t>(part);
    else
      add_numbers<std::uint32_t>(part);
    open_ = true;
  }
  /// Ends the document that was appended in parts.
  void end_document(std::optional<std::size_t> text_bytes = {}) {
    require_open();
    ends_.push_back(tokens());
    text_bytes_known_ = text_bytes_known_ && text_bytes.has_value();
    text_bytes_ += text_bytes.value_or(0);
  }

  /// Tokens appended so far, over all documents.
  std::size_t tokens() const noexcept { return tokens_; }
  /// Documents appended so far.
  std::size_t documents() const noexcept { return ends_.size(); }

  /// Renames the file to its own name; nothing may be appended afterwards. Throws FileError if a document was not
  /// ended.
  void commit() {
    require_open();
    if (tokens() != (ends_.empty() ? 0 : ends_.back()))
      detail::refuse_file(path_, "cannot be written: its last document was not ended");
    open_ = false;
    constexpr std::size_t word = sizeof(std::uint64_t);
    pending_.resize((pending_.size() + word - 1) / word * word);
    flush();
    write(std::as_bytes(std::span(ends_)));
    detail::TokenFileTail tail{
        .tokens = tokens(), .documents = documents(), .text_bytes = text_bytes_known_ ? text_bytes_ : 0};
    sum_.add(std::as_bytes(std::span(&tail, 1)).first(sizeof tail - word));
    tail.checksum = sum_.value();
    file_.write(std::as_bytes(std::span(&tail, 1)));
    file_.commit();
  }

 private:
  static constexpr std::size_t chunk = std::size_t{1} << 16;  ///< bytes, whole words

  void require_open() const {
    if (!open_) detail::refuse_file(path_, "cannot be written: it was committed, or writing it failed before");
  }
  template <class Number>
  void add_numbers(std::span<const TokenId> document) {
    for (const TokenId id : document) {
      const Number number = static_cast<Number>(id);
      const auto bytes = std::as_bytes(std::span(&number, 1));
      pending_.insert(pending_.end(), bytes.begin(), bytes.end());
      ++tokens_;
      if (pending_.size() == chunk) flush();
    }
  }
  void flush() {
    write(pending_);
    pending_.clear();
  }
  void write(std::span<const std::byte> words) {
    sum_.add(words);
    file_.write(words);
  }

  AtomicFile file_;
  std::filesystem::path path_;
  std::size_t vocab_size_;
  detail::Checksum sum_;
  std::vector<std::byte> pending_;
  std::vector<std::uint64_t> ends_;
  std::size_t tokens_ = 0, text_bytes_ = 0;
  bool text_bytes_known_ = true, open_ = true;
};

/// A token file. Opening it checks the whole file. If another program truncates it or writes into it afterwards,
/// reading throws FileError.
class TokenFile {
 public:
  /// Throws FileError for a file that is missing, of another kind or version, cut short, damaged, or that holds an id
  /// outside its vocabulary.
  explicit TokenFile(const std::filesystem::path& file, FileAccess access = FileAccess::map) : file_(file, access) {
#if defined(BORA_POSIX_FILES)
    if (access == FileAccess::map && file_.size() > MappedFile::largest_read) open_same();
#endif
    read_head();
    read_tail();
    check_ends();
    if (head_.width == 2)
      check_ids<std::uint16_t>();
    else
      check_ids<std::uint32_t>();
  }

  /// The path as given.
  const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// Every id is below this.
  std::size_t vocab_size() const noexcept { return static_cast<std::size_t>(head_.vocab_size); }
  /// Number of tokens, over all documents.
  std::size_t tokens() const noexcept { return static_cast<std::size_t>(tail_.tokens); }
  /// Number of documents, empty ones included.
  std::size_t documents() const noexcept { return static_cast<std::size_t>(tail_.documents); }
  /// Bytes of text that the tokens stand for; 0 if the writer did not know.
  std::size_t text_bytes() const noexcept { return static_cast<std::size_t>(tail_.text_bytes); }
  /// Mean bytes of text a token, for Evaluation::bits_per_byte; 0 if unknown or if there are no tokens.
  double bytes_per_token() const noexcept {
    return tokens() == 0 ? 0 : static_cast<double>(text_bytes()) / static_cast<double>(tokens());
  }
  /// Hash of the contents, to tell files apart.
  std::uint64_t checksum() const noexcept { return tail_.checksum; }

  /// The tokens of document i < documents().
  Range document(std::size_t i) const noexcept { return {i == 0 ? 0 : end(i - 1), end(i)}; }

  /// Tokens [first, first + out.size()), which must be there.
  void read(std::size_t first, std::span<TokenId> out) const {
    if (first > tokens() || out.size() > tokens() - first)
      detail::refuse_file(path(), "holds ", tokens(), " tokens, expected ", out.size(), " from token ", first);
    if (head_.width == 2)
      copy_ids<std::uint16_t>(first, out);
    else
      copy_ids<std::uint32_t>(first, out);
  }
  /// The same into a vector of the right size.
  std::vector<TokenId> read(Range range) const {
    std::vector<TokenId> ids(range.size());
    read(range.begin, ids);
    return ids;
  }

 private:
  static constexpr std::size_t word = sizeof(std::uint64_t);

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    detail::refuse_file(path(), parts...);
  }

#if defined(BORA_POSIX_FILES)
  void open_same() {
    open_ = detail::OpenFile(path());
    if (!file_.still_in_place() || open_.size() != file_.size())
      refuse("was replaced while it was opened: open it again");
  }
#endif

  void read_head() {
    const auto bytes = file_.bytes();
    const detail::TokenFileHead expected;
    // A short file of another kind is not a short file of this kind.
    if (const auto magic = bytes.size() < word ? 0 : detail::load_number<std::uint64_t>(bytes.data());
        bytes.size() >= word && magic != expected.magic)
      refuse("begins with ", detail::name_text(magic), ", expected ", detail::name_text(expected.magic),
             ": it is no token file");
    if (bytes.size() < sizeof head_ + sizeof tail_)
      refuse("ends after ", bytes.size(), " bytes, expected ", sizeof head_ + sizeof tail_, " or more");
    head_ = detail::load_number<detail::TokenFileHead>(bytes.data());
    if (head_.version != expected.version)
      refuse("has version ", head_.version, " of this format, expected ", expected.version);
    if (head_.vocab_size == 0 || head_.vocab_size > detail::largest_vocabulary)
      refuse("gives ", head_.vocab_size, " as vocab_size, expected 1 to ", detail::largest_vocabulary);
    if (const std::size_t width = detail::token_width(head_.vocab_size); head_.width != width)
      refuse("gives ", head_.width, " as the bytes of a token, expected ", width, " for vocab_size ", head_.vocab_size);
  }

  void read_tail() {
    const auto bytes = file_.bytes();
    tail_ = detail::load_number<detail::TokenFileTail>(bytes.data() + bytes.size() - sizeof tail_);
    const std::size_t ends_at = checked_ends();
    ids_ = bytes.data() + sizeof head_;
    keep_ends(bytes.data() + ends_at);
    detail::Checksum sum;
    sum.add(bytes.first(bytes.size() - word));
    if (sum.value() != tail_.checksum)
      refuse("is damaged: its checksum is ", sum.value(), ", expected ", tail_.checksum);
  }

  /// Copied, so that document()'s result cannot change under its caller.
  void keep_ends(const std::byte* from) {
    try {
      ends_.resize(documents());
    } catch (const std::bad_alloc&) {
      throw MemoryError(detail::message(path().string(), ": holds ", documents(), " documents, more than there is ",
                                        "memory for their ends"));
    }
    if (!ends_.empty()) std::memcpy(ends_.data(), from, ends_.size() * word);
  }

  /// Offset of the documents' ends. Throws FileError unless the counts account for the file's size.
  std::size_t checked_ends() const {
    if (CheckedSize(tail_.tokens) > file_.size() || CheckedSize(tail_.documents) > file_.size())
      refuse_size(std::string_view("more than that"));  // the sum may overflow
    const CheckedSize token_bytes = CheckedSize(tail_.tokens) * head_.width;
    const CheckedSize ends_at = (token_bytes + (word - 1)).value() / word * word + CheckedSize(sizeof head_);
    const CheckedSize size = ends_at + CheckedSize(tail_.documents) * word + sizeof tail_;
    if (size != file_.size()) refuse_size(size.value());
    return ends_at.value();
  }
  template <class Size>
  [[noreturn]] void refuse_size(Size takes) const {
    refuse("is ", file_.size(), " bytes long, but its last words give ", tail_.tokens, " tokens in ", tail_.documents,
           " documents, which take ", takes, ": it is cut short or damaged");
  }

  std::size_t end(std::size_t i) const noexcept { return static_cast<std::size_t>(ends_[i]); }
  void check_ends() const {
    std::size_t last = 0;
    for (std::size_t i = 0; i < documents(); last = end(i), ++i)
      if (end(i) < last || end(i) > tokens())
        refuse("document ", i, " ends at token ", end(i), ", expected ", last, " to ", tokens());
    if (last != tokens())
      refuse("its last document ends at token ", last, ", expected ", tokens(), ", all that it holds");
  }

  template <class Number>
  void check_ids() const {
    // In chunks: the maximum of a chunk vectorises, a comparison that may leave the loop does not.
    std::array<Number, 4096> block;
    for (std::size_t at = 0; at < tokens(); at += block.size()) {
      const std::size_t n = std::min(block.size(), tokens() - at);
      std::memcpy(block.data(), ids_ + at * sizeof(Number), n * sizeof(Number));
      const auto largest = std::max_element(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
      if (*largest >= head_.vocab_size)
        refuse("token ", at + static_cast<std::size_t>(largest - block.begin()), " is ", *largest,
               ", expected ids below vocab_size ", head_.vocab_size);
    }
  }
  template <class Number>
  void copy_ids(std::size_t first, std::span<TokenId> out) const {
    // Checked again, as another program may have written into the file since it was opened.
    Number largest = 0;
    std::array<Number, 1024> block;
    for (std::size_t at = 0; at < out.size(); at += block.size()) {
      const std::size_t n = std::min(block.size(), out.size() - at);
      copy_bytes(sizeof head_ + (first + at) * sizeof(Number), std::as_writable_bytes(std::span(block).first(n)));
      for (std::size_t i = 0; i < n; ++i) {
        largest = std::max(largest, block[i]);
        out[at + i] = static_cast<TokenId>(block[i]);
      }
    }
    if (largest >= head_.vocab_size)
      refuse("was changed while it is in use: it now holds token ", largest, ", expected ids below vocab_size ",
             head_.vocab_size);
  }
  /// Reads through the file descriptor, not the mapping: touching the truncated part of a mapping kills the program
  /// (SIGBUS).
  void copy_bytes(std::size_t at, std::span<std::byte> out) const {
#if defined(BORA_POSIX_FILES)
    if (open_.open()) return open_.read(at, out, path());
#endif
    std::memcpy(out.data(), file_.bytes().data() + at, out.size());
  }

  MappedFile file_;
  detail::TokenFileHead head_;
  detail::TokenFileTail tail_;
  const std::byte* ids_ = nullptr;
  std::vector<std::uint64_t> ends_;
#if defined(BORA_POSIX_FILES)
  detail::OpenFile open_;  ///< of a mapped file
#endif
};

}}  // namespace bora::BORA_ABI
