/// Routers: which experts a token goes to, and with which weights; forward, saved activations, backward, and the
/// load-balancing losses.
#pragma once
#include <bora/core/random.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/layers/linear.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/tensors.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// choice [k]: the experts of the k largest logits, in descending order; ties go to the lower index. For routers.
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
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<TopKRouter> = {}) { return detail::router_description("TopKRouter", k); }
  static_assert(k > 0, "bora: TopKRouter: a token needs at least one expert");
  static constexpr std::size_t choices = k;  ///< experts per token

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
/// sum to less than one, and the router gets a gradient even for k = 1.
template <std::size_t k>
struct SoftmaxTopKRouter {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SoftmaxTopKRouter> = {}) {
    return detail::router_description("SoftmaxTopKRouter", k);
  }
  static_assert(k > 0, "bora: SoftmaxTopKRouter: a token needs at least one expert");
  static constexpr std::size_t choices = k;  ///< experts per token

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

/// A router that decides token by token from one product, the logits. Write your own: `choices` is k. `route` takes the
/// logits [experts] of a token to its choice [k], distinct experts, and their weight [k]; `backward` adds the gradient
/// to d_logits [experts], given d_weight [k]. Both are templates over float and double, and throw nothing: threads of a
/// pool call them. See docs/add_a_policy.md.
template <class R>
concept RouterPolicy = requires(const float* in, std::int32_t* choice, float* out) {
  { R::choices } -> std::convertible_to<std::size_t>;
  R::route(in, std::size_t{}, choice, out);
  R::backward(in, std::size_t{}, choice, in, in, out);
};

/// A router that can do more: it may have its own tensors, see all rows together, draw noise, behave differently in
/// training, give a token fewer experts than `choices`, and have its own losses. Its `Layer` has the members of
/// `TokenRouterLayer` below, which serves the simple routers:
///
///     Tensors<Store>, visit           its tensors
///     Kept<Store>                     what forward writes: `choice` and `weight`, [rows, choices], where a choice of
///                                     -1 is an empty slot; and what else backward reads
///     forward(lane, tensors, x, rows, context, kept)   on all lanes, which need not be synchronised at the end
///     Gradients<Store>                memory of backward
///     backward(lane, tensors, gradients, x, rows, kept, d, d_weight, dx)
///                                     adds to the gradients and to dx, from the gradient d_weight [rows, choices]
///     losses(layers, rows, options)   optional: the loss of all layers with this router, whose gradient backward adds
template <class R>
concept RouterMachine = requires {
  { R::choices } -> std::convertible_to<std::size_t>;
  typename R::template Layer<16, R::choices>;
};

/// Which load-balancing loss joins the objective. P_e is the mean over tokens of the softmax over all E experts; no
/// gradient flows through the counted shares f.
enum class BalanceLoss {
  /// Hugging Face's: the tokens of all layers in one list, f_(s,e) the share whose s-th choice is e; E * sum f P. An
  /// even router scores the number of choices.
  all_layers,
  /// Switch Transformers' (Fedus et al. 2021, eq. 4), the sum over layers: f_e the share whose most probable expert is
  /// e; E * sum f P. An even router scores 1 a layer.
  per_layer,
};

/// Context of a router's decision: its rows, layer, mode and noise.
struct RoutingContext {
  const RowPlace* places = nullptr;  ///< [rows]: the sequence and position of each row
  std::size_t layer = 0;             ///< of the model
  bool training = false;             ///< a step of training; otherwise an evaluation or a session
  std::uint64_t seed = 0;            ///< seed of the noise, different for each micro-batch of a training run

  /// Noise of a row: independent of the lane and of the other rows.
  Random noise(std::size_t row) const noexcept { return Random(seed, Random(layer).at(row)); }
};

/// Options of the routers' losses.
struct RouterLossOptions {
  BalanceLoss balance = BalanceLoss::all_layers;  ///< which load-balancing loss
  double coefficient = 0;                         ///< factor of its gradient
};

namespace detail {

/// Counts and mean probabilities of one list of tokens.
struct RouterStatistics {
  std::size_t tokens = 0;
  std::vector<double> probability;          ///< [experts], sums
  std::vector<std::vector<double>> chosen;  ///< [choices, experts], counts

  template <class Kept>
  void add(const Kept& kept, std::size_t rows, std::size_t experts, std::size_t choices) {
    probability.resize(experts);
    chosen.resize(choices, std::vector<double>(experts));
    std::vector<double> p(experts);
    for (std::size_t r = 0; r < rows; ++r) {
      softmax(experts, [&](std::size_t e) { return static_cast<double>(kept.logits.row(r)[e]); }, p.data());
      for (std::size_t e = 0; e < experts; ++e) probability[e] += p[e];
      for (std::size_t c = 0; c < choices; ++c) ++chosen[c][static_cast<std::size_t>(kept.choice.row(r)[c])];
    }
    tokens += rows;
  }
  /// E * sum over the first `choices` choices and experts of f P, and its gradient with respect to one token's P_e.
  double loss(std::size_t choices, std::vector<double>& gradient) const {
    const std::size_t experts = probability.size();
    const double n = static_cast<double>(tokens), scale = static_cast<double>(experts) / (n * n);
    double sum = 0;
    gradient.assign(experts, 0.0);
    for (std::size_t c = 0; c < choices; ++c)
      for (std::size_t e = 0; e < experts; ++e) {
        sum += chosen[c][e] * probability[e] * scale;
        gradient[e] += chosen[c][e] * scale;
      }
    return sum;
  }
};

}  // namespace detail

/// The layer of a router that decides token by token: logits = x Wᵀ, the choice of experts, and a load-balancing loss
/// over the softmax of all logits.
template <class Router, std::size_t dim, std::size_t experts>
struct TokenRouterLayer {
  static constexpr std::size_t choices = Router::choices;  ///< experts per token

  /// Its tensors.
  template <class Store>
  struct Tensors {
    typename Store::Matrix router;  ///< [experts, dim]
  };
  /// f(id, shape, place...) for each of them.
  template <class F, class... Place>
  static constexpr void visit(F&& f, Place&... place) {
    f(TensorId{"router"}, TensorShape{experts, dim}, place.router...);
  }

  /// Saved activations: written by forward, read by backward.
  template <class Store>
  struct Kept {
    using T = typename Store::Number;
    Rows<T> logits;             ///< [rows, experts]
    Rows<std::int32_t> choice;  ///< [rows, choices], by falling logit
    Rows<T> weight;             ///< [rows, choices]
    T* d_probability;           ///< [experts]: the loss's gradient by each token's probabilities, as `losses` leaves it

    /// Its memory.
    static Kept carve(Arena& arena, std::size_t rows) noexcept {
      return {take_rows<T>(arena, rows, experts), take_rows<std::int32_t>(arena, rows, choices),
              take_rows<T>(arena, rows, choices), arena.saves() ? arena.take<T>(experts) : nullptr};
    }
  };

  /// Each lane decides for its rows.
  template <class Store>
  static void forward(const Lane& lane, const Tensors<Store>& w, const typename Store::Input& x, std::size_t rows,
                      const RoutingContext&, const Kept<Store>& kept) noexcept {
    linear(lane, w.router, Absent{}, x, rows, kept.logits);
    lane.sync();
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r)
      Router::route(kept.logits.row(r), experts, kept.choice.row(r), kept.weight.row(r));
  }

  /// Memory of backward.
  template <class Store>
  struct Gradients {
    Rows<typename Store::Number> logits;  ///< [rows, experts]

    /// Cut from the arena.
    static Gradients carve(Arena& arena, std::size_t rows) noexcept {
      return {take_rows<typename Store::Number>(arena, rows, experts)};
    }
  };

  /// Adds to dx and to the router's gradient, from the gradients of the weights and of the loss.
  template <class Store, class T = typename Store::Number>
  static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                       const typename Store::Input& x, std::size_t rows, const Kept<Store>& kept,
                       const Gradients<Store>& d, Rows<const T> d_weight, Rows<T> dx) noexcept {
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r) {
      std::fill_n(d.logits.row(r), experts, T(0));
      Router::backward(kept.logits.row(r), experts, kept.choice.row(r), kept.weight.row(r), d_weight.row(r),
                       d.logits.row(r));
      add_loss_gradient(kept.logits.row(r), kept.d_probability, d.logits.row(r));
    }
    lane.sync();
    linear_backward(lane, w.router, d.logits, rows, dx);
    linear_gradient(lane, w.router, g.router, Absent{}, d.logits, x, rows);
  }

  /// The load-balancing loss of layers, without coefficient.
  template <class Store>
  static double losses(std::span<const Kept<Store>* const> layers, std::size_t rows, const RouterLossOptions& options) {
    const bool together = options.balance == BalanceLoss::all_layers;
    std::vector<detail::RouterStatistics> lists(together ? 1 : layers.size());
    for (std::size_t l = 0; l < layers.size(); ++l) lists[together ? 0 : l].add(*layers[l], rows, experts, choices);
    double sum = 0;
    std::vector<double> gradient;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (l < lists.size()) sum += lists[l].loss(together ? choices : 1, gradient);
      for (std::size_t e = 0; e < experts; ++e)
        layers[l]->d_probability[e] = static_cast<typename Store::Number>(options.coefficient * gradient[e]);
    }
    return sum;
  }

 private:
  template <class T>
  static void add_loss_gradient(const T* logits, const T* d_probability, T* d_logits) noexcept {
    if (std::all_of(d_probability, d_probability + experts, [](T g) { return g == 0; })) return;
    std::array<T, experts> probability;
    detail::softmax(experts, [&](std::size_t e) { return logits[e]; }, probability.data());
    T mean = 0;
    for (std::size_t e = 0; e < experts; ++e) mean += probability[e] * d_probability[e];
    for (std::size_t e = 0; e < experts; ++e) d_logits[e] += probability[e] * (d_probability[e] - mean);
  }
};

namespace detail {

template <class Router, std::size_t dim, std::size_t experts>
struct RouterLayerOf {
  using type = TokenRouterLayer<Router, dim, experts>;
};
template <RouterMachine Router, std::size_t dim, std::size_t experts>
struct RouterLayerOf<Router, dim, experts> {
  using type = typename Router::template Layer<dim, experts>;
};

}  // namespace detail
}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
