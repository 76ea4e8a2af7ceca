/// Text, token by token, as a range.
#pragma once
#include <bora/infer/sampler.hpp>
#include <bora/infer/session.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// How `generate` draws tokens and when it stops. See SamplingOptions for the filters.
struct GenerateOptions {
  double temperature = 1.0;  ///< divides the logits; 0 always takes the largest
  std::size_t top_k = 0;     ///< keeps the k largest logits; 0 keeps all
  double top_p = 1.0;        ///< keeps the most probable tokens that hold this share; 1 keeps all
  double min_p = 0.0;        ///< least probability relative to the most probable token; 0 keeps all
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();  ///< most that are drawn; by default no bound
  std::uint64_t seed = 0;          ///< of the draws: equal seeds and logits give equal tokens
  std::vector<TokenId> stop = {};  ///< any of these ends the text and is not part of it
};

/// A lazy input range of the tokens that follow a prompt. It ends at a stop token, after max_tokens, or when the
/// session is full; the session then holds the prompt and every token but the last one drawn.
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
                  .seed = options_.seed},
                 Session::Spec::vocab_size),
        prompt_(prompt.begin(), prompt.end()) {}

  /// Reads a token and draws the next.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = TokenId;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    /// At the token that the range stands at; one range has one place.
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

  /// Prefills the prompt and draws the first token; where that was done before, goes on with the token it stands at.
  /// What prefill throws passes through.
  Iterator begin() {
    if (options_.max_tokens == 0)
      done_ = true;
    else if (drawn_ == 0)
      take(session_->prefill(prompt_));
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// Whether no token follows.
  bool done() const noexcept { return done_; }

 private:
  /// A text also ends where no token can be chosen: what follows would be that of another text.
  void take(std::span<const float> logits) {
    done_ = true;
    ++drawn_;
    token_ = sampler_(logits);
    done_ = std::find(options_.stop.begin(), options_.stop.end(), token_) != options_.stop.end();
  }
  void advance() {
    const std::size_t limit = session_->limit();
    if (drawn_ >= options_.max_tokens || (limit != 0 && session_->length() >= limit))
      done_ = true;
    else
      take(session_->step(token_));
  }

  Session* session_;
  GenerateOptions options_;
  Sampler sampler_;
  std::vector<TokenId> prompt_;
  TokenId token_ = 0;
  std::size_t drawn_ = 0;
  bool done_ = false;
};

/// The tokens that follow `prompt`, which the session appends first:
///
///     for (bora::TokenId t : bora::generate(session, prompt, {.temperature = 0.7, .top_p = 0.95})) …
///
/// Throws ConfigError for impossible options, TokenError and CapacityError as prefill does, Error where all logits are
/// NaN or minus infinity. Making the range copies the prompt and makes the sampler's room; nothing is allocated after
/// that.
template <class Session>
Generation<Session> generate(Session& session, std::span<const TokenId> prompt, GenerateOptions options = {}) {
  return Generation<Session>(session, prompt, std::move(options));
}

}  // namespace bora::inline BORA_ABI
