// What `bora tokenize` does with a tokenizer: texts to ids, or ids to texts.
#pragma once
#include <bora/text/tokenizer.hpp>
#include <iosfwd>
#include <optional>

namespace command {

/// How `tokenize` reads and writes.
struct TokenizeOptions {
  bool jsonl = false;   ///< one JSON object a line: {"text": …} and {"ids": […]}; else plain text and numbers
  bool decode = false;  ///< ids to texts
  /// Whether special tokens are found in a text, and spelled when ids are decoded; as the tokenizer's own program does
  /// where it is not given: yes for tokenizer.json, no for SentencePiece, tekken and GGUF.
  std::optional<bool> parse_special = {};
};

/// Reads texts or ids to the end and writes the others. Nothing is put in front of or behind a text. A decoded line has
/// "text", with U+FFFD for bytes that are no UTF-8, and "bytes", in hexadecimal. Returns the exit code; throws
/// bora::Error, naming the line, for input that is neither.
int tokenize(const bora::Tokenizer& tokenizer, const TokenizeOptions& options, std::istream& in, std::ostream& out);

}  // namespace command
