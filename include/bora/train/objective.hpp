/// Objectives: policies that turn rows of logits, or of hidden states, into a loss and its gradient. An objective sees
/// only rows with a target and returns sums, not means, so that the sums of parts of a batch add up to those of the
/// whole.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/model/batch.hpp>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A target: a row at which the batch asks for a prediction.
struct Target {
  std::size_t batch = 0;     ///< index among the batches of the step, from 0
  std::size_t sequence = 0;  ///< in that batch, from 0: its row, unless segments divide rows into several sequences
  std::size_t row = 0;       ///< of that batch
  std::size_t time = 0;      ///< in that row
  TokenId id = 0;            ///< the token to be predicted
  double weight = 1;         ///< of its loss
};

/// The loss of one row, before its weight.
struct RowLoss {
  double loss;      ///< what is minimised
  double measured;  ///< the value that an evaluation reports
};

/// An objective's sums over some targets, divided by `count` once all targets are included.
struct LossSum {
  double loss = 0;                ///< what is minimised
  double measured = 0;            ///< the sum that an evaluation reports
  double count = 0;               ///< divisor of the mean: the sum of weights, the number of pairs, …
  std::vector<double> more = {};  ///< further sums of an objective, reported as means; always the same number of them
  double load_balancing = 0;      ///< of the routers, times `count`; not set by the objective
  std::size_t tokens = 0;         ///< tokens that the model ran; not set by the objective

  LossSum& operator+=(const LossSum& other) {
    loss += other.loss;
    measured += other.measured;
    count += other.count;
    if (more.size() < other.more.size()) more.resize(other.more.size());
    for (std::size_t i = 0; i < other.more.size(); ++i) more[i] += other.more[i];
    load_balancing += other.load_balancing;
    tokens += other.tokens;
    return *this;
  }
};

/// An objective on logits. Lanes call it concurrently, for different rows.
///
///     double  loss(target, logits)      the row's loss in evaluations, before its weight
///     RowLoss gradient(target, logits)  the same and the minimised loss; logits [vocab_size] become the gradient of
///                                       the latter times the target's weight
///     double  count(target)             the row's weight in the mean
template <class O, class T>
concept LogitsObjective =
    requires(const O& objective, const Target& target, std::span<const T> logits, std::span<T> in_place) {
      { objective.loss(target, logits) } noexcept -> std::same_as<double>;
      { objective.gradient(target, in_place) } noexcept -> std::same_as<RowLoss>;
      { objective.count(target) } noexcept -> std::same_as<double>;
    };

/// An objective whose loss is a function of several rows' losses (of whole sequences, of pairs, …). `weigh` receives
/// `loss` of every target and returns the sum of its losses; it stores in each target's weight the derivative of that
/// sum with respect to the row's loss, with which `gradient` is then called. One thread calls it, once for each
/// micro-batch; it may throw.
template <class O, class T>
concept SequenceObjective =
    LogitsObjective<O, T> && requires(const O& objective, std::span<Target> targets, std::span<const double> losses) {
      { objective.weigh(targets, losses) } -> std::same_as<LossSum>;
    };

/// An objective on hidden states: the model's last ones, after the final norm, [targets, dim]. It overwrites them with
/// the gradient of the sum of losses that it returns. One thread calls it, once for each micro-batch; it may throw. An
/// objective may be on logits and on states: both losses are then added.
template <class O, class T>
concept StatesObjective =
    requires(const O& objective, std::span<const Target> targets, Rows<T> states, std::size_t dim) {
      { objective.states(targets, states, dim) } -> std::same_as<LossSum>;
    };

/// An objective on logits, on hidden states, or both.
template <class O, class T>
concept Objective = LogitsObjective<O, T> || StatesObjective<O, T>;

namespace detail {

/// True; otherwise a static_assert says what is missing.
template <class O, class T>
constexpr bool is_objective() noexcept {
  static_assert(
      Objective<O, T>,
      "bora: training: an objective has const members loss, gradient and count, all noexcept, on rows of logits, "
      "or states on hidden states: see bora/train/objective.hpp");
  return true;
}

/// Number of consecutive rows of a batch that an objective needs together: its `static constexpr std::size_t
/// rows_together`.
template <class O>
constexpr std::size_t rows_together() noexcept {
  if constexpr (requires { O::rows_together; })
    return O::rows_together;
  else
    return 1;
}

/// Calls the objective's `check`, if it has one, which may throw.
template <class O>
void check_objective(const O& objective) {
  if constexpr (requires { objective.check(); }) objective.check();
}

/// The divisor of the sums. Throws Error if it is 0 or less.
inline double require_count(const LossSum& sum) {
  if (sum.count > 0 || std::isnan(sum.count)) return sum.count;
  throw Error(message("the targets count ", sum.count,
                      " in the mean, expected more than 0: no target has a weight, or the weights cancel out"));
}

/// The targets of rows of a batch, in their order, with the row of the forward that each is predicted from.
struct TargetList {
  std::vector<Target> targets;
  std::vector<std::size_t> rows;

  void find(const TokenBatch& batch, std::size_t index, std::size_t sequences_before, Range rows_of_batch) {
    targets.clear();
    rows.clear();
    std::size_t row = 0, sequence = sequences_before;
    for_sequences(batch, rows_of_batch, [&](std::size_t b, std::size_t begin, std::size_t end) {
      for (std::size_t t = begin; t < end; ++t, ++row)
        if (const auto target = batch.target(b, t)) {
          targets.push_back({index, sequence, b, t, target->id, static_cast<double>(target->weight)});
          rows.push_back(row);
        }
      ++sequence;
    });
  }
  std::size_t size() const noexcept { return targets.size(); }
};

}  // namespace detail
}}  // namespace bora::BORA_ABI
