/// The parameters of a model: one flat row-major array whose layout is known at compile time.
#pragma once
#include <bora/core/memory.hpp>
#include <bora/model/accounting.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// Tensor names in files: a family's naming scheme, and whether names carry the prefix that some checkpoints omit.
struct CheckpointNames {
  std::string_view family = {};  ///< a model_type of io/families.hpp; empty: chosen by the spec
  bool prefix = true;            ///< GPT-2 and Falcon: names begin with "transformer."
};

/// All tensors of S in one array, row-major [out, in], in the order of the visitor. The optimiser updates, clips,
/// averages and saves this array; gradients and moments have the same type. T is float, or double for tests.
template <detail::SoundSpec S, class T = float>
class Parameters {
 public:
  using Spec = S;
  using Number = T;
  using Tree = typename detail::Anatomy<S>::template Tensors<Flat<T>>;

  Parameters() : values_(parameter_count<S>, "a model's parameters") {
    std::size_t at = 0;
    detail::Anatomy<S>::visit(
        [&](TensorId, TensorShape shape, auto& place) {
          if constexpr (requires { place.cols; })
            place = {values_.data() + at, shape.rows, shape.cols};
          else
            place = values_.data() + at;
          at += shape.size();
        },
        tree_);
  }
  /// Transfers ownership; element addresses stay valid.
  Parameters(Parameters&&) noexcept = default;
  Parameters& operator=(Parameters&&) noexcept = default;

  /// All elements, in the order of for_each.
  std::span<T> values() noexcept { return values_.span(); }
  /// All elements, in the order of for_each.
  std::span<const T> values() const noexcept { return values_.span(); }

  /// The tensors, structured as the model.
  Tree& tree() noexcept { return tree_; }
  /// The tensors, structured as the model.
  const Tree& tree() const noexcept { return tree_; }

  /// f(TensorId, TensorShape, std::span<T>) for each tensor, in order.
  template <class F>
  void for_each(F&& f) {
    std::size_t at = 0;
    detail::Anatomy<S>::visit([&](TensorId id, TensorShape shape) {
      f(id, shape, values_.span().subspan(at, shape.size()));
      at += shape.size();
    });
  }
  /// The same, to read.
  template <class F>
  void for_each(F&& f) const {
    std::size_t at = 0;
    detail::Anatomy<S>::visit([&](TensorId id, TensorShape shape) {
      f(id, shape, values_.span().subspan(at, shape.size()));
      at += shape.size();
    });
  }

  /// Names of these tensors in files; set by the reader that loaded them.
  CheckpointNames names;

 private:
  Buffer<T> values_;
  Tree tree_;
};

}}  // namespace bora::BORA_ABI
