/// A model's facts: what a user writes.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/layers/embedding_scale.hpp>
#include <bora/layers/output_norm.hpp>
#include <bora/layers/residual.hpp>
#include <bora/layers/soft_cap.hpp>
#include <array>
#include <concepts>
#include <cstddef>
#include <numeric>
#include <tuple>
#include <type_traits>
#include <utility>

namespace bora { inline namespace BORA_ABI {

/// Defaults that every decoder-only spec inherits and may override. A spec states facts and computes nothing: a value
/// computed in a base would not follow an override in a derived spec.
///
///     struct Mine : bora::DecoderSpec {
///       static constexpr std::size_t vocab_size = 320, dim = 64, layers = 3, context = 128;
///       using Norm = bora::RmsNorm<1e-5>;
///       static constexpr bora::HeadShape shape{.heads = 8, .kv_heads = 2, .head_dim = 8};
///       using Attention = bora::GroupedQueryAttention<shape, bora::Causal, bora::Rope<1e4>>;
///       using FeedForward = bora::SwiGlu<176>;
///     };
struct DecoderSpec {
  static constexpr bool tie_embeddings = false;  ///< the head is the embedding matrix
  using Position = NoPosition;                   ///< added to the embedding
  using EmbeddingScale = NoEmbeddingScale;       ///< of the token embedding, before a position is added
  using LogitCap = NoSoftCap;                    ///< of the logits
  using Residual = SequentialResidual;
};

namespace detail {

/// The kinds of a spec's layers, in the order in which they repeat.
template <class P>
struct Pattern {
  static constexpr std::size_t period = 1;
  static constexpr std::array<std::size_t, 1> first{};  ///< first position of the same type, for each position
  template <std::size_t>
  using At = P;
};
template <class... Kinds>
struct Pattern<Layers<Kinds...>> {
  static constexpr std::size_t period = sizeof...(Kinds);
  template <class Kind>
  static constexpr std::size_t first_of() noexcept {
    std::size_t at = 0;
    static_cast<void>(((std::is_same_v<Kind, Kinds> ? true : (++at, false)) || ...));
    return at;
  }
  static constexpr std::array<std::size_t, period> first{first_of<Kinds>()...};
  template <std::size_t position>
  using At = std::tuple_element_t<position, std::tuple<Kinds...>>;
};

/// The scale of a spec's embedding; none for a spec that does not say.
template <class S>
struct EmbeddingScaleOf {
  using type = NoEmbeddingScale;
};
template <class S>
  requires requires { typename S::EmbeddingScale; }
struct EmbeddingScaleOf<S> {
  using type = typename S::EmbeddingScale;
};
/// The cap of a spec's logits; none for a spec that does not say.
template <class S>
struct LogitCapOf {
  using type = NoSoftCap;
};
template <class S>
  requires requires { typename S::LogitCap; }
struct LogitCapOf<S> {
  using type = typename S::LogitCap;
};

/// Whether a policy's `sound` is true; a policy without `sound` counts as valid.
template <class P>
inline constexpr bool policy_sound = true;
template <class P>
  requires requires { P::sound; }
inline constexpr bool policy_sound<P> = P::sound;

template <class P>
inline constexpr bool attention_kinds_valid = AttentionPolicy<P> && policy_sound<P>;
template <class... Kinds>
inline constexpr bool attention_kinds_valid<Layers<Kinds...>> =
    sizeof(Layers<Kinds...>) > 0 && !(is_pattern<Kinds> || ...) && (attention_kinds_valid<Kinds> && ...);
template <class P>
inline constexpr bool feed_forward_kinds_valid = FeedForwardPolicy<P> && policy_sound<P>;
template <class... Kinds>
inline constexpr bool feed_forward_kinds_valid<Layers<Kinds...>> =
    sizeof(Layers<Kinds...>) > 0 && !(is_pattern<Kinds> || ...) && (feed_forward_kinds_valid<Kinds> && ...);

}  // namespace detail

/// A complete decoder-only model: sizes, norm, attention, feed-forward, residual and position.
template <class S>
concept ModelSpec = requires {
  { S::vocab_size } -> std::convertible_to<std::size_t>;
  { S::dim } -> std::convertible_to<std::size_t>;
  { S::layers } -> std::convertible_to<std::size_t>;
  { S::context } -> std::convertible_to<std::size_t>;
  { S::tie_embeddings } -> std::convertible_to<bool>;
  requires NormPolicy<typename S::Norm>;
  requires detail::attention_kinds_valid<typename S::Attention>;
  requires detail::feed_forward_kinds_valid<typename S::FeedForward>;
  requires ResidualPolicy<typename S::Residual>;
  requires EmbeddingPosition<typename S::Position>;
  requires EmbeddingScalePolicy<typename detail::EmbeddingScaleOf<S>::type>;
  requires SoftCapPolicy<typename detail::LogitCapOf<S>::type>;
};

namespace detail {

/// Maps layers to kinds. A kind is a distinct type of layer: `Layers<A, A, A, B>` has two.
template <class AttentionPattern, class FeedForwardPattern>
struct LayerKinds {
  static constexpr std::size_t period = std::lcm(AttentionPattern::period, FeedForwardPattern::period);
  template <std::size_t position>
  using AttentionAt = typename AttentionPattern::template At<position % AttentionPattern::period>;
  template <std::size_t position>
  using FeedForwardAt = typename FeedForwardPattern::template At<position % FeedForwardPattern::period>;

  struct Table {
    std::size_t count = 0;                       ///< number of kinds
    std::array<std::size_t, period> kind{};      ///< kind of each position of the pattern
    std::array<std::size_t, period> position{};  ///< first position of each kind
  };
  // Types are compared within each pattern alone: together they may repeat after many more layers.
  static constexpr Table make() {
    Table filled;
    for (std::size_t p = 0; p < period; ++p) {
      const std::size_t attention = AttentionPattern::first[p % AttentionPattern::period],
                        feed_forward = FeedForwardPattern::first[p % FeedForwardPattern::period];
      std::size_t kind = 0;
      for (; kind < filled.count; ++kind) {
        const std::size_t at = filled.position[kind];
        if (AttentionPattern::first[at % AttentionPattern::period] == attention &&
            FeedForwardPattern::first[at % FeedForwardPattern::period] == feed_forward)
          break;
      }
      if (kind == filled.count) filled.position[filled.count++] = p;
      filled.kind[p] = kind;
    }
    return filled;
  }
  static constexpr Table table = make();

  static constexpr std::size_t of(std::size_t layer) noexcept { return table.kind[layer % period]; }
  /// Layers of a kind among the first `layers`.
  static constexpr std::size_t count(std::size_t kind, std::size_t layers) noexcept {
    std::size_t sum = 0;
    for (std::size_t p = 0; p < period; ++p)
      if (table.kind[p] == kind) sum += (layers + period - 1 - p) / period;
    return sum;
  }
};

/// Derived from a complete spec for the decoder: which layer is of which kind, and the implementation of each kind.
template <ModelSpec S>
struct Anatomy {
  using Kinds = LayerKinds<Pattern<typename S::Attention>, Pattern<typename S::FeedForward>>;
  static constexpr std::size_t kinds = Kinds::table.count;
  template <std::size_t kind>
  using Attention = typename Kinds::template AttentionAt<Kinds::table.position[kind]>;
  template <std::size_t kind>
  using FeedForward = typename Kinds::template FeedForwardAt<Kinds::table.position[kind]>;
  template <std::size_t kind>
  using Block = typename S::Residual::template Block<S::dim, Attention<kind>, FeedForward<kind>, typename S::Norm>;
  using Norm = typename S::Norm::Layer;

  /// Layers of a kind, and which of them layer l is.
  static constexpr std::size_t layers_of(std::size_t kind) noexcept { return Kinds::count(kind, S::layers); }
  static constexpr std::size_t index_of(std::size_t l) noexcept { return Kinds::count(Kinds::of(l), l); }

  /// f.template operator()<kind>() for the kind of layer l.
  template <std::size_t kind = 0, class F>
  static constexpr decltype(auto) with_kind(std::size_t layer, F&& f) {
    if constexpr (kind + 1 == kinds)
      return f.template operator()<kind>();
    else
      return Kinds::of(layer) == kind ? f.template operator()<kind>() : with_kind<kind + 1>(layer, f);
  }
  template <std::size_t kind = 0, class F>
  static constexpr void for_kinds(F&& f) {
    f.template operator()<kind>();
    if constexpr (kind + 1 < kinds) for_kinds<kind + 1>(f);
  }

  // The table of T5's bias is shared by all layers, so the decoder holds it.
  template <std::size_t kind>
  using Position = typename Attention<kind>::Position;
  /// The first kind whose attention has such a bias; `kinds` if none has.
  template <std::size_t kind = 0>
  static constexpr std::size_t find_bias_kind() noexcept {
    if constexpr (BucketedPosition<Position<kind>> || kind + 1 == kinds)
      return BucketedPosition<Position<kind>> ? kind : kinds;
    else
      return find_bias_kind<kind + 1>();
  }
  static constexpr bool has_bias_table = find_bias_kind() != kinds;
  static constexpr std::size_t bias_kind = has_bias_table ? find_bias_kind() : 0;
  template <std::size_t... kind>
  static constexpr bool shares_bias_table(std::index_sequence<kind...>) noexcept {
    return ((!BucketedPosition<Position<kind>> || (std::is_same_v<Position<kind>, Position<bias_kind>> &&
                                                   Attention<kind>::heads == Attention<bias_kind>::heads)) &&
            ...);
  }
  static_assert(shares_bias_table(std::make_index_sequence<kinds>()),
                "bora: T5RelativeBias: all layers share one table; use the same heads, buckets and max_distance");
  static constexpr bool positions_learned = LearnedPosition<typename S::Position>;
  using EmbeddingScale = typename EmbeddingScaleOf<S>::type;
  static constexpr bool scales_embedding = ScalesEmbedding<EmbeddingScale>;
  static constexpr double logit_cap = LogitCapOf<S>::type::cap;  ///< 0: none

  template <class Store, std::size_t... kind>
  static auto layers_for(std::index_sequence<kind...>)
      -> std::tuple<std::array<typename Block<kind>::template Tensors<Store>, layers_of(kind)>...>;

  /// All of a model's tensors, packed or flat.
  template <class Store>
  struct Tensors {
    typename Store::Matrix embedding;
    [[no_unique_address]] PresentIf<positions_learned, typename Store::Matrix> positions{};
    [[no_unique_address]] PresentIf<has_bias_table, typename Store::Matrix> relative_bias{};
    decltype(layers_for<Store>(std::make_index_sequence<kinds>())) layers;  ///< by kind
    typename Norm::template Tensors<Store> final_norm;
    [[no_unique_address]] PresentIf<!S::tie_embeddings, typename Store::Matrix> head{};

    template <std::size_t kind>
    auto& layer(std::size_t l) noexcept {
      return std::get<kind>(layers)[index_of(l)];
    }
    template <std::size_t kind>
    const auto& layer(std::size_t l) const noexcept {
      return const_cast<Tensors*>(this)->template layer<kind>(l);
    }
    /// The head's matrix, which maps the residual stream to logits.
    const auto& output() const noexcept {
      if constexpr (S::tie_embeddings)
        return embedding;
      else
        return head;
    }
    auto& output() noexcept {
      if constexpr (S::tie_embeddings)
        return embedding;
      else
        return head;
    }
  };

  /// Names every tensor once, in the order of `Parameters`: f(TensorId, TensorShape, place.tensor...).
  template <class F, class... Place>
  static constexpr void visit(F&& f, Place&... place) {
    f(TensorId{"embedding"}, TensorShape{S::vocab_size, S::dim}, place.embedding...);
    if constexpr (positions_learned) f(TensorId{"positions"}, TensorShape{S::context, S::dim}, place.positions...);
    if constexpr (has_bias_table)
      f(TensorId{"relative_bias"}, TensorShape{Position<bias_kind>::buckets, Attention<bias_kind>::heads},
        place.relative_bias...);
    for (std::size_t l = 0; l < S::layers; ++l)
      with_kind(l, [&]<std::size_t kind>() {
        Block<kind>::visit(
            [&](TensorId id, TensorShape shape, auto&... at) {
              id.layer = l;
              f(id, shape, at...);
            },
            place.template layer<kind>(l)...);
      });
    Norm::visit("final_norm", "final_norm_bias", S::dim, f, place.final_norm...);
    if constexpr (!S::tie_embeddings) f(TensorId{"head"}, TensorShape{S::vocab_size, S::dim}, place.head...);
  }
};

}  // namespace detail
}}  // namespace bora::BORA_ABI
