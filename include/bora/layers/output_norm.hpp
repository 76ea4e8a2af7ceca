/// Residual connections with norms on the outputs of attention and feed-forward.
#pragma once
#include <bora/layers/norm.hpp>
#include <bora/layers/residual.hpp>
#include <algorithm>
#include <cstddef>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

namespace detail {
template <std::size_t dim, class Attention, class FeedForward, class Norm, class Residual>
struct OutputNormBlock;
}

/// x + norm(attention(x)), then x + norm(feed_forward(x)) (OLMo 2, "reordered norm"; Liu et al. 2022, "Swin Transformer
/// V2").
struct OutputNormResidual {
  static constexpr bool norms_input = false;  ///< whether attention and feed-forward read a norm of x
  template <std::size_t dim, class Attention, class FeedForward, class Norm>
  using Block = detail::OutputNormBlock<dim, Attention, FeedForward, Norm, OutputNormResidual>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<OutputNormResidual> = {}) {
    return PolicyDescription("OutputNormResidual");
  }
};

/// x + norm(attention(norm(x))), then x + norm(feed_forward(norm(x))): four norms a layer (Ding et al. 2021, "CogView",
/// sandwich norm; Gemma 2 and 3).
struct SandwichResidual {
  static constexpr bool norms_input = true;  ///< whether attention and feed-forward read a norm of x
  template <std::size_t dim, class Attention, class FeedForward, class Norm>
  using Block = detail::OutputNormBlock<dim, Attention, FeedForward, Norm, SandwichResidual>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SandwichResidual> = {}) { return PolicyDescription("SandwichResidual"); }
};

namespace detail {

template <std::size_t dim, class Attention_, class FeedForward_, class Norm_, class Residual>
struct OutputNormBlock {
  using Attention = typename Attention_::template Layer<dim>;
  using FeedForward = typename FeedForward_::template Layer<dim>;
  using Norm = typename Norm_::Layer;
  static constexpr bool norms_input = Residual::norms_input;

  /// The norms around attention, or around feed-forward.
  template <class Store>
  struct Norms {
    [[no_unique_address]] PresentIf<norms_input, typename Norm::template Tensors<Store>> input{};
    typename Norm::template Tensors<Store> output;
  };
  template <class Store>
  struct Tensors {
    Norms<Store> attention_norms;
    typename Attention::template Tensors<Store> attention;
    Norms<Store> feed_forward_norms;
    typename FeedForward::template Tensors<Store> feed_forward;
  };
  template <class F, class... Place>
  static constexpr void visit(F&& f, Place&... place) {
    if constexpr (norms_input)
      Norm::visit("attention_norm", "attention_norm_bias", dim, f, place.attention_norms.input...);
    Attention::visit(f, place.attention...);
    Norm::visit("attention_output_norm", "attention_output_norm_bias", dim, f, place.attention_norms.output...);
    if constexpr (norms_input)
      Norm::visit("feed_forward_norm", "feed_forward_norm_bias", dim, f, place.feed_forward_norms.input...);
    FeedForward::visit(f, place.feed_forward...);
    Norm::visit("feed_forward_output_norm", "feed_forward_output_norm_bias", dim, f,
                place.feed_forward_norms.output...);
  }

  /// What the norms save, and the rows that they read and write.
  template <class Store>
  struct KeptNorms {
    using T = typename Store::Number;
    using Statistics = typename Norm::template Statistics<T>;
    typename Store::Input input;  ///< of attention or feed-forward
    Statistics *input_statistics, *output_statistics;
    Rows<T> output;  ///< of attention or feed-forward, before its norm; separate memory only if saved

    static KeptNorms carve(Arena& arena, std::size_t rows) noexcept {
      return {Store::take_input(arena, rows, dim), arena.take<Statistics>(rows), arena.take<Statistics>(rows),
              arena.saves() ? take_rows<T>(arena, rows, dim) : Rows<T>{}};
    }
  };
  template <class Store>
  struct Kept {
    using T = typename Store::Number;
    KeptNorms<Store> attention_norms, feed_forward_norms;
    typename Attention::template Kept<Store> attention;
    Rows<T> middle;  ///< the residual stream between the two; separate memory only if saved
    typename FeedForward::template Kept<Store> feed_forward;
    static constexpr bool overlays =
        !Store::reads_padding(dim) && bora::overlays<decltype(attention)> && bora::overlays<decltype(feed_forward)>;

    static Kept carve(Arena& arena, std::size_t rows) noexcept {
      Kept k;
      k.attention_norms = KeptNorms<Store>::carve(arena, rows);
      k.feed_forward_norms = arena.saves() ? KeptNorms<Store>::carve(arena, rows) : k.attention_norms;
      k.middle = arena.saves() ? take_rows<T>(arena, rows, dim) : Rows<T>{};
      arena.overlay(
          overlays, [&] { k.attention = decltype(k.attention)::carve(arena, rows); },
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
    const Rows<T> middle = kept.middle.data != nullptr ? kept.middle : out;
    const auto raw = [&](const KeptNorms<Store>& norms) {
      return norms.output.data != nullptr ? norms.output : scratch.first;
    };
    begin<Attention, Store>(lane, w.attention_norms, w.attention, x, rows, kept.attention_norms);
    lane.sync();
    Attention::template forward<Store>(lane, w.attention, kept.attention_norms.input, context, kept.attention,
                                       raw(kept.attention_norms));
    lane.sync();
    end<Store>(lane, w.attention_norms, x, raw(kept.attention_norms), rows, kept.attention_norms, scratch, middle);
    begin<FeedForward, Store>(lane, w.feed_forward_norms, w.feed_forward, Rows<const T>(middle), rows,
                              kept.feed_forward_norms);  // the rows that this lane has written
    lane.sync();
    feed_forward<Store>(lane, w, rows, routing, kept, raw(kept.feed_forward_norms));
    lane.sync();
    end<Store>(lane, w.feed_forward_norms, Rows<const T>(middle), raw(kept.feed_forward_norms), rows,
               kept.feed_forward_norms, scratch, out);
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
    const Rows<T> d_output = scratch.first, d_input = scratch.second;
    end_backward<Store>(lane, w.feed_forward_norms, g.feed_forward_norms, rows, kept.feed_forward_norms, dx, scratch);
    FeedForward::template backward<Store>(lane, w.feed_forward, g.feed_forward, kept.feed_forward_norms.input, rows,
                                          kept.feed_forward, d.feed_forward, Rows<const T>(d_output), d_input);
    begin_backward<Store>(lane, w.feed_forward_norms, g.feed_forward_norms, Rows<const T>(kept.middle), rows,
                          kept.feed_forward_norms, d_input, dx);
    end_backward<Store>(lane, w.attention_norms, g.attention_norms, rows, kept.attention_norms, dx, scratch);
    Attention::template backward<Store>(lane, w.attention, g.attention, kept.attention_norms.input, context,
                                        kept.attention, d.attention, Rows<const T>(d_output), d_bias, d_input);
    begin_backward<Store>(lane, w.attention_norms, g.attention_norms, x, rows, kept.attention_norms, d_input, dx);
  }

 private:
  /// Writes this lane's rows of the input of attention or feed-forward: x or its norm.
  template <class Layer, class Store, class LayerTensors, class T>
  static void begin(const Lane& lane, const Norms<Store>& w, const LayerTensors& layer, Rows<const T> x,
                    std::size_t rows, const KeptNorms<Store>& kept) noexcept {
    const Range share = lane.share(rows);
    if constexpr (norms_input)
      Norm::template forward<Store>(lane, w.input, x, rows, dim, kept.input, kept.input_statistics);
    else
      for (std::size_t r = share.begin; r < share.end; ++r) simd::round_row(x.row(r), kept.input.row(r), dim);
    prepare_rows<Layer>(lane, layer, kept.input, rows, dim);
  }
  /// out = x + norm(raw) on this lane's rows; out may be x.
  template <class Store, class T>
  static void end(const Lane& lane, const Norms<Store>& w, Rows<const T> x, Rows<T> raw, std::size_t rows,
                  const KeptNorms<Store>& kept, const BlockScratch<T>& scratch, Rows<T> out) noexcept {
    Norm::template forward<Store, Rows<T>>(lane, w.output, raw, rows, dim, scratch.first, kept.output_statistics);
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r) simd::add(x.row(r), scratch.first.row(r), out.row(r), dim);
  }
  /// scratch.first = the gradient of what the output's norm reads, from dx; scratch.second = 0. Ends with a barrier.
  template <class Store, class T>
  static void end_backward(const Lane& lane, const Norms<Store>& w, const Norms<Flat<T>>& g, std::size_t rows,
                           const KeptNorms<Store>& kept, Rows<T> dx, const BlockScratch<T>& scratch) noexcept {
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r) {
      std::fill_n(scratch.first.row(r), dim, T(0));
      std::fill_n(scratch.second.row(r), dim, T(0));
    }
    Norm::template backward<Store, T>(lane, w.output, g.output, kept.output, rows, dim, kept.output_statistics, dx,
                                      scratch.first);
    lane.sync();
  }
  /// dx += the gradient with respect to x, from that of the input. Begins and ends with a barrier.
  template <class Store, class T>
  static void begin_backward(const Lane& lane, const Norms<Store>& w, const Norms<Flat<T>>& g, Rows<const T> x,
                             std::size_t rows, const KeptNorms<Store>& kept, Rows<T> d_input, Rows<T> dx) noexcept {
    lane.sync();
    const Range share = lane.share(rows);
    if constexpr (norms_input)
      Norm::template backward<Store, T>(lane, w.input, g.input, x, rows, dim, kept.input_statistics, d_input, dx);
    else
      for (std::size_t r = share.begin; r < share.end; ++r) simd::add(dx.row(r), d_input.row(r), dx.row(r), dim);
    lane.sync();
  }
  /// Passes the routing context to layers that have a router.
  template <class Store, class T>
  static void feed_forward(const Lane& lane, const Tensors<Store>& w, std::size_t rows, const RoutingContext& routing,
                           const Kept<Store>& kept, Rows<T> y) noexcept {
    const auto& input = kept.feed_forward_norms.input;
    if constexpr (FeedForward_::experts > 0)
      FeedForward::template forward<Store>(lane, w.feed_forward, input, rows, routing, kept.feed_forward, y);
    else
      FeedForward::template forward<Store>(lane, w.feed_forward, input, rows, kept.feed_forward, y);
  }
};

}  // namespace detail
}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
