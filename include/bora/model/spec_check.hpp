/// Compile-time errors for an invalid spec or format, or a type in the wrong place: one message, before any other.
///
/// The concepts (`ModelSpec`, `WeightFormat`, …) are merely false for an invalid type. Interfaces that take a user's
/// type (`load`, `Decoder`, `describe`, …) use `detail::SoundSpec` and `detail::SoundFormat` instead, whose evaluation
/// reports what is missing.
#pragma once
#include <bora/core/format.hpp>
#include <bora/layers/mask.hpp>
#include <bora/model/spec.hpp>
#include <concepts>
#include <cstddef>
#include <limits>
#include <type_traits>

namespace bora { inline namespace BORA_ABI { namespace detail {

template <class S>
concept LooksLikeFormat = requires { typename S::Storage; };
template <class S>
concept LooksLikeModel = requires {
  typename S::Spec;
  typename S::Format;
};
template <class P>
concept LooksLikeAttention = requires { P::head_dim; } || is_pattern<P>;
template <class P>
concept LooksLikeFeedForward = requires { P::hidden; } || is_pattern<P>;

/// Type of an integer in a spec.
template <class T>
concept Count = std::convertible_to<T, std::size_t>;

/// Instantiates the policies, so that the compiler reports their errors before a concept is evaluated: clang makes a
/// concept false if an error occurs during its evaluation.
template <class S>
inline constexpr bool looked_at = true;
template <class S>
  requires requires {
    typename S::Norm;
    typename S::Attention;
    typename S::FeedForward;
    typename S::Residual;
  }
inline constexpr bool looked_at<S> = sizeof(typename S::Norm) + sizeof(typename S::Attention) +
                                         sizeof(typename S::FeedForward) + sizeof(typename S::Residual) >
                                     0;

/// Which parts a spec has, and whether each is of the right kind. Only evaluates: nothing here fails to compile.
template <class S>
struct SpecParts {
  static constexpr bool is_spec = std::is_class_v<S> && !LooksLikeFormat<S> && !LooksLikeModel<S>;
  static constexpr bool vocab_size = requires {
    { S::vocab_size } -> Count;
  };
  static constexpr bool dim = requires {
    { S::dim } -> Count;
  };
  static constexpr bool layers = requires {
    { S::layers } -> Count;
  };
  static constexpr bool context = requires {
    { S::context } -> Count;
  };
  static constexpr bool base = requires {
    S::tie_embeddings;
    typename S::Residual;
    typename S::Position;
  };
  static constexpr bool norm = requires { typename S::Norm; };
  static constexpr bool attention = requires { typename S::Attention; };
  static constexpr bool feed_forward = requires { typename S::FeedForward; };
  static constexpr bool all =
      is_spec && vocab_size && dim && layers && context && base && norm && attention && feed_forward;

  static constexpr bool norm_placed = requires { requires NormPolicy<typename S::Norm>; };
  static constexpr bool attention_placed = requires { requires LooksLikeAttention<typename S::Attention>; };
  static constexpr bool feed_forward_placed = requires { requires LooksLikeFeedForward<typename S::FeedForward>; };
  static constexpr bool residual_placed = requires { requires ResidualPolicy<typename S::Residual>; };
  static constexpr bool position_placed = requires { requires EmbeddingPosition<typename S::Position>; };
  static constexpr bool scale_placed = requires { requires EmbeddingScalePolicy<typename EmbeddingScaleOf<S>::type>; };
  static constexpr bool cap_placed = requires { requires SoftCapPolicy<typename LogitCapOf<S>::type>; };
  static constexpr bool all_placed = all && norm_placed && attention_placed && feed_forward_placed && residual_placed &&
                                     position_placed && scale_placed && cap_placed;
};

template <class P, std::size_t context>
inline constexpr bool masks_sound = MaskCheck<typename P::Mask, context>::sound;
template <class... Kinds, std::size_t context>
inline constexpr bool masks_sound<Layers<Kinds...>, context> = (masks_sound<Kinds, context> && ...);

/// Checks the sizes of a spec whose parts are valid, and its masks over its context.
template <class S, bool complete>
struct SpecNumbers {
  static constexpr bool sound = false;
};
template <class S>
struct SpecNumbers<S, true> {
  static constexpr bool positive = S::vocab_size > 0 && S::dim > 0 && S::layers > 0 && S::context > 0;
  static constexpr bool numbered =
      !positive || static_cast<std::size_t>(S::vocab_size) <= std::size_t{std::numeric_limits<TokenId>::max()};
  static_assert(positive, "bora: ModelSpec: vocab_size, dim, layers and context must be positive");
  static_assert(numbered, "bora: ModelSpec: vocab_size exceeds what a TokenId can number: 2^31 - 1");
  static constexpr bool sound = positive && numbered && masks_sound<typename S::Attention, S::context>;
};

/// Reports what is wrong with a spec: only the first fault, since others may follow from it.
template <class S>
struct SpecCheck {
  using P = SpecParts<S>;
  static_assert(looked_at<S>);
  static_assert(!LooksLikeFormat<S>, "bora: ModelSpec: the spec comes first, then the format: load<Spec, bora::Bf16>");
  static_assert(!LooksLikeModel<S>, "bora: ModelSpec: a spec was expected here, and this is a model: use Model::Spec");
  static_assert(std::is_class_v<S>, "bora: ModelSpec: a spec is a struct that derives from bora::DecoderSpec");

  static_assert(P::vocab_size || !P::is_spec,
                "bora: ModelSpec: vocab_size is missing: static constexpr std::size_t vocab_size = …; in a struct");
  static_assert(P::dim || !P::vocab_size || !P::is_spec,
                "bora: ModelSpec: dim is missing: static constexpr std::size_t dim = …; in a struct");
  static_assert(P::layers || !P::dim || !P::is_spec,
                "bora: ModelSpec: layers is missing: static constexpr std::size_t layers = …; in a struct");
  static_assert(P::context || !P::layers || !P::is_spec,
                "bora: ModelSpec: context is missing: static constexpr std::size_t context = …; in a struct");
  static_assert(P::base || !P::context || !P::is_spec,
                "bora: ModelSpec: tie_embeddings, Position or Residual is missing: derive the struct from "
                "bora::DecoderSpec");
  static_assert(P::norm || !P::base || !P::is_spec,
                "bora: ModelSpec: Norm is missing: using Norm = bora::RmsNorm<1e-5>;");
  static_assert(P::attention || !P::norm || !P::is_spec,
                "bora: ModelSpec: Attention is missing: using Attention = bora::GroupedQueryAttention<…>;");
  static_assert(P::feed_forward || !P::attention || !P::is_spec,
                "bora: ModelSpec: FeedForward is missing: using FeedForward = bora::SwiGlu<…>;");

  static_assert(P::attention_placed || !P::all,
                "bora: ModelSpec: Attention must be GroupedQueryAttention, MultiHeadAttention, MultiQueryAttention, or "
                "Layers of such");
  static_assert(
      P::feed_forward_placed || !P::attention_placed || !P::all,
      "bora: ModelSpec: FeedForward must be SwiGlu, GeGlu, GeGluTanh, Mlp, MixtureOfExperts, a layer of your own "
      "(docs/add_a_policy.md), or Layers of such");
  static_assert(P::norm_placed || !P::all,
                "bora: ModelSpec: Norm must be RmsNorm<eps>, LayerNorm<eps> or NonParametricLayerNorm<eps>");
  static_assert(P::residual_placed || !P::all,
                "bora: ModelSpec: Residual must be SequentialResidual, ParallelResidual<SharedNorm>, "
                "ParallelResidual<SeparateNorms>, OutputNormResidual or SandwichResidual");
  static_assert(P::scale_placed || !P::all,
                "bora: ModelSpec: EmbeddingScale is what multiplies the embedding: NoEmbeddingScale or RootOfWidth");
  static_assert(P::cap_placed || !P::all, "bora: ModelSpec: LogitCap must be NoSoftCap or SoftCap<cap>");
  static_assert(P::position_placed || !P::all,
                "bora: ModelSpec: Position is what is added to the embedding: NoPosition, LearnedPositions or "
                "SinusoidalPositions; Rope, Alibi and T5RelativeBias are arguments of the attention");
  static constexpr bool sound = SpecNumbers < S, P::all_placed &&ModelSpec < S >> ::sound;
};

/// Reports what is wrong with a weight format.
template <class F>
struct FormatCheck {
  static constexpr bool left_out = std::is_same_v<F, LeftOut>, sound = WeightFormat<F>;
  static_assert(!left_out,
                "bora: WeightFormat: say what the weights are held in: load<Spec, bora::Bf16>(path), or bora::F32");
  static_assert(left_out || sound,
                "bora: WeightFormat: weights are held in F32, F16, Bf16, F64, Q8, Q4, Q4K, Q6K or Mixed: for float say "
                "bora::F32, "
                "for double bora::F64");
};

/// A valid spec. For an invalid one the compiler reports why.
template <class S>
concept SoundSpec = SpecCheck<S>::sound;
/// A valid weight format. For an invalid one the compiler reports why.
template <class F>
concept SoundFormat = FormatCheck<F>::sound;

}}}  // namespace bora::BORA_ABI::detail
