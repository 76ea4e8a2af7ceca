/// Residual connections: how attention and feed-forward are added to the residual stream.
#pragma once
#include <bora/layers/attention.hpp>
#include <bora/layers/experts.hpp>
#include <bora/layers/feed_forward.hpp>
#include <bora/layers/norm.hpp>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

namespace detail {
template <std::size_t dim, class Attention, class FeedForward, class Norm, class Residual>
struct ResidualBlock;
}

/// x + attention(norm(x)), then x + feed_forward(norm(x)): pre-norm, one after the other.
struct SequentialResidual {
  static constexpr bool parallel = false;     ///< whether attention and feed-forward read the same x
  static constexpr bool shared_norm = false;  ///< whether they read one norm of it
  template <std::size_t dim, class Attention, class FeedForward, class Norm>
  using Block = detail::ResidualBlock<dim, Attention, FeedForward, Norm, SequentialResidual>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SequentialResidual> = {}) {
    return PolicyDescription("SequentialResidual");
  }
};

/// Attention and feed-forward read one norm of x (Falcon-7B).
struct SharedNorm {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SharedNorm> = {}) { return PolicyDescription("SharedNorm"); }
};
/// Each has its own norm of the same x (GPT-NeoX).
struct SeparateNorms {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SeparateNorms> = {}) { return PolicyDescription("SeparateNorms"); }
};

/// x + attention(norm(x)) + feed_forward(norm(x)): both read the same x.
template <class Norms>
struct ParallelResidual {
  /// Whether attention and feed-forward read the same x.
  static constexpr bool parallel = true;                                  ///< both read the same x
  static constexpr bool shared_norm = std::is_same_v<Norms, SharedNorm>;  ///< by one norm
  template <std::size_t dim, class Attention, class FeedForward, class Norm>
  using Block = detail::ResidualBlock<dim, Attention, FeedForward, Norm, ParallelResidual>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<ParallelResidual> = {}) {
    PolicyDescription d("ParallelResidual");
    d.add("norms", description_of<Norms>());
    return d;
  }
  static_assert(std::is_same_v<Norms, SharedNorm> || std::is_same_v<Norms, SeparateNorms>,
                "bora: ParallelResidual: say SharedNorm or SeparateNorms");
};

namespace detail {
/// Takes what `ResidualPolicy` asks for.
template <template <std::size_t, class, class, class> class>
struct BlockTemplate;
}  // namespace detail

/// A type with a nested `Block<dim, Attention, FeedForward, Norm>`, the implementation of a whole layer: its Tensors,
/// visit, Kept, Gradients, forward and backward, as `detail::ResidualBlock` has them.
template <class R>
concept ResidualPolicy = sizeof(R) > 0 && requires { typename detail::BlockTemplate<R::template Block>; };

template <class... Kinds>
struct Layers;

/// Whether P is `Layers<…>`.
template <class P>
inline constexpr bool is_pattern = false;
template <class... Kinds>
inline constexpr bool is_pattern<Layers<Kinds...>> = true;

/// A pattern that the layers of a model repeat: of `Layers<A, A, A, B>` layers 3, 7, 11, … are B, all others A. For the
/// attention or the feed-forward of a spec; the two may repeat after different numbers of layers.
template <class... Kinds>
struct Layers {
  static_assert(sizeof...(Kinds) > 0, "bora: Layers: a pattern has at least one kind of layer");
  static_assert(!(is_pattern<Kinds> || ...),
                "bora: Layers: a pattern (Layers or Alternate) is of kinds of layers; patterns cannot be nested");
};

/// Layer 0 is A, layer 1 is B, layer 2 is A, … (GLaM's experts in every other layer; alternating windows).
template <class A, class B>
using Alternate = Layers<A, B>;

namespace detail {

/// Temporary rows of the model's width for forward and backward; not saved by any layer.
template <class T>
struct BlockScratch {
  Rows<T> first, second;  ///< the second in backward only
  static BlockScratch carve(Arena& arena, std::size_t rows, std::size_t dim) noexcept {
    return {take_rows<T>(arena, rows, dim), arena.saves() ? take_rows<T>(arena, rows, dim) : Rows<T>{}};
  }
};

template <std::size_t dim, class Attention_, class FeedForward_, class Norm_, class Residual>
struct ResidualBlock {
  using Attention = typename Attention_::template Layer<dim>;
  using FeedForward = typename FeedForward_::template Layer<dim>;
  using Norm = typename Norm_::Layer;
  static constexpr bool parallel = Residual::parallel, shared_norm = Residual::shared_norm;

  template <class Store>
  struct Tensors {
    typename Norm::template Tensors<Store> attention_norm;
    typename Attention::template Tensors<Store> attention;
    [[no_unique_address]] PresentIf<!shared_norm, typename Norm::template Tensors<Store>> feed_forward_norm{};
    typename FeedForward::template Tensors<Store> feed_forward;
  };
  template <class F, class... Place>
  static constexpr void visit(F&& f, Place&... place) {
    Norm::visit("attention_norm", "attention_norm_bias", dim, f, place.attention_norm...);
    Attention::visit(f, place.attention...);
    if constexpr (!shared_norm)
      Norm::visit("feed_forward_norm", "feed_forward_norm_bias", dim, f, place.feed_forward_norm...);
    FeedForward::visit(f, place.feed_forward...);
  }

  template <class Store>
  struct Kept {
    using T = typename Store::Number;
    using Statistics = typename Norm::template Statistics<T>;
    typename Store::Input attention_input, feed_forward_input;  ///< the norms' outputs
    Statistics *attention_statistics, *feed_forward_statistics;
    typename Attention::template Kept<Store> attention;
    Rows<T> middle;  ///< the residual stream between the two, if sequential; separate memory only if saved
    typename FeedForward::template Kept<Store> feed_forward;
    static constexpr bool overlays =
        !Store::reads_padding(dim) && bora::overlays<decltype(attention)> && bora::overlays<decltype(feed_forward)>;

    static Kept carve(Arena& arena, std::size_t rows) noexcept {
      const bool one_input = shared_norm || (!parallel && !arena.saves());
      Kept k;
      k.attention_input = Store::take_input(arena, rows, dim);
      k.feed_forward_input = one_input ? k.attention_input : Store::take_input(arena, rows, dim);
      k.attention_statistics = arena.take<Statistics>(rows);
      k.feed_forward_statistics = one_input ? k.attention_statistics : arena.take<Statistics>(rows);
      k.middle = parallel || !arena.saves() ? Rows<T>{} : take_rows<T>(arena, rows, dim);
      // If parallel, a lane may begin feed-forward while others are still in attention.
      arena.overlay(
          overlays && !parallel, [&] { k.attention = decltype(k.attention)::carve(arena, rows); },
          [&] { k.feed_forward = decltype(k.feed_forward)::carve(arena, rows); });
      return k;
    }
  };

  /// out = block(x); out may be x. Ends with a barrier.
  template <class Store, CacheFormat E, class T = typename Store::Number>
  static void forward(const Lane& lane, const Tensors<Store>& w, Rows<const T> x, const AttentionContext<T, E>& context,
                      const RoutingContext& routing, const Kept<Store>& kept, const BlockScratch<T>& scratch,
                      Rows<T> out) noexcept {
    const std::size_t rows = context.rows;
    Norm::template forward<Store>(lane, w.attention_norm, x, rows, dim, kept.attention_input,
                                  kept.attention_statistics);
    prepare_rows<Attention>(lane, w.attention, kept.attention_input, rows, dim);
    if constexpr (parallel) {
      if constexpr (!shared_norm)
        Norm::template forward<Store>(lane, w.feed_forward_norm, x, rows, dim, kept.feed_forward_input,
                                      kept.feed_forward_statistics);
      prepare_rows<FeedForward>(lane, w.feed_forward, kept.feed_forward_input, rows, dim);
      lane.sync();
      const Range columns = Attention::template forward<Store>(lane, w.attention, kept.attention_input, context,
                                                               kept.attention, scratch.first);
      add_columns(columns, x, scratch.first, rows, out);
      feed_forward<Store>(lane, w, rows, routing, kept, scratch.first);
      add_columns(columns, out, scratch.first, rows, out);
    } else {
      const Rows<T> middle = kept.middle.data != nullptr ? kept.middle : out;
      lane.sync();
      const Range columns = Attention::template forward<Store>(lane, w.attention, kept.attention_input, context,
                                                               kept.attention, scratch.first);
      add_columns(columns, x, scratch.first, rows, middle);
      lane.sync();
      Norm::template forward<Store>(lane, w.feed_forward_norm, middle, rows, dim, kept.feed_forward_input,
                                    kept.feed_forward_statistics);
      prepare_rows<FeedForward>(lane, w.feed_forward, kept.feed_forward_input, rows, dim);
      lane.sync();
      feed_forward<Store>(lane, w, rows, routing, kept, scratch.first);
      add_columns(columns, middle, scratch.first, rows, out);
    }
    lane.sync();
  }

  template <class Store>
  struct Gradients {
    typename Attention::template Gradients<Store> attention;
    typename FeedForward::template Gradients<Store> feed_forward;
    static Gradients carve(Arena& arena, std::size_t rows) noexcept {
      return {decltype(attention)::carve(arena, rows), decltype(feed_forward)::carve(arena, rows)};
    }
  };

  /// dx, on entry the gradient of the block's output, becomes that of its input x. Lanes must be synchronised at the
  /// start, and are at the end.
  template <class Store, CacheFormat E, class T = typename Store::Number>
  static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g, Rows<const T> x,
                       const AttentionContext<T, E>& context, const Kept<Store>& kept, const Gradients<Store>& d,
                       T* d_bias, const BlockScratch<T>& scratch, Rows<T> dx) noexcept {
    const std::size_t rows = context.rows;
    const Rows<T> d_attention = scratch.first, d_feed_forward = shared_norm ? scratch.first : scratch.second;
    clear_columns(lane, d_attention, rows, dim);
    if constexpr (!shared_norm) clear_columns(lane, d_feed_forward, rows, dim);
    FeedForward::template backward<Store>(lane, w.feed_forward, g.feed_forward, kept.feed_forward_input, rows,
                                          kept.feed_forward, d.feed_forward, Rows<const T>(dx), d_feed_forward);
    if constexpr (!parallel) {
      lane.sync();
      Norm::template backward<Store, T>(lane, w.feed_forward_norm, g.feed_forward_norm, kept.middle, rows, dim,
                                        kept.feed_forward_statistics, d_feed_forward, dx);
      lane.sync();
    }
    Attention::template backward<Store>(lane, w.attention, g.attention, kept.attention_input, context, kept.attention,
                                        d.attention, Rows<const T>(dx), d_bias, d_attention);
    lane.sync();
    if constexpr (parallel && !shared_norm)
      Norm::template backward<Store, T>(lane, w.feed_forward_norm, g.feed_forward_norm, x, rows, dim,
                                        kept.feed_forward_statistics, d_feed_forward, dx);
    Norm::template backward<Store, T>(lane, w.attention_norm, g.attention_norm, x, rows, dim, kept.attention_statistics,
                                      d_attention, dx);
    lane.sync();
  }

 private:
  /// Passes the routing context to layers that have a router.
  template <class Store, class T>
  static void feed_forward(const Lane& lane, const Tensors<Store>& w, std::size_t rows, const RoutingContext& routing,
                           const Kept<Store>& kept, Rows<T> y) noexcept {
    if constexpr (FeedForward_::experts > 0)
      FeedForward::template forward<Store>(lane, w.feed_forward, kept.feed_forward_input, rows, routing,
                                           kept.feed_forward, y);
    else
      FeedForward::template forward<Store>(lane, w.feed_forward, kept.feed_forward_input, rows, kept.feed_forward, y);
  }
  template <class T>
  static void add_columns(Range columns, Rows<const T> a, Rows<const T> b, std::size_t rows, Rows<T> out) noexcept {
    for (std::size_t r = 0; r < rows; ++r)
      simd::add(a.row(r) + columns.begin, b.row(r) + columns.begin, out.row(r) + columns.begin, columns.size());
  }
  template <class T>
  static void add_columns(Range columns, Rows<T> a, Rows<T> b, std::size_t rows, Rows<T> out) noexcept {
    add_columns(columns, Rows<const T>(a), Rows<const T>(b), rows, out);
  }
  template <class T>
  static void add_columns(Range columns, Rows<const T> a, Rows<T> b, std::size_t rows, Rows<T> out) noexcept {
    add_columns(columns, a, Rows<const T>(b), rows, out);
  }
};

}  // namespace detail
}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
