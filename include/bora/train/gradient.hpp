/// Loss and gradients of a batch: forward, cross entropy, backward.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <bora/train/balance.hpp>
#include <bora/train/option_check.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// The objective: next-token cross entropy, mean over all batch * (time - 1) predictions, natural logarithm, plus the
/// load-balancing loss.
struct LossOptions {
  double load_balancing = 0;                        ///< coefficient of the load-balancing loss
  BalanceLoss balance = BalanceLoss::all_layers;  ///< which load-balancing loss
  double cross_entropy = 1;                         ///< coefficient of the cross entropy
  Executor* pool = nullptr;                         ///< who works; the calling thread alone without one
};

/// The parts of an objective.
struct Loss {
  double total = 0;           ///< the objective: both parts by their coefficients
  double cross_entropy = 0;   ///< mean over all predictions, natural logarithm, without coefficient
  double load_balancing = 0;  ///< without coefficient; 0 for dense models
};

namespace detail {

/// Logits [n] become `scale` times the gradient of their cross entropy, softmax(logits) - 1 at the target; returns the
/// cross entropy. The softmax is exp(x - largest) / sum: exp(x - log of the sum) would have the rounding error of a
/// number as large as the logits.
template <class T>
double cross_entropy_gradient(T* logits, std::size_t n, std::size_t target, T scale) noexcept {
  const simd::LogSumExp<T> sum = simd::log_sum_exp(logits, n);
  const double loss = sum.cross_entropy(logits[target]);
  simd::exp_shifted(logits, sum.largest, scale / sum.sum, logits, n);
  logits[target] -= scale;
  return loss;
}

/// The memory of training on batches of one shape, and the pass itself. Sums over tokens run in the tokens' order on
/// one lane, so losses and gradients do not depend on the number of threads.
template <ModelSpec S, WeightFormat F>
class TrainingPass {
 public:
  using A = Anatomy<S>;
  using T = typename F::Number;

  TrainingPass(std::size_t batch, std::size_t time, std::size_t lanes)
      : forward_(batch, time, lanes, Keep::everything),
        head_(std::min(batch * time, head_rows)),
        row_loss_(batch * time) {
    memory_ = carve_buffer("the numbers of a backward pass", [&](Arena& arena) { carve(arena); });
  }

  bool fits(const TokenBatch& batch, std::size_t lanes) const noexcept {
    return forward_.fits(batch) && lanes == forward_.lanes();
  }

  /// Adds the gradients of the objective to `g` and returns its parts. The batch has been checked.
  Loss run(const Decoder<S, F>& model, const TokenBatch& batch, const LossOptions& options, Parameters<S, T>& g) {
    forward_.place(batch.ids());
    run_gang(options.pool, [&](const Lane& lane) noexcept { forward_.run(lane, model); });
    balance_loss_ = measure_balance(options);  // between the gangs: it allocates, and may throw
    run_gang(options.pool, [&](const Lane& lane) noexcept {
      clear_columns(lane, d_stream_, rows(), S::dim);
      if constexpr (A::has_bias_table) clear_bias(lane);
      lane.sync();
      for (std::size_t first = 0; first < rows(); first += head_rows)
        head_backward(lane, model, first, std::min(head_rows, rows() - first), options.cross_entropy, g);
      for (std::size_t l = S::layers; l-- > 0;) layer_backward(lane, model, l, g);
      embedding_backward(lane, g);
    });
    double sum = 0;
    for (const double loss : row_loss_) sum += loss;
    const double cross_entropy = sum / static_cast<double>(predictions());
    return {options.cross_entropy * cross_entropy + options.load_balancing * balance_loss_, cross_entropy,
            balance_loss_};
  }

  Forward<S, F>& forward() noexcept { return forward_; }
  const Balance<S, F>& balance() const noexcept { return balance_; }

 private:
  std::size_t rows() const noexcept { return forward_.rows(); }
  std::size_t predictions() const noexcept { return forward_.batch() * (forward_.time() - 1); }

  void carve(Arena& arena) {
    d_stream_ = take_rows<T>(arena, rows(), S::dim);
    d_head_ = take_rows<T>(arena, std::min(rows(), head_rows), S::dim);
    A::for_kinds([&]<std::size_t kind>() {
      std::get<kind>(d_blocks_) = A::template Block<kind>::template Gradients<Packed<F>>::carve(arena, rows());
    });
    if constexpr (A::has_bias_table) d_bias_ = arena.take<T>(bias_size());
  }
  std::size_t bias_size() const noexcept {
    if constexpr (A::has_bias_table) {
      using Attention = typename A::template Attention<A::bias_kind>;
      return forward_.batch() * Attention::heads * PositionTables<Attention, T>::reach();
    }
    return 0;
  }
  void clear_bias(const Lane& lane) noexcept {
    const Range share = lane.share(bias_size());
    std::fill(d_bias_ + share.begin, d_bias_ + share.end, T(0));
  }

  double measure_balance([[maybe_unused]] const LossOptions& options) {
    if constexpr (Balance<S, F>::any)
      return balance_.measure(forward_, rows(), options.balance, options.load_balancing);
    else
      return 0;
  }

  /// Cross entropy of rows [first, first + n) and its way back through the head into the stream.
  void head_backward(const Lane& lane, const Decoder<S, F>& model, std::size_t first, std::size_t n, double weight,
                     Parameters<S, T>& g) noexcept {
    const Rows<T> x = forward_.stream(S::layers).from(first);
    head_.run(lane, model, x, n);
    const Range share = lane.share(n);
    const T scale = static_cast<T>(weight / static_cast<double>(predictions()));
    for (std::size_t r = share.begin; r < share.end; ++r)
      row_loss_[first + r] = cross_entropy_backward(first + r, head_.logits.row(r), scale);
    clear_columns(lane, d_head_, n, S::dim);
    lane.sync();
    linear_backward(lane, model.weights().output(), head_.logits, n, d_head_);
    linear_gradient(lane, model.weights().output(), g.tree().output(), Absent{}, head_.logits, head_.input, n);
    lane.sync();
    A::Norm::template backward<Packed<F>, T>(lane, model.weights().final_norm, g.tree().final_norm, x, n, S::dim,
                                             head_.statistics, d_head_, d_stream_.from(first));
    lane.sync();
  }

  /// Logits become their gradient; returns the loss. The last token of a sequence predicts nothing.
  double cross_entropy_backward(std::size_t row, T* logits, T scale) noexcept {
    if (row % forward_.time() + 1 == forward_.time()) {
      std::fill_n(logits, S::vocab_size, T(0));
      return 0;
    }
    const auto target = static_cast<std::size_t>(forward_.tokens()[row + 1]);
    return cross_entropy_gradient(logits, S::vocab_size, target, scale);
  }

  void layer_backward(const Lane& lane, const Decoder<S, F>& model, std::size_t l, Parameters<S, T>& g) noexcept {
    A::with_kind(l, [&]<std::size_t kind>() {
      A::template Block<kind>::template backward<Packed<F>>(
          lane, model.weights().template layer<kind>(l), g.tree().template layer<kind>(l),
          Rows<const T>(forward_.stream(l)), forward_.template context<kind>(lane, forward_.cache(), l, rows()),
          forward_.time(), forward_.template kept<kind>(l), std::get<kind>(d_blocks_), balance_.gradient(l), d_bias_,
          forward_.scratch(), d_stream_);
    });
  }

  void embedding_backward(const Lane& lane, Parameters<S, T>& g) noexcept {
    const Range columns = lane_columns(lane, S::dim);
    const auto add = [&](const auto& table, std::size_t row, const T* d) {
      T* to = table.data + row * S::dim + columns.begin;
      simd::add(to, d + columns.begin, to, columns.size());
    };
    for (std::size_t r = 0; r < rows(); ++r) {
      add(g.tree().embedding, static_cast<std::size_t>(forward_.tokens()[r]), d_stream_.row(r));
      if constexpr (A::positions_learned) add(g.tree().positions, forward_.places()[r].position, d_stream_.row(r));
    }
    if constexpr (A::has_bias_table)
      if (lane.index == 0)
        PositionTables<typename A::template Attention<A::bias_kind>, T>::fold(d_bias_, forward_.batch(),
                                                                              g.tree().relative_bias.data);
  }

  template <std::size_t... kind>
  static auto gradients_for(std::index_sequence<kind...>)
      -> std::tuple<typename A::template Block<kind>::template Gradients<Packed<F>>...>;

  BatchForward<S, F> forward_;
  Head<S, F> head_;
  Balance<S, F> balance_;
  double balance_loss_ = 0;
  std::vector<double> row_loss_;
  Buffer<std::byte> memory_;
  Rows<T> d_stream_, d_head_;
  decltype(gradients_for(std::make_index_sequence<A::kinds>())) d_blocks_;
  T* d_bias_ = nullptr;
};

}  // namespace detail

/// Loss of a batch and its gradients, which have the parameters' layout.
template <ModelSpec S, class T>
struct LossAndGradients {
  T loss;                      ///< the objective
  Parameters<S, T> gradients;  ///< d loss / d parameter
};

/// The objective of `batch` and d objective / d parameters. Throws TokenError for ids outside the vocabulary and rows
/// of fewer than two tokens, ConfigError for coefficients that are not finite.
template <ModelSpec S, WeightFormat F>
LossAndGradients<S, typename F::Number> loss_and_gradients(const Decoder<S, F>& model, const TokenBatch& batch,
                                                           const LossOptions& options = {}) {
  detail::check_batch<S>(batch, 2);
  detail::check_finite("loss_and_gradients", "load_balancing", options.load_balancing);
  detail::check_finite("loss_and_gradients", "cross_entropy", options.cross_entropy);
  const detail::FloatMode mode;
  LossAndGradients<S, typename F::Number> result;
  result.gradients.names = model.names();
  detail::TrainingPass<S, F> pass(batch.batch(), batch.time(), detail::lanes_of(options.pool));
  result.loss = static_cast<typename F::Number>(pass.run(model, batch, options, result.gradients).total);
  return result;
}

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();
