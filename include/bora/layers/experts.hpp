/// Mixtures of experts: routers, dispatch, combination; forward, what it keeps, backward.
#pragma once
#include <bora/layers/buffers.hpp>
#include <bora/layers/feed_forward.hpp>
#include <bora/layers/linear.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/tensors.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// choice [k]: the experts of the k largest logits, falling; ties go to the lower index. For routers.
template <class T>
void choose_largest(const T* logits, std::size_t experts, std::size_t k, std::int32_t* choice) noexcept {
  for (std::size_t c = 0; c < k; ++c) {
    std::int32_t best = -1;
    for (std::size_t e = 0; e < experts; ++e) {
      if (std::find(choice, choice + c, static_cast<std::int32_t>(e)) != choice + c) continue;
      if (best < 0 || logits[e] > logits[best]) best = static_cast<std::int32_t>(e);
    }
    choice[c] = best;
  }
}

namespace detail {

inline PolicyDescription router_description(std::string_view name, std::size_t choices) {
  PolicyDescription d(name);
  d.add("experts_per_token", choices);
  return d;
}

/// Softmax of `score(i)`, i = 0 .. n - 1, into weight.
template <class T, class Score>
void softmax(std::size_t n, Score&& score, T* weight) noexcept {
  T largest = score(0), sum = 0;
  for (std::size_t i = 1; i < n; ++i) largest = std::max(largest, score(i));
  for (std::size_t i = 0; i < n; ++i) sum += weight[i] = std::exp(score(i) - largest);
  for (std::size_t i = 0; i < n; ++i) weight[i] /= sum;
}

}  // namespace detail

/// Mixtral's router (Jiang et al. 2024, §2.1): softmax over the logits of the k chosen experts only. The same, but for
/// rounding, as a softmax over all experts renormalised over the chosen.
template <std::size_t k>
struct TopKRouter {
  /// Itself as a description: name and arguments.
  static PolicyDescription describe(Described<TopKRouter> = {}) { return detail::router_description("TopKRouter", k); }
  static_assert(k > 0, "bora: TopKRouter: a token needs at least one expert");
  static constexpr std::size_t choices = k;  ///< experts a token goes to

  /// logits [experts] of a token to choice [k], and weight [k] in the same order.
  template <class T>
  static void route(const T* logits, std::size_t experts, std::int32_t* choice, T* weight) noexcept {
    choose_largest(logits, experts, k, choice);
    detail::softmax(k, [&](std::size_t c) { return logits[choice[c]]; }, weight);
  }
  /// d_logits [experts] += the gradient, given d_weight [k], that of the weights.
  template <class T>
  static void backward(const T*, std::size_t, const std::int32_t* choice, const T* weight, const T* d_weight,
                       T* d_logits) noexcept {
    T mean = 0;
    for (std::size_t c = 0; c < k; ++c) mean += weight[c] * d_weight[c];
    for (std::size_t c = 0; c < k; ++c) d_logits[choice[c]] += weight[c] * (d_weight[c] - mean);
  }
};

/// Softmax over all experts, then the k largest, not renormalised (Switch Transformers for k = 1, OLMoE): the weights
/// sum to less than one, and even a single choice has a gradient.
template <std::size_t k>
struct SoftmaxTopKRouter {
  /// Itself as a description: name and arguments.
  static PolicyDescription describe(Described<SoftmaxTopKRouter> = {}) {
    return detail::router_description("SoftmaxTopKRouter", k);
  }
  static_assert(k > 0, "bora: SoftmaxTopKRouter: a token needs at least one expert");
  static constexpr std::size_t choices = k;  ///< experts a token goes to

  /// Sum of exponentials relative to the largest logit.
  template <class T>
  static T normaliser(const T* logits, std::size_t experts, T largest) noexcept {
    T sum = 0;
    for (std::size_t e = 0; e < experts; ++e) sum += std::exp(logits[e] - largest);
    return sum;
  }
  /// logits [experts] of a token to choice [k], and weight [k] in the same order.
  template <class T>
  static void route(const T* logits, std::size_t experts, std::int32_t* choice, T* weight) noexcept {
    choose_largest(logits, experts, k, choice);
    const T largest = logits[choice[0]], sum = normaliser(logits, experts, largest);
    for (std::size_t c = 0; c < k; ++c) weight[c] = std::exp(logits[choice[c]] - largest) / sum;
  }
  /// d_logits [experts] += the gradient, given d_weight [k], that of the weights.
  template <class T>
  static void backward(const T* logits, std::size_t experts, const std::int32_t* choice, const T* weight,
                       const T* d_weight, T* d_logits) noexcept {
    const T largest = logits[choice[0]], sum = normaliser(logits, experts, largest);
    T mean = 0;
    for (std::size_t c = 0; c < k; ++c) mean += weight[c] * d_weight[c];
    for (std::size_t e = 0; e < experts; ++e) d_logits[e] -= std::exp(logits[e] - largest) / sum * mean;
    for (std::size_t c = 0; c < k; ++c) d_logits[choice[c]] += weight[c] * d_weight[c];
  }
};

/// Write your own: `choices` is k. `route` takes the logits [experts] of a token to its choice [k], distinct experts,
/// and their weight [k]; `backward` adds to d_logits [experts] what d_weight [k] amounts to. Both are templates over
/// float and double, and throw nothing: threads of a pool call them. See docs/add_a_policy.md.
template <class R>
concept RouterPolicy = requires(const float* in, std::int32_t* choice, float* out) {
  { R::choices } -> std::convertible_to<std::size_t>;
  R::route(in, std::size_t{}, choice, out);
  R::backward(in, std::size_t{}, choice, in, in, out);
};

namespace detail {

template <class F>
concept PlainFeedForward = requires {
  F::hidden;
  requires F::experts == 0;
};
/// 0 for what is no router, or no layer: that is said elsewhere.
template <class R>
inline constexpr std::size_t choices_of = 0;
template <RouterPolicy R>
inline constexpr std::size_t choices_of<R> = R::choices;
template <class F>
inline constexpr std::size_t hidden_of = 0;
template <PlainFeedForward F>
inline constexpr std::size_t hidden_of<F> = F::hidden;

}  // namespace detail

/// The gradient of a load-balancing loss with respect to each expert's mean probability, per token: [experts], or
/// null for none. The same for all tokens of a layer, since no gradient flows through the counted shares.
template <class T>
struct BalanceGradient {
  const T* probability = nullptr;  ///< [experts]; null: no loss
};

namespace detail {
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

/// Each token goes to the router's choice of experts, and their outputs are added in the order of choice, weighted
/// (Shazeer et al. 2017, eq. 1; Jiang et al. 2024, §2.1). No token is dropped.
template <std::size_t experts_, class Router_ = detail::LeftOut, class Expert_ = detail::LeftOut>
struct MixtureOfExperts {
  static constexpr bool is_routed = RouterPolicy<Router_>;  ///< whether a router stands in the router's place
  static constexpr bool is_plain = detail::PlainFeedForward<Expert_>;  ///< whether an expert is a feed-forward layer
  /// Whether a model can be made of it; what is wrong otherwise is said below.
  static constexpr bool sound = is_routed && is_plain && detail::choices_of<Router_> <= experts_;
  using Router = Router_;
  using Expert = Expert_;
  static constexpr std::size_t experts = experts_;                    ///< feed-forward layers to choose from
  static constexpr std::size_t choices = detail::choices_of<Router>;  ///< experts a token goes to
  static constexpr std::size_t hidden = detail::hidden_of<Expert>;    ///< inner width of one expert
  /// Itself as a description: name and arguments.
  static PolicyDescription describe(Described<MixtureOfExperts> = {}) {
    return detail::mixture_description(experts, choices, description_of<Router>(), description_of<Expert>());
  }
  static_assert(experts_ > 0, "bora: MixtureOfExperts: there must be at least one expert");
  static_assert(is_routed,
                "bora: MixtureOfExperts: first the number of experts, then the router, then what an expert is: "
                "MixtureOfExperts<8, TopKRouter<2>, SwiGlu<hidden>>; a router has choices, route and backward");
  static_assert(detail::choices_of<Router_> <= experts_,
                "bora: MixtureOfExperts: the router cannot choose more experts than there are");
  static_assert(is_plain || !is_routed,
                "bora: MixtureOfExperts: an expert must be a plain feed-forward layer: SwiGlu, GeGlu or Mlp");

  template <std::size_t dim>
  struct Layer {
    using One = typename Expert::template Layer<dim>;

    template <class Store>
    struct Tensors {
      typename Store::Matrix router;
      std::array<typename One::template Tensors<Store>, experts> expert;
    };
    template <class F, class... Place>
    static constexpr void visit(F&& f, Place&... place) {
      f(TensorId{"router"}, TensorShape{experts, dim}, place.router...);
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
      Rows<T> logits;               ///< [rows, experts]
      Rows<std::int32_t> choice;    ///< [rows, choices], by falling logit
      Rows<T> weight;               ///< [rows, choices]
      Rows<std::uint32_t> slot;     ///< [rows, choices]: where that (token, choice) stands below
      std::uint32_t* begin;         ///< [experts + 1]: each expert's slots
      std::uint32_t* token;         ///< [rows * choices]: the token of a slot
      typename Store::Input input;  ///< [rows * choices, dim], sorted by expert
      typename One::template Kept<Store> expert;
      Rows<T> output;  ///< [rows * choices, dim]
      static constexpr bool overlays = !Store::reads_padding(dim) && bora::overlays<typename One::template Kept<Store>>;

      static Kept carve(Arena& arena, std::size_t rows) noexcept {
        Kept k;
        k.logits = take_rows<T>(arena, rows, experts);
        k.choice = take_rows<std::int32_t>(arena, rows, choices);
        k.weight = take_rows<T>(arena, rows, choices);
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
                         const Kept<Store>& kept, Rows<typename Store::Number> y) noexcept {
      linear(lane, w.router, Absent{}, x, rows, kept.logits);
      lane.sync();
      if (lane.index == 0) dispatch(rows, kept);
      lane.sync();
      gather<Store>(lane, x, rows, kept);
      lane.sync();
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        One::expand(lane, w.expert[e], kept.input.from(first), n, kept.expert.from(first));
      });
      lane.sync();
      for_experts(kept, [&](std::size_t e, std::size_t first, std::size_t n) {
        One::contract(lane, w.expert[e], kept.expert.from(first), n, kept.output.from(first));
      });
      return combine(lane, rows, kept, y);
    }

    template <class Store>
    struct Gradients {
      using T = typename Store::Number;
      Rows<T> logits, weight, output, input;
      typename One::template Gradients<Store> expert;
      static Gradients carve(Arena& arena, std::size_t rows) noexcept {
        return {take_rows<T>(arena, rows, experts), take_rows<T>(arena, rows, choices),
                take_rows<T>(arena, rows * choices, dim), take_rows<T>(arena, rows * choices, dim),
                One::template Gradients<Store>::carve(arena, rows * choices)};
      }
    };

    template <class Store, class T = typename Store::Number>
    static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                         const typename Store::Input& x, std::size_t rows, const Kept<Store>& kept,
                         const Gradients<Store>& d, const BalanceGradient<T>& balance, Rows<const T> dy,
                         Rows<T> dx) noexcept {
      const Range share = lane.share(rows);
      for (std::size_t r = share.begin; r < share.end; ++r) route_backward(r, kept, d, balance, dy.row(r));
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
      linear_backward(lane, w.router, d.logits, rows, dx);
      linear_gradient(lane, w.router, g.router, Absent{}, d.logits, x, rows);
      const Range columns = lane_columns(lane, dim);
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < choices; ++c)
          simd::add(dx.row(r) + columns.begin, d.input.row(kept.slot.row(r)[c]) + columns.begin,
                    dx.row(r) + columns.begin, columns.size());
    }

   private:
    template <class K, class F>
    static void for_experts(const K& kept, F&& f) noexcept {
      for (std::size_t e = 0; e < experts; ++e)
        if (kept.begin[e] != kept.begin[e + 1]) f(e, kept.begin[e], kept.begin[e + 1] - kept.begin[e]);
    }

    /// Routes all rows and gives each (token, choice) a slot: by expert, then by token.
    template <class Store>
    static void dispatch(std::size_t rows, const Kept<Store>& kept) noexcept {
      std::fill(kept.begin, kept.begin + experts + 1, 0u);
      for (std::size_t r = 0; r < rows; ++r) {
        Router::route(kept.logits.row(r), experts, kept.choice.row(r), kept.weight.row(r));
        for (std::size_t c = 0; c < choices; ++c) ++kept.begin[kept.choice.row(r)[c] + 1];
      }
      for (std::size_t e = 0; e < experts; ++e) kept.begin[e + 1] += kept.begin[e];
      std::array<std::uint32_t, experts> next;
      std::copy_n(kept.begin, experts, next.begin());
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < choices; ++c) {
          const std::uint32_t slot = next[static_cast<std::size_t>(kept.choice.row(r)[c])]++;
          kept.slot.row(r)[c] = slot;
          kept.token[slot] = static_cast<std::uint32_t>(r);
        }
    }
    template <class Store>
    static void gather(const Lane& lane, const typename Store::Input& x, std::size_t rows,
                       const Kept<Store>& kept) noexcept {
      const Range share = lane.share(rows * choices);
      for (std::size_t s = share.begin; s < share.end; ++s) copy_input(x, kept.token[s], kept.input, s, dim);
    }
    /// y = sum over choices, in their order, of weight * output. An expert's outputs and y share their columns with
    /// the lane, so no barrier is needed between.
    template <class Store>
    static Range combine(const Lane& lane, std::size_t rows, const Kept<Store>& kept,
                         Rows<typename Store::Number> y) noexcept {
      using T = typename Store::Number;
      const Range columns = lane_columns(lane, dim);
      for (std::size_t r = 0; r < rows; ++r) {
        T* out = y.row(r) + columns.begin;
        std::fill_n(out, columns.size(), T(0));
        for (std::size_t c = 0; c < choices; ++c)
          simd::add_scaled(kept.weight.row(r)[c], kept.output.row(kept.slot.row(r)[c]) + columns.begin, out,
                           columns.size());
      }
      return columns;
    }

    /// Gradients of one token's weights, logits and expert outputs.
    template <class Store, class T>
    static void route_backward(std::size_t r, const Kept<Store>& kept, const Gradients<Store>& d,
                               const BalanceGradient<T>& balance, const T* dy) noexcept {
      for (std::size_t c = 0; c < choices; ++c) {
        const std::uint32_t slot = kept.slot.row(r)[c];
        d.weight.row(r)[c] = simd::dot(dy, kept.output.row(slot), dim);
        T* d_output = d.output.row(slot);
        std::copy_n(dy, dim, d_output);
        simd::scale(kept.weight.row(r)[c], d_output, dim);
      }
      const T* logits = kept.logits.row(r);
      T* d_logits = d.logits.row(r);
      std::fill_n(d_logits, experts, T(0));
      Router::backward(logits, experts, kept.choice.row(r), kept.weight.row(r), d.weight.row(r), d_logits);
      if (balance.probability == nullptr) return;
      std::array<T, experts> probability;
      detail::softmax(experts, [&](std::size_t e) { return logits[e]; }, probability.data());
      T mean = 0;
      for (std::size_t e = 0; e < experts; ++e) mean += probability[e] * balance.probability[e];
      for (std::size_t e = 0; e < experts; ++e) d_logits[e] += probability[e] * (balance.probability[e] - mean);
    }
  };
};

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
