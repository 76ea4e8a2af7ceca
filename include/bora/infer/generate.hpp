/// Generates text token by token, as a lazy range.
#pragma once
#include <bora/infer/sampler.hpp>
#include <bora/infer/session.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// How `generate` draws tokens and when it stops. See SamplingOptions for the filters.
struct GenerateOptions {
  double temperature = 1.0;  ///< divides the logits; 0 always takes the largest
  std::size_t top_k = 0;     ///< keeps the k largest logits; 0 keeps all
  double top_p = 1.0;        ///< keeps the most probable tokens that hold this share; 1 keeps all
  double min_p = 0.0;        ///< least probability relative to the most probable token; 0 keeps all
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();  ///< most tokens to draw; by default unlimited
  std::uint64_t seed = 0;          ///< of the draws: equal seeds and logits give equal tokens
  std::vector<TokenId> stop = {};  ///< any of these ends the text: it is appended to the session, but not yielded
  std::size_t vocab_size = 0;      ///< ids from this one on are never drawn: the tokenizer's size. 0: all may be
};

/// Why a text has ended.
enum class FinishReason {
  none,        ///< it has not ended, or an exception ended it
  stop,        ///< a stop token was drawn
  max_tokens,  ///< as many tokens as were asked for
  full         ///< the session has no room for another token
};

/// A lazy input range of the tokens that follow a prompt. It ends at a stop token, after max_tokens, or when the
/// session is full.
///
/// However the loop is left, the session holds the prompt, every token that was yielded, and the stop token. The last
/// of them is pending (see BatchSession::append) and costs no forward pass of its own: the next turn's prefill runs it
/// before that turn's tokens. If the next turn starts with the stop token, first drop it by
/// `session.rewind(session.length() - 1)`.
template <class Session>
class Generation {
  static_assert(std::is_same_v<typename Session::Number, float>,
                "bora: generate: a sampler draws from F32 logits; load the model in F32 or Bf16");

 public:
  /// See `generate`.
  Generation(Session& session, std::span<const TokenId> prompt, GenerateOptions options)
      : session_(&session),
        options_(std::move(options)),
        sampler_({.temperature = options_.temperature,
                  .top_k = options_.top_k,
                  .top_p = options_.top_p,
                  .min_p = options_.min_p,
                  .seed = options_.seed,
                  .vocab_size = options_.vocab_size},
                 session.vocab_size()),
        prompt_(prompt.begin(), prompt.end()) {}

  /// Reads a token and draws the next.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = TokenId;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    /// An iterator at the range's current token; all iterators of a range share that position.
    explicit Iterator(Generation& generation) : generation_(&generation) {}
    TokenId operator*() const noexcept { return generation_->token_; }
    Iterator& operator++() {
      generation_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept { return i.generation_->done(); }

   private:
    Generation* generation_ = nullptr;
  };

  /// Prefills the prompt and draws the first token; a later call resumes at the current token. Exceptions from prefill
  /// pass through.
  Iterator begin() {
    if (options_.max_tokens == 0)
      finish(FinishReason::max_tokens);
    else if (drawn_ == 0 && !done_)
      take(session_->prefill(prompt_));
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// Whether no token follows.
  bool done() const noexcept { return done_; }
  /// Why it has ended.
  FinishReason finish_reason() const noexcept { return reason_; }
  /// The stop token that ended it, if one did: the session's last token, which the range did not yield.
  std::optional<TokenId> stopped_by() const noexcept {
    return reason_ == FinishReason::stop ? std::optional(token_) : std::nullopt;
  }

 private:
  void finish(FinishReason reason) noexcept {
    done_ = true;
    reason_ = reason;
  }
  bool full() const noexcept { return session_->limit() != 0 && session_->length() >= session_->limit(); }

  /// Draws the next token and appends it to the session. If the sampler finds no token and throws, the range has ended
  /// and cannot be resumed.
  void take(std::span<const float> logits) {
    if (full()) return finish(FinishReason::full);
    done_ = true;
    token_ = sampler_(logits);
    session_->append(token_);
    ++drawn_;
    length_ = session_->length();
    done_ = false;
    if (std::find(options_.stop.begin(), options_.stop.end(), token_) != options_.stop.end())
      finish(FinishReason::stop);
  }
  void advance() {
    if (drawn_ >= options_.max_tokens) return finish(FinishReason::max_tokens);
    if (full()) return finish(FinishReason::full);
    if (session_->length() != length_ || session_->pending() != token_) refuse_other_text();
    take(session_->prefill({}));  // runs the pending token
  }
  [[noreturn]] void refuse_other_text() {
    done_ = true;
    throw Error(detail::message("generate: the session holds ", session_->length(), " tokens, expected the ", length_,
                                " that it held after the last token that was drawn: a "
                                "text is not resumed in a session that was used for something else"));
  }

  Session* session_;
  GenerateOptions options_;
  Sampler sampler_;
  std::vector<TokenId> prompt_;
  TokenId token_ = 0;
  std::size_t drawn_ = 0, length_ = 0;  // length_: the session's after the last draw
  bool done_ = false;
  FinishReason reason_ = FinishReason::none;
};

/// The tokens that follow `prompt`, which the session appends first:
///
///     for (bora::TokenId t : bora::generate(session, prompt, {.temperature = 0.7, .top_p = 0.95})) …
///
/// An empty prompt resumes at the session's pending token. Throws ConfigError for impossible options, TokenError and
/// CapacityError as prefill does, Error where all logits are NaN or minus infinity. Making the range copies the prompt
/// and allocates the sampler's buffers; nothing is allocated after that.
template <class Session>
Generation<Session> generate(Session& session, std::span<const TokenId> prompt, GenerateOptions options = {}) {
  return Generation<Session>(session, prompt, std::move(options));
}

/// Exists only for its error message: prompts are tokens, not text.
template <class Session, std::convertible_to<std::string_view> Text>
Generation<Session> generate(Session&, const Text&, GenerateOptions = {}) {
  static_assert(sizeof(Text) == 0,
                "bora: generate: a prompt is tokens, not text; use generate(session, tokenizer.encode(text))");
}

}}  // namespace bora::BORA_ABI
