/// Loss and gradients of a batch: forward, objective, backward.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <bora/train/cross_entropy.hpp>
#include <bora/train/objective.hpp>
#include <bora/train/option_check.hpp>
#include <bora/train/router_losses.hpp>
#include <bora/train/target_head.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// Terms of the loss: an objective's mean over the targets, and the load-balancing loss.
struct LossOptions {
  double load_balancing = 0;                      ///< coefficient of the load-balancing loss
  BalanceLoss balance = BalanceLoss::all_layers;  ///< which load-balancing loss
  double cross_entropy = 1;                       ///< coefficient of the objective, which is cross entropy by default
  Executor* pool = nullptr;                       ///< thread pool; null: the calling thread alone
  std::uint64_t noise = 0;                        ///< seed of the noise of noisy routers
};

/// The parts of a loss.
struct Loss {
  double total = 0;           ///< the minimised loss: both parts times their coefficients
  double cross_entropy = 0;   ///< mean as `evaluate` reports it, without coefficient, z-loss or label smoothing
  double load_balancing = 0;  ///< without coefficient; 0 for dense models
};

namespace detail {

/// Means from sums. Throws Error where there is nothing to take a mean over.
inline Loss loss_of(const LossSum& sum, const LossOptions& options) {
  const double count = require_count(sum), balance = sum.load_balancing / count;
  return {options.cross_entropy * (sum.loss / count) + options.load_balancing * balance, sum.measured / count, balance};
}

/// Buffers for training on batches up to a shape, and the forward and backward pass. Sums over tokens run in the
/// tokens' order on one lane, so losses and gradients do not depend on the number of threads.
template <ModelSpec S, WeightFormat F, class O = NextTokenCrossEntropy>
class TrainingPass {
 public:
  using A = Anatomy<S>;
  using T = typename F::Number;

  TrainingPass(const BatchShape& shape, std::size_t lanes)
      : forward_(shape, lanes, Keep::everything), head_(shape.rows, Keep::everything, lanes) {
    memory_ = carve_buffer("the numbers of a backward pass", [&](Arena& arena) { carve(arena); });
  }
  TrainingPass(std::size_t batch, std::size_t time, std::size_t lanes)
      : TrainingPass(BatchShape{batch * time, time, batch}, lanes) {}

  const BatchShape& shape() const noexcept { return forward_.shape(); }
  bool fits(const BatchShape& shape, std::size_t lanes) const noexcept {
    return forward_.shape().holds(shape) && lanes == forward_.lanes();
  }

  /// Rows of a batch that are run together, and their position among the batches of a step.
  struct Piece {
    const TokenBatch* batch;
    Range rows;
    std::size_t index = 0;             ///< of the batch
    std::size_t sequences_before = 0;  ///< in the batch
  };

  /// Adds the gradients of the summed losses to `g` and returns the sums. The batch must have been checked.
  LossSum add(const Decoder<S, F>& model, const Piece& piece, const LossOptions& options, const O& objective,
              Parameters<S, T>& g) {
    forward_.place(*piece.batch, piece.rows);
    forward_.train(options.noise);
    head_.list.find(*piece.batch, piece.index, piece.sequences_before, piece.rows);
    run_gang(options.pool, [&](const Lane& lane) noexcept { forward_.run(lane, model); });
    const Rows<const T> x = forward_.stream(S::layers);
    LossSum sum = head_.prepare(model, objective, x, options.pool);
    // Outside the thread team: it allocates, and may throw.
    sum.load_balancing = sum.count * RouterLosses<S, F>::measure(forward_, rows(),
                                                                 {options.balance, options.load_balancing * sum.count});
    sum.tokens = rows();
    run_gang(options.pool, [&](const Lane& lane) noexcept {
      clear_columns(lane, d_stream_, rows(), S::dim);
      if constexpr (A::has_bias_table) clear_bias(lane);
      lane.sync();
      head_.backward(lane, model, objective, x, options.cross_entropy, g, d_stream_);
      for (std::size_t l = S::layers; l-- > 0;) layer_backward(lane, model, l, g);
      embedding_backward(lane, g);
    });
    head_.add_losses(sum);
    return sum;
  }

  /// The mean loss of a batch; its gradients are written to `g`, which must be zero on entry.
  Loss run(const Decoder<S, F>& model, const TokenBatch& batch, const LossOptions& options, Parameters<S, T>& g,
           const O& objective = {}) {
    const LossSum sum = add(model, {&batch, {0, batch.batch()}}, options, objective, g);
    const Loss loss = loss_of(sum, options);
    simd::scale(static_cast<T>(1 / sum.count), g.values().data(), g.values().size());
    return loss;
  }

  BatchForward<S, F>& forward() noexcept { return forward_; }

 private:
  std::size_t rows() const noexcept { return forward_.rows(); }

  void carve(Arena& arena) {
    d_stream_ = take_rows<T>(arena, shape().rows, S::dim);
    A::for_kinds([&]<std::size_t kind>() {
      std::get<kind>(d_blocks_) = A::template Block<kind>::template Gradients<Packed<F>>::carve(arena, shape().rows);
    });
    if constexpr (A::has_bias_table) d_bias_ = arena.take<T>(bias_size(shape().sequences));
  }
  static std::size_t bias_size(std::size_t sequences) noexcept {
    if constexpr (A::has_bias_table) {
      using Attention = typename A::template Attention<A::bias_kind>;
      return sequences * Attention::heads * PositionTables<Attention, T>::reach();
    }
    return 0;
  }
  void clear_bias(const Lane& lane) noexcept {
    const Range share = lane.share(bias_size(forward_.sequences()));
    std::fill(d_bias_ + share.begin, d_bias_ + share.end, T(0));
  }

  void layer_backward(const Lane& lane, const Decoder<S, F>& model, std::size_t l, Parameters<S, T>& g) noexcept {
    A::with_kind(l, [&]<std::size_t kind>() {
      A::template Block<kind>::template backward<Packed<F>>(
          lane, model.weights().template layer<kind>(l), g.tree().template layer<kind>(l),
          Rows<const T>(forward_.stream(l)), forward_.template context<kind>(lane, forward_.keys(), l, rows()),
          forward_.template kept<kind>(l), std::get<kind>(d_blocks_), d_bias_, forward_.scratch(), d_stream_);
    });
  }

  void embedding_backward(const Lane& lane, Parameters<S, T>& g) noexcept {
    const Range columns = lane_columns(lane, S::dim);
    const auto add = [&](const auto& table, std::size_t row, const T* d) {
      T* to = table.data + row * S::dim + columns.begin;
      simd::add(to, d + columns.begin, to, columns.size());
    };
    for (std::size_t r = 0; r < rows(); ++r) {
      if constexpr (A::positions_learned) add(g.tree().positions, forward_.places()[r].position, d_stream_.row(r));
      if constexpr (A::scales_embedding)
        simd::scale(static_cast<T>(A::EmbeddingScale::factor(S::dim)), d_stream_.row(r) + columns.begin,
                    columns.size());
      add(g.tree().embedding, static_cast<std::size_t>(forward_.tokens()[r]), d_stream_.row(r));
    }
    if constexpr (A::has_bias_table)
      if (lane.index == 0)
        PositionTables<typename A::template Attention<A::bias_kind>, T>::fold(d_bias_, forward_.sequences(),
                                                                              g.tree().relative_bias.data);
  }

  template <std::size_t... kind>
  static auto gradients_for(std::index_sequence<kind...>)
      -> std::tuple<typename A::template Block<kind>::template Gradients<Packed<F>>...>;

  BatchForward<S, F> forward_;
  TargetHead<S, F, O> head_;
  Buffer<std::byte> memory_;
  Rows<T> d_stream_;
  decltype(gradients_for(std::make_index_sequence<A::kinds>())) d_blocks_;
  T* d_bias_ = nullptr;
};

}  // namespace detail

/// Loss of a batch and its gradients, which have the parameters' layout.
template <ModelSpec S, class T>
struct LossAndGradients {
  T loss;                      ///< what is minimised
  Parameters<S, T> gradients;  ///< d loss / d parameter
};

/// The loss of `batch` by an objective, and d loss / d parameters. Throws TokenError for ids outside the vocabulary and
/// rows of fewer than two tokens, ConfigError for options that make no sense, Error for a batch without targets.
template <ModelSpec S, WeightFormat F, class O = NextTokenCrossEntropy>
LossAndGradients<S, typename F::Number> loss_and_gradients(const Decoder<S, F>& model, const TokenBatch& batch,
                                                           const LossOptions& options = {}, const O& objective = {}) {
  detail::check_targets<S>(batch);
  detail::check_finite("loss_and_gradients", "load_balancing", options.load_balancing);
  detail::check_finite("loss_and_gradients", "cross_entropy", options.cross_entropy);
  detail::check_objective(objective);
  const detail::FloatMode mode;
  LossAndGradients<S, typename F::Number> result;
  result.gradients.names = model.names();
  detail::TrainingPass<S, F, O> pass(detail::shape_of(batch, {0, batch.batch()}), detail::lanes_of(options.pool));
  result.loss = static_cast<typename F::Number>(pass.run(model, batch, options, result.gradients, objective).total);
  return result;
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
