/// Generates text piece by piece, up to a stop string.
#pragma once
#include <bora/infer/generate.hpp>
#include <bora/infer/stop_strings.hpp>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A lazy input range of the pieces of text that follow a prompt: `Tokens` is a range as `generate` returns it,
/// `Decoder` a tokenizer's stream: `push(token)` and `finish()` return whole characters.
template <class Tokens, class Decoder>
class TextGeneration {
 public:
  /// See `generate_text`.
  TextGeneration(Tokens tokens, Decoder decoder, std::vector<std::string> stop_strings)
      : tokens_(std::move(tokens)), decoder_(std::move(decoder)), stops_(std::move(stop_strings)) {}
  TextGeneration(const TextGeneration&) = delete;  // its iterator points into it
  TextGeneration& operator=(const TextGeneration&) = delete;

  /// Reads a piece, which is never empty.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    /// An iterator at the range's current piece; all iterators of a range share that position.
    explicit Iterator(TextGeneration& text) : text_(&text) {}
    std::string_view operator*() const noexcept { return text_->piece_; }
    Iterator& operator++() {
      text_->read();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept { return i.text_->done(); }

   private:
    TextGeneration* text_ = nullptr;
  };

  /// Prefills the prompt and generates the first piece; a later call resumes at the current piece.
  Iterator begin() {
    if (!at_) {
      at_ = tokens_.begin();
      fill();
    }
    return Iterator(*this);
  }
  /// Compares equal to an iterator when nothing follows.
  std::default_sentinel_t end() const noexcept { return {}; }

  /// Whether no piece follows.
  bool done() const noexcept { return piece_.empty(); }
  /// The tokens behind the text: finish reason, log-probabilities.
  const Tokens& tokens() const noexcept { return tokens_; }
  /// Why it has ended.
  FinishReason finish_reason() const noexcept {
    return stops_.stopped_by() ? FinishReason::stop_string : tokens_.finish_reason();
  }
  /// The stop string that ended it, if one did.
  std::optional<std::string> stopped_by() const { return stops_.stopped_by(); }

 private:
  void read() {
    piece_.clear();
    if (ended_) return;
    ++*at_;
    fill();
  }
  /// Takes tokens until there is a piece of text, from the current one on.
  void fill() {
    for (; !(*at_ == std::default_sentinel); ++*at_) {
      piece_ = stops_.push(decoder_.push(**at_));
      ended_ = stops_.stopped_by().has_value();
      if (ended_ || !piece_.empty()) return;
    }
    ended_ = true;
    piece_ = stops_.push(decoder_.finish());
    piece_ += stops_.finish();
  }

  Tokens tokens_;
  Decoder decoder_;
  StopStrings stops_;
  std::optional<decltype(std::declval<Tokens&>().begin())> at_;
  std::string piece_;
  bool ended_ = false;
};

/// The text that follows `prompt`, in pieces of whole characters, up to one of `stop_strings`, of which no part is
/// yielded:
///
///     for (std::string_view piece : bora::generate_text(session, words.stream(), words.encode("User: "),
///                                                       {.temperature = 0.7}, {"User:"})) …
///
/// `decoder` is a tokenizer's stream at the beginning of a text; the prompt is pushed through it first. The session
/// holds the tokens of a stop string too: rewind it for another turn. Throws as `generate` does.
template <class Session, class Decoder>
TextGeneration<Generation<Session>, Decoder> generate_text(Session& session, Decoder decoder,
                                                           std::span<const TokenId> prompt,
                                                           GenerateOptions options = {},
                                                           std::vector<std::string> stop_strings = {}) {
  for (const TokenId token : prompt) decoder.push(token);
  return {generate(session, prompt, std::move(options)), std::move(decoder), std::move(stop_strings)};
}

}}  // namespace bora::BORA_ABI
