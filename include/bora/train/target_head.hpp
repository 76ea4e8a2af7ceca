/// The head over a batch's targets: from the last hidden states to an objective's loss, and backward.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/model/batch_forward.hpp>
#include <bora/train/objective.hpp>
#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace detail {

/// Only rows that are targets pass through the head, gathered `head_rows` at a time: the logits of a whole batch are
/// never held at once. For an objective that needs all rows before it can give a gradient, the head runs twice.
template <ModelSpec S, WeightFormat F, class O>
class TargetHead {
 public:
  using A = Anatomy<S>;
  using T = typename F::Number;
  static_assert(is_objective<O, T>());
  static constexpr bool on_logits = LogitsObjective<O, T>, on_states = StatesObjective<O, T>;
  static constexpr bool by_row = on_logits && !SequenceObjective<O, T>;   ///< losses of logits are summed by row
  static constexpr bool sees_all = SequenceObjective<O, T> || on_states;  ///< before it gives a gradient

  /// \param keep   everything: for backward
  /// \param lanes  most lanes of backward
  TargetHead(std::size_t rows, Keep keep, std::size_t lanes = 1) : chunk_(std::min(rows, head_rows)), head_(chunk_) {
    memory_ = carve_buffer("the head's numbers", [&](Arena& arena) {
      gathered_ = take_rows<T>(arena, chunk_, S::dim);
      if (on_states) states_ = take_rows<T>(arena, rows, S::dim);
      if (keep == Keep::nothing) return;
      d_gathered_ = take_rows<T>(arena, chunk_, S::dim);
      d_head_ = take_rows<T>(arena, chunk_, S::dim);
      if (on_logits && A::logit_cap != 0) capped_ = take_rows<T>(arena, lanes, S::vocab_size);
    });
  }

  /// The targets of the current batch, set by the caller.
  TargetList list;

  /// Computes the losses of all targets and adds them to `sum` one by one, so that the bits do not depend on which rows
  /// share a batch.
  /// \param x  the residual stream after the last layer
  void measure(const Decoder<S, F>& model, const O& objective, Rows<const T> x, Executor* pool, LossSum& sum) {
    run_sweep(model, objective, x, pool);
    sum += judge(objective);
    if constexpr (by_row)
      for (std::size_t i = 0; i < list.size(); ++i) {
        sum.measured += list.targets[i].weight * losses_[i].measured;
        sum.count += objective.count(list.targets[i]);
      }
  }

  /// Sums needed before backward: `count`, and all sums of an objective that sees all rows.
  LossSum prepare(const Decoder<S, F>& model, const O& objective, Rows<const T> x, Executor* pool) {
    LossSum sum;
    losses_.resize(list.size());
    if constexpr (sees_all) {
      run_sweep(model, objective, x, pool);
      sum += judge(objective);
    }
    if constexpr (by_row)
      for (const Target& target : list.targets) sum.count += objective.count(target);
    return sum;
  }
  /// d_x += the gradient with respect to the last residual stream, g += those of the head and the final norm. After
  /// `prepare`.
  /// \param coefficient  of the loss
  void backward(const Lane& lane, const Decoder<S, F>& model, const O& objective, Rows<const T> x, double coefficient,
                Parameters<S, T>& g, Rows<T> d_x) noexcept {
    for (std::size_t first = 0; first < list.size(); first += chunk_)
      backward_rows(lane, model, objective, x, {first, std::min(first + chunk_, list.size())}, coefficient, g, d_x);
  }
  /// Adds the losses that backward computed.
  void add_losses(LossSum& sum) const noexcept {
    if constexpr (by_row)
      for (std::size_t i = 0; i < list.size(); ++i) {
        sum.loss += list.targets[i].weight * losses_[i].loss;
        sum.measured += list.targets[i].weight * losses_[i].measured;
      }
  }

 private:
  void gather(const Lane& lane, Rows<const T> x, Range targets) noexcept {
    const Range share = lane.share(targets.size());
    for (std::size_t r = share.begin; r < share.end; ++r)
      std::copy_n(x.row(list.rows[targets.begin + r]), S::dim, gathered_.row(r));
    lane.sync();
  }
  void run_head(const Lane& lane, const Decoder<S, F>& model, std::size_t rows) noexcept {
    if constexpr (on_logits)
      head_.run(lane, model, gathered_, rows);
    else
      head_.normalise(lane, model, gathered_, rows);
  }

  /// Every target's loss, and its hidden state.
  void run_sweep(const Decoder<S, F>& model, const O& objective, Rows<const T> x, Executor* pool) {
    losses_.resize(list.size());
    run_gang(pool, [&](const Lane& lane) noexcept { measure_rows(lane, model, objective, x); });
  }
  void measure_rows(const Lane& lane, const Decoder<S, F>& model, const O& objective, Rows<const T> x) noexcept {
    for (std::size_t first = 0; first < list.size(); first += chunk_) {
      const std::size_t n = std::min(chunk_, list.size() - first);
      gather(lane, x, {first, first + n});
      run_head(lane, model, n);
      const Range share = lane.share(n);
      for (std::size_t r = share.begin; r < share.end; ++r) {
        if constexpr (on_logits)
          losses_[first + r].measured =
              objective.loss(list.targets[first + r], std::span<const T>(head_.logits.row(r), S::vocab_size));
        if constexpr (on_states) widen(head_.input.row(r), states_.row(first + r));
      }
      lane.sync();
    }
  }
  /// Widens the head's input, which is rounded to the activation format.
  template <class Activation>
  static void widen(const Activation* from, T* to) noexcept {
    simd::detail::for_blocks(S::dim, [&](std::size_t i, std::size_t valid) {
      simd::detail::store(simd::detail::load<simd::Block<T>>(from + i, valid), to + i, valid);
    });
  }
  /// Calls an objective that sees all rows; derivatives are left in the targets' weights and gradients in the states.
  LossSum judge(const O& objective) {
    LossSum sum;
    if constexpr (SequenceObjective<O, T>) {
      together_.clear();
      for (const RowLoss& loss : losses_) together_.push_back(loss.measured);
      sum += objective.weigh(std::span<Target>(list.targets), std::span<const double>(together_));
    }
    if constexpr (on_states) sum += objective.states(std::span<const Target>(list.targets), states_, S::dim);
    sum.measured = sum.loss;
    return sum;
  }

  void backward_rows(const Lane& lane, const Decoder<S, F>& model, const O& objective, Rows<const T> x, Range targets,
                     double coefficient, Parameters<S, T>& g, Rows<T> d_x) noexcept {
    const std::size_t n = targets.size();
    gather(lane, x, targets);
    run_head(lane, model, n);
    begin_gradient(lane, targets, coefficient);
    const Range share = lane.share(n);
    for (std::size_t r = share.begin; r < share.end; ++r) {
      std::fill_n(d_gathered_.row(r), S::dim, T(0));
      if constexpr (on_logits)
        losses_[targets.begin + r] = row_gradient(lane, objective, targets.begin + r, r, coefficient);
    }
    lane.sync();
    if constexpr (on_logits) {
      linear_backward(lane, model.weights().output(), head_.logits, n, d_head_);
      linear_gradient(lane, model.weights().output(), g.tree().output(), Absent{}, head_.logits, head_.input, n);
      lane.sync();
    }
    A::Norm::template backward<Packed<F>, T>(lane, model.weights().final_norm, g.tree().final_norm, gathered_, n,
                                             S::dim, head_.statistics, d_head_, d_gathered_);
    for (std::size_t r = share.begin; r < share.end; ++r) {  // rows of which this lane ran the norm's backward
      T* to = d_x.row(list.rows[targets.begin + r]);
      simd::add(to, d_gathered_.row(r), to, S::dim);
    }
    lane.sync();
  }
  /// d_head = the gradient that the objective stored in the states, on this lane's columns.
  void begin_gradient(const Lane& lane, Range targets, double coefficient) noexcept {
    clear_columns(lane, d_head_, targets.size(), S::dim);
    if constexpr (on_states) {
      const Range columns = lane_columns(lane, S::dim);
      for (std::size_t r = 0; r < targets.size(); ++r)
        simd::add_scaled(static_cast<T>(coefficient), states_.row(targets.begin + r) + columns.begin,
                         d_head_.row(r) + columns.begin, columns.size());
    }
  }
  /// The logits of row r become their gradient, before the cap.
  RowLoss row_gradient(const Lane& lane, const O& objective, std::size_t i, std::size_t r,
                       double coefficient) noexcept {
    Target target = list.targets[i];
    target.weight *= coefficient;
    T* logits = head_.logits.row(r);
    if constexpr (A::logit_cap != 0) std::copy_n(logits, S::vocab_size, capped_.row(lane.index));
    const RowLoss loss = objective.gradient(target, std::span<T>(logits, S::vocab_size));
    if constexpr (A::logit_cap != 0)
      simd::soft_cap_backward(static_cast<T>(A::logit_cap), capped_.row(lane.index), logits, S::vocab_size);
    return loss;
  }

  std::size_t chunk_;
  Head<S, F> head_;
  Buffer<std::byte> memory_;
  Rows<T> gathered_, states_, d_gathered_, d_head_;
  Rows<T> capped_;                ///< [lanes, vocab_size]: the logits of a row while they become their gradient
  std::vector<RowLoss> losses_;   ///< [targets]
  std::vector<double> together_;  ///< [targets]: the losses that a sequence objective is given
};

}}}  // namespace bora::BORA_ABI::detail
BORA_AFTER_NAMESPACE();
