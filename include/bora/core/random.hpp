/// Random numbers that depend on a seed and an index only: any element can be drawn by any thread.
#pragma once
#include <bora/core/abi.hpp>
#include <cmath>
#include <cstdint>
#include <numbers>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// A counter-based generator: the k-th number of a stream is a hash of (seed, stream, k) (the finaliser of
/// SplitMix64, Steele et al. 2014, over a Weyl sequence). Copyable, jumpable, the same everywhere.
class Random {
 public:
  using result_type = std::uint64_t;
  /// An independent stream for each pair of seed and stream number.
  explicit constexpr Random(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : key_(mix(seed ^ mix(stream + 0x632be59bd9b4e019u))) {}

  /// Smallest value that can be returned.
  static constexpr result_type min() noexcept { return 0; }
  /// Largest value that can be returned.
  static constexpr result_type max() noexcept { return ~result_type{0}; }

  /// The value at `index` of the stream, independent of earlier draws.
  constexpr std::uint64_t at(std::uint64_t index) const noexcept {
    return mix(key_ + (index + 1) * 0x9e3779b97f4a7c15u);
  }
  /// The next value of the stream.
  constexpr std::uint64_t operator()() noexcept { return at(counter_++); }

  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() noexcept { return to_unit((*this)()); }
  /// Uniform in 0 .. bound - 1 (bound > 0), without modulo bias worth naming (2^-64 * bound).
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>((*this)()) * bound) >> 64);
  }
  /// Standard normal (Box and Muller 1958).
  double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// A bell of mean 0 and deviation 1 at `index`: the sum of four 16-bit uniforms. For weights of random
  /// models, where seven billion of them are drawn; its tails end at 3.46.
  constexpr float bell_at(std::uint64_t index) const noexcept {
    const std::uint64_t bits = at(index);
    const auto sum =
        static_cast<std::int32_t>((bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48));
    return static_cast<float>(sum - 131'070) * bell_scale;
  }

  /// Number of values drawn so far.
  constexpr std::uint64_t position() const noexcept { return counter_; }
  /// Jumps: the next value drawn is the one at `position`.
  constexpr void seek(std::uint64_t position) noexcept { counter_ = position; }

 private:
  // Deviation of a sum of four uniforms on 0 .. 65535 is sqrt(4 (65536^2 - 1) / 12).
  static constexpr float bell_scale = 2.6428996e-5f;
  static constexpr double to_unit(std::uint64_t bits) noexcept { return static_cast<double>(bits >> 11) * 0x1p-53; }
  static constexpr std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
