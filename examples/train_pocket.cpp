// Makes the model that comes with the library from nothing: stories, tokenizer, training, and a report of what it
// learned.
//
//     build/bin/train_pocket FOLDER [STEPS] [THREADS]
#include "bpe_trainer.hpp"
#include "loss_curve.hpp"
#include "pocket.hpp"
#include "story_overlap.hpp"
#include <bora/bora.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/progress.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t training_seed = 1, held_out_seed = 2;
constexpr std::size_t batch = 8, time_steps = 256;
constexpr std::size_t tokenizer_stories = 20'000, held_out_stories = 1'000;
constexpr std::size_t report_every = 20, evaluate_every = 500;
constexpr double peak_rate = 3e-3, seconds_between_saves = 180;

using Model = bora::Decoder<Pocket, bora::F32>;
using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Stories one after the other, each between its marks, cut into batches.
class StoryStream {
 public:
  StoryStream(const bora::BpeTokenizer& tokenizer, std::uint64_t seed) : tokenizer_(tokenizer), seed_(seed) {}

  bora::TokenBatch next() {
    while (waiting_.size() < batch * time_steps) append(stories::story(seed_, stories_++));
    const auto end = waiting_.begin() + batch * time_steps;
    std::vector<bora::TokenId> ids(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    return {batch, time_steps, std::move(ids)};
  }
  std::uint64_t stories_read() const { return stories_; }

 private:
  void append(std::string text) {
    text.pop_back();  // the line's end: a mark says so
    const auto ids = tokenizer_.encode(text, {.bos = true, .eos = true});
    waiting_.insert(waiting_.end(), ids.begin(), ids.end());
  }

  const bora::BpeTokenizer& tokenizer_;
  std::uint64_t seed_, stories_ = 0;
  std::vector<bora::TokenId> waiting_;
};

bora::BpeTokenizer make_tokenizer() {
  WordCounts words;
  for (std::uint64_t i = 0; i < tokenizer_stories; ++i) {
    const std::string story = stories::story(training_seed, i);
    words.add(std::string_view(story).substr(0, story.size() - 1));
  }
  bora::BpeTokenizer tokenizer(train_bpe(words, Pocket::vocab_size));
  std::printf("tokenizer: %zu pieces from %zu different words\n", tokenizer.vocab_size(), words.counts().size());
  if (tokenizer.vocab_size() != Pocket::vocab_size) throw bora::ConfigError("too few words for the vocabulary");
  return tokenizer;
}

/// What held-out stories show.
struct HeldOut {
  double loss, bits_per_byte;
};

/// Bytes that the row's predictions spell; a story's end counts none.
std::size_t predicted_bytes(const bora::BpeTokenizer& tokenizer, std::span<const bora::TokenId> row) {
  return tokenizer.decode(row).size() - tokenizer.decode(row.first(1)).size();
}

std::vector<bora::TokenBatch> held_out_text(const bora::BpeTokenizer& tokenizer, std::size_t batches) {
  StoryStream stream(tokenizer, held_out_seed);
  std::vector<bora::TokenBatch> text;
  for (std::size_t b = 0; b < batches; ++b) text.push_back(stream.next());
  return text;
}

HeldOut measure(const Model& model, const bora::BpeTokenizer& tokenizer, std::size_t batches, bora::Executor* pool) {
  const auto text = held_out_text(tokenizer, batches);
  const bora::Evaluation evaluation = bora::evaluate(model, std::span(text), pool);
  std::size_t bytes = 0;
  for (const bora::TokenBatch& rows : text)
    for (std::size_t r = 0; r < rows.batch(); ++r) bytes += predicted_bytes(tokenizer, rows.row(r));
  return {evaluation.loss,
          evaluation.bits_per_byte(static_cast<double>(bytes) / static_cast<double>(evaluation.predictions))};
}

/// Which share of a layer's choices falls on each expert, [layers][experts], on held-out text.
std::vector<std::vector<double>> expert_shares(const Model& model, const bora::BpeTokenizer& tokenizer,
                                               std::size_t batches, bora::Executor* pool) {
  using Experts = Pocket::FeedForward;
  std::vector shares(Pocket::layers, std::vector<double>(Experts::experts));
  const double one = 1.0 / static_cast<double>(batches * batch * time_steps * Experts::choices);
  // The only part that looks inside: what the routers of a training pass kept.
  bora::detail::TrainingPass<Pocket, bora::F32> pass(batch, time_steps, bora::detail::lanes_of(pool));
  bora::Parameters<Pocket> gradients;
  for (const bora::TokenBatch& text : held_out_text(tokenizer, batches)) {
    pass.run(model, text, {.pool = pool}, gradients);
    for (std::size_t l = 0; l < Pocket::layers; ++l)
      for (std::size_t t = 0; t < batch * time_steps; ++t)
        for (std::size_t c = 0; c < Experts::choices; ++c)
          shares[l][static_cast<std::size_t>(pass.forward().template kept<0>(l).feed_forward.choice.row(t)[c])] += one;
  }
  return shares;
}

void save(const bora::Parameters<Pocket>& parameters, const bora::BpeTokenizer& tokenizer,
          const std::filesystem::path& folder) {
  bora::save(parameters, folder,
             {.numbers = bora::StoredNumbers::bf16, .bos = tokenizer.bos(), .eos = tokenizer.eos()});
  bora::save_tokenizer(tokenizer, folder / "tokenizer.json");
}

std::string write_story(const Model& model, const bora::BpeTokenizer& tokenizer, std::uint64_t seed) {
  bora::Session session{model};
  std::vector<bora::TokenId> ids{tokenizer.bos()};
  for (const bora::TokenId t :
       bora::generate(session, std::vector<bora::TokenId>{ids},
                      {.temperature = 0.6, .max_tokens = 400, .seed = seed, .stop = {tokenizer.eos()}}))
    ids.push_back(t);
  return tokenizer.decode(ids);
}

/// How the training went, for the report.
struct Course {
  bora::LossHistory losses;  ///< of training: means of `report_every` steps
  std::size_t tokens = 0;
  std::uint64_t stories = 0;
  double seconds = 0;
};

void print_line(const bora::StepReport& report, double loss, std::size_t steps, const Course& course) {
  const double per_step = course.seconds / static_cast<double>(report.step);
  std::printf("step %6zu   loss %.4f   balance %.3f   gradient norm %.2f   %.0f tokens/s   %.1f minutes left\n",
              report.step, loss, report.load_balancing, report.gradient_norm,
              static_cast<double>(course.tokens) / course.seconds,
              per_step * static_cast<double>(steps - report.step) / 60);
  std::fflush(stdout);
}

bora::TrainerOptions options(std::size_t steps, bora::Executor* pool) {
  return {.learning_rate = {.peak = peak_rate,
                            .floor = peak_rate / 50,
                            .warmup = std::min<std::size_t>(100, steps / 10 + 1),
                            .steps = steps},
          .optimizer = {.beta2 = 0.98, .weight_decay = 0.05},
          .load_balancing = 0.01,
          .pool = pool};
}

Course train(Model& model, const bora::BpeTokenizer& tokenizer, const std::filesystem::path& folder, std::size_t steps,
             bora::Executor* pool) {
  bora::Trainer trainer{model, options(steps, pool)};
  StoryStream stream(tokenizer, training_seed);
  Course course;
  const auto start = Clock::now();
  auto saved = start;
  double loss = 0;
  for (std::size_t step = 1; step <= steps; ++step) {
    const bora::StepReport report = trainer.step(stream.next());
    course.tokens += report.tokens;
    course.seconds = seconds_since(start);
    loss += report.cross_entropy / report_every;
    if (step % report_every == 0) {
      print_line(report, loss, steps, course);
      course.losses.training.push_back({step, std::exchange(loss, 0)});
    }
    if (step % evaluate_every == 0 || step == steps) {
      const HeldOut held_out = measure(model, tokenizer, 8, pool);
      course.losses.held_out.push_back({step, held_out.loss});
      std::printf("step %6zu   held out: loss %.4f, %.4f bits per byte\n", step, held_out.loss, held_out.bits_per_byte);
    }
    if (seconds_since(saved) > seconds_between_saves) {
      save(trainer.parameters(), tokenizer, folder);
      saved = Clock::now();
    }
  }
  save(trainer.parameters(), tokenizer, folder);
  course.stories = stream.stories_read();
  return course;
}

/// Whether the held-out stories are new, word for word.
bora::Json overlap(std::uint64_t trained_stories) {
  StoryRuns eight(8, held_out_seed, held_out_stories), sixteen(16, held_out_seed, held_out_stories),
      thirty_two(32, held_out_seed, held_out_stories), whole(0, held_out_seed, held_out_stories);
  for (std::uint64_t i = 0; i < trained_stories; ++i) {
    const std::string story = stories::story(training_seed, i);
    for (StoryRuns* runs : {&eight, &sixteen, &thirty_two, &whole}) runs->meet(story);
  }
  return {{"runs of 8 words", eight.share_met()},
          {"runs of 16 words", sixteen.share_met()},
          {"runs of 32 words", thirty_two.share_met()},
          {"whole stories", whole.share_met()}};
}

void write_report(const bora::BpeTokenizer& tokenizer, const std::filesystem::path& folder, const Course& course,
                  bora::Executor* pool) {
  const Model model = bora::load<Pocket, bora::F32>(folder);  // as it ships: rounded to bfloat16
  const HeldOut held_out = measure(model, tokenizer, 64, pool);
  const bora::Json report = {{"parameters", bora::parameter_count<Pocket>},
                             {"active_parameters", bora::active_parameter_count<Pocket>},
                             {"training_tokens", course.tokens},
                             {"training_stories", course.stories},
                             {"training_seconds", std::round(course.seconds)},
                             {"held_out_loss", held_out.loss},
                             {"held_out_bits_per_byte", held_out.bits_per_byte},
                             {"expert_shares", expert_shares(model, tokenizer, 16, pool)},
                             {"share_of_held_out_stories_in_training_text", overlap(course.stories)}};
  bora::AtomicFile out(folder / "training.json");
  out.write(report.dump(2) + "\n");
  out.commit();
  loss_curve::write(folder / "loss.svg", course.losses);
  std::printf("%s\n", report.dump(2).c_str());
  for (std::uint64_t seed = 1; seed <= 5; ++seed) std::printf("\n%s\n", write_story(model, tokenizer, seed).c_str());
}

void make(const std::filesystem::path& folder, std::size_t steps, std::size_t threads) {
  std::filesystem::create_directories(folder);
  const bora::BpeTokenizer tokenizer = make_tokenizer();
  bora::ThreadPool pool{threads};
  auto model = bora::random_model<Pocket, bora::F32>(/*seed=*/1);
  const Course course = train(model, tokenizer, folder, steps, &pool);
  write_report(tokenizer, folder, course, &pool);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: %s FOLDER [STEPS] [THREADS]\n", argv[0]), 2;
  try {
    make(argv[1], argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 6'000,
         argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "train_pocket: %s\n", e.what());
    return 1;
  }
}
