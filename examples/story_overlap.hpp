// How much of one set of stories occurs word for word in another.
#pragma once
#include "stories.hpp"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

/// Runs of `length` words of the stories [0, count) of a seed, and which of them were met elsewhere. `length` 0 takes
/// whole stories.
class StoryRuns {
 public:
  StoryRuns(std::size_t length, std::uint64_t seed, std::uint64_t count) : length_(length) {
    for (std::uint64_t i = 0; i < count; ++i)
      for_runs(stories::story(seed, i), [this](std::uint64_t hash) { ++runs_[hash].occurrences; });
  }
  void meet(std::string_view story) {
    for_runs(story, [this](std::uint64_t hash) {
      if (const auto found = runs_.find(hash); found != runs_.end()) found->second.met = true;
    });
  }
  /// Of the runs, counted as often as they occur.
  double share_met() const {
    std::size_t all = 0, met = 0;
    for (const auto& [hash, run] : runs_) {
      all += run.occurrences;
      met += run.met ? run.occurrences : 0;
    }
    return all == 0 ? 0 : static_cast<double>(met) / static_cast<double>(all);
  }

 private:
  struct Run {
    std::size_t occurrences = 0;
    bool met = false;
  };

  template <class Visit>
  void for_runs(std::string_view story, Visit visit) const {
    std::vector<std::uint64_t> words;
    for (std::size_t at = 0; at < story.size();) {
      const std::size_t end = std::min(story.find_first_of(" \n", at), story.size());
      if (end > at) words.push_back(hash_of(story.substr(at, end - at)));
      at = end + 1;
    }
    const std::size_t length = length_ == 0 ? words.size() : length_;
    for (std::size_t i = 0; i + length <= words.size(); ++i) {
      std::uint64_t hash = 0;
      for (std::size_t w = i; w < i + length; ++w) hash = bora::Random(hash).at(words[w]);
      visit(hash);
    }
  }
  /// FNV-1a.
  static std::uint64_t hash_of(std::string_view word) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
  }

  std::size_t length_;
  std::unordered_map<std::uint64_t, Run> runs_;
};
