/// Beam search: the most probable texts that follow a prompt, as far as a few hypotheses at a time find them.
#pragma once
#include <bora/core/error.hpp>
#include <bora/infer/log_probabilities.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// Options of `beam_search`.
struct BeamOptions {
  std::size_t beams = 4;                                             ///< hypotheses that are continued at a time
  std::size_t max_tokens = std::numeric_limits<std::size_t>::max();  ///< of a text; by default the session's room
  /// A text's score is its log-probability over its length to this power: 0 favours short texts, 1 compares means.
  double length_penalty = 1.0;
  std::vector<TokenId> stop = {};  ///< any of these ends a text, and counts for its score, but is not part of it
  std::size_t vocab_size = 0;      ///< ids from this one on do not occur; 0: all may
};

/// A text that beam search found.
struct Beam {
  std::vector<TokenId> tokens = {};  ///< those after the prompt, without the stop token
  double log_probability = 0;        ///< of the text, its stop token included
  double score = 0;                  ///< see BeamOptions::length_penalty
  bool stopped = false;              ///< whether a stop token ended it
};

namespace detail {

/// The hypotheses of a beam search, whatever computes their logits.
class BeamSet {
 public:
  struct Live {
    Beam beam;
    std::size_t sequence;  ///< of the session
  };
  /// A token that a live hypothesis could be continued with.
  struct Step {
    std::size_t parent;  ///< among the live ones
    TokenLogProbability token;
    double log_probability;  ///< of the whole text
  };

  explicit BeamSet(const BeamOptions& options) : options_(options), live_{{{}, 0}} {}

  const std::vector<Live>& live() const noexcept { return live_; }

  /// Notes the logits after live hypothesis `parent`.
  void add(std::size_t parent, std::span<const float> logits) {
    if (options_.vocab_size != 0) logits = logits.first(std::min(options_.vocab_size, logits.size()));
    // A stop token takes no place among the live ones, so that as many more are looked at.
    const std::size_t count = options_.beams + options_.stop.size();
    for (const TokenLogProbability& t : log_probabilities(logits, 0, count).top)
      if (t.log_probability > -std::numeric_limits<double>::infinity())
        steps_.push_back({parent, t, live_[parent].beam.log_probability + t.log_probability});
  }

  /// Replaces the live hypotheses by their best continuations; `last`: the texts end with these tokens. The new ones
  /// have their parents' sequences until `place` moves them.
  void advance(bool last) {
    std::sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) {
      if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
      return a.parent != b.parent ? a.parent < b.parent : a.token.token < b.token.token;
    });
    std::vector<Live> next;
    for (std::size_t i = 0; i < steps_.size() && next.size() < options_.beams; ++i) {
      Live child = live_[steps_[i].parent];
      child.beam.log_probability = steps_[i].log_probability;
      child.beam.stopped =
          std::find(options_.stop.begin(), options_.stop.end(), steps_[i].token.token) != options_.stop.end();
      child.beam.score = score(child.beam.log_probability, child.beam.tokens.size() + 1);
      if (!child.beam.stopped) child.beam.tokens.push_back(steps_[i].token.token);
      if (child.beam.stopped)
        end(std::move(child.beam));
      else
        next.push_back(std::move(child));
    }
    steps_.clear();
    live_ = std::move(next);
    if (last) end_all();
    if (ended_.size() == options_.beams && !can_improve()) live_.clear();
  }

  /// Gives each live hypothesis a sequence of its own, with fork(from, to) for each copy: first children stay in their
  /// parents' sequences, the others take those that have no children.
  template <class Fork>
  void place(std::size_t sequences, Fork&& fork) {
    std::vector<std::size_t> children(sequences);
    for (const Live& child : live_) ++children[child.sequence];
    std::size_t unused = 0;
    std::vector<bool> stays(sequences);
    for (Live& child : live_) {
      if (!stays[child.sequence]) {
        stays[child.sequence] = true;
        continue;
      }
      while (children[unused] != 0) ++unused;
      fork(child.sequence, unused);
      child.sequence = unused++;
    }
  }

  /// Ends all texts as they are.
  void end_all() {
    for (Live& text : live_) end(std::move(text.beam));
    live_.clear();
  }
  /// The texts that ended, the best first.
  std::vector<Beam> take() { return std::move(ended_); }

 private:
  double score(double log_probability, std::size_t length) const noexcept {
    return log_probability / std::pow(static_cast<double>(std::max<std::size_t>(length, 1)), options_.length_penalty);
  }
  void end(Beam beam) {
    const auto at = std::upper_bound(ended_.begin(), ended_.end(), beam,
                                     [](const Beam& a, const Beam& b) { return a.score > b.score; });
    ended_.insert(at, std::move(beam));
    if (ended_.size() > options_.beams) ended_.pop_back();
  }
  /// Whether a live hypothesis would be among the results if it ended now. A longer one could still win by its length;
  /// as usual, that is not waited for.
  bool can_improve() const noexcept {
    for (const Live& text : live_)
      if (text.beam.score > ended_.back().score) return true;
    return false;
  }

  BeamOptions options_;
  std::vector<Live> live_;
  std::vector<Step> steps_;
  std::vector<Beam> ended_;
};

/// Steps of a BatchSession return their rows, those of an AnySession are asked for afterwards.
template <class Batch>
auto step_rows(Batch& session, const std::vector<typename Batch::Token>& tokens) {
  const std::span<const typename Batch::Token> all(tokens);
  if constexpr (std::is_void_v<decltype(session.step(all))>) {
    session.step(all);
    return [&session](std::size_t row) { return session.logits(row); };
  } else {
    return [rows = session.step(all)](std::size_t row) { return rows.row(row); };
  }
}

}  // namespace detail

/// The `beams` best texts that follow `prompt`, the best first. `session` is a BatchSession or an AnySession with at
/// least as many sequences: the prompt is appended to sequence 0, and the sequences from 1 on are overwritten; reset
/// them all afterwards. None where nothing fits behind the prompt. Throws ConfigError for too few sequences or no
/// beams, what prefill throws, and Error if all logits rule every token out.
template <class Batch>
std::vector<Beam> beam_search(Batch& session, std::span<const TokenId> prompt, const BeamOptions& options = {}) {
  if (options.beams == 0 || options.beams > session.sequences())
    throw ConfigError(detail::message("beam_search: beams is ", options.beams, ", expected 1 to the ",
                                      session.sequences(), " sequences of the session"));
  if (options.max_tokens == 0) return {};
  detail::BeamSet set(options);
  const std::span<const float> first = session.prefill(0, prompt);
  const std::size_t room = session.limit() == 0 ? options.max_tokens : session.limit() - session.length(0);
  if (room == 0) return {};
  set.add(0, first);
  for (std::size_t length = 1;; ++length) {
    set.advance(length == std::min(room, options.max_tokens));
    if (set.live().empty()) break;
    set.place(session.sequences(), [&](std::size_t from, std::size_t to) { session.fork(from, to); });
    std::vector<typename Batch::Token> tokens;
    for (const auto& text : set.live()) tokens.push_back({text.sequence, text.beam.tokens.back()});
    const auto row = detail::step_rows(session, tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) set.add(i, row(i));
  }
  std::vector<Beam> found = set.take();
  if (found.empty()) throw Error("beam_search: no token can follow the prompt: all logits are NaN or minus infinity");
  return found;
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
