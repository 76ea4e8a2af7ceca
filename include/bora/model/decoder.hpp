/// A decoder: a spec's weights, packed in a format.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/core/random.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// The model, read by forward and backward. A const model can serve many sessions on many threads.
///
/// Matrices are held in panels of the format, vectors in its number type, all in one allocation, owned by the model or
/// mapped from a file. Only this packed form has padding.
template <detail::SoundSpec S, detail::SoundFormat F = detail::LeftOut>
class Decoder {
 public:
  using Spec = S;
  using Format = F;
  using Number = typename F::Number;
  using Store = Packed<F>;
  using Tree = typename detail::Anatomy<S>::template Tensors<Store>;

  /// All weights zero. A `Mixed` model stores each matrix in the format that `recipe` gives, F32 without one; other
  /// formats ignore it. Throws MemoryError, as all constructors do, where there is no memory for them.
  explicit Decoder(const Recipe& recipe = {})
      : memory_(carve_buffer("the weights", [&](Arena& arena) { place(arena, tree_, recipe); })),
        packed_(memory_.span()) {}

  /// Weights from `fill(TensorId, TensorShape, std::span<float> out)`, which supplies one tensor at a time,
  /// row-major [out, in], so that a model larger than half the memory can be loaded. If `fill(TensorId, TensorShape,
  /// Range rows, std::span<float> out)` can be called, it supplies some rows of a tensor at a time instead, in order,
  /// and a few MB of temporary memory are enough. Exceptions of `fill` propagate.
  template <class Fill>
    requires(std::invocable<Fill&, TensorId, TensorShape, std::span<float>> ||
             std::invocable<Fill&, TensorId, TensorShape, Range, std::span<float>>)
  explicit Decoder(Fill&& fill, CheckpointNames names = {}, const Recipe& recipe = {}) : Decoder(recipe) {
    const detail::FloatMode mode;
    names_ = names;
    constexpr bool by_rows = std::invocable<Fill&, TensorId, TensorShape, Range, std::span<float>>;
    std::size_t largest = 0;
    detail::Anatomy<S>::visit([&](TensorId, TensorShape shape) {
      largest = std::max(largest, (by_rows ? strip_rows(shape) : shape.rows) * columns(shape));
    });
    Buffer<float> staging(largest, "a tensor on its way into the weights");
    detail::Anatomy<S>::visit(
        [&](TensorId id, TensorShape shape, auto& at) {
          if constexpr (by_rows) {
            const std::size_t strip = strip_rows(shape);
            for (std::size_t r = 0; r < shape.rows; r += strip) {
              const Range rows{r, std::min(r + strip, shape.rows)};
              fill(id, shape, rows, staging.span().first(rows.size() * columns(shape)));
              pack_rows(staging.data(), rows, at);
            }
          } else {
            fill(id, shape, staging.span().first(shape.size()));
            pack_rows(staging.data(), {0, shape.rows}, at);
          }
        },
        tree_);
  }

  /// Weights from a file. `reader.find(TensorId, TensorShape)` gives each tensor as it is stored; all lanes of `pool`
  /// pack it, some rows at a time, straight from the file's bytes; `reader.done(StoredTensor, Range rows, bool finite)`
  /// is called after each part. Exceptions of both propagate.
  template <class Reader>
    requires requires(Reader& reader) {
      { reader.find(TensorId{}, TensorShape{}) } -> std::same_as<StoredTensor>;
    }
  Decoder(Reader& reader, CheckpointNames names, Executor* pool, const Recipe& recipe = {}) : Decoder(recipe) {
    const detail::FloatMode mode;
    names_ = names;
    detail::Anatomy<S>::visit(
        [&](TensorId id, TensorShape shape, auto& at) {
          const StoredTensor from = reader.find(id, shape);
          const std::size_t strip = from.transposed ? shape.rows : strip_rows(shape, detail::lanes_of(pool));
          for (std::size_t r = 0; r < shape.rows; r += strip) {
            const Range rows{r, std::min(r + strip, shape.rows)};
            std::atomic<bool> finite{true};
            run_gang(pool, [&](const Lane& lane) noexcept {
              if (!pack_share(lane, from, rows, at)) finite.store(false, std::memory_order_relaxed);
            });
            reader.done(from, rows, finite.load());
          }
        },
        tree_);
  }

  /// Weights that are packed already, as `packed()` of a model of this type and recipe gave them,
  /// `packed_bytes(recipe)` of them, on a boundary of 64. They are not copied: `owner` keeps them alive, and they must
  /// be writable if the model is trained or assigned to.
  Decoder(std::shared_ptr<void> owner, std::span<std::byte> packed, CheckpointNames names, const Recipe& recipe = {})
      : owner_(std::move(owner)), packed_(packed), names_(names) {
    Arena arena(packed.data());
    place(arena, tree_, recipe);
  }

  /// Packs a whole set of parameters.
  template <class T>
  explicit Decoder(const Parameters<S, T>& parameters) : Decoder() {
    names_ = parameters.names;
    assign(parameters);
  }
  /// Packs a whole set of parameters over the old one.
  template <class T>
  void assign(const Parameters<S, T>& parameters) noexcept {
    const detail::FloatMode mode;
    assign(Lane{}, parameters);
  }
  /// The same on this lane's share of every tensor's rows.
  template <class T>
  void assign(const Lane& lane, const Parameters<S, T>& parameters) noexcept {
    auto& from = const_cast<Parameters<S, T>&>(parameters).tree();
    detail::Anatomy<S>::visit(
        [&](TensorId, TensorShape shape, auto& to, auto& flat) {
          const Range rows = lane.share(shape.rows, simd::block_lanes);
          pack_rows(numbers(flat) + rows.begin * columns(shape), rows, to);
        },
        tree_, from);
  }

  /// The weights as row-major parameters; exact for F32.
  template <class T = float>
  Parameters<S, T> parameters() const {
    const detail::FloatMode mode;
    Parameters<S, T> p;
    p.names = names_;
    detail::Anatomy<S>::visit(
        [](TensorId, TensorShape shape, auto& from, auto& to) {
          if constexpr (is_matrix<decltype(from)>)
            for (std::size_t r = 0; r < shape.rows; ++r) from.gather(r, to.data + r * shape.cols);
          else
            std::copy_n(from, shape.rows, to);
        },
        tree_, p.tree());
    return p;
  }

  /// All weights, packed.
  const Tree& weights() const noexcept { return tree_; }
  /// Bytes of all weights, padding included.
  std::size_t weight_bytes() const noexcept { return packed_.size(); }
  /// The bytes of all weights in memory: the same on every processor.
  std::span<const std::byte> packed() const noexcept { return packed_; }
  /// How many bytes the weights of a model of this type take.
  static std::size_t packed_bytes(const Recipe& recipe = {}) {
    Tree tree;
    Arena arena;
    place(arena, tree, recipe);
    return arena.used();
  }
  /// Tensor names in the file that these weights came from.
  const CheckpointNames& names() const noexcept { return names_; }

 private:
  template <class Place>
  static constexpr bool is_matrix = requires(Place place) { place.cols; };

  template <class T>
  static T* numbers(T* vector) noexcept {
    return vector;
  }
  template <class Matrix>
    requires is_matrix<Matrix>
  static auto* numbers(const Matrix& matrix) noexcept {
    return matrix.data;
  }

  static constexpr std::size_t columns(TensorShape shape) noexcept { return shape.matrix() ? shape.cols : 1; }
  /// Rows that are packed at a time: whole panels of about a million elements, or four million a lane, so that lanes
  /// rarely write to the same huge page first: each of them would zero it.
  static constexpr std::size_t strip_rows(TensorShape shape, std::size_t lanes = 0) noexcept {
    const std::size_t strip = std::max<std::size_t>(1, 4 * lanes) << 20;
    return std::min(shape.rows, round_up(std::max<std::size_t>(1, strip / columns(shape)), simd::block_lanes));
  }

  /// Rounds the rows `rows` of a row-major tensor, `from` being the first of them, into their place: of a matrix into
  /// panels, of a vector as they are.
  template <class T, class Place>
  void pack_rows(const T* from, Range rows, Place& to) noexcept {
    if constexpr (is_matrix<Place>)
      to.pack(from, rows, writable(to.data));
    else
      std::copy_n(from, rows.size(), reinterpret_cast<Number*>(writable(to)) + rows.begin);
  }
  /// Packs this lane's share of some rows of a stored tensor, whole panels; returns whether all their elements are
  /// finite.
  template <class Place>
  bool pack_share(const Lane& lane, const StoredTensor& from, Range rows, Place& to) noexcept {
    const Range share = lane.share(rows.size(), simd::block_lanes);
    const std::size_t begin = rows.begin + share.begin, end = rows.begin + share.end;
    if constexpr (is_matrix<Place>) {
      return to.pack(from, {begin / simd::block_lanes, (end + simd::block_lanes - 1) / simd::block_lanes},
                     writable(to.data));
    } else {
      bool finite = true;
      for (std::size_t r = begin; r < end; ++r)
        finite &= simd::widen_row(from.type, from.row(r), 1, reinterpret_cast<Number*>(writable(to)) + r);
      return finite;
    }
  }

  /// Writable memory of a tensor: the tree has only read-only views.
  std::byte* writable(const void* tensor) noexcept {
    return packed_.data() + (static_cast<const std::byte*>(tensor) - packed_.data());
  }

  /// Lays all tensors out in `arena`.
  static void place(Arena& arena, Tree& tree, const Recipe& recipe) {
    detail::Anatomy<S>::visit(
        [&](TensorId id, TensorShape shape, auto& at) {
          if constexpr (is_matrix<decltype(at)>)
            at = Store::take_matrix(arena, id, shape, recipe);
          else
            at = arena.take<Number>(row_stride(shape.rows));
        },
        tree);
  }

  Tree tree_;  // declared before memory_, whose construction lays the tree out
  Buffer<std::byte> memory_;
  std::shared_ptr<void> owner_;  // keeps weights alive that the model does not own
  std::span<std::byte> packed_;
  CheckpointNames names_;
};

namespace detail {

/// The weight with which a norm multiplies by one.
template <class Norm>
constexpr float plain_weight() noexcept {
  if constexpr (requires { Norm::Layer::weight_offset; })
    return static_cast<float>(1 - Norm::Layer::weight_offset);
  else
    return 1;
}
/// Whether attention norms its queries and keys.
template <class A>
inline constexpr bool norms_queries = false;
template <class A>
  requires requires { A::has_qk_norm; }
inline constexpr bool norms_queries<A> = A::has_qk_norm;
template <ModelSpec S>
float plain_norm_weight(TensorId id) {
  float weight = plain_weight<typename S::Norm>();
  if (id.name == "query_norm" || id.name == "key_norm")
    Anatomy<S>::with_kind(id.layer, [&]<std::size_t kind>() {
      using A = typename Anatomy<S>::template Attention<kind>;
      if constexpr (norms_queries<A>) weight = plain_weight<typename A::QueryKeyNorm::Norm>();
    });
  return weight;
}

}  // namespace detail

/// A model with random weights: matrices of deviation 1 / sqrt(fan-in), norms at one, biases at zero. The values depend
/// only on `seed` and the spec; a format only rounds them.
template <detail::SoundSpec S, detail::SoundFormat F = detail::LeftOut>
Decoder<S, F> random_model(std::uint64_t seed) {
  std::uint64_t stream = 0;  // one stream for each tensor
  return Decoder<S, F>([&](TensorId id, TensorShape shape, Range rows, std::span<float> out) {
    const Random random(seed, rows.end == shape.rows ? stream++ : stream);
    if (!shape.matrix()) {
      std::fill(out.begin(), out.end(), id.name.ends_with("norm") ? detail::plain_norm_weight<S>(id) : 0.0f);
      return;
    }
    const float deviation = 1 / std::sqrt(static_cast<float>(shape.cols));
    const std::size_t first = rows.begin * shape.cols;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = deviation * random.bell_at(first + i);
  });
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
