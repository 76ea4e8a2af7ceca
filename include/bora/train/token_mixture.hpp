/// Batches from token files: several weighted sources, reshuffled in each epoch, with random access to batches.
#pragma once
#include <bora/core/checked.hpp>
#include <bora/core/error.hpp>
#include <bora/files/file_words.hpp>
#include <bora/core/tensor.hpp>
#include <bora/io/token_file.hpp>
#include <bora/train/shuffled_order.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A token file and its share of the rows, relative to the other sources'.
struct TokenSource {
  std::filesystem::path file;  ///< as TokenFileWriter and the packers write it
  double weight = 1;           ///< above 0
};

/// Options of a mixture; with the files' contents they decide its batches.
struct TokenMixtureOptions {
  std::vector<TokenSource> sources;  ///< one or more
  std::size_t batch = 1;             ///< rows a batch
  std::size_t time = 1;              ///< tokens a row, 2 or more: time - 1 predictions
  std::uint64_t seed = 0;            ///< of the rows' order and of where an epoch begins to cut
};

/// Position of a mixture.
struct TokenMixtureState {
  std::uint64_t batches = 0;      ///< batches taken so far
  std::uint64_t fingerprint = 0;  ///< of the files, weights, shape and seed

  friend bool operator==(const TokenMixtureState&, const TokenMixtureState&) = default;
};

namespace detail {

/// Distributes rows 0, 1, … over sources: after any number of rows, each source has had the fraction its weight asks
/// for, with an error below one row for each of the log2(sources) levels. Sources are the leaves of a tree; of the rows
/// that reach a node, row n goes left if floor(n p) increases there, p being the left subtree's fraction of the node's
/// weight (Beatty sequences). So the n-th row's source is computed directly, without counting.
class RowDealer {
 public:
  struct Place {
    std::size_t source;
    std::uint64_t row;  ///< rows that the source has had before
  };

  explicit RowDealer(std::span<const double> weights) : shares_(weights.size()) { divide(weights, 0, weights.size()); }

  Place at(std::uint64_t row) const noexcept {
    std::size_t first = 0, last = shares_.size();
    while (last - first > 1) {
      const std::size_t middle = first + (last - first) / 2;
      const std::uint64_t before = left_of(row, shares_[middle]);
      if (left_of(row + 1, shares_[middle]) > before) {
        row = before;
        last = middle;
      } else {
        row -= before;
        first = middle;
      }
    }
    return {first, row};
  }

 private:
  static constexpr int bits = 63;

  /// floor(rows * share), exactly.
  static std::uint64_t left_of(std::uint64_t rows, std::uint64_t share) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(rows) * share) >> bits);
  }
  /// The node of sources [first, last) is identified by its middle, which is unique to it.
  void divide(std::span<const double> weights, std::size_t first, std::size_t last) {
    if (last - first < 2) return;
    const std::size_t middle = first + (last - first) / 2;
    const auto sum = [&](std::size_t a, std::size_t b) {
      return std::accumulate(weights.begin() + static_cast<std::ptrdiff_t>(a),
                             weights.begin() + static_cast<std::ptrdiff_t>(b), 0.0);
    };
    shares_[middle] = static_cast<std::uint64_t>(std::ldexp(sum(first, middle) / sum(first, last), bits));
    divide(weights, first, middle);
    divide(weights, middle, last);
  }

  std::vector<std::uint64_t> shares_;  ///< [middle], 2^63 is all
};

}  // namespace detail

/// Rows of `time` tokens cut from token files consecutively, without isolating documents (as OLMo does: an
/// end-of-document token, if any, separates them). Batch n depends on the options and the files' contents alone.
///
/// Each epoch of a source visits all its rows once, in an order of its own; it starts at an offset within the first
/// row, so that row boundaries differ between epochs. Fewer than two rows of tokens of a source are left out.
class TokenMixture {
 public:
  /// Opens the files. Throws ConfigError for impossible options, FileError for a file that is bad or holds no row.
  explicit TokenMixture(const TokenMixtureOptions& options)
      : batch_(options.batch), time_(options.time), seed_(options.seed), dealer_(checked_weights(options)) {
    for (const TokenSource& source : options.sources) {
      files_.emplace_back(source.file);
      if (const std::size_t tokens = files_.back().tokens(); tokens < time_)
        detail::refuse_file(source.file, "holds ", tokens, " tokens, expected ", time_, " or more: a row");
    }
    state_.fingerprint = fingerprint(options);
  }

  /// Rows a batch.
  std::size_t batch_rows() const noexcept { return batch_; }
  /// Tokens a row.
  std::size_t time() const noexcept { return time_; }
  /// The largest vocabulary of the files.
  std::size_t vocab_size() const noexcept {
    std::size_t size = 0;
    for (const TokenFile& file : files_) size = std::max(size, file.vocab_size());
    return size;
  }
  /// In the order of the sources.
  const std::vector<TokenFile>& files() const noexcept { return files_; }
  /// Rows of a source in one epoch.
  std::uint64_t rows(std::size_t source) const noexcept {
    return std::max<std::uint64_t>(1, (files_[source].tokens() - (time_ - 1)) / time_);
  }

  /// Batch n = 0, 1, …, regardless of the batches taken before.
  TokenBatch at(std::uint64_t n) const {
    std::vector<TokenId> ids(batch_ * time_);
    for (std::size_t b = 0; b < batch_; ++b) read_row(n * batch_ + b, std::span(ids).subspan(b * time_, time_));
    return {batch_, time_, std::move(ids)};
  }
  /// The batches in order.
  TokenBatch next() { return at(state_.batches++); }

  /// State to resume from: see `restore`.
  const TokenMixtureState& state() const noexcept { return state_; }
  /// Resumes from a state. Throws ConfigError if it belongs to another mixture or its position is too large.
  void restore(const TokenMixtureState& state) {
    if (state.batches > std::numeric_limits<std::uint64_t>::max() / 2 / batch_)
      throw ConfigError(detail::message("TokenMixture: the state is of ", state.batches, " batches of ", batch_,
                                        " rows, expected fewer than 2^63 rows"));
    if (state.fingerprint != state_.fingerprint)
      throw ConfigError(
          detail::message("TokenMixture: the state is of other files, weights, rows or another seed: its "
                          "fingerprint is ",
                          state.fingerprint, ", expected ", state_.fingerprint));
    state_ = state;
  }

 private:
  static std::vector<double> checked_weights(const TokenMixtureOptions& o) {
    if (o.sources.empty() || o.batch == 0 || o.time < 2)
      throw ConfigError(detail::message("TokenMixture: ", o.sources.size(), " sources, ", o.batch, " rows of ", o.time,
                                        " tokens, expected at least 1 source and 1 row of 2"));
    check_size(o);
    std::vector<double> weights;
    for (const TokenSource& source : o.sources) {
      if (!(source.weight > 0 && std::isfinite(source.weight)))
        throw ConfigError(detail::message("TokenMixture: the weight of ", source.file.string(), " is ", source.weight,
                                          ", expected a number above 0"));
      weights.push_back(source.weight);
    }
    if (!std::isfinite(std::accumulate(weights.begin(), weights.end(), 0.0)))
      throw ConfigError("TokenMixture: the weights' sum is not finite, expected smaller ones");
    return weights;
  }
  static void check_size(const TokenMixtureOptions& o) {
    try {
      const CheckedSize bytes = CheckedSize(o.batch) * o.time * sizeof(TokenId);
      if (bytes <= CheckedSize(std::numeric_limits<std::ptrdiff_t>::max())) return;
    } catch (const FileError&) {  // its message is about files
    }
    throw ConfigError(detail::message("TokenMixture: ", o.batch, " rows of ", o.time,
                                      " tokens are more than memory can number, expected smaller batches"));
  }
  std::uint64_t fingerprint(const TokenMixtureOptions& options) const noexcept {
    detail::Checksum sum;
    for (const std::uint64_t number : {std::uint64_t{batch_}, std::uint64_t{time_}, seed_}) sum.add(number);
    for (std::size_t i = 0; i < files_.size(); ++i) {
      sum.add(files_[i].checksum());
      sum.add(options.sources[i].weight);
    }
    return sum.value();
  }

  void read_row(std::uint64_t row, std::span<TokenId> out) const {
    const detail::RowDealer::Place place = dealer_.at(row);
    const std::uint64_t count = rows(place.source), epoch = place.row / count;
    const std::uint64_t stream = static_cast<std::uint64_t>(place.source) << 32 | epoch;
    const std::uint64_t index = ShuffledOrder(count, seed_, stream).at(place.row % count);
    const std::size_t slack = files_[place.source].tokens() - static_cast<std::size_t>(count) * time_;
    const std::uint64_t start = Random(seed_ + 1, stream).below(std::min(slack, time_ - 1) + 1);
    files_[place.source].read(static_cast<std::size_t>(start + index * time_), out);
  }

  std::size_t batch_, time_;
  std::uint64_t seed_;
  detail::RowDealer dealer_;
  std::vector<TokenFile> files_;
  TokenMixtureState state_;
};

}}  // namespace bora::BORA_ABI
