// What docs/training.md shows. Each function throws where a promise does not hold.
#include <bora/bora.hpp>
#include <bora/data.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 48, layers = 2, context = 128;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 12},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<64>>;
};
using Model = bora::Decoder<Small, bora::F32>;

void require(bool fulfilled, const char* promise) {
  if (!fulfilled) throw std::logic_error(std::string("not fulfilled: ") + promise);
}
bora::TokenBatch draw_batch(bora::Random& random) {
  std::vector<bora::TokenId> ids(4 * 32);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<bora::TokenId>(i % 32 + random.below(3));
  return {4, 32, std::move(ids)};
}

// [schedule]
constexpr bora::LearningRate learning_rate{
    .peak = 3e-3, .floor = 3e-4, .warmup = 20, .steps = 1'000, .decay = bora::Decay::cosine};
// [/schedule]

// [olmo]
/// OLMo 1B as it was released: from a tenth of the peak up, along a cosine down to a tenth.
constexpr bora::LearningRate olmo_1b{
    .peak = 4e-4, .floor = 4e-5, .warmup = 2'000, .steps = 739'328, .decay = bora::Decay::cosine, .warmup_from = 0.1};
/// OLMo 7B: 2.46 T tokens down a line, then 1000 steps to 0.
constexpr bora::LearningRate olmo_7b{.peak = 3e-4,
                                     .floor = 3e-5,
                                     .warmup = 5'000,
                                     .steps = 587'510,
                                     .decay = bora::Decay::linear,
                                     .warmup_from = 0.1,
                                     .cooldown = 1'000};
// [/olmo]

// [wsd]
/// MiniCPM's (Hu et al. 2024): warm-up, stable, and an exponential decay in the last tenth of the steps.
constexpr bora::LearningRate warmup_stable_decay{.peak = 1e-2,
                                                 .warmup = 500,
                                                 .steps = 10'000,
                                                 .decay = bora::Decay::constant,
                                                 .cooldown = 1'000,
                                                 .cooldown_shape = bora::Cooldown::exponential,
                                                 .cooldown_floor = 1e-3};
// [/wsd]

void check_schedule() {
  warmup_stable_decay.check();
  require(warmup_stable_decay.at(9'000) == 1e-2 && warmup_stable_decay.at(10'000) == 1e-3, "stable, then to the floor");
  require(learning_rate.at(19) == 3e-3 && learning_rate.at(1'000) == 3e-4, "warm-up to the peak, then to the floor");
  require(olmo_1b.at(0) == 4e-5 && olmo_1b.at(2'000) == 4e-4, "from a tenth of the peak to the peak");
  require(olmo_7b.at(5'000) == 3e-4 && olmo_7b.at(587'510) == 0, "from the peak to nothing");
}

void take_steps(Model& model, bora::Executor& pool) {
  // [steps]
  bora::Trainer trainer{model,
                        {.learning_rate = learning_rate,
                         .optimizer = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1},
                         .clip_norm = 1.0,
                         .load_balancing = 0.01,  // for mixtures of experts
                         .pool = &pool}};
  bora::Random random(/*seed=*/1);
  for (std::size_t step = 0; step < 30; ++step) {
    const bora::StepReport report = trainer.step(draw_batch(random));
    std::printf("step %zu   loss %.3f   of it balance %.4f   gradient norm %.2f\n", report.step, report.loss,
                0.01 * report.load_balancing, report.gradient_norm);
  }
  // [/steps]
  require(trainer.steps() == 30, "steps are counted");
}

void accumulate(Model& model) {
  bora::Trainer trainer{model};
  bora::Random random(/*seed=*/1);
  // [accumulation]
  // One update from four batches: four times the rows in a quarter of the memory.
  std::vector<bora::TokenBatch> batches;
  for (int i = 0; i < 4; ++i) batches.push_back(draw_batch(random));
  const bora::StepReport report = trainer.step(batches);
  // [/accumulation]
  require(report.step == 1 && report.tokens == 4 * 4 * 32, "one step, all tokens");
}

void train_on_answers() {
  const std::vector<bora::TokenId> ids{7, 8, 3, 40, 41, 2, 7, 9, 9, 3, 50, 2};
  // [answers]
  // Two prompts with their answers, the first one padded: it has 5 tokens. 1 marks the tokens to be learned.
  const std::vector<float> answers{0, 0, 0, 1, 1, 0,  //
                                   0, 0, 0, 0, 1, 1};
  const bora::TokenBatch batch(2, 6, ids, {.weights = bora::weights_before(/*time=*/6, answers), .lengths = {5, 6}});
  // [/answers]
  require(batch.targets() == 4 && batch.target(0, 2)->id == 40, "the answers are predicted, nothing else");
}

void pack_documents() {
  const std::vector<bora::TokenId> ids{7, 8, 2, 7, 9, 9, 2, 0};
  // [packed]
  // Two documents in one row, and a padding. The second one begins at position 0 and does not see the first.
  const bora::TokenBatch batch(1, 8, ids, {.lengths = {7}, .segments = {0, 0, 0, 1, 1, 1, 1, -1}});
  // [/packed]
  require(batch.targets() == 5, "no document predicts the next");
}

void smooth(Model& model) {
  bora::Random random(/*seed=*/1);
  // [smoothed]
  bora::Trainer trainer{
      model, {.learning_rate = learning_rate}, bora::NextTokenCrossEntropy{.z_loss = 1e-4, .label_smoothing = 0.1}};
  // [/smoothed]
  const bora::StepReport report = trainer.step(draw_batch(random));
  require(report.loss > report.cross_entropy, "the options are trained by, not reported as cross entropy");
}

// [objective]
/// Direct preference optimisation (Rafailov et al. 2023, eq. 7). Rows 2i and 2i + 1 of a batch are the chosen and the
/// rejected answer to a prompt; weights mark the answers.
struct DirectPreference : bora::NextTokenCrossEntropy {
  static constexpr std::size_t rows_together = 2;  // no micro-batch parts them
  double beta = 0.1;
  std::vector<double> reference = {};  // log probability of each answer by the reference model

  bora::LossSum weigh(std::span<bora::Target> targets, std::span<const double> losses) const {
    std::vector<double> log_ratio(reference.size()), slope(reference.size());
    for (std::size_t s = 0; s < reference.size(); ++s) log_ratio[s] = -reference[s];
    for (std::size_t i = 0; i < targets.size(); ++i) log_ratio[targets[i].sequence] -= losses[i];

    bora::LossSum sum;
    for (std::size_t s = targets.front().sequence; s < targets.back().sequence; s += 2) {
      const double margin = beta * (log_ratio[s] - log_ratio[s + 1]);
      sum += {.loss = std::log1p(std::exp(-margin)), .count = 1};
      slope[s] = beta / (1 + std::exp(margin));
      slope[s + 1] = -slope[s];
    }
    for (bora::Target& target : targets) target.weight = slope[target.sequence];
    return sum;
  }
};
// [/objective]

void prefer(Model& model) {
  bora::Random random(/*seed=*/1);
  const bora::TokenBatch pairs = draw_batch(random);
  // [own_step]
  DirectPreference objective;
  objective.reference = {-170, -171, -169, -174};
  bora::Trainer trainer{model, {.learning_rate = learning_rate}, objective};
  const bora::StepReport report = trainer.step(pairs);
  // [/own_step]
  const double measured = bora::evaluate(model, pairs, nullptr, objective).loss;
  require(measured < report.loss, "a step prefers the chosen answers");
}

void deal_micro_batches(Model& model) {
  bora::Random random(/*seed=*/1);
  const bora::TokenBatch batch = draw_batch(random);
  // [micro_batches]
  // Activations of one row at a time; the same bits as four batches of a row.
  bora::Trainer trainer{model, {.learning_rate = learning_rate, .micro_batch = 1}};
  trainer.step(batch);
  // [/micro_batches]
  const bora::TokenBatch first_half(2, 32, {batch.ids().begin(), batch.ids().begin() + 64}),
      second_half(2, 32, {batch.ids().begin() + 64, batch.ids().end()});
  // [ranks]
  // Two ranks would each do one of these; the step has micro-batches 0 to 3.
  auto parts = trainer.partial_gradients(std::span(&first_half, 1), /*first=*/0);
  auto others = trainer.partial_gradients(std::span(&second_half, 1), /*first=*/2);
  parts.insert(parts.end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
  const bora::StepReport report = trainer.step(std::move(parts));
  // [/ranks]
  require(report.step == 2 && report.tokens == 4 * 32, "one step from parts");
}

void train_in_bfloat16() {
  bora::Random random(/*seed=*/1);
  // [bf16]
  // The products read bfloat16; what is stepped, and saved, is F32.
  bora::Parameters masters = bora::random_model<Small, bora::F32>(/*seed=*/1).parameters();
  bora::Decoder<Small, bora::Bf16> model;
  bora::Trainer trainer{model, std::move(masters), {.learning_rate = learning_rate}};
  trainer.step(draw_batch(random));
  // [/bf16]
  require(model.parameters().values()[0] == bora::to_float(bora::to_bfloat16(trainer.parameters().values()[0])),
          "the model holds the masters, rounded");
}

void choose_balance(const Model& model) {
  bora::Random random(/*seed=*/1);
  // [balance]
  const bora::TokenBatch batch = draw_batch(random);
  const auto [loss, gradients] =
      bora::loss_and_gradients(model, batch, {.load_balancing = 0.01, .balance = bora::BalanceLoss::per_layer});
  // [/balance]
  require(loss > 0 && gradients.values().size() == bora::parameter_count<Small>, "the objective and its gradient");
}

void measure(const Model& model, bora::Executor& pool) {
  bora::Random random(/*seed=*/9);
  // [evaluate]
  const bora::Evaluation held_out = bora::evaluate(model, draw_batch(random), &pool);
  std::printf("loss %.3f, perplexity %.1f, %.3f bits per byte\n", held_out.loss, held_out.perplexity(),
              held_out.bits_per_byte(/*bytes_per_token=*/1));
  // [/evaluate]
  require(held_out.predictions == 4 * 31, "a row's last token predicts nothing");
}

// [long_run]
void print_start(const bora::RunStart& s) {
  if (s.resumed) std::printf("resumed after step %zu of %zu, rate %.1e\n", s.step, s.steps, s.learning_rate);
}
void print_progress(const bora::Progress& p) {
  std::printf("step %zu of %zu   loss %.3f   %.0f tokens/s   %.0f s left\n", p.step, p.steps, p.loss,
              p.tokens_per_second, p.seconds_left);
  if (p.held_out_loss)
    std::printf("held out %.3f, best %.3f after step %zu\n", *p.held_out_loss, p.best->loss, p.best->step);
}

/// Trains on one text and measures on another. Stopped and started again, it goes on where its last checkpoint stands.
bora::FitResult long_run(const std::filesystem::path& text, const std::filesystem::path& other_text,
                         const std::filesystem::path& folder, const bora::ProgressCallback& progress,
                         bora::Executor& pool) {
  std::filesystem::create_directories(folder);
  const std::filesystem::path packed = folder / "text.tokens", held_out = folder / "held_out.tokens";
  const bora::PackOptions documents{.end_of_document = 0, .separator = "\n\n"};
  bora::pack_text(bora::ByteTokenizer(), std::vector{text}, packed, documents);
  bora::pack_text(bora::ByteTokenizer(), std::vector{other_text}, held_out, documents);

  auto model = bora::random_model<Small, bora::F32>(/*seed=*/1);
  bora::Trainer trainer{model, {.learning_rate = {.peak = 2e-3, .warmup = 5, .steps = 30}, .pool = &pool}};
  bora::TokenMixture mixture({.sources = {{.file = packed, .weight = 1}}, .batch = 4, .time = 64, .seed = 1});
  return bora::fit(
      trainer, mixture,
      {.held_out = bora::held_out_batches(bora::TokenFile(held_out), /*batch=*/4, /*time=*/64, /*most=*/16),
       .evaluate_every = 15,
       .folder = folder / "run",
       .checkpoint_every = 10,
       .on_start = print_start},
      progress);
}
// [/long_run]

bora::FitResult lengthen(const std::filesystem::path& packed, bora::FitOptions options,
                         const bora::ProgressCallback& progress, bora::Executor& pool) {
  auto model = bora::random_model<Small, bora::F32>(/*seed=*/1);
  bora::TokenMixture mixture({.sources = {{.file = packed, .weight = 1}}, .batch = 4, .time = 64, .seed = 1});
  // [lengthen]
  // 30 steps are done, at a rate that came down to 0; here are 15 more. All other options are those of the run.
  bora::Trainer trainer{model, {.learning_rate = {.peak = 2e-3, .warmup = 5, .steps = 45}, .pool = &pool}};
  options.schedule_on_resume = bora::ScheduleOnResume::replaced;
  return bora::fit(trainer, mixture, options, progress);
  // [/lengthen]
}

void train_without_fit(const std::filesystem::path& packed, const std::filesystem::path& folder, std::size_t steps) {
  auto model = bora::random_model<Small, bora::F32>(/*seed=*/1);
  bora::Trainer trainer{model, {.learning_rate = {.peak = 2e-3, .decay = bora::Decay::constant}}};
  bora::TokenMixture mixture({.sources = {{.file = packed, .weight = 1}}, .batch = 4, .time = 64, .seed = 1});
  // [checkpoints]
  bora::TrainingState run;
  if (bora::has_checkpoint(folder)) {
    run = bora::restore_checkpoint(folder, trainer);  // parameters, moments and the count of steps
    mixture.restore(run.data);
  }
  while (trainer.steps() < steps) {
    const bora::StepReport report = trainer.step(mixture.next());
    bora::LossHistory::append(run.history.training, {report.step, report.loss});
    run.data = mixture.state();
    if (report.step % 10 == 0) bora::save_checkpoint(folder, trainer, run);
  }
  // [/checkpoints]
  require(run.history.training.size() == steps, "the losses of the whole run");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) return std::fprintf(stderr, "usage: %s TEXT OTHER_TEXT FOLDER\n", argv[0]), 2;
  const std::filesystem::path folder = argv[3];
  std::filesystem::remove_all(folder);
  bora::ThreadPool pool{2};
  Model model = bora::random_model<Small, bora::F32>(/*seed=*/1);
  check_schedule();
  take_steps(model, pool);
  accumulate(model);
  train_on_answers();
  pack_documents();
  smooth(model);
  prefer(model);
  deal_micro_batches(model);
  train_in_bfloat16();
  choose_balance(model);
  measure(model, pool);

  const bora::FitResult whole = long_run(argv[1], argv[2], folder / "whole", print_progress, pool);
  require(whole.steps == 30 && whole.resumed == 0 && whole.best, "a run from the beginning");
  const auto give_up = [](const bora::Progress& p) {
    if (p.step == 17) throw std::runtime_error("given up");
  };
  try {
    long_run(argv[1], argv[2], folder / "again", give_up, pool);
  } catch (const std::runtime_error&) {
  }
  const bora::FitResult again = long_run(argv[1], argv[2], folder / "again", print_progress, pool);
  require(again.steps == 30 && again.resumed == 15, "it goes on from its last checkpoint");
  const auto expected = bora::load_parameters<Small>(folder / "whole" / "run" / "last");
  const auto found = bora::load_parameters<Small>(folder / "again" / "run" / "last");
  require(std::ranges::equal(found.values(), expected.values()), "the bits are those of a run that was not stopped");

  const std::filesystem::path packed = folder / "again" / "text.tokens";
  const bora::FitOptions options{
      .held_out = bora::held_out_batches(bora::TokenFile(folder / "again" / "held_out.tokens"), 4, 64, 16),
      .evaluate_every = 15,
      .folder = folder / "again" / "run",
      .on_start = print_start};
  const bora::FitResult longer = lengthen(packed, options, print_progress, pool);
  require(longer.steps == 45 && longer.resumed == 30, "a finished run is lengthened");
  train_without_fit(packed, folder / "own", 10);
  train_without_fit(packed, folder / "own", 20);
  require(bora::load_parameters<Small>(folder / "own" / "last").values().size() > 0, "its last checkpoint loads");
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
