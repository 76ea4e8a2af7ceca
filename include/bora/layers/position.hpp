/// Position encodings. Those of attention (Rope, Alibi, T5RelativeBias) are arguments of the attention; those
/// added to the embedding (LearnedPositions, SinusoidalPositions) are the spec's `Position`.
#pragma once
#include <bora/core/abi.hpp>
#include <bora/layers/policy_description.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <numbers>
#include <string_view>
#include <type_traits>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Description of a policy with one number.
inline PolicyDescription number_description(std::string_view name, std::string_view key, double value) {
  PolicyDescription d(name);
  d.add(key, value);
  return d;
}

/// Whether the arguments of a policy are written with a point or an exponent. They are `auto`, so that an integer is
/// rejected by a readable message.
template <class... Numbers>
inline constexpr bool fractional = (std::is_floating_point_v<Numbers> && ...);

}  // namespace detail

/// No position encoding at this place.
struct NoPosition {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NoPosition> = {}) { return PolicyDescription("NoPosition"); }
};

/// A learned vector per position, added to the token embedding (GPT-2). Positions end with the spec's context.
struct LearnedPositions {
  static constexpr bool learned = true;  ///< a row of a table for each position
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<LearnedPositions> = {}) {
    PolicyDescription d("LearnedPositions");
    d.add_fact("learned", learned);
    return d;
  }
};

/// sin and cos of position / 10000^(2i/dim) (Vaswani et al. 2017, §3.5): even features the sine, odd the cosine.
struct SinusoidalPositions {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SinusoidalPositions> = {}) {
    return PolicyDescription("SinusoidalPositions");
  }
  /// The value added to a feature of the embedding at a position.
  template <class T>
  static T value(std::size_t position, std::size_t feature, std::size_t dim) noexcept {
    const double exponent = static_cast<double>(feature / 2 * 2) / static_cast<double>(dim);
    const double angle = static_cast<double>(position) * std::pow(10'000.0, -exponent);
    return static_cast<T>(feature % 2 == 0 ? std::sin(angle) : std::cos(angle));
  }
};

/// Context scaling of rotary frequencies. A scaling maps f = theta^(-2c/R), component pair c of R rotated
/// dims, to its scaled frequency, and gives the factor of cos and sin.
struct NoScaling {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NoScaling> = {}) { return PolicyDescription("NoScaling"); }
  /// The frequency that is used for pair `c`, radians a position.
  static double frequency(double f, std::size_t, std::size_t, double) noexcept { return f; }
  /// Factor of cosine and sine.
  static constexpr double amplitude() noexcept { return 1; }
};

/// Position interpolation (Chen et al. 2023): positions, and so frequencies, divided by `factor`.
template <auto factor_>
struct LinearScaling {
  static constexpr double factor = factor_;  ///< by which the context is stretched, 1 or more

  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<LinearScaling> = {}) {
    return detail::number_description("LinearScaling", "factor", factor);
  }
  static_assert(detail::fractional<decltype(factor_)>,
                "bora: LinearScaling: the factor is a double: write LinearScaling<4.0>");
  static_assert(factor >= 1, "bora: LinearScaling: the factor stretches the context; use 1 or more");
  /// The frequency that is used for pair `c`, radians a position.
  static double frequency(double f, std::size_t, std::size_t, double) noexcept { return f / factor; }
  /// Factor of cosine and sine.
  static constexpr double amplitude() noexcept { return 1; }
};

/// NTK-aware scaling with a fixed factor (bloc97, NTK-aware scaled RoPE, 2023; Peng et al. 2023, §3.1): the base
/// becomes theta * factor^(R / (R - 2)).
template <auto factor_>
struct NtkScaling {
  static constexpr double factor = factor_;  ///< by which the context is stretched, 1 or more

  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NtkScaling> = {}) {
    return detail::number_description("NtkScaling", "factor", factor);
  }
  static_assert(detail::fractional<decltype(factor_)>,
                "bora: NtkScaling: the factor is a double: write NtkScaling<4.0>");
  static_assert(factor >= 1, "bora: NtkScaling: the factor stretches the context; use 1 or more");
  /// The frequency that is used for pair `c`, radians a position.
  static double frequency(double, std::size_t c, std::size_t rotary, double theta) noexcept {
    if (rotary <= 2) return 1;
    const double r = static_cast<double>(rotary);
    return std::pow(theta * std::pow(factor, r / (r - 2)), -2.0 * static_cast<double>(c) / r);
  }
  /// Factor of cosine and sine.
  static constexpr double amplitude() noexcept { return 1; }
};

/// Frequencies that depend on the length of the text. Rejected at compile time.
template <double factor>
struct DynamicNtkScaling {
  static_assert(factor < 0,
                "bora: DynamicNtkScaling: a base that grows with the text would change keys already cached; "
                "use NtkScaling with the factor of the longest text");
};

/// The settings of YaRN, named.
struct YarnSettings {
  double factor;                ///< by which the context is stretched, 1 or more
  double original_context;      ///< positions the model was first trained on
  double beta_fast = 32;        ///< pairs that rotate at least this often in the original context keep their frequency
  double beta_slow = 1;         ///< pairs that rotate at most this often are divided by the factor
  double attention_factor = 0;  ///< of cosine and sine; 0: the paper's, 0.1 ln(factor) + 1
  bool truncate = true;         ///< the bounds between fast and slow pairs are rounded outwards to whole pairs
};

namespace detail {
/// The paper's factor of cosine and sine.
inline double yarn_amplitude(double factor) noexcept { return factor <= 1 ? 1 : 0.1 * std::log(factor) + 1; }
}  // namespace detail

/// YaRN (Peng et al. 2023, "NTK-by-parts"): slow components are interpolated, fast ones unchanged; cos and sin are
/// multiplied by `attention_factor`.
template <YarnSettings settings>
struct YarnScaling {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<YarnScaling> = {}) {
    PolicyDescription s("YarnSettings", PolicyDescription::Form::settings), d("YarnScaling");
    s.add("factor", settings.factor);
    s.add("original_context", settings.original_context);
    s.add("beta_fast", settings.beta_fast, 32);
    s.add("beta_slow", settings.beta_slow, 1);
    const double usual = detail::yarn_amplitude(settings.factor);
    if (std::abs(amplitude() - usual) > 1e-7 * usual) s.add("attention_factor", amplitude());
    if (!settings.truncate) s.add("truncate", std::size_t{0});
    d.add("settings", std::move(s));
    return d;
  }
  static_assert(settings.factor >= 1, "bora: YarnScaling: the factor stretches the context; use 1 or more");
  static_assert(settings.original_context > 0,
                "bora: YarnScaling: original_context, which is stretched, must be positive");
  static_assert(settings.beta_slow > 0 && settings.beta_fast > settings.beta_slow,
                "bora: YarnScaling: beta_fast and beta_slow count turns in the original context; use "
                "0 < beta_slow < beta_fast");
  static_assert(settings.attention_factor >= 0,
                "bora: YarnScaling: attention_factor multiplies cosine and sine and must be positive; leave it out for "
                "0.1 ln(factor) + 1");
  /// The component that makes `turns` rotations in the original context.
  static double component(double turns, double rotary, double theta) noexcept {
    return rotary * std::log(settings.original_context / (turns * 2 * std::numbers::pi)) / (2 * std::log(theta));
  }
  /// The frequency that is used for pair `c`, radians a position.
  static double frequency(double f, std::size_t c, std::size_t rotary, double theta) noexcept {
    const double r = static_cast<double>(rotary);
    const double fast = component(settings.beta_fast, r, theta), slow = component(settings.beta_slow, r, theta);
    const double low = std::max(0.0, settings.truncate ? std::floor(fast) : fast);
    const double high = std::min(r - 1, settings.truncate ? std::ceil(slow) : slow);
    const double width = high == low ? 0.001 : high - low;
    const double ramp = std::clamp((static_cast<double>(c) - low) / width, 0.0, 1.0);
    return f / settings.factor * ramp + f * (1 - ramp);
  }
  /// Factor of cosine and sine.
  static double amplitude() noexcept {
    return settings.attention_factor > 0 ? settings.attention_factor : detail::yarn_amplitude(settings.factor);
  }
};

/// The settings of Llama 3's scaling, named.
struct Llama3Settings {
  double factor = 8;               ///< by which low frequencies are divided, 1 or more
  double low_frequency = 1;        ///< rotations in the original context below which a frequency is divided
  double high_frequency = 4;       ///< rotations in the original context above which a frequency is unchanged
  double original_context = 8192;  ///< positions the model was first trained on
};

/// Llama 3.1's scaling (Grattafiori et al. 2024, "The Llama 3 Herd of Models"; formula as in transformers'
/// modeling_rope_utils.py): low frequencies are divided by the factor, high ones are unchanged, and those between are
/// interpolated.
template <Llama3Settings settings>
struct Llama3Scaling {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Llama3Scaling> = {}) {
    PolicyDescription s("Llama3Settings", PolicyDescription::Form::settings), d("Llama3Scaling");
    s.add("factor", settings.factor);
    s.add("low_frequency", settings.low_frequency);
    s.add("high_frequency", settings.high_frequency);
    s.add("original_context", settings.original_context);
    d.add("settings", std::move(s));
    return d;
  }
  static_assert(settings.factor >= 1, "bora: Llama3Scaling: the factor stretches the context; use 1 or more");
  static_assert(settings.original_context > 0,
                "bora: Llama3Scaling: original_context, which is stretched, must be positive");
  static_assert(settings.low_frequency > 0 && settings.high_frequency > settings.low_frequency,
                "bora: Llama3Scaling: low_frequency and high_frequency count turns in the original context; use "
                "0 < low_frequency < high_frequency");
  /// The frequency that is used for pair `c`, radians a position.
  static double frequency(double f, std::size_t, std::size_t, double) noexcept {
    const double wavelength = 2 * std::numbers::pi / f;
    if (wavelength < settings.original_context / settings.high_frequency) return f;
    if (wavelength > settings.original_context / settings.low_frequency) return f / settings.factor;
    const double u = (settings.original_context / wavelength - settings.low_frequency) /
                     (settings.high_frequency - settings.low_frequency);
    return (1 - u) * f / settings.factor + u * f;
  }
  /// Factor of cosine and sine.
  static constexpr double amplitude() noexcept { return 1; }
};

/// Context scaling of rotary frequencies: has the members of `NoScaling`.
template <class S>
concept RotaryScaling = requires(double f, std::size_t c, std::size_t rotary, double theta) {
  { S::frequency(f, c, rotary, theta) } noexcept -> std::convertible_to<double>;
  { S::amplitude() } noexcept -> std::convertible_to<double>;
};

namespace detail {
inline PolicyDescription rope_description(double theta, double fraction, PolicyDescription scaling) {
  PolicyDescription d("Rope");
  d.add("theta", theta);
  d.add("fraction", fraction, 1.0);
  d.add("scaling", std::move(scaling), "NoScaling");
  return d;
}
}  // namespace detail

/// Rotary position embedding (Su et al. 2021, §3.4.2): of each head the first R = int(head_dim * fraction)
/// components rotate in half-split pairs (c, c + R/2) by the angle position * theta^(-2c/R); the rest are unchanged.
/// Files that pair (2c, 2c + 1), such as llama2.c's, have their rows reordered when they are read.
template <auto theta_, auto fraction_ = 1.0, class Scaling_ = NoScaling>
struct Rope {
  static constexpr double theta = theta_;        ///< base of the wavelengths, above 1
  static constexpr double fraction = fraction_;  ///< fraction of a head's components that rotate, in (0, 1]
  using Scaling = Scaling_;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Rope> = {}) {
    return detail::rope_description(theta, fraction, description_of<Scaling>());
  }
  static_assert(detail::fractional<decltype(theta_), decltype(fraction_)>,
                "bora: Rope: theta and fraction are doubles: write Rope<1e4> or Rope<10000.0, 0.25>");
  static_assert(theta_ > 1, "bora: Rope: theta is the base of the wavelengths and must exceed 1");
  static_assert(RotaryScaling<Scaling_>,
                "bora: Rope: the scaling must be a complete type with frequency(f, c, rotary, theta) and amplitude(), "
                "both noexcept, as NoScaling has them");
  static_assert(fraction_ > 0 && fraction_ <= 1, "bora: Rope: fraction is the rotated share of a head, in (0, 1]");

  /// Components of a head that rotate.
  static constexpr std::size_t rotary(std::size_t head_dim) noexcept {
    return static_cast<std::size_t>(static_cast<double>(head_dim) * fraction);
  }
  /// Factor of cosine and sine.
  static constexpr double amplitude() noexcept { return Scaling::amplitude(); }
  /// The angle per position of pair c of R/2.
  static double frequency(std::size_t c, std::size_t head_dim) noexcept {
    const std::size_t r = rotary(head_dim);
    const double f = std::pow(theta, -2.0 * static_cast<double>(c) / static_cast<double>(r));
    return Scaling::frequency(f, c, r, theta);
  }
};

/// Attention with linear biases (Press et al. 2022, §3): -slope_h (i - j) is added to the scaled scores.
/// With P the least power of two >= heads the slopes are 2^(-max_bias s / P), s = 1 .. P; other head counts
/// take first the slopes of even s, then those of odd s (as MPT and llama.cpp have it).
template <auto max_bias_ = 8.0>
struct Alibi {
  static_assert(detail::fractional<decltype(max_bias_)>,
                "bora: Alibi: the bias exponent is a double: write Alibi<8.0>");
  static_assert(max_bias_ > 0, "bora: Alibi: the largest bias exponent must be positive (8 in the paper)");
  static constexpr double max_bias = max_bias_;  ///< the smallest slope is 2^-max_bias; 8 in the paper
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Alibi> = {}) {
    return detail::number_description("Alibi", "max_bias", max_bias);
  }

  /// ALiBi's slope: how much a score falls with each position of distance, for one of `heads` heads.
  static double slope(std::size_t head, std::size_t heads) noexcept {
    std::size_t power = 1;
    while (power < heads) power *= 2;
    const std::size_t s = power == heads ? head + 1 : head < power / 2 ? 2 * head + 2 : 2 * (head - power / 2) + 1;
    return std::exp2(-max_bias * static_cast<double>(s) / static_cast<double>(power));
  }
};

/// T5's relative position bias (Raffel et al. 2020, §2.1), causal: one learned scalar per (bucket of distance,
/// head), shared by all layers, added to unscaled scores.
template <std::size_t buckets_ = 32, std::size_t max_distance_ = 128>
struct T5RelativeBias {
  static_assert(buckets_ >= 4 && buckets_ % 2 == 0 && max_distance_ > buckets_ / 2,
                "bora: T5RelativeBias: half of the buckets count single distances, the rest grow up to max_distance; "
                "use an even number of buckets, 4 or more, and max_distance > buckets / 2");
  static constexpr std::size_t buckets = buckets_;            ///< learned scalars a head
  static constexpr std::size_t max_distance = max_distance_;  ///< from this distance on all share the last bucket
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<T5RelativeBias> = {}) {
    PolicyDescription d("T5RelativeBias");
    d.add("buckets", buckets);
    d.add("max_distance", max_distance);
    return d;
  }

  /// The bucket of a distance: first buckets of one distance each, then of growing ranges; the last one beyond
  /// max_distance.
  static std::size_t bucket(std::size_t distance) noexcept {
    constexpr std::size_t exact = buckets / 2;
    if (distance < exact) return distance;
    const double grown = std::log(static_cast<double>(distance) / exact) /
                         std::log(static_cast<double>(max_distance) / exact) * static_cast<double>(buckets - exact);
    return std::min(buckets - 1, exact + static_cast<std::size_t>(grown));
  }
};

/// A position encoding that rotates queries and keys, as `Rope`: how many components of a head rotate, by what angle
/// per position, and the factor of cosine and sine.
template <class P>
concept RotaryPosition = requires(std::size_t n) {
  { P::rotary(n) } -> std::convertible_to<std::size_t>;
  { P::frequency(n, n) } -> std::convertible_to<double>;
  { P::amplitude() } -> std::convertible_to<double>;
};
/// A position encoding that lowers a score by a slope times the distance, as `Alibi`: the slope of each head.
template <class P>
concept SlopedPosition = requires(std::size_t n) {
  { P::slope(n, n) } -> std::convertible_to<double>;
};
/// A position encoding that adds a learned bias to unscaled scores, as `T5RelativeBias`: one scalar for each bucket of
/// distances and head, in a table that all layers share; from max_distance on all distances share a bucket.
template <class P>
concept BucketedPosition = requires(std::size_t n) {
  { P::bucket(n) } -> std::convertible_to<std::size_t>;
  { P::buckets } -> std::convertible_to<std::size_t>;
  { P::max_distance } -> std::convertible_to<std::size_t>;
};
/// A position encoding that attention applies: one of the kinds above.
template <class P>
concept PositionPolicy = std::same_as<P, NoPosition> || RotaryPosition<P> || SlopedPosition<P> || BucketedPosition<P>;

/// A position encoding that adds a learned vector to the embedding: `learned` is true.
template <class P>
concept LearnedPosition = requires { requires P::learned; };
/// A position encoding that adds a computed value to each feature of the embedding, as `SinusoidalPositions`.
template <class P>
concept ComputedPosition = requires(std::size_t n) {
  { P::template value<float>(n, n, n) } -> std::same_as<float>;
};
/// A position encoding that is added to the embedding.
template <class P>
concept EmbeddingPosition = std::same_as<P, NoPosition> || LearnedPosition<P> || ComputedPosition<P>;

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
