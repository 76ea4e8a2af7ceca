/// Run-time tables of position encodings: the rows' rotations and the biases, computed once for all layers.
#pragma once
#include <bora/core/float_mode.hpp>
#include <bora/model/decoder.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace detail {

/// Tables for one kind of attention.
template <class Attention, class T>
struct PositionTables {
  using Position = typename Attention::Position;
  std::vector<double> frequencies;  ///< [rotary / 2]
  std::vector<T> slopes;            ///< [heads]: ALiBi
  std::vector<T> by_distance;       ///< [heads, reach]: T5
  Rows<T> cosine, sine;             ///< [rows, rotary / 2]

  static constexpr std::size_t reach() noexcept {
    if constexpr (BucketedPosition<Position>)
      return Position::max_distance + 1;
    else
      return 0;
  }

  PositionTables() : by_distance(Attention::heads * reach()), row_(reach() == 0 ? 0 : Attention::heads) {
    const FloatMode mode;
    if constexpr (RotaryPosition<Position>)
      for (std::size_t c = 0; c < Attention::rotary / 2; ++c)
        frequencies.push_back(Position::frequency(c, Attention::head_dim));
    if constexpr (SlopedPosition<Position>)
      for (std::size_t h = 0; h < Attention::heads; ++h)
        slopes.push_back(static_cast<T>(Position::slope(h, Attention::heads)));
  }
  void carve(Arena& arena, std::size_t rows) noexcept {
    if constexpr (RotaryPosition<Position>) {
      cosine = take_rows<T>(arena, rows, Attention::rotary / 2);
      sine = take_rows<T>(arena, rows, Attention::rotary / 2);
    }
  }

  /// Fills this lane's rows of the rotations. Angles are computed in double: in float they would be the largest error
  /// of the whole model.
  void rotate(const Lane& lane, const RowPlace* places, std::size_t rows) noexcept {
    if constexpr (RotaryPosition<Position>) {
      const double amplitude = Position::amplitude();
      const Range share = lane.share(rows);
      for (std::size_t r = share.begin; r < share.end; ++r)
        for (std::size_t c = 0; c < frequencies.size(); ++c) {
          const double angle = static_cast<double>(places[r].position) * frequencies[c];
          cosine.row(r)[c] = static_cast<T>(std::cos(angle) * amplitude);
          sine.row(r)[c] = static_cast<T>(std::sin(angle) * amplitude);
        }
    }
  }
  /// Expands T5's buckets into a table by distance; on lane 0 only.
  template <class Matrix>
  void spread(const Matrix& table) noexcept {
    if constexpr (BucketedPosition<Position>) {
      for (std::size_t d = 0; d < reach(); ++d) {
        table.gather(Position::bucket(d), row_.data());
        for (std::size_t h = 0; h < Attention::heads; ++h) by_distance[h * reach() + d] = row_[h];
      }
    }
  }
  /// Sums gradients by distance [sequences, heads, reach] into the buckets of g [buckets, heads].
  static void fold(const T* by_distance, std::size_t sequences, T* g) noexcept {
    if constexpr (BucketedPosition<Position>)
      for (std::size_t s = 0; s < sequences; ++s)
        for (std::size_t h = 0; h < Attention::heads; ++h)
          for (std::size_t d = 0; d < reach(); ++d)
            g[Position::bucket(d) * Attention::heads + h] += by_distance[(s * Attention::heads + h) * reach() + d];
  }

  simd::ScoreBias<T> bias() const noexcept {
    return {SlopedPosition<Position> ? slopes.data() : nullptr,
            BucketedPosition<Position> ? by_distance.data() : nullptr, reach()};
  }

 private:
  std::vector<T> row_;
};

}}}  // namespace bora::BORA_ABI::detail
BORA_AFTER_NAMESPACE();
