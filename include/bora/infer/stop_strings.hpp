/// Ends a streamed text at stop strings, wherever tokens are cut.
#pragma once
#include <bora/core/error.hpp>
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Lets a text through up to the first stop string that is completed in it. What could be the beginning of one is held
/// back until more text shows that it is not, so no part of a stop string is ever let through. What comes out does not
/// depend on how the text was cut.
class StopStrings {
 public:
  /// Throws ConfigError for an empty string, which would end every text.
  explicit StopStrings(std::vector<std::string> strings = {}) : strings_(std::move(strings)) {
    for (const std::string& s : strings_)
      if (s.empty()) throw ConfigError("a stop string is empty, expected at least one character");
  }

  /// The text that is certain to come before any stop string; nothing once one was found.
  std::string push(std::string_view piece) {
    if (stopped_) return {};
    held_ += piece;
    std::size_t begin = held_.npos, end = held_.npos;  // of the stop string that is complete first
    for (std::size_t i = 0; i < strings_.size(); ++i) {
      const std::size_t at = held_.find(strings_[i]);
      if (at == held_.npos) continue;
      const std::size_t past = at + strings_[i].size();
      if (past > end || (past == end && at >= begin)) continue;
      begin = at;
      end = past;
      stopped_ = i;
    }
    return release(stopped_ ? begin : held_.size() - longest_beginning());
  }
  /// Ends the text: what was held back is no stop string.
  std::string finish() { return stopped_ ? std::string() : release(held_.size()); }

  /// The stop string that was found.
  std::optional<std::string> stopped_by() const { return stopped_ ? std::optional(strings_[*stopped_]) : std::nullopt; }

 private:
  std::string release(std::size_t size) {
    std::string text = held_.substr(0, size);
    held_.erase(0, size);
    return text;
  }
  /// Bytes at the end that a stop string begins with: as many as possible.
  std::size_t longest_beginning() const noexcept {
    std::size_t longest = 0;
    for (const std::string& s : strings_)
      for (std::size_t n = std::min(s.size() - 1, held_.size()); n > longest; --n)
        if (std::string_view(held_).ends_with(std::string_view(s).substr(0, n))) longest = n;
    return longest;
  }

  std::vector<std::string> strings_;
  std::string held_;
  std::optional<std::size_t> stopped_;
};

}}  // namespace bora::BORA_ABI
