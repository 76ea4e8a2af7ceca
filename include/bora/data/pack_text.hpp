/// From text to token files.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/token_file.hpp>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// What turns a text into ids below a vocabulary's size.
template <class T>
concept TextEncoder = requires(const T& tokenizer, std::string_view text) {
  { tokenizer.encode(text) } -> std::convertible_to<std::vector<TokenId>>;
  { tokenizer.vocab_size() } -> std::convertible_to<std::size_t>;
};

/// What becomes of the texts.
struct PackOptions {
  /// Whether each document begins with the BOS token, where the tokenizer has one (`encode(text, {.bos = …})`). It
  /// does unless this is false: prompts are encoded with it too, and a model should meet what it was trained on.
  bool bos = true;
  /// Appended to each document: the model learns where texts end.
  std::optional<TokenId> end_of_document = {};
  /// Text files: documents are what stands between these, but for what is empty. Empty: a file is a document.
  std::string separator = "";
  /// JSONL: the key of the text.
  std::string field = "text";
  /// Of the token file; 0: the tokenizer's. More where the model has ids that the tokenizer does not give.
  std::size_t vocab_size = 0;
};

/// What a token file was made of.
struct PackReport {
  std::size_t documents = 0;    ///< written, those that are empty not counted
  std::size_t tokens = 0;       ///< written, with BOS and end-of-document tokens
  std::size_t text_bytes = 0;   ///< of the documents' text
  std::size_t empty_texts = 0;  ///< files, lines and texts that were left out since there is nothing in them to learn
};

/// Packs texts, one by one. `commit` puts the file in its place; without it nothing is left.
template <TextEncoder Tokenizer>
class TextPacker {
 public:
  /// The tokenizer must outlive the packer.
  TextPacker(const Tokenizer& tokenizer, const std::filesystem::path& target, PackOptions options = {})
      : tokenizer_(&tokenizer),
        options_(std::move(options)),
        file_(target, options_.vocab_size == 0 ? tokenizer.vocab_size() : options_.vocab_size) {}

  /// A document; an empty one is only counted. Throws TokenError for an id outside the vocabulary.
  void add(std::string_view text) {
    if (text.empty()) {
      ++report_.empty_texts;
      return;
    }
    std::vector<TokenId> ids = encode(text);
    if (options_.end_of_document) ids.push_back(*options_.end_of_document);
    file_.append(ids, text.size());
    report_.text_bytes += text.size();
  }

  /// A text file, cut at the separator. Throws FileError where it cannot be read.
  void add_text_file(const std::filesystem::path& file) {
    if (is_empty(file)) return add("");
    add_texts(MappedFile(file).text());
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

  /// A file of JSON objects, one a line. Throws FileError, naming file and line, for a line that is none or has no
  /// text; blank lines are left out, and so are texts that are empty.
  void add_jsonl_file(const std::filesystem::path& file) {
    if (is_empty(file)) return add("");
    const MappedFile mapped(file);
    std::string_view rest = mapped.text();
    for (std::size_t line = 1; !rest.empty(); ++line) {
      const std::size_t end = rest.find('\n');
      const std::string_view text = rest.substr(0, end);
      if (text.find_first_not_of(" \t\r") != text.npos) add(json_text(text, file, line));
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
  }

  /// Puts the file in its place; nothing may be added after. Throws FileError on a full disk and the like.
  PackReport commit() {
    file_.commit();
    report_.documents = file_.documents();
    report_.tokens = file_.tokens();
    return report_;
  }

 private:
  std::vector<TokenId> encode(std::string_view text) const {
    if constexpr (requires { tokenizer_->encode(text, {.bos = true, .eos = false}); })
      return tokenizer_->encode(text, {.bos = options_.bos, .eos = false});
    else
      return tokenizer_->encode(text);
  }
  /// Such a file cannot be mapped.
  static bool is_empty(const std::filesystem::path& file) {
    std::error_code error;
    return std::filesystem::is_regular_file(file, error) && std::filesystem::file_size(file, error) == 0;
  }
  std::string json_text(std::string_view text, const std::filesystem::path& file, std::size_t line) const {
    const std::filesystem::path place = detail::message(file.string(), ", line ", line);
    const Json object = parse_json(text, place);
    if (!object.is_object())
      detail::refuse_file(place, "is ", detail::json_kind(object), ", expected an object with a key ",
                          detail::printable(options_.field));
    return require_string(object, options_.field, place);
  }

  const Tokenizer* tokenizer_;
  PackOptions options_;
  TokenFileWriter file_;
  PackReport report_;
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

/// A text file into two token files: its last `share`, from the beginning of a document or line on where there is one
/// near, into `held_out`, and what stands before it into `training`. Throws ConfigError unless 0 < share < 1, FileError
/// for an empty file.
template <TextEncoder Tokenizer>
void pack_held_out(const Tokenizer& tokenizer, const std::filesystem::path& file, double share,
                   const std::filesystem::path& training, const std::filesystem::path& held_out,
                   const PackOptions& options = {}) {
  if (!(share > 0 && share < 1))
    throw ConfigError(detail::message("pack_held_out: the share is ", share, ", expected above 0 and below 1"));
  const MappedFile mapped(file);
  const std::string_view text = mapped.text();
  const std::size_t begin =
      detail::held_out_begin(text, share, options.separator.empty() ? "\n" : std::string_view(options.separator));
  TextPacker before(tokenizer, training, options), after(tokenizer, held_out, options);
  before.add_texts(text.substr(0, begin));
  after.add_texts(text.substr(begin));
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

}  // namespace bora::inline BORA_ABI
