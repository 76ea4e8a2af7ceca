/// Generates text token by token, as a lazy range.
#pragma once
#include <bora/infer/log_probabilities.hpp>
#include <bora/infer/sampler.hpp>
#include <bora/infer/session.hpp>
#include <bora/infer/token_constraint.hpp>
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

/// How `generate` draws tokens and when it stops. See SamplingOptions for the filters and penalties.
struct GenerateOptions {
  double temperature = 1.0;                ///< divides the logits; 0 always takes the largest
  std::size_t top_k = 0;                   ///< keeps the k largest logits; 0 keeps all
  double top_p = 1.0;                      ///< keeps the most probable tokens that hold this share; 1 keeps all
  double min_p = 0.0;                      ///< least probability relative to the most probable token; 0 keeps all
  double typical_p = 1.0;                  ///< keeps the most typical tokens that hold this share; 1 keeps all
  double repetition_penalty = 1.0;         ///< above 1: tokens of the prompt and the text become less probable
  double frequency_penalty = 0.0;          ///< subtracted from a logit for each time that its token was drawn
  double presence_penalty = 0.0;           ///< subtracted from the logits of tokens that were drawn
  std::vector<LogitBias> logit_bias = {};  ///< added to logits of some tokens; minus infinity rules a token out
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();  ///< most tokens to draw; by default unlimited
  std::uint64_t seed = 0;          ///< of the draws: equal seeds and logits give equal tokens
  std::vector<TokenId> stop = {};  ///< any of these ends the text: it is appended to the session, but not yielded
  std::size_t vocab_size = 0;      ///< ids from this one on are never drawn: the tokenizer's size. 0: all may be
  TokenConstraint* constraint = nullptr;  ///< rules tokens out; it must outlive the range, and see one text only
  LogitFunction edit_logits = {};         ///< called before each draw, ahead of penalties and constraint
  std::optional<std::size_t> top_log_probabilities = {};  ///< if set, log-probabilities are noted: of the drawn token
                                                          ///< and of as many most probable ones
};

/// Why a text has ended.
enum class FinishReason {
  none,        ///< it has not ended, or an exception ended it
  stop,        ///< a stop token was drawn
  max_tokens,  ///< as many tokens as were asked for
  full,        ///< the session has no room for another token
  complete,    ///< the constraint lets nothing follow
  stop_string  ///< the text holds a stop string (generate_text)
};

namespace detail {

/// Draws the tokens of one text, however its logits are computed.
class TextSampler {
 public:
  TextSampler(GenerateOptions options, std::span<const TokenId> prompt, std::size_t vocab_size)
      : options_(std::move(options)),
        sampler_({.temperature = options_.temperature,
                  .top_k = options_.top_k,
                  .top_p = options_.top_p,
                  .min_p = options_.min_p,
                  .typical_p = options_.typical_p,
                  .repetition_penalty = options_.repetition_penalty,
                  .frequency_penalty = options_.frequency_penalty,
                  .presence_penalty = options_.presence_penalty,
                  .logit_bias = options_.logit_bias,
                  .seed = options_.seed,
                  .vocab_size = options_.vocab_size},
                 vocab_size) {
    sampler_.read(prompt);
    if (edits()) edited_.reserve(vocab_size);
  }

  /// The next token. Throws Error where none can be chosen.
  TokenId draw(std::span<const float> logits) {
    const TokenId token = sampler_(edits() ? edited(logits) : logits);
    if (options_.top_log_probabilities) noted_ = log_probabilities(logits, token, *options_.top_log_probabilities);
    if (options_.edit_logits) drawn_.push_back(token);
    if (options_.constraint != nullptr) options_.constraint->accept(token);
    ++count_;
    return token;
  }
  /// Why the text ends after this token, which was drawn last: a stop token, or a constraint; `none` if it does not.
  FinishReason end_after(TokenId token) const {
    if (std::find(options_.stop.begin(), options_.stop.end(), token) != options_.stop.end()) return FinishReason::stop;
    if (options_.constraint != nullptr && options_.constraint->complete()) return FinishReason::complete;
    return FinishReason::none;
  }
  bool at_most() const noexcept { return count_ >= options_.max_tokens; }
  std::size_t count() const noexcept { return count_; }
  const GenerateOptions& options() const noexcept { return options_; }
  const Sampler& sampler() const noexcept { return sampler_; }
  const LogProbabilities& noted() const noexcept { return noted_; }

 private:
  bool edits() const noexcept { return options_.edit_logits || options_.constraint != nullptr; }
  std::span<const float> edited(std::span<const float> logits) {
    edited_.assign(logits.begin(), logits.end());
    if (options_.edit_logits) options_.edit_logits(drawn_, edited_);
    if (options_.constraint != nullptr) options_.constraint->mask(edited_);
    return edited_;
  }

  GenerateOptions options_;
  Sampler sampler_;
  std::size_t count_ = 0;
  std::vector<TokenId> drawn_;  // for edit_logits
  std::vector<float> edited_;
  LogProbabilities noted_;
};

}  // namespace detail

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
        sampler_(std::move(options), prompt, session.vocab_size()),
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
    if (sampler_.count() == 0 && sampler_.at_most())
      finish(FinishReason::max_tokens);
    else if (sampler_.count() == 0 && !done_)
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
  /// Of the current token, or the stop token; see GenerateOptions::top_log_probabilities.
  const LogProbabilities& log_probabilities() const noexcept { return sampler_.noted(); }

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
    token_ = sampler_.draw(logits);
    session_->append(token_);
    length_ = session_->length();
    done_ = false;
    last_ = sampler_.end_after(token_);
    if (last_ == FinishReason::stop) finish(last_);
  }
  void advance() {
    if (last_ != FinishReason::none) return finish(last_);
    if (sampler_.at_most()) return finish(FinishReason::max_tokens);
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
  detail::TextSampler sampler_;
  std::vector<TokenId> prompt_;
  TokenId token_ = 0;
  std::size_t length_ = 0;  // the session's after the last draw
  bool done_ = false;
  FinishReason reason_ = FinishReason::none, last_ = FinishReason::none;  // last_: why nothing follows token_
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
