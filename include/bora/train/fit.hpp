/// The training loop: steps, evaluations, checkpoints, and resuming after an interruption.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/folder_lock.hpp>
#include <bora/model/accounting.hpp>
#include <bora/train/checkpoint.hpp>
#include <bora/train/checkpoint_folder.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/option_check.hpp>
#include <bora/train/progress.hpp>
#include <bora/train/token_mixture.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Options of a training run: its length, evaluations, checkpoints and reports.
struct FitOptions {
  std::size_t steps = 0;                  ///< of the whole training run; 0: as many as the learning rate's schedule
  std::size_t batches_per_step = 1;       ///< of one update
  std::vector<TokenBatch> held_out = {};  ///< evaluated together; empty: no evaluation
  std::size_t evaluate_every = 100;       ///< steps; and after the last. Without held-out batches never
  std::filesystem::path folder = {};      ///< of the checkpoints; empty: none are written
  std::size_t checkpoint_every = 1000;    ///< steps; after the last, and after each best evaluation
  std::size_t report_every = 1;           ///< steps; after the last, and after each evaluation
  double peak_flops_per_second = 0;       ///< of the machine, for Progress::share_of_peak; 0: not known
  StartCallback on_start = {};            ///< told whether the run resumes, before its first step
  /// Whether a training run may resume with another schedule than its checkpoint's, to be lengthened.
  ScheduleOnResume schedule_on_resume = ScheduleOnResume::unchanged;
};

/// Result of a training run.
struct FitResult {
  std::size_t steps = 0;          ///< done in all
  std::size_t resumed = 0;        ///< of these, done before this call resumed
  LossHistory history;            ///< losses from the first step of the run on
  std::optional<LossPoint> best;  ///< the lowest held-out loss
  /// As in TrainingState: with more than one, the bits are not those of a training run by a single build.
  std::vector<std::string> builds = {};
};

namespace detail {

/// Seconds spent between start() and stop() calls.
class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;
  void start() noexcept { begin_ = Clock::now(); }
  void stop() noexcept { seconds_ += since(); }
  double since() const noexcept { return std::chrono::duration<double>(Clock::now() - begin_).count(); }
  double seconds() const noexcept { return seconds_; }
  void reset() noexcept { seconds_ = 0; }

 private:
  Clock::time_point begin_ = Clock::now();
  double seconds_ = 0;
};

template <class Model, class TrainedBy>
class Fit {
 public:
  using Spec = typename Model::Spec;

  Fit(Trainer<Model, TrainedBy>& trainer, TokenMixture& mixture, const FitOptions& options)
      : trainer_(trainer), mixture_(mixture), options_(options) {
    check();
    if (options_.steps == 0) options_.steps = trainer.options().learning_rate.steps;
    if (options_.steps == 0)
      throw ConfigError("fit: neither the run nor its learning rate says how many steps, expected 1 or more");
    check_schedule();
    if (saves()) open_folder();
    run_.builds = with_this_build(std::move(run_.builds));
  }

  FitResult run(const ProgressCallback& progress) {
    first_step_ = trainer_.steps();
    if (options_.on_start)
      options_.on_start({.resumed = found_checkpoint_,
                         .step = first_step_,
                         .steps = options_.steps,
                         .learning_rate = trainer_.options().learning_rate.at(first_step_),
                         .best = run_.best,
                         .one_build = run_.builds.size() == 1});
    whole_.start();
    while (trainer_.steps() < options_.steps) step(progress);
    return {.steps = trainer_.steps(),
            .resumed = resumed_,
            .history = std::move(run_.history),
            .best = run_.best,
            .builds = std::move(run_.builds)};
  }

 private:
  bool saves() const noexcept { return !options_.folder.empty(); }

  void check() const {
    const FitOptions& o = options_;
    if (o.batches_per_step == 0 || o.evaluate_every == 0 || o.checkpoint_every == 0 || o.report_every == 0)
      throw ConfigError("fit: batches_per_step, evaluate_every, checkpoint_every and report_every must be 1 or more");
    check_not_negative("fit", "peak_flops_per_second", o.peak_flops_per_second);
    if (mixture_.vocab_size() > Spec::vocab_size)
      throw ConfigError(message("fit: the token files are made for ", mixture_.vocab_size(),
                                " ids, expected at most the model's ", Spec::vocab_size));
    for (const TokenBatch& batch : o.held_out) check_targets<Spec>(batch);
  }

  /// Refuses steps at a rate of 0, which would cost hours and leave every parameter unchanged.
  void check_schedule() const {
    const LearningRate& rate = trainer_.options().learning_rate;
    if (options_.steps <= std::max(rate.steps, rate.warmup) || !rate.ends_at_zero()) return;
    throw ConfigError(message("fit: the run is of ", options_.steps, " steps and the learning rate falls to 0 after ",
                              rate.steps, ": the steps beyond would change nothing; expected a schedule of ",
                              options_.steps, " steps, one that ends above 0, or a run of at most ", rate.steps,
                              ". A run that has a checkpoint takes another schedule by "
                              "FitOptions::schedule_on_resume"));
  }

  /// Facts that decide the training run's bits beside the trainer's options; the frequency of evaluations does not.
  Json facts() const {
    Checksum held_out;
    for (const TokenBatch& batch : options_.held_out) {
      for (const std::size_t extent : {batch.batch(), batch.time()}) held_out.add(std::uint64_t{extent});
      for (const TokenId id : batch.ids()) held_out.add(static_cast<std::uint64_t>(id));
      add_parts(held_out, batch.parts());
    }
    return {{"batches_per_step", options_.batches_per_step},
            {"held_out", hex(held_out.value())},
            {"data", hex(mixture_.state().fingerprint)}};
  }
  /// Parts that are left empty add nothing.
  static void add_parts(Checksum& sum, const BatchParts& parts) {
    for (const TokenId id : parts.targets) sum.add(static_cast<std::uint64_t>(id));
    for (const float weight : parts.weights) sum.add(static_cast<double>(weight));
    for (const std::size_t length : parts.lengths) sum.add(std::uint64_t{length});
    for (const std::int32_t segment : parts.segments) sum.add(static_cast<std::uint64_t>(segment));
  }
  void open_folder() {
    make_folder(options_.folder);
    lock_.emplace(options_.folder);
    // Recovers now: if no step is left, no save would clean up after an interruption.
    if (recover_checkpoint_folder(options_.folder).last.empty()) return;
    auto found = read_checkpoint(options_.folder, trainer_, facts(), options_.schedule_on_resume);
    mixture_.restore(found.run.data);  // may throw; restoring the trainer cannot
    trainer_.restore(found.steps, std::move(found.parameters), std::move(found.first), std::move(found.second));
    run_ = std::move(found.run);
    resumed_ = trainer_.steps();
    found_checkpoint_ = true;
  }

  void step(const ProgressCallback& progress) {
    training_.start();
    std::vector<TokenBatch> batches;
    for (std::size_t i = 0; i < options_.batches_per_step; ++i) batches.push_back(mixture_.next());
    const StepReport report = trainer_.step(batches);
    training_.stop();
    tokens_ += report.tokens;
    LossHistory::append(run_.history.training, {report.step, report.loss});
    const std::optional<double> held_out = evaluate_if_due();
    save_if_due();
    if (progress && (due(options_.report_every) || held_out)) tell(progress, report, held_out);
  }
  bool due(std::size_t every) const noexcept {
    return trainer_.steps() % every == 0 || trainer_.steps() >= options_.steps;
  }

  std::optional<double> evaluate_if_due() {
    improved_ = false;
    if (options_.held_out.empty() || !due(options_.evaluate_every)) return std::nullopt;
    const double loss = evaluate(trainer_.model(), std::span<const TokenBatch>(options_.held_out),
                                 trainer_.options().pool, trainer_.objective())
                            .loss;
    require_finite_loss(loss);
    LossHistory::append(run_.history.held_out, {trainer_.steps(), loss});
    improved_ = !run_.best || loss < run_.best->loss;
    if (improved_) run_.best = {trainer_.steps(), loss};
    return loss;
  }

  /// The last step's loss was finite, but its parameters are not worth continuing from.
  void require_finite_loss(double held_out) const {
    if (std::isfinite(held_out)) return;
    throw Error(message("fit: after step ", trainer_.steps(), " the held-out loss is ", held_out,
                        ", expected a finite number; no checkpoint was written. A lower learning rate or a longer "
                        "warm-up may help"));
  }

  void save_if_due() {
    if (!saves() || !(due(options_.checkpoint_every) || improved_)) return;
    run_.data = mixture_.state();
    write_checkpoint(options_.folder, trainer_, run_, facts());
  }

  void tell(const ProgressCallback& progress, const StepReport& report, std::optional<double> held_out) {
    const double speed = static_cast<double>(tokens_) / training_.seconds();
    const double flops = speed * 3 * flops_per_token<Spec>((mixture_.time() + 1) / 2);
    const double each = whole_.since() / static_cast<double>(trainer_.steps() - first_step_);
    const double peak = options_.peak_flops_per_second;
    progress({.step = report.step,
              .steps = options_.steps,
              .loss = report.loss,
              .cross_entropy = report.cross_entropy,
              .learning_rate = report.learning_rate,
              .gradient_norm = report.gradient_norm,
              .tokens_per_second = speed,
              .flops_per_second = flops,
              .share_of_peak = peak > 0 ? std::optional(flops / peak) : std::nullopt,
              .held_out_loss = held_out,
              .best = run_.best,
              .memory_bytes = most_memory(),
              .seconds_left = each * static_cast<double>(options_.steps - report.step),
              .one_build = run_.builds.size() == 1});
    training_.reset();
    tokens_ = 0;
  }

  Trainer<Model, TrainedBy>& trainer_;
  TokenMixture& mixture_;
  FitOptions options_;
  std::optional<FolderLock> lock_;
  TrainingState run_;
  std::size_t resumed_ = 0, first_step_ = 0, tokens_ = 0;
  bool improved_ = false, found_checkpoint_ = false;
  Stopwatch training_, whole_;
};

}  // namespace detail

/// Trains until `steps` steps are done in all. With a folder, checkpoints are written there, and a call that finds one
/// resumes from it: a training run that is killed at any moment ends with the same bits as one that was never
/// interrupted, for any number of threads and one build of the library. Throws ConfigError for options that are
/// impossible or differ from the checkpoint's and for steps beyond a schedule that ends at 0, FileError for a
/// checkpoint that is damaged or cannot be written, Error if a loss is not finite: the checkpoint before it stays.
template <class Model, class TrainedBy>
FitResult fit(Trainer<Model, TrainedBy>& trainer, TokenMixture& mixture, const FitOptions& options,
              const ProgressCallback& progress = {}) {
  return detail::Fit<Model, TrainedBy>(trainer, mixture, options).run(progress);
}

}}  // namespace bora::BORA_ABI
