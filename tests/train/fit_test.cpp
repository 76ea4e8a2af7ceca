#include "support/catch.hpp"
#include "train/runs.hpp"
#include <bora/train/fit.hpp>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace {
using bora::Bf16, bora::F32;
using runs::Run, runs::same_state, support::TemporaryFolder;
}  // namespace

TEST_CASE("A run learns, and tells how it goes", "[train]") {
  const TemporaryFolder folder;
  Run<small::Mixture> run(folder.path(), 40);
  std::vector<bora::Progress> told;
  const bora::FitResult result = run.fit([&](const bora::Progress& p) { told.push_back(p); });
  CHECK(result.steps == 40);
  CHECK(result.resumed == 0);
  REQUIRE(told.size() == 40);
  CHECK(result.history.training.size() == 40);
  CHECK(result.history.held_out.size() == 8);
  CHECK(result.history.held_out.back().loss < result.history.held_out.front().loss - 0.3);
  double best = std::numeric_limits<double>::infinity();
  for (const bora::LossPoint& p : result.history.held_out) best = std::min(best, p.loss);
  REQUIRE(result.best);
  CHECK(result.best->loss == best);
  for (std::size_t i = 0; i < told.size(); ++i) {
    const bora::Progress& p = told[i];
    CHECK(p.step == i + 1);
    CHECK(p.steps == 40);
    CHECK(p.loss == result.history.training[i].loss);
    CHECK(p.cross_entropy < p.loss);  // the load-balancing loss is the rest
    CHECK(p.held_out_loss.has_value() == (p.step % 5 == 0));
    CHECK(p.learning_rate == run.trainer.options().learning_rate.at(i));
    CHECK(p.tokens_per_second > 0);
    CHECK(std::abs(p.flops_per_second / p.tokens_per_second - 3 * bora::flops_per_token<small::Mixture>(6)) < 1);
    CHECK(p.memory_bytes > 100'000);
    CHECK((p.seconds_left == 0) == (p.step == 40));
    CHECK_FALSE(p.share_of_peak);
    CHECK(p.one_build);
    REQUIRE(p.best.has_value() == (p.step >= 5));
    if (!p.best) continue;
    CHECK(p.best->step <= p.step);
    for (const bora::LossPoint& h : result.history.held_out) CHECK((h.step > p.step || h.loss >= p.best->loss));
  }
  CHECK(result.builds == std::vector<std::string>{bora::detail::build_name()});
  const double last = bora::evaluate(run.model, std::span<const bora::TokenBatch>(run.options.held_out)).loss;
  CHECK(result.history.held_out.back().loss == last);
}

TEST_CASE("The share of the peak is told where the peak is known", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense> run(folder.path(), 4);
  run.options.peak_flops_per_second = 1e12;
  std::size_t told = 0;
  run.fit([&](const bora::Progress& p) {
    ++told;
    REQUIRE(p.share_of_peak);
    CHECK(*p.share_of_peak == p.flops_per_second / 1e12);
  });
  CHECK(told == 4);
}

TEST_CASE("A run that another build began is told from one of this build alone", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense> begun(folder.path(), 6);
  CHECK_THROWS_AS(begun.fit(runs::stop_after(3)), runs::Interrupted);
  const std::filesystem::path state = folder / "run" / "last" / "state.json";
  bora::Json all = bora::read_json(state);
  all["state"]["builds"] = {"v0_0_9_highway_sse4"};
  all["checksum"] = bora::detail::hex(bora::detail::text_checksum(all["state"].dump()));
  bora::detail::write_json(state, all);
  Run<small::Dense> resumed(folder.path(), 6);
  std::size_t told = 0;
  const bora::FitResult result = resumed.fit([&](const bora::Progress& p) {
    ++told;
    CHECK_FALSE(p.one_build);
  });
  CHECK(told == 3);
  CHECK(result.builds == std::vector<std::string>{"v0_0_9_highway_sse4", bora::detail::build_name()});
}

TEST_CASE("A run without a folder has the same bits and writes nothing", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense> saved(folder.path(), 12), plain(folder.path(), 12);
  plain.options.folder.clear();
  plain.fit();
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
  saved.fit();
  CHECK(same_state(saved.trainer, plain.trainer));
}

TEST_CASE("A run stopped after any step and begun again comes to the same bits", "[train]") {
  const TemporaryFolder whole_folder;
  Run<small::Mixture, Bf16> whole(whole_folder.path(), 12);
  const bora::FitResult expected = whole.fit();
  for (std::size_t stop = 1; stop < 12; ++stop) {
    INFO("stopped after step " << stop);
    const TemporaryFolder folder;
    bora::ThreadPool pool(stop % 3 + 1);
    CHECK_THROWS_AS((Run<small::Mixture, Bf16>(folder.path(), 12).fit(runs::stop_after(stop))), runs::Interrupted);
    Run<small::Mixture, Bf16> resumed(folder.path(), 12, &pool);
    const bora::FitResult found = resumed.fit();
    CHECK(found.resumed <= stop);
    CHECK(found.resumed + 3 > stop);  // a checkpoint every three steps
    CHECK(same_state(resumed.trainer, whole.trainer));
    CHECK(found.history == expected.history);
    CHECK(found.best == expected.best);
  }
}

TEST_CASE("A run that is over is not trained further, and one with more steps goes on", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense>(folder.path(), 6).fit();
  Run<small::Dense> again(folder.path(), 6);
  CHECK(again.fit([](const bora::Progress&) { FAIL("there was a step"); }).resumed == 6);
  Run<small::Dense> longer(folder.path(), 6), whole(folder.path(), 6);
  longer.options.steps = whole.options.steps = 9;
  CHECK(longer.fit().steps == 9);
  whole.options.folder = folder / "whole";
  whole.fit();
  CHECK(same_state(longer.trainer, whole.trainer));
}

TEST_CASE("A run beyond a schedule that ends at 0 is refused, before its start and when it resumes", "[train]") {
  const TemporaryFolder folder;
  const auto start = [] { return small::parameters<small::Dense, float>(1); };
  const auto fit = [&](const bora::LearningRate& rate, std::size_t steps) -> std::string {
    Run<small::Dense> run(folder.path(), 6);
    bora::Decoder<small::Dense, F32> model(start());
    bora::Trainer trainer{model, start(), {.learning_rate = rate}};
    run.options.steps = steps;
    try {
      bora::fit(trainer, run.mixture, run.options);
    } catch (const bora::ConfigError& error) {
      CHECK(runs::same(trainer.parameters(), start()));
      return error.what();
    }
    return "done";
  };
  const bora::LearningRate to_zero{.peak = 1e-2, .warmup = 2, .steps = 6};
  CHECK(support::lacks(fit(to_zero, 9), "the run is of 9 steps and the learning rate falls to 0 after 6") == "");
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
  CHECK(fit(to_zero, 4) == "done");
  CHECK(fit(to_zero, 6) == "done");
  CHECK(support::lacks(fit(to_zero, 7),
                       "expected a schedule of 7 steps, one that ends above 0, or a run of at most 6") == "");
  std::filesystem::remove_all(folder / "run");
  CHECK(fit({.peak = 1e-2, .floor = 1e-3, .steps = 6}, 7) == "done");  // trains on at the floor
  std::filesystem::remove_all(folder / "run");
  CHECK(support::lacks(fit({.peak = 1e-2, .steps = 6, .decay = bora::Decay::constant, .cooldown = 2}, 7),
                       "falls to 0 after 6") == "");
}

TEST_CASE("A finished run is lengthened by another schedule, where that is asked for", "[train]") {
  const TemporaryFolder folder;
  using bora::ScheduleOnResume;
  const auto start = [] { return small::parameters<small::Dense, float>(1); };
  const auto fit = [&](std::size_t steps, ScheduleOnResume schedule, const char* place = "run") {
    Run<small::Dense> run(folder.path(), steps);
    bora::Decoder<small::Dense, F32> model(start());
    bora::Trainer trainer{model, start(), {.learning_rate = {.peak = 1e-2, .warmup = 2, .steps = steps}}};
    run.options.schedule_on_resume = schedule;
    run.options.folder = folder / place;
    std::vector<double> rates;
    bora::fit(trainer, run.mixture, run.options, [&](const bora::Progress& p) { rates.push_back(p.learning_rate); });
    return std::pair(rates,
                     std::vector<float>(trainer.parameters().values().begin(), trainer.parameters().values().end()));
  };
  fit(6, ScheduleOnResume::unchanged);
  std::string says = "accepted";
  try {
    fit(9, ScheduleOnResume::unchanged);
  } catch (const bora::ConfigError& error) {
    says = error.what();
  }
  CHECK(support::lacks(says, "option 'learning_rate/steps' is 6, expected 9") == "");
  CHECK(support::lacks(says, "ask for the new schedule by ScheduleOnResume::replaced") == "");
  std::filesystem::copy(folder / "run", folder / "again",
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  const auto [rates, parameters] = fit(9, ScheduleOnResume::replaced);
  const bora::LearningRate longer{.peak = 1e-2, .warmup = 2, .steps = 9};
  CHECK(rates == std::vector<double>{longer.at(6), longer.at(7), longer.at(8)});
  CHECK(rates[0] > 0);
  CHECK(fit(9, ScheduleOnResume::replaced, "again").second == parameters);
  CHECK(fit(9, ScheduleOnResume::unchanged).first.empty());  // the checkpoint has the new one now
  CHECK_THROWS_AS(fit(6, ScheduleOnResume::unchanged), bora::ConfigError);
}

TEST_CASE("That a run resumes is told once, before its first step", "[train]") {
  const TemporaryFolder folder;
  std::vector<bora::RunStart> starts;
  const auto fit = [&](const bora::ProgressCallback& progress) {
    Run<small::Dense> run(folder.path(), 12);
    run.options.on_start = [&](const bora::RunStart& s) {
      starts.push_back(s);
      CHECK(run.trainer.steps() == s.step);
    };
    run.fit(progress);
  };
  CHECK_THROWS_AS(fit(runs::stop_after(7)), runs::Interrupted);
  fit({});
  fit({});
  REQUIRE(starts.size() == 3);
  const auto check = [](const bora::RunStart& s, bool resumed, std::size_t step) {
    CHECK(s.resumed == resumed);
    CHECK(s.step == step);
    CHECK(s.steps == 12);
    CHECK(s.learning_rate == bora::LearningRate{.peak = 1e-2, .floor = 1e-3, .warmup = 3, .steps = 12}.at(step));
    CHECK(s.best.has_value() == resumed);
    CHECK(s.one_build);
  };
  check(starts[0], false, 0);
  check(starts[1], true, 6);
  check(starts[2], true, 12);
  Run<small::Dense> run(folder.path(), 12);
  run.options.on_start = [](const bora::RunStart&) { throw runs::Interrupted(); };
  CHECK_THROWS_AS(run.fit(), runs::Interrupted);
}

TEST_CASE("A run does not go on with other data, held-out rows or batches", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense>(folder.path(), 6).fit();
  const auto refused = [&](auto change) {
    Run<small::Dense> other(folder.path(), 6);
    change(other);
    CHECK_THROWS_AS(other.fit(), bora::ConfigError);
    CHECK(other.trainer.steps() == 0);
  };
  refused([](auto& run) { run.options.batches_per_step = 1; });
  refused([](auto& run) { run.options.held_out.pop_back(); });
  refused([](auto& run) {  // the same ids in rows of another length
    const bora::TokenBatch& b = run.options.held_out[0];
    run.options.held_out[0] = bora::TokenBatch(b.time(), b.batch(), {b.ids().begin(), b.ids().end()});
  });
  refused([&](auto& run) {
    run.mixture = bora::TokenMixture({.sources = {{folder / "a.tokens"}}, .batch = 3, .time = 11, .seed = 5});
  });
}

TEST_CASE("Two runs cannot write into one folder", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense> first(folder.path(), 6);
  std::string refusal = "accepted";
  first.fit([&](const bora::Progress& p) {
    if (p.step != 2) return;
    Run<small::Dense> second(folder.path(), 6);
    refusal = support::refusal(folder / "run", [&] { second.fit(); });
  });
  CHECK(support::lacks(refusal, "is in use by another program") == "");
}

TEST_CASE("A loss that is no number ends the run, and the checkpoint before it stays", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense> good(folder.path(), 12);
  CHECK_THROWS_AS(good.fit(runs::stop_after(6)), runs::Interrupted);
  const auto last = std::filesystem::read_symlink(folder / "run" / "last");
  auto broken = small::parameters<small::Dense, float>(1);
  for (float& value : broken.values()) value = 1e30f;
  good.trainer.restore(6, std::move(broken), {}, {});
  good.options.folder.clear();
  CHECK_THROWS_AS(good.fit(), bora::Error);
  CHECK(std::filesystem::read_symlink(folder / "run" / "last") == last);
}

TEST_CASE("A held-out loss that is no number ends the run, and the checkpoint before it stays", "[train]") {
  const TemporaryFolder folder;
  Run<small::Dense> run(folder.path(), 12);
  run.options.evaluate_every = run.options.checkpoint_every = 1;
  // The first step moves nothing, the second throws the parameters out of all bounds.
  const auto start = [] { return small::parameters<small::Dense, float>(1); };
  bora::Decoder<small::Dense, F32> model(start());
  bora::Trainer trainer{model, start(), {.learning_rate = {.peak = 1e20, .warmup = 2, .steps = 12, .warmup_from = 0}}};
  std::string says = "accepted";
  try {
    bora::fit(trainer, run.mixture, run.options);
  } catch (const bora::Error& error) {
    says = error.what();
  }
  CHECK(support::lacks(says, "fit: after step 2 the held-out loss is NaN, expected a finite number") == "");
  CHECK(std::filesystem::read_symlink(folder / "run" / "last") == "step-000000001");
  CHECK(std::filesystem::read_symlink(folder / "run" / "best") == "step-000000001");
  const bora::TrainingState kept = bora::restore_checkpoint(folder / "run", trainer);
  CHECK(trainer.steps() == 1);
  CHECK(runs::same(trainer.parameters(), start()));
  CHECK(kept.history.held_out.size() == 1);
}

TEST_CASE("Impossible runs are refused before anything is written", "[train]") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(Run<small::Dense>(folder.path(), 0).fit(), bora::ConfigError);  // nobody says how many steps
  const auto refused = [&](auto change) {
    Run<small::Dense> run(folder.path(), 6);
    change(run);
    CHECK_THROWS_AS(run.fit(), bora::Error);
    CHECK(run.trainer.steps() == 0);
    CHECK_FALSE(std::filesystem::exists(folder / "run"));
  };
  refused([](auto& run) { run.options.batches_per_step = 0; });
  refused([](auto& run) { run.options.evaluate_every = 0; });
  refused([](auto& run) { run.options.checkpoint_every = 0; });
  refused([](auto& run) { run.options.report_every = 0; });
  for (const double bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    refused([bad](auto& run) { run.options.peak_flops_per_second = bad; });
  refused([](auto& run) { run.options.held_out.emplace_back(1, 2, std::vector<bora::TokenId>{1, 29}); });
  refused([&](auto& run) {
    const auto file = runs::token_file(folder / "wide.tokens", runs::tokens(50, 1), 30);
    run.mixture = bora::TokenMixture({.sources = {{file}}, .batch = 1, .time = 5});
  });
}
