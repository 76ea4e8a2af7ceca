/// Packs text into token files.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/data/text_reader.hpp>
#include <bora/io/json.hpp>
#include <bora/io/token_file.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A tokenizer: encodes a text to ids below a vocabulary's size.
template <class T>
concept TextEncoder = requires(const T& tokenizer, std::string_view text) {
  { tokenizer.encode(text) } -> std::convertible_to<std::vector<TokenId>>;
  { tokenizer.vocab_size() } -> std::convertible_to<std::size_t>;
};

/// Treatment of a bad line of JSONL: one that is no JSON object, or has no text.
enum class BadLines {
  refuse,  ///< ends the packing with a FileError, and nothing is written
  skip,    ///< is left out and counted in PackReport::skipped
};

/// Options of packing.
struct PackOptions {
  /// Whether each document begins with the BOS token, where the tokenizer has one (`encode(text, {.bos = …})`). On by
  /// default: prompts are encoded with BOS too, and training should match them.
  bool bos = true;
  /// Appended to each document: the model learns where texts end.
  std::optional<TokenId> end_of_document = {};
  /// Text files: separator of documents; empty documents are left out. Empty: a file is one document.
  std::string separator = "";
  /// JSONL: the key of the text.
  std::string field = "text";
  /// Vocabulary size of the token file; 0: the tokenizer's. Larger if the model has more ids than the tokenizer.
  std::size_t vocab_size = 0;
  /// JSONL: treatment of a bad line.
  BadLines bad_lines = BadLines::refuse;
};

/// A line of JSONL that was left out.
struct SkippedLine {
  std::filesystem::path file;  ///< as it was given
  std::size_t line = 0;        ///< from 1
  std::string why;             ///< the error message that BadLines::refuse would have thrown, with file and line
};

/// Report of packing: what went into a token file.
struct PackReport {
  std::size_t documents = 0;                    ///< written; empty ones are not counted
  std::size_t tokens = 0;                       ///< written, with BOS and end-of-document tokens
  std::size_t text_bytes = 0;                   ///< of the documents' text
  std::size_t empty_texts = 0;                  ///< empty files, lines and texts, which are left out
  std::size_t skipped = 0;                      ///< lines of JSONL that could not be read, with BadLines::skip
  std::vector<SkippedLine> skipped_lines = {};  ///< the first ten of them
};

namespace detail {

/// Encodes documents that arrive in parts: with the tokenizer's own stream where it has one, else as a whole.
template <TextEncoder Tokenizer>
class DocumentEncoder {
 public:
  DocumentEncoder(const Tokenizer& tokenizer, bool bos) : tokenizer_(&tokenizer), bos_(bos) {}

  std::vector<TokenId> push(std::string_view text) {
    if constexpr (streams_with_bos || streams) {
      if (!stream_) stream_.emplace(make_stream(*tokenizer_, bos_));
      return stream_->push(text);
    } else {
      document_ += text;
      return {};
    }
  }
  std::vector<TokenId> finish() {
    if constexpr (streams_with_bos || streams)
      return stream_->finish();
    else
      return encode(std::exchange(document_, std::string()));
  }

 private:
  static constexpr bool streams_with_bos =
      requires(const Tokenizer& t) { t.encode_stream({.bos = true, .eos = false}).push(std::string_view()); };
  static constexpr bool streams = requires(const Tokenizer& t) { t.encode_stream().push(std::string_view()); };

  static auto make_stream([[maybe_unused]] const Tokenizer& tokenizer, [[maybe_unused]] bool bos) {
    if constexpr (streams_with_bos)
      return tokenizer.encode_stream({.bos = bos, .eos = false});
    else if constexpr (streams)
      return tokenizer.encode_stream();
    else
      return 0;
  }
  std::vector<TokenId> encode(std::string_view text) const {
    if constexpr (requires { tokenizer_->encode(text, {.bos = true, .eos = false}); })
      return tokenizer_->encode(text, {.bos = bos_, .eos = false});
    else
      return tokenizer_->encode(text);
  }

  const Tokenizer* tokenizer_;
  bool bos_;
  std::optional<decltype(make_stream(std::declval<const Tokenizer&>(), true))> stream_;
  std::string document_;
};

}  // namespace detail

/// Packs texts, one by one. `commit` renames the file to its own name; without it nothing is left behind. Files are
/// read in parts and ids are written as they come, so memory does not grow with a document, where the tokenizer can
/// encode in parts.
template <TextEncoder Tokenizer>
class TextPacker {
 public:
  /// The tokenizer must outlive the packer.
  TextPacker(const Tokenizer& tokenizer, const std::filesystem::path& target, PackOptions options = {})
      : options_(std::move(options)),
        encoder_(tokenizer, options_.bos),
        file_(target, options_.vocab_size == 0 ? tokenizer.vocab_size() : options_.vocab_size) {}

  /// A document; an empty one is only counted. Throws TokenError for an id outside the vocabulary.
  void add(std::string_view text) {
    if (text.empty()) ++report_.empty_texts;
    constexpr std::size_t part = std::size_t{1} << 16;
    for (; !text.empty(); text.remove_prefix(std::min(part, text.size()))) add_part(text.substr(0, part));
    end_document();
  }

  /// A text file, cut at the separator. Throws FileError where it cannot be read.
  void add_text_file(const std::filesystem::path& file) { add_texts(detail::PartReader(file)); }
  /// The same for bytes [begin, end) of it.
  void add_text_file(const std::filesystem::path& file, std::uintmax_t begin, std::uintmax_t end) {
    add_texts(detail::PartReader(file, begin, end));
  }
  /// The same for a text in memory.
  void add_texts(std::string_view text) {
    if (options_.separator.empty()) return add(text);
    while (!text.empty()) {
      const std::size_t cut = text.find(options_.separator);
      if (const std::string_view document = text.substr(0, cut); !document.empty()) add(document);
      text.remove_prefix(cut == text.npos ? text.size() : cut + options_.separator.size());
    }
  }

  /// A file of JSON objects, one a line; a byte order mark in front is passed over. Throws FileError, naming file, line
  /// and column, for a line that is none or has no text, unless such lines are skipped; blank lines are left out, and
  /// so are texts that are empty.
  void add_jsonl_file(const std::filesystem::path& file) {
    detail::LineReader lines(file);
    while (lines.next())
      if (lines.text().find_first_not_of(" \t\r") != std::string_view::npos) add_json_line(lines, file);
    if (lines.empty_file()) add("");
  }

  /// Renames the file to its own name; nothing may be added afterwards. Throws FileError if writing fails, as on a full
  /// disk.
  PackReport commit() {
    file_.commit();
    report_.documents = file_.documents();
    report_.tokens = file_.tokens();
    return report_;
  }

 private:
  void add_part(std::string_view text) {
    file_.append_part(encoder_.push(text));
    document_bytes_ += text.size();
  }
  /// Does nothing if no text came.
  void end_document() {
    if (document_bytes_ == 0) return;
    file_.append_part(encoder_.finish());
    if (options_.end_of_document) file_.append_part(std::span(&*options_.end_of_document, 1));
    report_.text_bytes += document_bytes_;
    file_.end_document(std::exchange(document_bytes_, 0));
  }
  void add_texts(detail::PartReader reader) {
    const auto text = [this](std::string_view part) { add_part(part); };
    const auto end = [this] { end_document(); };
    detail::DocumentCutter cutter(options_.separator);
    bool empty = true;
    for (std::string_view part; !(part = reader.next()).empty(); empty = false) cutter.push(part, text, end);
    cutter.finish(text, end);
    if (empty) ++report_.empty_texts;
  }

  void add_json_line(const detail::LineReader& lines, const std::filesystem::path& file) {
    Json object;
    try {
      object = json_object(lines, file);
    } catch (const FileError& error) {
      if (options_.bad_lines == BadLines::refuse) throw;
      constexpr std::size_t most_reasons = 10;
      if (report_.skipped++ < most_reasons) report_.skipped_lines.push_back({file, lines.number(), error.what()});
      return;
    }
    add(object[options_.field].template get_ref<const std::string&>());
  }
  /// An object with a text.
  Json json_object(const detail::LineReader& lines, const std::filesystem::path& file) const {
    const std::filesystem::path place = detail::message(file.string(), ", line ", lines.number());
    Json object = parse_json(lines.text(), file, {.line = lines.number()});
    if (!object.is_object())
      detail::refuse_file(place, "is ", detail::json_kind(object), ", expected an object with a key ",
                          detail::printable(options_.field));
    const auto text = object.find(options_.field);
    if (text == object.end())
      detail::refuse_file(place, "has no key ", detail::printable(options_.field), ", expected a string");
    if (!text->is_string())
      detail::refuse_file(place, "key ", detail::printable(options_.field), " is ", detail::json_kind(*text),
                          ", expected a string");
    return object;
  }

  PackOptions options_;
  detail::DocumentEncoder<Tokenizer> encoder_;
  TokenFileWriter file_;
  PackReport report_;
  std::size_t document_bytes_ = 0;  ///< of the current document
};

/// Text files into one token file.
template <TextEncoder Tokenizer>
PackReport pack_text(const Tokenizer& tokenizer, std::span<const std::filesystem::path> files,
                     const std::filesystem::path& target, const PackOptions& options = {}) {
  TextPacker packer(tokenizer, target, options);
  for (const std::filesystem::path& file : files) packer.add_text_file(file);
  return packer.commit();
}

namespace detail {

/// Where the last `share` of a text begins: behind a `mark`, unless there is none near; never within a character.
inline std::size_t held_out_begin(std::string_view text, double share, std::string_view mark) {
  const auto size = static_cast<std::size_t>(share * static_cast<double>(text.size()));
  std::size_t begin = text.size() - size;
  const std::string_view near = text.substr(begin, size / 4);
  if (const std::size_t at = near.find(mark); at != near.npos) return begin + at + mark.size();
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) ++begin;
  return begin;
}

}  // namespace detail

/// A text file into two token files: its last `share`, cut at the beginning of a document or line if one is near, into
/// `held_out`, and the text before it into `training`. Throws ConfigError unless 0 < share < 1, FileError for an empty
/// file.
template <TextEncoder Tokenizer>
void pack_held_out(const Tokenizer& tokenizer, const std::filesystem::path& file, double share,
                   const std::filesystem::path& training, const std::filesystem::path& held_out,
                   const PackOptions& options = {}) {
  if (!(share > 0 && share < 1))
    throw ConfigError(detail::message("pack_held_out: the share is ", share, ", expected above 0 and below 1"));
  const std::uintmax_t begin = detail::held_out_begin(
      MappedFile(file).text(), share, options.separator.empty() ? "\n" : std::string_view(options.separator));
  TextPacker before(tokenizer, training, options), after(tokenizer, held_out, options);
  before.add_text_file(file, 0, begin);
  after.add_text_file(file, begin, std::numeric_limits<std::uintmax_t>::max());
  before.commit();
  after.commit();
}

/// JSONL files into one token file.
template <TextEncoder Tokenizer>
PackReport pack_jsonl(const Tokenizer& tokenizer, std::span<const std::filesystem::path> files,
                      const std::filesystem::path& target, const PackOptions& options = {}) {
  TextPacker packer(tokenizer, target, options);
  for (const std::filesystem::path& file : files) packer.add_jsonl_file(file);
  return packer.commit();
}

}}  // namespace bora::BORA_ABI
