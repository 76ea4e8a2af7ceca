/// Speculative decoding (Leviathan et al. 2023; Chen et al. 2023): several proposed tokens are checked in one forward
/// pass. The text is the one that plain decoding gives.
#pragma once
#include <bora/infer/drafts.hpp>
#include <bora/infer/generate.hpp>
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// What a speculative generation did.
struct SpeculationCounts {
  std::size_t passes = 0;    ///< forward passes after the prompt's
  std::size_t drafted = 0;   ///< tokens that were proposed
  std::size_t accepted = 0;  ///< of them, those that were drawn
};

/// The range of `generate`, computed with fewer forward passes. Each token is drawn by the same sampler from the same
/// logits as there: a draft only decides whether they are known already. So the tokens are the same for every seed,
/// not only in distribution, and penalties, constraints and stop tokens work as usual.
///
/// After the loop the session is as `generate` leaves it: while drafts remain to be checked it is ahead, until the
/// range is destroyed or `settle` is called.
template <class Session, class Drafts>
class SpeculativeGeneration {
 public:
  /// See `generate_speculative`.
  SpeculativeGeneration(Session& session, Drafts& drafts, std::span<const TokenId> prompt, GenerateOptions options,
                        std::size_t most)
      : session_(&session),
        drafts_(&drafts),
        sampler_(std::move(options), prompt, session.vocab_size()),
        text_(prompt.begin(), prompt.end()),
        most_(most) {
    if (session.scored() <= most)
      throw ConfigError(detail::message("generate_speculative: the session's option `scored` is ", session.scored(),
                                        ", expected at least ", most + 1, ": one more than the drafts"));
  }
  SpeculativeGeneration(const SpeculativeGeneration&) = delete;
  SpeculativeGeneration& operator=(const SpeculativeGeneration&) = delete;
  ~SpeculativeGeneration() {
    try {
      settle();
    } catch (...) {  // a ring that cannot be rewound: the next use of the session will say so
    }
  }

  /// Reads a token and draws the next.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = TokenId;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    /// An iterator at the range's current token; all iterators of a range share that position.
    explicit Iterator(SpeculativeGeneration& generation) : generation_(&generation) {}
    TokenId operator*() const noexcept { return generation_->token_; }
    Iterator& operator++() {
      generation_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) noexcept { return i.generation_->done(); }

   private:
    SpeculativeGeneration* generation_ = nullptr;
  };

  /// Prefills the prompt and draws the first token; a later call resumes at the current token.
  Iterator begin() {
    if (sampler_.count() == 0 && !done_) {
      if (sampler_.at_most())
        finish(FinishReason::max_tokens);
      else
        begin_text();
    }
    return Iterator(*this);
  }
  /// Compares equal to an iterator when nothing follows.
  std::default_sentinel_t end() const noexcept { return {}; }
  /// Whether no token follows.
  bool done() const noexcept { return done_; }
  /// Why it has ended.
  FinishReason finish_reason() const noexcept { return reason_; }
  /// The stop token that ended it, if one did: the session's last token, which the range did not yield.
  std::optional<TokenId> stopped_by() const noexcept {
    return reason_ == FinishReason::stop ? std::optional(token_) : std::nullopt;
  }
  /// Of the current token; see GenerateOptions::top_log_probabilities.
  const LogProbabilities& log_probabilities() const noexcept { return sampler_.noted(); }
  /// How well the drafts did.
  const SpeculationCounts& counts() const noexcept { return counts_; }

  /// Takes the session back to the tokens that were drawn, the last of them pending.
  void settle() {
    if (!rows_) return;
    rows_.reset();
    if (checked_ == 0) return session_->rewind(base_);  // no row was drawn from
    session_->rewind(base_ + checked_ - 1);
    session_->append(proposed_[checked_ - 1]);
  }

 private:
  using ScoredRows = decltype(std::declval<Session&>().score(std::span<const TokenId>()));

  void finish(FinishReason reason) {
    settle();
    done_ = true;
    reason_ = reason;
  }
  std::size_t room() const {
    const std::size_t limit = session_->limit();
    return limit == 0 ? std::numeric_limits<std::size_t>::max() : limit - std::min(limit, session_->length());
  }

  void begin_text() {
    const auto logits = session_->prefill(text_);
    if (room() == 0) return finish(FinishReason::full);
    draw(logits);
    session_->append(token_);
    end_if(sampler_.end_after(token_));
  }
  /// If the sampler finds no token and throws, the range has ended.
  void draw(std::span<const float> logits) {
    done_ = true;
    token_ = sampler_.draw(logits);
    text_.push_back(token_);
    done_ = false;
  }
  /// A stop token is not yielded, so it ends the range at once; another reason does after this token.
  void end_if(FinishReason reason) {
    last_ = reason;
    if (reason == FinishReason::stop) finish(reason);
  }

  void advance() {
    if (last_ != FinishReason::none) return finish(last_);
    if (sampler_.at_most()) return finish(FinishReason::max_tokens);
    if (!rows_ && room() == 0) return finish(FinishReason::full);
    if (!rows_) score();
    draw(rows_->row(checked_));
    if (checked_ < proposed_.size() && proposed_[checked_] == token_) {
      ++checked_;
      ++counts_.accepted;
    } else {
      rows_.reset();
      if (checked_ < proposed_.size()) session_->rewind(base_ + checked_);
      session_->append(token_);
    }
    end_if(sampler_.end_after(token_));
  }

  /// Runs the pending token and the tokens that are proposed after it. The last token that may be drawn need not be
  /// proposed: the logits before it give it.
  void score() {
    proposed_.clear();
    const std::size_t left = sampler_.options().max_tokens - sampler_.count();
    const std::size_t most = std::min({most_, left - 1, room() - 1});
    if (most > 0) drafts_->propose(text_, most, sampler_.sampler(), proposed_);
    const auto strange = [&](TokenId t) { return t < 0 || static_cast<std::size_t>(t) >= session_->vocab_size(); };
    proposed_.erase(std::find_if(proposed_.begin(), proposed_.end(), strange), proposed_.end());
    proposed_.resize(std::min(proposed_.size(), most));
    base_ = session_->length();
    checked_ = 0;
    rows_.emplace(session_->score(proposed_));
    ++counts_.passes;
    counts_.drafted += proposed_.size();
  }

  Session* session_;
  Drafts* drafts_;
  detail::TextSampler sampler_;
  std::vector<TokenId> text_;  // the prompt and the tokens that were drawn
  std::size_t most_;
  TokenId token_ = 0;
  std::vector<TokenId> proposed_;
  std::optional<ScoredRows> rows_;      // logits after the token before proposed_[0], and after each of them
  std::size_t base_ = 0, checked_ = 0;  // the session's length before proposed_; how many of them were drawn
  bool done_ = false;
  FinishReason reason_ = FinishReason::none, last_ = FinishReason::none;
  SpeculationCounts counts_;
};

/// The tokens of `generate`, with `drafts` proposing up to `most` tokens at a time:
///
///     bora::Session session{model, {.rewind = 5, .scored = 6}};
///     bora::PromptLookup lookup;
///     for (bora::TokenId t : bora::generate_speculative(session, lookup, prompt, {.temperature = 0}, 5)) …
///
/// The session needs the option `scored` of more than `most`, and where it has sliding windows `rewind` of at least
/// `most`. It pays where a forward pass of several tokens takes little longer than one of a single token, and drafts
/// cost little. Throws as `generate` does, and ConfigError for a session that scores too few tokens.
template <class Session, Drafter Drafts>
SpeculativeGeneration<Session, Drafts> generate_speculative(Session& session, Drafts& drafts,
                                                            std::span<const TokenId> prompt,
                                                            GenerateOptions options = {}, std::size_t most = 5) {
  return {session, drafts, prompt, std::move(options), most};
}

}}  // namespace bora::BORA_ABI
