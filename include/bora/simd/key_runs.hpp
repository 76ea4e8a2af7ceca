/// Memory layout of keys and values: runs of 16 absolute positions, laid out for the matrix tiles.
///
/// A run of one key/value head holds
///
///     keys    [head_dim][16]            a panel whose rows are the positions: scores of 16 keys in one load
///     values  [16][head_dim]            rows, read by whole blocks: the last block of one reads on into what follows
///     scales  [2][16] F32               Q8 only: one scale per token and head, for the key and for the value
///
/// The cache decides where run r of a sequence lies: attention only sees a base, a table or a modulus.
#pragma once
#include <bora/core/format.hpp>
#include <bora/core/memory.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace simd {

/// Positions in a run, aligned to absolute positions.
inline constexpr std::size_t run_length = block_lanes;

/// Byte layout of a run of one head.
template <CacheFormat E>
struct RunLayout {
  using Element = typename E::Storage;
  static constexpr bool scaled = std::is_same_v<E, Q8>;  ///< whether scales follow the values

  /// Bytes before the values.
  static constexpr std::size_t values_at(std::size_t head_dim) noexcept {
    return head_dim * run_length * sizeof(Element);
  }
  /// Bytes before the scales, which begin where the last block of the last value ends.
  static constexpr std::size_t scales_at(std::size_t head_dim) noexcept {
    const std::size_t values = (run_length - 1) * head_dim + round_up(head_dim, block_lanes);
    return round_up(values_at(head_dim) + values * sizeof(Element), alignof(float));
  }
  /// Of a run.
  static constexpr std::size_t bytes(std::size_t head_dim) noexcept {
    return round_up(scales_at(head_dim) + (scaled ? 2 * run_length * sizeof(float) : 0), alignment);
  }
};

/// One run of one head; a view.
template <CacheFormat E>
struct Run {
  using Layout = RunLayout<E>;
  std::byte* data;       ///< RunLayout<E>::bytes(head_dim) bytes, keys first
  std::size_t head_dim;  ///< features of a key, and of a value

  /// The keys, feature by feature.
  typename E::Storage* keys() const noexcept { return reinterpret_cast<typename E::Storage*>(data); }
  /// The values, position by position.
  typename E::Storage* values() const noexcept {
    return reinterpret_cast<typename E::Storage*>(data + Layout::values_at(head_dim));
  }
  /// The keys' scales, one per position.
  float* key_scales() const noexcept { return reinterpret_cast<float*>(data + Layout::scales_at(head_dim)); }
  /// The values' scales, one per position.
  float* value_scales() const noexcept { return key_scales() + run_length; }
};

/// The runs of one sequence in one layer.
template <CacheFormat E>
struct KeyRuns {
  std::byte* base = nullptr;             ///< the layer's memory
  const std::uint32_t* table = nullptr;  ///< paged: the page of each `page_runs` runs
  std::size_t first = 0;                 ///< not paged: this sequence's first run
  std::size_t modulus = 1;               ///< not paged: runs held, the ring's length
  std::size_t page_runs = 1;             ///< paged: runs in a page
  std::size_t kv_heads = 1;              ///< key/value heads, whose runs lie side by side
  std::size_t head_dim = 1;              ///< features per head

  /// Index in memory of a run of the sequence.
  std::size_t place(std::size_t run) const noexcept {
    if (table != nullptr) return table[run / page_runs] * page_runs + run % page_runs;
    return first + (run < modulus ? run : run % modulus);
  }
  /// A run of a head.
  Run<E> run(std::size_t index, std::size_t kv_head) const noexcept {
    return {base + (place(index) * kv_heads + kv_head) * RunLayout<E>::bytes(head_dim), head_dim};
  }
};

namespace detail {

/// Rounds a vector to 8 bits with one scale, largest magnitude / 127, half away from zero. A vector with a NaN or an
/// infinity gets a scale of NaN, so the fault stays visible; a vector whose inverse scale would overflow becomes zero.
template <class T>
float quantise(const T* x, std::size_t n, std::int8_t* out, std::size_t stride) noexcept {
  float largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float magnitude = std::abs(static_cast<float>(x[i]));
    if (!(magnitude <= largest)) largest = magnitude;  // a NaN stays
    if (std::isnan(largest)) break;
  }
  const float scale = largest / 127, inverse = 127 / largest;
  if (!std::isfinite(inverse) || !std::isfinite(scale)) {
    for (std::size_t i = 0; i < n; ++i) out[i * stride] = 0;
    return std::isfinite(scale) ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  }
  for (std::size_t i = 0; i < n; ++i)
    out[i * stride] = static_cast<std::int8_t>(std::lround(static_cast<float>(x[i]) * inverse));
  return scale;
}

}  // namespace detail

/// Writes the key and value of one position of one head, in the cache's format.
template <CacheFormat E, class T>
void store_key_value(const KeyRuns<E>& runs, std::size_t position, std::size_t kv_head, const T* key,
                     const T* value) noexcept {
  const Run<E> run = runs.run(position / run_length, kv_head);
  const std::size_t slot = position % run_length, n = runs.head_dim;
  auto* keys = run.keys() + slot;
  auto* values = run.values() + slot * n;
  if constexpr (std::is_same_v<E, Q8>) {
    run.key_scales()[slot] = detail::quantise(key, n, keys, run_length);
    run.value_scales()[slot] = detail::quantise(value, n, values, 1);
  } else {
    for (std::size_t c = 0; c < n; ++c) {
      if constexpr (std::is_same_v<E, Bf16>) {
        keys[c * run_length] = to_bfloat16(static_cast<float>(key[c]));
        values[c] = to_bfloat16(static_cast<float>(value[c]));
      } else {
        keys[c * run_length] = static_cast<typename E::Storage>(key[c]);
        values[c] = static_cast<typename E::Storage>(value[c]);
      }
    }
  }
}

}}}  // namespace bora::BORA_ABI::simd
BORA_AFTER_NAMESPACE();
