/// Feed-forward layers: gated (SwiGLU, GEGLU) and plain (MLP); forward, saved activations, backward.
///
/// Each is split in two halves, `expand` and `contract`, with one barrier between them, so that a mixture of experts
/// can run each half of all its experts between the same two barriers.
#pragma once
#include <bora/layers/bias.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/layers/linear.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/simd/activation.hpp>
#include <bora/simd/scalar.hpp>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// max(0, x).
struct Relu {
  using Function = simd::ReluFunction;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Relu> = {}) { return PolicyDescription("Relu"); }
};
/// x Phi(x), exact (Hendrycks and Gimpel 2016, §2).
struct Gelu {
  using Function = simd::GeluFunction;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Gelu> = {}) { return PolicyDescription("Gelu"); }
};
/// GPT-2's approximation of GELU (Hendrycks and Gimpel 2016, §2, the tanh form).
struct GeluTanh {
  using Function = simd::GeluTanhFunction;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<GeluTanh> = {}) { return PolicyDescription("GeluTanh"); }
};
/// x sigmoid(x) (Elfwing et al. 2017; Ramachandran et al. 2017, "swish").
struct Silu {
  using Function = simd::SiluFunction;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Silu> = {}) { return PolicyDescription("Silu"); }
};

/// An activation of `Mlp`: a type whose `Function` has `value` and `slope`, its derivative, each from a block to a
/// block (simd/activation.hpp).
template <class A>
concept ActivationPolicy = requires(simd::ScalarBlock<double> x) {
  typename A::Function;
  { A::Function::value(x) } -> std::same_as<simd::ScalarBlock<double>>;
  { A::Function::slope(x) } -> std::same_as<simd::ScalarBlock<double>>;
};

namespace detail {

template <class A>
concept HasFunction = requires { typename A::Function; };
/// Its Function, where it has one.
template <class A>
struct FunctionOf {
  using Type = void;
};
template <HasFunction A>
struct FunctionOf<A> {
  using Type = typename A::Function;
};
template <class A>
concept HasValue = requires(simd::ScalarBlock<double> x) { A::Function::value(x); };

/// Placeholder for an omitted template argument.
struct LeftOut {};

template <class... Options>
inline constexpr bool only_bias = (std::is_same_v<Options, Bias> && ...);

/// down(f(gate(x)) * up(x)) or, not gated, down(f(up(x))).
template <std::size_t hidden, class Activation_, bool gated, bool has_bias>
struct FeedForwardLayer {
  using Function = typename FunctionOf<Activation_>::Type;

  template <std::size_t dim>
  struct Layer {
    template <class Store>
    struct Tensors {
      [[no_unique_address]] PresentIf<gated, typename Store::Matrix> gate{};
      typename Store::Matrix up, down;
      [[no_unique_address]] PresentIf<gated && has_bias, typename Store::Vector> gate_bias{};
      [[no_unique_address]] PresentIf<has_bias, typename Store::Vector> up_bias{}, down_bias{};
    };
    template <class F, class... Place>
    static constexpr void visit(F&& f, Place&... place) {
      if constexpr (gated) f(TensorId{"gate"}, TensorShape{hidden, dim}, place.gate...);
      if constexpr (gated && has_bias) f(TensorId{"gate_bias"}, TensorShape{hidden}, place.gate_bias...);
      f(TensorId{"up"}, TensorShape{hidden, dim}, place.up...);
      if constexpr (has_bias) f(TensorId{"up_bias"}, TensorShape{hidden}, place.up_bias...);
      f(TensorId{"down"}, TensorShape{dim, hidden}, place.down...);
      if constexpr (has_bias) f(TensorId{"down_bias"}, TensorShape{dim}, place.down_bias...);
    }

    template <class Store>
    struct Kept {
      using T = typename Store::Number;
      LaneRows<T> gate, up;         ///< before the activation
      typename Store::Input inner;  ///< after it: the input of `down`
      static constexpr bool overlays = !Store::reads_padding(hidden);

      static Kept carve(Arena& arena, std::size_t rows) noexcept {
        return {gated ? take_lane_rows<T>(arena, rows, hidden) : LaneRows<T>{}, take_lane_rows<T>(arena, rows, hidden),
                Store::take_input(arena, rows, hidden)};
      }
      /// The rows from `r` on: one expert's part.
      Kept from(std::size_t r) const noexcept {
        return {gated ? gate.from(r) : LaneRows<T>{}, up.from(r), inner.from(r)};
      }
    };

    /// The hidden layer, on this lane's share of its width.
    template <class Store>
    static void expand(const Lane& lane, const Tensors<Store>& w, const typename Store::Input& x, std::size_t rows,
                       const Kept<Store>& kept) noexcept {
      const Range share = lane_columns(lane, hidden);
      const std::size_t width = kept.up.block_width(rows);
      for (std::size_t c = share.begin; c < share.end; c += width)
        expand_columns(lane, w, {c, std::min(share.end, c + width)}, x, rows, kept);
    }
    /// y on this lane's share of its columns, returned.
    template <class Store>
    static Range contract(const Lane& lane, const Tensors<Store>& w, const Kept<Store>& kept, std::size_t rows,
                          Rows<typename Store::Number> y) noexcept {
      return linear(lane, w.down, w.down_bias, kept.inner, rows, y);
    }

    template <class Store>
    struct Gradients {
      using T = typename Store::Number;
      Rows<T> gate, up;
      static Gradients carve(Arena& arena, std::size_t rows) noexcept {
        return {gated ? take_rows<T>(arena, rows, hidden) : Rows<T>{}, take_rows<T>(arena, rows, hidden)};
      }
      Gradients from(std::size_t r) const noexcept { return {gated ? gate.from(r) : Rows<T>{}, up.from(r)}; }
    };

    /// First half of backward: gradients of the hidden layer, and of `down`.
    template <class Store, class T = typename Store::Number>
    static void contract_backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                                  const Kept<Store>& kept, std::size_t rows, Rows<const T> dy,
                                  const Gradients<Store>& d) noexcept {
      clear_columns(lane, d.up, rows, hidden);
      const Range share = linear_backward(lane, w.down, dy, rows, d.up);
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t at = share.begin, n = share.size();
        if constexpr (gated)
          simd::activate_gated_backward<Function>(kept.gate.row(r) + at, kept.up.row(r) + at, d.up.row(r) + at,
                                                  d.gate.row(r) + at, n);
        else
          simd::activate_backward<Function>(kept.up.row(r) + at, d.up.row(r) + at, n);
      }
      linear_gradient(lane, w.down, g.down, g.down_bias, dy, kept.inner, rows);
    }
    /// Second half, after a barrier: dx +=, and the gradients of `gate` and `up`.
    template <class Store, class T = typename Store::Number>
    static void expand_backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                                const typename Store::Input& x, std::size_t rows, const Gradients<Store>& d,
                                Rows<T> dx) noexcept {
      linear_backward(lane, w.up, d.up, rows, dx);
      linear_gradient(lane, w.up, g.up, g.up_bias, d.up, x, rows);
      if constexpr (gated) {
        linear_backward(lane, w.gate, d.gate, rows, dx);
        linear_gradient(lane, w.gate, g.gate, g.gate_bias, d.gate, x, rows);
      }
    }

    /// y = the whole layer on this lane's columns of y, returned; one barrier inside.
    template <class Store>
    static Range forward(const Lane& lane, const Tensors<Store>& w, const typename Store::Input& x, std::size_t rows,
                         const Kept<Store>& kept, Rows<typename Store::Number> y) noexcept {
      expand(lane, w, x, rows, kept);
      lane.sync();
      if (finish_input(lane, w.down, kept.inner, rows)) lane.sync();
      return contract(lane, w, kept, rows, y);
    }
    /// dx += the gradient with respect to x; g += those of the weights.
    template <class Store, class T = typename Store::Number>
    static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                         const typename Store::Input& x, std::size_t rows, const Kept<Store>& kept,
                         const Gradients<Store>& d, Rows<const T> dy, Rows<T> dx) noexcept {
      contract_backward(lane, w, g, kept, rows, dy, d);
      lane.sync();
      expand_backward(lane, w, g, x, rows, d, dx);
    }

   private:
    template <class Store>
    static void expand_columns(const Lane& lane, const Tensors<Store>& w, Range columns, const typename Store::Input& x,
                               std::size_t rows, const Kept<Store>& kept) noexcept {
      const Rows<typename Store::Number> up = kept.up.block(lane, columns);
      linear(w.up, w.up_bias, columns, x, rows, up);
      [[maybe_unused]] Rows<typename Store::Number> gate;
      if constexpr (gated) linear(w.gate, w.gate_bias, columns, x, rows, gate = kept.gate.block(lane, columns));
      for (std::size_t r = 0; r < rows; ++r) {
        auto* out = kept.inner.row(r) + columns.begin;
        if constexpr (gated)
          simd::activate_gated<Function>(gate.row(r), up.row(r), out, columns.size());
        else
          simd::activate<Function>(up.row(r), out, columns.size());
        w.down.prepare(kept.inner, r, columns);
      }
    }
  };
};

/// Only plain layers list their activation: a gated layer's name implies it.
inline PolicyDescription feed_forward_description(std::string_view name, std::size_t hidden, bool gated,
                                                  PolicyDescription activation, bool bias) {
  PolicyDescription d(name);
  d.add("hidden", hidden);
  if (!gated) d.add("activation", std::move(activation));
  if (bias) d.add("bias", description_of<Bias>());
  d.add_fact("gated", gated);
  return d;
}

/// Checks the arguments of all four. Not in their common base: clang would drop a base that fails a check, with all
/// its members.
template <std::size_t hidden_, class... Options>
struct FeedForwardRules {
  static constexpr bool stated = true;
  static_assert(hidden_ > 0, "bora: feed-forward: the hidden width must be positive");
  static_assert(only_bias<Options...>, "bora: feed-forward: the only option is Bias");
  static_assert(sizeof...(Options) <= 1, "bora: feed-forward: Bias is given twice; give it at most once");
};

template <std::size_t hidden_, class Activation, bool gated_, class... Options>
struct FeedForwardFacts {
  using ActivationType = Activation;
  static constexpr std::size_t hidden = hidden_;
  static constexpr bool gated = gated_, has_bias = sizeof...(Options) != 0;
  static constexpr std::size_t experts = 0;
  static constexpr bool sound = ActivationPolicy<Activation>;
  static PolicyDescription described(std::string_view name) {
    return feed_forward_description(name, hidden, gated, gated ? PolicyDescription() : description_of<Activation>(),
                                    has_bias);
  }
  template <std::size_t dim>
  using Layer = typename FeedForwardLayer<hidden, Activation, gated, has_bias>::template Layer<dim>;
};

}  // namespace detail

/// down(silu(gate(x)) * up(x)) (Shazeer 2020, "GLU variants", eq. 6).
template <std::size_t hidden, class... Options>
struct SwiGlu : detail::FeedForwardFacts<hidden, Silu, true, Options...> {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<SwiGlu> = {}) { return SwiGlu::described("SwiGlu"); }
  static_assert(detail::FeedForwardRules<hidden, Options...>::stated);
};

/// down(gelu(gate(x)) * up(x)) (Shazeer 2020, eq. 6), with the exact GELU.
template <std::size_t hidden, class... Options>
struct GeGlu : detail::FeedForwardFacts<hidden, Gelu, true, Options...> {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<GeGlu> = {}) { return GeGlu::described("GeGlu"); }
  static_assert(detail::FeedForwardRules<hidden, Options...>::stated);
};

/// The same with GELU's tanh form (Gemma).
template <std::size_t hidden, class... Options>
struct GeGluTanh : detail::FeedForwardFacts<hidden, GeluTanh, true, Options...> {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<GeGluTanh> = {}) { return GeGluTanh::described("GeGluTanh"); }
  static_assert(detail::FeedForwardRules<hidden, Options...>::stated);
};

/// down(f(up(x))) with f one of Relu, Gelu, GeluTanh, Silu (Vaswani et al. 2017, §3.3, with Relu).
template <std::size_t hidden, class Activation = detail::LeftOut, class... Options>
struct Mlp : detail::FeedForwardFacts<hidden, Activation, false, Options...> {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<Mlp> = {}) { return Mlp::described("Mlp"); }
  static_assert(detail::FeedForwardRules<hidden, Options...>::stated);
  static_assert(detail::HasFunction<Activation>,
                "bora: Mlp: first the width, then the activation: Mlp<hidden, Gelu>; Relu, Gelu, GeluTanh, Silu, or a "
                "type of your own with a nested Function");
  static_assert(!detail::HasFunction<Activation> || detail::HasValue<Activation>,
                "bora: ActivationPolicy: Function has no value(x), a static template from a block to a block");
  static_assert(!detail::HasValue<Activation> || ActivationPolicy<Activation>,
                "bora: ActivationPolicy: Function needs value(x) and slope(x), the derivative, both from a block to a "
                "block of the same type");
};

/// Facts: `hidden`, and `experts`, 0 for a plain layer. A model also needs its nested `Layer<dim>`, with Tensors,
/// visit, Kept, Gradients, forward and backward; `gated` and `has_bias` say which tensors files hold of it:
/// docs/add_a_policy.md. The forward of a layer with experts takes a RoutingContext after the number of rows, and its
/// Layer names its `Router` (layers/experts.hpp).
template <class F>
concept FeedForwardPolicy = requires {
  { F::hidden } -> std::convertible_to<std::size_t>;
  { F::experts } -> std::convertible_to<std::size_t>;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
