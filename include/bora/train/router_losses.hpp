/// Losses of routers, from their decisions in the last forward pass.
#pragma once
#include <bora/layers/router.hpp>
#include <bora/model/forward.hpp>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace detail {

/// The router of a feed-forward layer; void for a layer without experts.
template <class FeedForward>
struct RouterOf {
  using type = void;
};
template <class FeedForward>
  requires requires { typename FeedForward::Router; }
struct RouterOf<FeedForward> {
  using type = typename FeedForward::Router;
};

template <ModelSpec S, WeightFormat F>
class RouterLosses {
 public:
  /// Sum of the losses of all kinds of routers in the last forward pass, which must have saved all activations. Each
  /// kind sees all its layers at once and stores in their saved activations the gradient, times the coefficient, that
  /// its backward adds.
  static double measure(const Forward<S, F>& forward, std::size_t rows, const RouterLossOptions& options) {
    double sum = 0;
    A::for_kinds([&]<std::size_t kind>() { sum += of_router<Router<kind>, kind>(forward, rows, options); });
    return sum;
  }

 private:
  using A = Anatomy<S>;
  template <std::size_t kind>
  using Router = typename RouterOf<typename A::template Block<kind>::FeedForward>::type;
  template <class R>
  static constexpr bool has_losses = requires { &R::template losses<Packed<F>>; };

  /// The losses of all layers with router R, which the kind `kind` has; 0 if an earlier kind has it too.
  template <class R, std::size_t kind>
  static double of_router(const Forward<S, F>& forward, std::size_t rows, const RouterLossOptions& options) {
    if constexpr (has_losses<R> && is_first<kind>()) {
      using Kept = typename R::template Kept<Packed<F>>;
      std::vector<const Kept*> layers;
      for (std::size_t l = 0; l < S::layers; ++l)
        A::with_kind(l, [&]<std::size_t other>() {
          if constexpr (std::is_same_v<Router<other>, R>)
            layers.push_back(&forward.template kept<other>(l).feed_forward.router);
        });
      return R::template losses<Packed<F>>(std::span<const Kept* const>(layers), rows, options);
    } else {
      return 0;
    }
  }

  /// Whether this is the first kind of layer with its router.
  template <std::size_t kind>
  static constexpr bool is_first() noexcept {
    return []<std::size_t... before>(std::index_sequence<before...>) {
      return !(std::is_same_v<Router<before>, Router<kind>> || ...);
    }(std::make_index_sequence<kind>());
  }
};

}}}  // namespace bora::BORA_ABI::detail
BORA_AFTER_NAMESPACE();
