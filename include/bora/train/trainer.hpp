/// The trainer: F32 parameters and AdamW moments of a packed model of any format.
#pragma once
#include <bora/core/random.hpp>
#include <bora/simd/adamw.hpp>
#include <bora/train/gradient.hpp>
#include <bora/train/gradient_part.hpp>
#include <bora/train/option_check.hpp>
#include <bora/train/schedule.hpp>
#include <bora/train/summation_tree.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// AdamW (Loshchilov and Hutter 2019). The decay is decoupled and touches matrices only, embeddings and head included.
struct AdamwOptions {
  double beta1 = 0.9;         ///< decay rate of the gradients' running mean, in [0, 1)
  double beta2 = 0.95;        ///< the same for the mean of their squares, in [0, 1)
  double eps = 1e-8;          ///< added to the root of that mean; at least the root of the smallest normal number
  double weight_decay = 0.1;  ///< a step scales matrices by 1 - learning rate * weight_decay; 0: none
};

/// Options of a trainer.
struct TrainerOptions {
  LearningRate learning_rate = {};  ///< by step
  AdamwOptions optimizer = {};      ///< AdamW's constants
  double clip_norm = 1.0;           ///< gradients are scaled down to this global norm; 0: never
  double load_balancing = 0;        ///< coefficient of the load-balancing loss
  Executor* pool = nullptr;         ///< thread pool; null: the calling thread alone. Must outlive the trainer
  BalanceLoss balance = BalanceLoss::all_layers;  ///< which load-balancing loss
  /// Rows of a batch whose gradients are computed together; activations are held for these only. 0: the whole batch.
  /// Gradients of micro-batches are added in a fixed tree over their indices in the step: the result depends on where
  /// micro-batches begin and end, not on how they are grouped into batches or who computes them.
  std::size_t micro_batch = 0;
  std::uint64_t noise = 0;  ///< seed of the noise of noisy routers; it differs for each micro-batch of each step
};

/// Report of a step.
struct StepReport {
  std::size_t step;       ///< 1, 2, …
  double loss;            ///< the minimised loss before the update: both parts times their coefficients
  double cross_entropy;   ///< mean over all targets of the batches together, as `evaluate` has it
  double load_balancing;  ///< mean over the micro-batches, by their targets; without coefficient; 0 for dense models
  double learning_rate;   ///< of this step
  double gradient_norm;   ///< global, before clipping
  std::size_t tokens;     ///< in the batches, the first of each row included, padding not
  std::vector<double> more = {};  ///< means of the objective's further sums
};

/// Trains a model in place: `step` computes the gradients of a batch, updates the F32 parameters and rewrites the
/// packed weights. Losses, gradients and parameters do not depend on the number of threads.
template <class Model, class TrainedBy = NextTokenCrossEntropy>
class Trainer {
  static_assert(!std::is_const_v<Model>, "bora: Trainer: a model is trained in place and cannot be const");

 public:
  using Spec = typename Model::Spec;
  using Format = typename Model::Format;
  using T = typename Model::Number;
  using Part = GradientPart<Spec, T>;
  static_assert(detail::is_objective<TrainedBy, T>());

  /// The model must outlive the trainer. Its unpacked weights are the first parameters: for formats that round, pass
  /// the unrounded ones. Throws ConfigError for impossible options, MemoryError where there is no memory for the
  /// moments.
  explicit Trainer(Model& model, const TrainerOptions& options = {})
      : Trainer(model, model.template parameters<T>(), options) {}
  /// The same with an objective.
  Trainer(Model& model, const TrainerOptions& options, TrainedBy objective)
      : Trainer(model, model.template parameters<T>(), options, std::move(objective)) {}
  /// The same from parameters of one's own, which replace the model's weights.
  Trainer(Model& model, Parameters<Spec, T> parameters, const TrainerOptions& options = {}, TrainedBy objective = {})
      : model_(&model),
        options_(options),
        objective_(std::move(objective)),
        pool_(options.pool),
        parameters_(std::move(parameters)) {
    check_options();
    gradients_.names = parameters_.names;
    model_->assign(parameters_);
  }

  /// One step on one batch.
  StepReport step(const TokenBatch& batch) { return step(std::span<const TokenBatch>(&batch, 1)); }

  /// One step on several batches, of any shapes. Loss and gradient are those of all targets together, by their weights:
  /// of one batch, where the rows have one length. The load-balancing loss, which is not a mean over tokens, is
  /// computed for each micro-batch and averaged by the targets' weights there.
  ///
  /// Beyond the end of a schedule that ends at 0, a step computes everything and changes no parameter (`fit` refuses
  /// such a run). Throws Error where the loss or the gradients' norm is not finite or there is no target at all,
  /// TokenError and CapacityError for batches that do not fit the model, ConfigError if a micro-batch boundary
  /// separates rows that the objective needs together; parameters, moments and the count of steps are then as they
  /// were, and the next step may follow.
  StepReport step(std::span<const TokenBatch> batches) {
    check(batches);
    const detail::FloatMode mode;
    return undone_on_failure([&] {
      spare_.push_back(std::move(gradients_));
      add_micro_batches(batches, 0);
      return finish();
    });
  }

  // The two halves of a step, for distributing micro-batches over ranks.

  /// Number of micro-batches that the batches are split into.
  std::size_t micro_batches(std::span<const TokenBatch> batches) const noexcept {
    std::size_t sum = 0;
    for (const TokenBatch& batch : batches) sum += (batch.batch() + rows_of(batch) - 1) / rows_of(batch);
    return sum;
  }
  /// Gradients of some of a step's micro-batches, of which the first has index `first` in the step. Updates nothing.
  /// Throws as `step` does.
  std::vector<Part> partial_gradients(std::span<const TokenBatch> batches, std::size_t first = 0) {
    check(batches);
    const detail::FloatMode mode;
    return undone_on_failure([&] {
      add_micro_batches(batches, first);
      return tree_.release();
    });
  }
  /// One step from precomputed gradients of all micro-batches from 0 on, in any order, with the same bits as `step` on
  /// all batches. Throws ConfigError if one is missing or given twice, otherwise as `step`.
  StepReport step(std::vector<Part> parts) {
    pool_.require_ready("Trainer");
    const detail::FloatMode mode;
    return undone_on_failure([&] {
      for (Part& part : parts) insert(std::move(part));
      return finish();
    });
  }

  /// Number of steps done, including those before a `restore`.
  std::size_t steps() const noexcept { return steps_; }
  /// The model being trained.
  const Model& model() const noexcept { return *model_; }
  /// The F32 master parameters, unrounded: save these.
  const Parameters<Spec, T>& parameters() const noexcept { return parameters_; }
  /// Gradients of the last step, before clipping.
  const Parameters<Spec, T>& gradients() const noexcept { return gradients_; }
  /// AdamW's running means of the gradients.
  const Parameters<Spec, T>& first_moments() const noexcept { return first_; }
  /// AdamW's running means of the gradients' squares.
  const Parameters<Spec, T>& second_moments() const noexcept { return second_; }
  /// The options as given.
  const TrainerOptions& options() const noexcept { return options_; }
  /// The objective.
  const TrainedBy& objective() const noexcept { return objective_; }

  /// Resumes from a checkpoint's state.
  void restore(std::size_t steps, Parameters<Spec, T> parameters, Parameters<Spec, T> first,
               Parameters<Spec, T> second) {
    steps_ = steps;
    parameters_ = std::move(parameters);
    first_ = std::move(first);
    second_ = std::move(second);
    model_->assign(parameters_);
  }

 private:
  /// Elements of a chunk: squares are summed within chunks, then the chunks' sums in order.
  static constexpr std::size_t norm_chunk = 4096;

  using Pass = detail::TrainingPass<Spec, Format, TrainedBy>;

  /// Rows of a micro-batch.
  std::size_t rows_of(const TokenBatch& batch) const noexcept {
    return options_.micro_batch == 0 ? std::max<std::size_t>(1, batch.batch()) : options_.micro_batch;
  }

  void check(std::span<const TokenBatch> batches) const {
    if (batches.empty()) throw TokenError("step: no batch given, expected at least one");
    constexpr std::size_t together = detail::rows_together<TrainedBy>();
    for (const TokenBatch& batch : batches) {
      detail::check_targets<Spec>(batch);
      if (batch.batch() % together != 0 || rows_of(batch) % together != 0)
        throw ConfigError(detail::message("step: a batch of ", batch.batch(), " rows in micro-batches of ",
                                          rows_of(batch), ", expected multiples of ", together,
                                          ": the objective sees as many rows together"));
    }
    pool_.require_ready("Trainer");
  }

  Pass& pass(const detail::BatchShape& shape) {
    const std::size_t lanes = detail::lanes_of(options_.pool);
    if (pass_ == nullptr || !pass_->fits(shape, lanes)) {
      const detail::BatchShape larger = pass_ == nullptr ? shape : pass_->shape().joined(shape);
      pass_ = nullptr;  // freed before allocating the new one, as both may not fit
      pass_ = std::make_unique<Pass>(larger, lanes);
    }
    return *pass_;
  }
  LossOptions loss_options(std::size_t micro_batch = 0) const noexcept {
    return {.load_balancing = options_.load_balancing,
            .balance = options_.balance,
            .pool = options_.pool,
            .noise = Random(options_.noise, steps_).at(micro_batch)};
  }

  void add_micro_batches(std::span<const TokenBatch> batches, std::size_t first) {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const TokenBatch& batch = batches[i];
      std::size_t sequences = 0;
      for (std::size_t row = 0; row < batch.batch(); row += rows_of(batch)) {
        const Range rows{row, std::min(batch.batch(), row + rows_of(batch))};
        const detail::BatchShape shape = detail::shape_of(batch, rows);
        Parameters<Spec, T> gradients = empty_gradients();
        LossSum loss =
            pass(shape).add(*model_, {&batch, rows, i, sequences}, loss_options(first), objective_, gradients);
        sequences += shape.sequences;
        insert({first++, 1, std::move(loss), std::move(gradients)});
      }
    }
  }
  void insert(Part part) {
    tree_.insert(std::move(part), [&](Part& left, Part&& right) { add(left, std::move(right)); });
  }
  void add(Part& left, Part&& right) {
    left.loss += right.loss;
    detail::add_parameters(options_.pool, right.gradients, left.gradients);
    spare_.push_back(std::move(right.gradients));
  }
  /// Zeroed gradients, reusing spare memory if there is some.
  Parameters<Spec, T> empty_gradients() {
    if (spare_.empty()) {
      Parameters<Spec, T> g;
      g.names = parameters_.names;
      return g;
    }
    Parameters<Spec, T> g = std::move(spare_.back());
    spare_.pop_back();
    std::fill(g.values().begin(), g.values().end(), T(0));
    return g;
  }
  /// If `work` throws, discards the gradients that it has accumulated.
  template <class Work>
  auto undone_on_failure(Work&& work) {
    try {
      return work();
    } catch (...) {
      for (Part& part : tree_.release()) spare_.push_back(std::move(part.gradients));
      if (gradients_.values().empty()) gradients_ = empty_gradients();
      throw;
    }
  }

  /// Keeps at most `most` spare gradients: the next step of as many micro-batches needs that many beside `gradients_`.
  void keep_spare(std::size_t most) {
    while (spare_.size() > most) spare_.pop_back();
  }

  StepReport finish() {
    Part sum = tree_.take([&](Part& left, Part&& right) { add(left, std::move(right)); });
    gradients_ = std::move(sum.gradients);
    keep_spare(static_cast<std::size_t>(std::bit_width(sum.count)) - 1);
    const Loss loss = detail::loss_of(sum.loss, loss_options());
    StepReport report{.step = steps_ + 1,
                      .loss = loss.total,
                      .cross_entropy = loss.cross_entropy,
                      .load_balancing = loss.load_balancing,
                      .learning_rate = options_.learning_rate.at(steps_),
                      .gradient_norm = scale_gradients(static_cast<T>(1 / sum.loss.count)),
                      .tokens = sum.loss.tokens,
                      .more = std::move(sum.loss.more)};
    for (double& value : report.more) value /= sum.loss.count;
    require_finite(report);
    ++steps_;
    update(report.learning_rate, report.gradient_norm);
    return report;
  }

  void check_options() const {
    const AdamwOptions& o = options_.optimizer;
    options_.learning_rate.check();
    detail::check_objective(objective_);
    for (const auto& [name, beta] : {std::pair("beta1", o.beta1), std::pair("beta2", o.beta2)})
      detail::check_option(beta >= 0 && static_cast<T>(beta) < 1, "optimizer", name, beta,
                           "0 or more, and less than 1 in the format of the parameters");
    // Squares of gradients below this root are 0 or lose precision. eps must dominate there: otherwise 0 / 0 arises for
    // ids that a batch lacks, and the smallest gradients take the largest steps.
    const double least = std::sqrt(static_cast<double>(std::numeric_limits<T>::min()));
    detail::check_option(std::isfinite(o.eps) && o.eps >= least, "optimizer", "eps", o.eps,
                         detail::message("a finite number of at least ", least,
                                         ", the root of the smallest normal number in the format of the parameters"));
    // The first step's bias correction is the smallest; an infinite rate would turn parameters without a gradient into
    // NaN.
    detail::check_option(std::isfinite(static_cast<T>(options_.learning_rate.peak / (1 - o.beta1))), "learning_rate",
                         "peak", options_.learning_rate.peak,
                         "one that is finite in the format of the parameters, also divided by 1 - beta1");
    detail::check_not_negative("optimizer", "weight_decay", o.weight_decay);
    detail::check_not_negative("trainer", "clip_norm", options_.clip_norm);
    detail::check_not_negative("trainer", "load_balancing", options_.load_balancing);
  }

  void require_finite(const StepReport& report) const {
    if (std::isfinite(report.loss) && std::isfinite(report.gradient_norm)) return;
    throw Error(detail::message("step ", report.step, ": the loss is ", report.loss, " and the gradient norm ",
                                report.gradient_norm,
                                ", expected finite numbers; nothing was updated. A lower learning rate or a longer "
                                "warm-up may help"));
  }

  /// Scales sums to means; returns their norm over all parameters.
  double scale_gradients(T factor) {
    const auto values = gradients_.values();
    partial_.assign((values.size() + norm_chunk - 1) / norm_chunk, 0.0);
    run_gang(options_.pool, [&](const Lane& lane) noexcept {
      const Range share = lane.share(partial_.size());
      for (std::size_t c = share.begin; c < share.end; ++c) {
        const auto part = values.subspan(c * norm_chunk, std::min(norm_chunk, values.size() - c * norm_chunk));
        simd::scale(factor, part.data(), part.size());
        partial_[c] = static_cast<double>(simd::dot(part.data(), part.data(), part.size()));
      }
    });
    double sum = 0;
    for (const double p : partial_) sum += p;
    return std::sqrt(sum);
  }

  /// Clips, steps and repacks.
  void update(double learning_rate, double norm) {
    const AdamwOptions& o = options_.optimizer;
    const double s = static_cast<double>(steps_);
    const double clip = options_.clip_norm == 0 ? 1 : std::min(1.0, options_.clip_norm / (norm + 1e-6));
    run_gang(options_.pool, [&](const Lane& lane) noexcept {
      step_parameters(lane, {learning_rate, o.beta1, o.beta2, o.eps, o.weight_decay, 1 - std::pow(o.beta1, s),
                             1 - std::pow(o.beta2, s), clip});
      lane.sync();
      model_->assign(lane, parameters_);
    });
  }

  void step_parameters(const Lane& lane, simd::AdamwStep step) noexcept {
    const double decay = step.weight_decay;
    std::size_t at = 0;
    detail::Anatomy<Spec>::visit([&](TensorId, TensorShape shape) {
      step.weight_decay = shape.matrix() ? decay : 0;
      const Range share = lane.share(shape.size(), simd::block_lanes);
      const std::size_t i = at + share.begin;
      simd::adamw(step, gradients_.values().data() + i, first_.values().data() + i, second_.values().data() + i,
                  parameters_.values().data() + i, share.size());
      at += shape.size();
    });
  }

  Model* model_;
  TrainerOptions options_;
  TrainedBy objective_;
  detail::LentPool pool_;
  Parameters<Spec, T> parameters_, gradients_, first_, second_;
  detail::SummationTree<Part> tree_;
  std::vector<Parameters<Spec, T>> spare_;  ///< gradient memory reused between steps
  std::unique_ptr<Pass> pass_;
  std::vector<double> partial_;
  std::size_t steps_ = 0;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
