/// Normalisation of a row: forward, saved statistics, backward.
#pragma once
#include <bora/layers/buffers.hpp>
#include <bora/layers/linear.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/tensors.hpp>
#include <cstddef>
#include <string_view>
#include <type_traits>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// Option of LayerNorm: a weight but no bias (MPT).
struct NoBias {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NoBias> = {}) { return PolicyDescription("NoBias"); }
};

/// Option of RmsNorm: the row is multiplied by 1 + w, and files hold w, around 0 (Gemma).
struct UnitOffset {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<UnitOffset> = {}) { return PolicyDescription("UnitOffset"); }
};

namespace detail {

/// Which tensors files hold of a norm is a fact; a LayerNorm without a bias has the option NoBias.
inline PolicyDescription norm_description(std::string_view name, double eps, bool weight, bool bias,
                                          bool unit_offset = false) {
  PolicyDescription d(name);
  d.add("eps", eps);
  if (name == "LayerNorm" && !bias) d.add("no_bias", description_of<NoBias>());
  if (unit_offset) d.add("unit_offset", description_of<UnitOffset>());
  d.add_fact("bias", bias);
  d.add_fact("weight", weight);
  return d;
}

/// Common implementation of the three norms. The caller gives the tensors' names ("attention_norm").
template <class Policy>
struct NormLayer {
  static constexpr bool has_weight = Policy::has_weight, has_bias = Policy::has_bias, centred = Policy::centred;
  /// Added to each weight: 1 for weights that are stored as differences from one.
  static constexpr int weight_offset = [] {
    if constexpr (requires { Policy::unit_offset; })
      return Policy::unit_offset ? 1 : 0;
    else
      return 0;
  }();

  template <class Store>
  struct Tensors {
    [[no_unique_address]] PresentIf<has_weight, typename Store::Vector> weight{};
    [[no_unique_address]] PresentIf<has_bias, typename Store::Vector> bias{};
  };
  template <class F, class... Place>
  static constexpr void visit(std::string_view weight, std::string_view bias, std::size_t dim, F&& f, Place&... place) {
    if constexpr (has_weight) f(TensorId{weight}, TensorShape{dim}, place.weight...);
    if constexpr (has_bias) f(TensorId{bias}, TensorShape{dim}, place.bias...);
  }

  template <class T>
  using Statistics = simd::RowStatistics<T>;

  template <class Tensor>
  static auto pointer(const Tensor& tensor) noexcept {
    if constexpr (std::is_same_v<Tensor, Absent>)
      return nullptr;
    else
      return tensor;
  }

  /// y = norm(x) of one row, returning its statistics; y may be x.
  template <class Store, class Out>
  static auto forward_row(const Tensors<Store>& w, const typename Store::Number* x, std::size_t dim, Out* y) noexcept {
    using T = typename Store::Number;
    const Statistics<T> kept =
        centred ? simd::layer_statistics(x, dim, Policy::eps) : simd::rms_statistics(x, dim, Policy::eps);
    const T *weight = pointer(w.weight), *bias = pointer(w.bias);
    simd::normalise(x, dim, kept, weight, bias, y, static_cast<T>(weight_offset));
    return kept;
  }
  /// dx += dnorm/dx dy of one row.
  template <class Store, class T = typename Store::Number>
  static void backward_row(const Tensors<Store>& w, const T* x, std::size_t dim, Statistics<T> kept, const T* dy,
                           T* dx) noexcept {
    const T* weight = pointer(w.weight);
    simd::normalise_backward(x, dim, kept, weight, dy, dx, centred, static_cast<T>(weight_offset));
  }
  /// Adds a row's part to the gradients of weight and bias in some columns; x and dy begin with the first of them.
  template <class T>
  static void add_weight_gradient(const Tensors<Flat<T>>& g, const T* x, Statistics<T> kept, const T* dy,
                                  Range columns) noexcept {
    const std::size_t n = columns.size(), c = columns.begin;
    if constexpr (has_weight) simd::add_normal_product(x, n, kept, dy, g.weight + c);
    if constexpr (has_bias) simd::add(g.bias + c, dy, g.bias + c, n);
  }

  /// y = norm(x) for this lane's share of the rows; saves each row's statistics. Rows of y are the input of a product,
  /// or numbers.
  template <class Store, class Output = typename Store::Input>
  static void forward(const Lane& lane, const Tensors<Store>& w, Rows<const typename Store::Number> x, std::size_t rows,
                      std::size_t dim, Output y, Statistics<typename Store::Number>* kept) noexcept {
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r) kept[r] = forward_row<Store>(w, x.row(r), dim, y.row(r));
  }

  /// dx += dnorm/dx dy for this lane's rows; weight and bias gradients for this lane's columns.
  template <class Store, class T>
  static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g, Rows<const T> x,
                       std::size_t rows, std::size_t dim, const Statistics<T>* kept, Rows<const T> dy,
                       Rows<T> dx) noexcept {
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r)
      backward_row<Store>(w, x.row(r), dim, kept[r], dy.row(r), dx.row(r));
    const Range columns = lane_columns(lane, dim);
    for (std::size_t r = 0; r < rows; ++r)
      add_weight_gradient(g, x.row(r) + columns.begin, kept[r], dy.row(r) + columns.begin, columns);
  }
};

}  // namespace detail

/// x / sqrt(mean(x^2) + eps) * w (Zhang and Sennrich 2019); with UnitOffset, * (1 + w).
template <auto eps_, class... Options>
struct RmsNorm {
  static constexpr double eps = eps_;                           ///< added to the mean square
  static constexpr bool has_weight = true;                      ///< w, [dim]
  static constexpr bool has_bias = false;                       ///< no b
  static constexpr bool centred = false;                        ///< the mean is not subtracted
  static constexpr bool unit_offset = sizeof...(Options) != 0;  ///< files hold w - 1
  using Layer = detail::NormLayer<RmsNorm>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<RmsNorm> = {}) {
    return detail::norm_description("RmsNorm", eps, has_weight, has_bias, unit_offset);
  }
  static_assert(std::is_floating_point_v<decltype(eps_)>, "bora: RmsNorm: eps is a double: write RmsNorm<1e-5>");
  static_assert(eps_ >= 0, "bora: RmsNorm: eps is added to the mean square and cannot be negative");
  static_assert((std::is_same_v<Options, UnitOffset> && ...), "bora: RmsNorm: the only option is UnitOffset");
  static_assert(sizeof...(Options) <= 1, "bora: RmsNorm: UnitOffset is given twice; give it at most once");
};

/// (x - mean) / sqrt(var + eps) * w + b (Ba et al. 2016); with NoBias, no b.
template <auto eps_, class... Options>
struct LayerNorm {
  static constexpr double eps = eps_;                        ///< added to the variance
  static constexpr bool has_weight = true;                   ///< w, [dim]
  static constexpr bool has_bias = sizeof...(Options) == 0;  ///< b, [dim], unless NoBias
  static constexpr bool centred = true;                      ///< the mean is subtracted
  using Layer = detail::NormLayer<LayerNorm>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<LayerNorm> = {}) {
    return detail::norm_description("LayerNorm", eps, has_weight, has_bias);
  }
  static_assert(std::is_floating_point_v<decltype(eps_)>, "bora: LayerNorm: eps is a double: write LayerNorm<1e-5>");
  static_assert(eps_ >= 0, "bora: LayerNorm: eps is added to the variance and cannot be negative");
  static_assert((std::is_same_v<Options, NoBias> && ...), "bora: LayerNorm: the only option is NoBias");
  static_assert(sizeof...(Options) <= 1, "bora: LayerNorm: NoBias is given twice; give it at most once");
};

/// (x - mean) / sqrt(var + eps), nothing learned (OLMo, Groeneveld et al. 2024, §2.1).
template <auto eps_>
struct NonParametricLayerNorm {
  static constexpr double eps = eps_;        ///< added to the variance
  static constexpr bool has_weight = false;  ///< nothing learned
  static constexpr bool has_bias = false;    ///< nothing learned
  static constexpr bool centred = true;      ///< the mean is subtracted
  using Layer = detail::NormLayer<NonParametricLayerNorm>;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<NonParametricLayerNorm> = {}) {
    return detail::norm_description("NonParametricLayerNorm", eps, has_weight, has_bias);
  }
  static_assert(std::is_floating_point_v<decltype(eps_)>,
                "bora: NonParametricLayerNorm: eps is a double: write NonParametricLayerNorm<1e-5>");
  static_assert(eps_ >= 0, "bora: NonParametricLayerNorm: eps is added to the variance and cannot be negative");
};

/// Facts of a norm and its implementation, a nested `Layer`.
template <class N>
concept NormPolicy = requires {
  { N::eps } -> std::convertible_to<double>;
  typename N::Layer;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
