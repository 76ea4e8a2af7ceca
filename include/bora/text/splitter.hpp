/// Cuts texts into words before they are merged (pre-tokenisers).
#pragma once
#include <bora/text/text_pattern.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// What becomes of a match, in the words of Hugging Face's tokenizers.
enum class SplitBehavior {
  isolated,              ///< a piece of its own
  removed,               ///< left out
  merged_with_previous,  ///< the end of the piece before
  merged_with_next,      ///< the beginning of the piece behind
  contiguous,            ///< one piece with the matches beside it
};

/// One step of a splitter: cuts each piece at the matches of a pattern.
struct SplitStep {
  std::shared_ptr<const TextPattern> pattern;        ///< what is searched for
  SplitBehavior behavior = SplitBehavior::isolated;  ///< what becomes of a match
  bool inverted = false;                             ///< what lies between matches is taken for the matches
};

/// Cuts a text by steps, each of which cuts the pieces of the one before.
class Splitter {
 public:
  Splitter() = default;
  /// \param steps  with patterns that are not null
  explicit Splitter(std::vector<SplitStep> steps) : steps_(std::move(steps)) {
    for (SplitStep& step : steps_)
      if (step.pattern->covers_all() &&
          ((step.behavior == SplitBehavior::removed && step.inverted) || step.behavior == SplitBehavior::isolated))
        step.behavior = SplitBehavior::isolated;
  }

  /// Whether there are no steps: a text is one word.
  bool empty() const noexcept { return steps_.empty(); }
  /// Whether a text is always cut in front of the space between an ASCII letter or digit and an ASCII letter.
  bool cuts_at_words() const noexcept {
    for (const SplitStep& step : steps_) {
      if (step.behavior != SplitBehavior::isolated) return false;
      if (step.pattern->begins_at_word()) return true;
      if (!step.pattern->ignores_space()) return false;
    }
    return false;
  }

  /// Calls `piece(text)` for each piece, in order; none is empty.
  template <class Piece>
  void split(std::string_view text, Piece piece) const {
    if (!text.empty()) run(0, text, piece);
  }

 private:
  template <class Piece>
  void run(std::size_t step, std::string_view text, Piece& piece) const {
    if (step == steps_.size()) return piece(text);
    if (steps_[step].behavior == SplitBehavior::isolated) return isolate(step, text, piece);
    for (const Segment& s : segments(steps_[step], text)) run(step + 1, text.substr(s.begin, s.end - s.begin), piece);
  }
  template <class Piece>
  void isolate(std::size_t step, std::string_view text, Piece& piece) const {
    const TextPattern& pattern = *steps_[step].pattern;
    for (std::size_t at = 0; at < text.size();) {
      const TextMatch match = pattern.find(text, at);
      if (match.begin > at) run(step + 1, text.substr(at, match.begin - at), piece);
      if (match.end > match.begin) run(step + 1, text.substr(match.begin, match.end - match.begin), piece);
      at = match.end;
    }
  }

  struct Segment {
    std::size_t begin, end;
    bool match;
  };
  static std::vector<Segment> segments(const SplitStep& step, std::string_view text) {
    std::vector<Segment> all;
    for (std::size_t at = 0; at < text.size();) {
      const TextMatch match = step.pattern->find(text, at);
      if (match.begin > at) all.push_back({at, match.begin, step.inverted});
      if (match.end > match.begin) all.push_back({match.begin, match.end, !step.inverted});
      at = match.end;
    }
    return arranged(all, step.behavior);
  }
  static std::vector<Segment> arranged(const std::vector<Segment>& all, SplitBehavior behavior) {
    std::vector<Segment> out;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Segment& s = all[i];
      const bool after_match = i > 0 && all[i - 1].match;
      const bool after_gap = i > 0 && !all[i - 1].match;
      if (behavior == SplitBehavior::removed) {
        if (!s.match) out.push_back(s);
      } else if ((behavior == SplitBehavior::contiguous && i > 0 && s.match == all[i - 1].match) ||
                 (behavior == SplitBehavior::merged_with_previous && s.match && after_gap)) {
        out.back().end = s.end;
      } else if (behavior == SplitBehavior::merged_with_next && !s.match && after_match) {
        out.back().end = s.end;
      } else {
        out.push_back(s);
      }
    }
    return out;
  }

  std::vector<SplitStep> steps_;
};

}}  // namespace bora::BORA_ABI
