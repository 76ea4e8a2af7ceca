/// What proposes tokens to speculative decoding: a smaller model, or the text itself.
#pragma once
#include <bora/core/error.hpp>
#include <bora/infer/sampler.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Proposes how a text could go on: appends at most `most` tokens to `drafts`. `sampler` is the one that will draw the
/// next tokens; wrong proposals cost time only.
template <class D>
concept Drafter = requires(D d, std::span<const TokenId> text, std::size_t most, const Sampler& sampler,
                           std::vector<TokenId>& drafts) { d.propose(text, most, sampler, drafts); };

/// Looks up where the end of the text occurred before, and proposes what followed there: for answers that quote their
/// prompt, code, and whatever repeats itself (Saxena 2023, "Prompt Lookup Decoding").
struct PromptLookup {
  std::size_t longest = 3;   ///< tokens that are looked for first
  std::size_t shortest = 1;  ///< tokens that must have occurred at least

  /// See Drafter.
  void propose(std::span<const TokenId> text, std::size_t most, const Sampler&, std::vector<TokenId>& drafts) const {
    for (std::size_t n = std::min(longest, text.size()); n >= std::max<std::size_t>(shortest, 1); --n) {
      const std::span<const TokenId> end = text.last(n), before = text.first(text.size() - 1);
      // The last occurrence: what was said most recently is repeated most often.
      const auto at = std::find_end(before.begin(), before.end(), end.begin(), end.end());
      if (at == before.end()) continue;
      const auto follows = text.subspan(static_cast<std::size_t>(at - before.begin()) + n);
      drafts.insert(drafts.end(), follows.begin(),
                    follows.begin() + static_cast<std::ptrdiff_t>(std::min(most, follows.size())));
      return;
    }
  }
};

/// A smaller model of the same vocabulary. It draws with the random numbers that the larger model's sampler will draw
/// with, so the same distribution would give the same tokens; the closer they are, the more drafts are right.
template <class Session>
class DraftModel {
 public:
  /// \param session  of the smaller model, empty, and for no other use. Where it has sliding windows, its option
  ///                 `rewind` must be at least the number of drafts
  /// Throws ConfigError where it holds a text.
  explicit DraftModel(Session& session) : session_(&session) {
    if (session.length() != 0)
      throw ConfigError(
          detail::message("draft model: its session holds ", session.length(), " tokens, expected an empty one"));
  }

  /// See Drafter. Nothing where its session has no room for the text.
  void propose(std::span<const TokenId> text, std::size_t most, const Sampler& sampler, std::vector<TokenId>& drafts) {
    if (session_->limit() != 0)  // the last draft is not run
      most = std::min(most, session_->limit() - std::min(session_->limit(), text.size()) + 1);
    if (most == 0 || text.empty() || (session_->limit() != 0 && text.size() > session_->limit())) return;
    if (!sampler_) sampler_.emplace(sampler.options(), session_->vocab_size());
    sampler_->follow(sampler);
    std::span<const float> logits = catch_up(text);
    for (std::size_t i = 0; i < most; ++i) {
      if (i > 0) {
        logits = session_->step(drafts.back());
        held_.push_back(drafts.back());
      }
      drafts.push_back((*sampler_)(logits));
    }
  }

 private:
  /// Makes the session hold the text, and returns the logits after it. Its last token is run again if need be.
  std::span<const float> catch_up(std::span<const TokenId> text) {
    const auto same = std::mismatch(held_.begin(), held_.end(), text.begin(), text.end() - 1).first;
    const auto length = static_cast<std::size_t>(same - held_.begin());
    length == 0 ? session_->reset() : session_->rewind(length);
    held_.assign(text.begin(), text.end());
    return session_->prefill(text.subspan(length));
  }

  Session* session_;
  std::vector<TokenId> held_;  // the session's tokens
  std::optional<Sampler> sampler_;
};

}}  // namespace bora::BORA_ABI
