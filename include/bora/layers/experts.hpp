/// Mixtures of experts: dispatch to the experts that the router chose, and combination; forward, saved activations,
/// backward.
#pragma once
#include <bora/layers/buffers.hpp>
#include <bora/layers/feed_forward.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/router.hpp>
#include <bora/layers/tensors.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

namespace detail {

template <class F>
concept PlainFeedForward = requires {
  F::hidden;
  requires F::experts == 0;
};
/// 0 for types that are not a router or not a layer: a static_assert below reports them.
template <class R>
inline constexpr std::size_t choices_of = 0;
template <class R>
  requires RouterPolicy<R> || RouterMachine<R>
inline constexpr std::size_t choices_of<R> = R::choices;
template <class F>
inline constexpr std::size_t hidden_of = 0;
template <PlainFeedForward F>
inline constexpr std::size_t hidden_of<F> = F::hidden;

inline PolicyDescription mixture_description(std::size_t experts, std::size_t choices, PolicyDescription router,
                                             PolicyDescription expert) {
  PolicyDescription d("MixtureOfExperts");
  if (!router.has("experts_per_token")) router.add_fact("experts_per_token", choices);
  d.add("experts", experts);
  d.add("router", std::move(router));
  d.add("expert", std::move(expert));
  return d;
}
}  // namespace detail

/// Each token is routed to some experts, and their weighted outputs are added in the router's order (Shazeer et al.
/// 2017, eq. 1; Jiang et al. 2024, §2.1). No token is dropped unless the router leaves slots empty.
template <std::size_t experts_, class Router_ = detail::LeftOut, class Expert_ = detail::LeftOut>
struct MixtureOfExperts {
  static constexpr bool is_routed =
      RouterPolicy<Router_> || RouterMachine<Router_>;                 ///< whether the second argument is a router
  static constexpr bool is_plain = detail::PlainFeedForward<Expert_>;  ///< whether an expert is a feed-forward layer
  /// Whether the arguments are valid; the assertions below say what is wrong.
  static constexpr bool sound = is_routed && is_plain && detail::choices_of<Router_> <= experts_;
  using Router = Router_;
  using Expert = Expert_;
  static constexpr std::size_t experts = experts_;                    ///< feed-forward layers to choose from
  static constexpr std::size_t choices = detail::choices_of<Router>;  ///< experts per token
  static constexpr std::size_t hidden = detail::hidden_of<Expert>;    ///< inner width of one expert
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<MixtureOfExperts> = {}) {
    return detail::mixture_description(experts, choices, description_of<Router>(), description_of<Expert>());
  }
  static_assert(experts_ > 0, "bora: MixtureOfExperts: there must be at least one expert");
  static_assert(is_routed,
                "bora: MixtureOfExperts: first the number of experts, then the router, then what an expert is: "
                "MixtureOfExperts<8, TopKRouter<2>, SwiGlu<hidden>>; a router has choices, and route and backward or a "
                "Layer");
  static_assert(detail::choices_of<Router_> <= experts_,
                "bora: MixtureOfExperts: the router cannot choose more experts than there are");
  static_assert(is_plain || !is_routed,
                "bora: MixtureOfExperts: an expert must be a plain feed-forward layer: SwiGlu, GeGlu or Mlp");

  template <std::size_t dim>
  struct Layer {
    using One = typename Expert::template Layer<dim>;
    using Router = typename detail::RouterLayerOf<Router_, dim, experts>::type;

    template <class Store>
    struct Tensors {
      typename Router::template Tensors<Store> router;
      std::array<typename One::template Tensors<Store>, experts> expert;
    };
    template <class F, class... Place>
    static constexpr void visit(F&& f, Place&... place) {
      Router::visit(f, place.router...);
      for (std::size_t e = 0; e < experts; ++e)
        One::visit(
            [&](TensorId id, TensorShape shape, auto&... at) {
              id.expert = e;
              f(id, shape, at...);
            },
            place.expert[e]...);
    }

    template <class Store>
    struct Kept {
      using T = typename Store::Number;
      typename Router::template Kept<Store> router;
      Rows<std::uint32_t> slot;     ///< [rows, choices]: slot of that (token, choice) below
      std::uint32_t* begin;         ///< [experts + 1]: each expert's slots
      std::uint32_t* token;         ///< [rows * choices]: the token of a slot
      typename Store::Input input;  ///< [rows * choices, dim], sorted by expert
      typename One::template Kept<Store> expert;
      Rows<T> output;  ///< [rows * choices, dim]
      static constexpr bool overlays = !Store::reads_padding(dim) && bora::overlays<typename One::template Kept<Store>>;

      static Kept carve(Arena& arena, std::size_t rows) noexcept {
        Kept k;
        k.router = decltype(k.router)::carve(arena, rows);
        k.slot = take_rows<std::uint32_t>(arena, rows, choices);
        k.begin = arena.take<std::uint32_t>(experts + 1);
        k.token = arena.take<std::uint32_t>(rows * choices);
        k.expert = One::template Kept<Store>::carve(arena, rows * choices);
        const auto input = [&] { k.input = Store::take_input(arena, rows * choices, dim); };
        const auto output = [&] { k.output = take_rows<T>(arena, rows * choices, dim); };
        arena.overlay(overlays, input, output);
        return k;
      }
    };

    template <class Store>
    static Range forward(const Lane& lane, const Tensors<Store>& w, const typename Store::Input& x, std::size_t rows,
                         const RoutingContext& context, const Kept<Store>& kept,
                         Rows<typename Store::Number> y) noexcept {
      Router::template forward<Store>(lane, w.router, x, rows, context, kept.router);
      lane.sync();
      if (lane.index == 0) dispatch(rows, kept);
      lane.sync();
      gather<Store>(lane, x, kept);
      lane.sync();
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        One::expand(lane, w.expert[e], kept.input.from(first), n, kept.expert.from(first));
      });
      lane.sync();
      bool finished = false;
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        finished |= finish_input(lane, w.expert[e].down, kept.expert.from(first).inner, n);
      });
      if (finished) lane.sync();
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        One::contract(lane, w.expert[e], kept.expert.from(first), n, kept.output.from(first));
      });
      return combine(lane, rows, kept, y);
    }

    template <class Store>
    struct Gradients {
      using T = typename Store::Number;
      typename Router::template Gradients<Store> router;
      Rows<T> weight, output, input;
      typename One::template Gradients<Store> expert;
      static Gradients carve(Arena& arena, std::size_t rows) noexcept {
        return {decltype(router)::carve(arena, rows), take_rows<T>(arena, rows, choices),
                take_rows<T>(arena, rows * choices, dim), take_rows<T>(arena, rows * choices, dim),
                One::template Gradients<Store>::carve(arena, rows * choices)};
      }
    };

    template <class Store, class T = typename Store::Number>
    static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                         const typename Store::Input& x, std::size_t rows, const Kept<Store>& kept,
                         const Gradients<Store>& d, Rows<const T> dy, Rows<T> dx) noexcept {
      const Range share = lane.share(rows);
      for (std::size_t r = share.begin; r < share.end; ++r) combine_backward(r, kept, d, dy.row(r));
      lane.sync();
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        One::contract_backward(lane, w.expert[e], g.expert[e], kept.expert.from(first), n,
                               Rows<const T>(d.output.from(first)), d.expert.from(first));
      });
      clear_columns(lane, d.input, rows * choices, dim);
      lane.sync();
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        One::expand_backward(lane, w.expert[e], g.expert[e], kept.input.from(first), n, d.expert.from(first),
                             d.input.from(first));
      });
      Router::template backward<Store>(lane, w.router, g.router, x, rows, kept.router, d.router,
                                       Rows<const T>(d.weight), dx);
      const Range columns = lane_columns(lane, dim);
      for (std::size_t r = 0; r < rows; ++r)
        for_choices(kept, r, [&](std::size_t c) {
          simd::add(dx.row(r) + columns.begin, d.input.row(kept.slot.row(r)[c]) + columns.begin,
                    dx.row(r) + columns.begin, columns.size());
        });
    }

   private:
    /// f(c) for the slots of a token that are not empty.
    template <class K, class F>
    static void for_choices(const K& kept, std::size_t row, F&& f) noexcept {
      for (std::size_t c = 0; c < choices; ++c)
        if (kept.router.choice.row(row)[c] >= 0) f(c);
    }
    template <class K, class F>
    static void for_experts(const K& kept, F&& f) noexcept {
      for (std::size_t e = 0; e < experts; ++e)
        if (kept.begin[e] != kept.begin[e + 1]) f(e, kept.begin[e], kept.begin[e + 1] - kept.begin[e]);
    }

    /// Assigns each (token, choice) a slot, sorted by expert, then by token.
    template <class Store>
    static void dispatch(std::size_t rows, const Kept<Store>& kept) noexcept {
      const auto expert = [&](std::size_t r, std::size_t c) {
        return static_cast<std::size_t>(kept.router.choice.row(r)[c]);
      };
      std::fill(kept.begin, kept.begin + experts + 1, 0u);
      for (std::size_t r = 0; r < rows; ++r)
        for_choices(kept, r, [&](std::size_t c) { ++kept.begin[expert(r, c) + 1]; });
      for (std::size_t e = 0; e < experts; ++e) kept.begin[e + 1] += kept.begin[e];
      std::array<std::uint32_t, experts> next;
      std::copy_n(kept.begin, experts, next.begin());
      for (std::size_t r = 0; r < rows; ++r)
        for_choices(kept, r, [&](std::size_t c) {
          const std::uint32_t slot = next[expert(r, c)]++;
          kept.slot.row(r)[c] = slot;
          kept.token[slot] = static_cast<std::uint32_t>(r);
        });
    }
    template <class Store>
    static void gather(const Lane& lane, const typename Store::Input& x, const Kept<Store>& kept) noexcept {
      const Range share = lane.share(kept.begin[experts]);
      for (std::size_t s = share.begin; s < share.end; ++s) copy_input(x, kept.token[s], kept.input, s, dim);
    }
    /// y = sum over choices, in their order, of weight * output. Each lane computes the same columns of the experts'
    /// outputs and of y, so no barrier is needed between them.
    template <class Store>
    static Range combine(const Lane& lane, std::size_t rows, const Kept<Store>& kept,
                         Rows<typename Store::Number> y) noexcept {
      using T = typename Store::Number;
      const Range columns = lane_columns(lane, dim);
      for (std::size_t r = 0; r < rows; ++r) {
        T* out = y.row(r) + columns.begin;
        std::fill_n(out, columns.size(), T(0));
        for_choices(kept, r, [&](std::size_t c) {
          simd::add_scaled(kept.router.weight.row(r)[c], kept.output.row(kept.slot.row(r)[c]) + columns.begin, out,
                           columns.size());
        });
      }
      return columns;
    }

    /// Gradients of one token's weights and expert outputs.
    template <class Store, class T>
    static void combine_backward(std::size_t r, const Kept<Store>& kept, const Gradients<Store>& d,
                                 const T* dy) noexcept {
      std::fill_n(d.weight.row(r), choices, T(0));
      for_choices(kept, r, [&](std::size_t c) {
        const std::uint32_t slot = kept.slot.row(r)[c];
        d.weight.row(r)[c] = simd::dot(dy, kept.output.row(slot), dim);
        T* d_output = d.output.row(slot);
        std::copy_n(dy, dim, d_output);
        simd::scale(kept.router.weight.row(r)[c], d_output, dim);
      });
    }
  };
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
