/// Norms of queries and keys, between their projection and the position encoding.
#pragma once
#include <bora/layers/buffers.hpp>
#include <bora/layers/linear.hpp>
#include <bora/layers/norm.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/tensors.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// Each head is normed by itself, all heads with the same weights (Qwen 3, Gemma 3).
struct PerHead {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<PerHead> = {}) { return PolicyDescription("PerHead"); }
};
/// All heads of a token are normed as one row, before they are cut apart (OLMo 2).
struct WholeWidth {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<WholeWidth> = {}) { return PolicyDescription("WholeWidth"); }
};

namespace detail {
inline PolicyDescription qk_norm_description(PolicyDescription scope, PolicyDescription norm) {
  PolicyDescription d("QkNorm");
  d.add("scope", std::move(scope));
  d.add("norm", std::move(norm));
  return d;
}
}  // namespace detail

/// Option of attention: queries and keys are normed after the projection, before ClipQkv and the rotation (Henry et al.
/// 2020, "Query-Key Normalization"; Dehghani et al. 2023).
template <class Scope_, class Norm_>
struct QkNorm {
  using Scope = Scope_;
  using Norm = Norm_;
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<QkNorm> = {}) {
    return detail::qk_norm_description(description_of<Scope>(), description_of<Norm>());
  }
  static_assert(std::is_same_v<Scope, PerHead> || std::is_same_v<Scope, WholeWidth>,
                "bora: QkNorm: say PerHead or WholeWidth, then the norm: QkNorm<PerHead, RmsNorm<1e-6>>");
  static_assert(NormPolicy<Norm_>, "bora: QkNorm: the norm is RmsNorm<eps>, LayerNorm<eps> or NonParametricLayerNorm");
};

namespace detail {

/// The norm of queries or keys, `heads` heads of `head_dim` features.
template <class Option, std::size_t heads, std::size_t head_dim>
struct HeadNorm {
  using Norm = typename Option::Norm::Layer;
  static constexpr bool per_head = std::is_same_v<typename Option::Scope, PerHead>;
  static constexpr std::size_t width = per_head ? head_dim : heads * head_dim;  ///< of what is normed
  static constexpr std::size_t pieces = per_head ? heads : 1;                   ///< of them in a row

  template <class Store>
  using Tensors = typename Norm::template Tensors<Store>;
  template <class T>
  using Statistics = typename Norm::template Statistics<T>;

  template <class F, class... Place>
  static constexpr void visit(std::string_view weight, std::string_view bias, F&& f, Place&... place) {
    Norm::visit(weight, bias, width, f, place...);
  }
  template <class T>
  static Statistics<T>* take_statistics(Arena& arena, std::size_t rows) noexcept {
    return arena.take<Statistics<T>>(rows * pieces);
  }

  /// to = the norm of row r, `from`; `to` may be `from`.
  template <class Store, class T = typename Store::Number>
  static void forward_row(const Tensors<Store>& w, std::size_t r, const T* from, T* to, Statistics<T>* kept) noexcept {
    for (std::size_t p = 0; p < pieces; ++p)
      kept[r * pieces + p] = Norm::template forward_row<Store>(w, from + p * width, width, to + p * width);
  }
  /// dx = the gradient with respect to x, on this lane's rows; g += those of the weights, on its columns.
  template <class Store, class T = typename Store::Number>
  static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g, Rows<const T> x,
                       std::size_t rows, const Statistics<T>* kept, Rows<const T> dy, Rows<T> dx) noexcept {
    const Range share = lane.share(rows), columns = lane_columns(lane, width);
    for (std::size_t r = share.begin; r < share.end; ++r) {
      std::fill_n(dx.row(r), pieces * width, T(0));
      for (std::size_t p = 0; p < pieces; ++p)
        Norm::template backward_row<Store>(w, x.row(r) + p * width, width, kept[r * pieces + p], dy.row(r) + p * width,
                                           dx.row(r) + p * width);
    }
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t p = 0; p < pieces; ++p) {
        const std::size_t c = p * width + columns.begin;
        Norm::add_weight_gradient(g, x.row(r) + c, kept[r * pieces + p], dy.row(r) + c, columns);
      }
  }
};

/// Without the option.
template <std::size_t heads, std::size_t head_dim>
struct HeadNorm<void, heads, head_dim> {
  template <class Store>
  struct Tensors {};
  template <class T>
  struct Statistics {};
  template <class F, class... Place>
  static constexpr void visit(std::string_view, std::string_view, F&&, Place&...) {}
  template <class T>
  static Statistics<T>* take_statistics(Arena&, std::size_t) noexcept {
    return nullptr;
  }
};

/// The QkNorm among options; void if there is none.
template <class... Options>
struct FindQkNorm {
  using type = void;
};
template <class First, class... Others>
struct FindQkNorm<First, Others...> : FindQkNorm<Others...> {};
template <class Scope, class Norm, class... Others>
struct FindQkNorm<QkNorm<Scope, Norm>, Others...> {
  using type = QkNorm<Scope, Norm>;
  static_assert(sizeof(type) > 0);  // instantiates it, so that its rules are checked first
};
template <class Option>
inline constexpr bool is_qk_norm = !std::is_void_v<typename FindQkNorm<Option>::type>;

}  // namespace detail
}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
