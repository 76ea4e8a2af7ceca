/// Load-balancing losses of mixtures of experts, over what the routers of a forward decided.
#pragma once
#include <bora/model/forward.hpp>
#include <cstddef>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

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

namespace detail {

/// Counts and mean probabilities of one list of tokens.
struct RouterStatistics {
  std::size_t tokens = 0;
  std::vector<double> probability;          ///< [experts], sums
  std::vector<std::vector<double>> chosen;  ///< [choices, experts], counts

  template <class Layer, class Kept>
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

/// The load-balancing losses of the last forward that kept everything.
template <ModelSpec S, WeightFormat F>
class Balance {
 public:
  using A = Anatomy<S>;
  using T = typename F::Number;

  template <std::size_t kind>
  static constexpr bool routed = A::template FeedForward<kind>::experts > 0;
  static constexpr bool any = [] {
    bool found = false;
    A::for_kinds([&]<std::size_t kind>() { found = found || routed<kind>; });
    return found;
  }();
  static constexpr bool same_mixtures = [] {
    std::size_t experts = 0, choices = 0;
    bool same = true;
    const auto compare = [&]<class Mixture>() {
      if constexpr (Mixture::experts > 0) {
        same = same && (experts == 0 || (experts == Mixture::experts && choices == Mixture::choices));
        experts = Mixture::experts;
        choices = Mixture::choices;
      }
    };
    A::for_kinds([&]<std::size_t kind>() { compare.template operator()<typename A::template FeedForward<kind>>(); });
    return same;
  }();
  static_assert(same_mixtures,
                "bora: training: alternating mixtures must have the same experts and choices, since one load-balancing "
                "loss counts them together");

  /// Measures the routers and returns the loss; gradients are multiplied by `coefficient`.
  double measure(const Forward<S, F>& forward, std::size_t rows, BalanceLoss kind_of_loss, double coefficient) {
    gradients_.assign(S::layers, {});
    losses_.clear();
    RouterStatistics all;
    double per_layer = 0;
    std::vector<double> gradient;
    for_routed([&]<std::size_t kind>(std::size_t l) {
      using Policy = typename A::template FeedForward<kind>;
      RouterStatistics one;
      one.add<Policy>(forward.template kept<kind>(l).feed_forward, rows, Policy::experts, Policy::choices);
      all.add<Policy>(forward.template kept<kind>(l).feed_forward, rows, Policy::experts, Policy::choices);
      losses_.push_back(one.loss(1, gradient));
      per_layer += losses_.back();
      if (kind_of_loss == BalanceLoss::per_layer) set(l, gradient, coefficient);
    });
    if (kind_of_loss == BalanceLoss::per_layer || all.tokens == 0) return per_layer;
    const double loss = all.loss(all.chosen.size(), gradient);
    for_routed([&]<std::size_t>(std::size_t l) { set(l, gradient, coefficient); });
    return loss;
  }
  BalanceGradient<T> gradient(std::size_t l) const noexcept {
    return {gradients_.empty() || gradients_[l].empty() ? nullptr : gradients_[l].data()};
  }
  /// Switch Transformers' loss of each routed layer.
  const std::vector<double>& per_layer() const noexcept { return losses_; }

 private:
  template <class Visit>
  static void for_routed(Visit&& visit) {
    for (std::size_t l = 0; l < S::layers; ++l)
      A::with_kind(l, [&]<std::size_t kind>() {
        if constexpr (routed<kind>) visit.template operator()<kind>(l);
      });
  }
  void set(std::size_t l, const std::vector<double>& gradient, double coefficient) {
    gradients_[l].clear();
    if (coefficient == 0) return;
    for (const double g : gradient) gradients_[l].push_back(static_cast<T>(coefficient * g));
  }

  std::vector<std::vector<T>> gradients_;  ///< [layers, experts]
  std::vector<double> losses_;
};

}  // namespace detail
}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
