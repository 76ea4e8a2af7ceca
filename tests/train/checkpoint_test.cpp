#include "support/catch.hpp"
#include "train/runs.hpp"
#include <bora/train/checkpoint.hpp>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Model = bora::Decoder<small::Mixture, bora::F32>;
using support::bytes_of, support::lacks, support::TemporaryFolder;

const bora::TrainerOptions usual{.learning_rate = {.peak = 1e-2, .steps = 8}};
const bora::TrainingState state{.data = {.batches = 3, .fingerprint = 0xfedcba9876543210},
                                .history = {.training = {{1, 3.25}, {2, 1.0 / 3}}, .held_out = {{2, 0.1}}},
                                .best = bora::LossPoint{2, 0.1},
                                .builds = {}};

template <class S = small::Mixture, class F = bora::F32>
struct Trained {
  explicit Trained(std::size_t steps, const bora::TrainerOptions& options = usual)
      : model(small::parameters<S, float>(1)), trainer(model, small::parameters<S, float>(1), options) {
    for (std::size_t s = 0; s < steps; ++s) trainer.step(small::batch(2, 11, s));
  }
  bora::Decoder<S, F> model;
  bora::Trainer<bora::Decoder<S, F>> trainer;
};

/// But for the lock.
std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  names.erase("lock");
  return names;
}
using Names = std::set<std::string>;

/// What restoring a trainer of these options from a folder is refused with.
template <class S = small::Mixture, class F = bora::F32>
std::string refused(const fs::path& folder, const bora::TrainerOptions& options = usual) {
  Trained<S, F> other(0, options);
  const Trained<S, F> untouched(0, options);
  std::string text = "accepted";
  try {
    bora::restore_checkpoint(folder, other.trainer);
  } catch (const bora::Error& error) {
    text = error.what();
    CHECK(runs::same_state(other.trainer, untouched.trainer));
    CHECK(runs::same(other.model.parameters(), untouched.model.parameters()));
  }
  return text;
}

template <class S, class F>
void check_round_trip() {
  const TemporaryFolder folder;
  Trained<S, F> trained(2), other(0);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  const bora::TrainingState found = bora::restore_checkpoint(folder.path(), other.trainer);
  CHECK(runs::same_state(trained.trainer, other.trainer));
  CHECK(found.data == state.data);
  CHECK(found.history == state.history);
  CHECK(found.best == state.best);
  CHECK(trained.trainer.step(small::batch(2, 11, 9)).loss == other.trainer.step(small::batch(2, 11, 9)).loss);
  CHECK(runs::same_state(trained.trainer, other.trainer));
}

}  // namespace

TEST_CASE("A checkpoint holds every bit of a run", "[train]") {
  check_round_trip<small::Dense, bora::F32>();
  check_round_trip<small::Mixture, bora::Bf16>();
  check_round_trip<small::Learned, bora::F32>();
}

TEST_CASE("The links of a checkpoint folder lead to models that load", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  for (const char* link : {"last", "best"})
    CHECK(runs::same(bora::load_parameters<small::Mixture>(folder / link), trained.trainer.parameters()));
}

TEST_CASE("The last and the best checkpoint are kept, and no others", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(0);
  CHECK_FALSE(bora::has_checkpoint(folder.path()));
  const auto save = [&](std::size_t step, std::size_t best) {
    while (trained.trainer.steps() < step) trained.trainer.step(small::batch(2, 11, 1));
    bora::save_checkpoint(folder.path(), trained.trainer,
                          {.data = {}, .history = {}, .best = bora::LossPoint{best, 1}, .builds = {}});
    CHECK(bora::has_checkpoint(folder.path()));
    return names_in(folder.path());
  };
  CHECK(save(1, 1) == Names{"last", "best", "step-000000001"});
  CHECK(save(2, 1) == Names{"last", "best", "step-000000001", "step-000000002"});
  CHECK(save(3, 1) == Names{"last", "best", "step-000000001", "step-000000003"});
  CHECK(save(4, 4) == Names{"last", "best", "step-000000004"});
  CHECK(fs::read_symlink(folder / "best") == "step-000000004");
  CHECK(save(4, 4) == Names{"last", "best", "step-000000004.2"});  // never over one that is in use
}

TEST_CASE("What interrupted saves leave behind is not read, and goes with the next save", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(1);
  bora::save_checkpoint(folder.path(), trained.trainer, {});
  // Between the rename and the change of `last`, while a folder was written, and while a link was made.
  fs::copy(folder / "step-000000001", folder / "step-000000002", fs::copy_options::recursive);
  fs::create_directory(folder / "step-000000003.partial");
  fs::create_symlink("step-000000002", folder / "last.partial");
  fs::create_directory(folder / "step-by-step");  // a stranger's
  Trained<> other(0);
  bora::restore_checkpoint(folder.path(), other.trainer);
  CHECK(runs::same_state(trained.trainer, other.trainer));
  trained.trainer.step(small::batch(2, 11, 1));
  bora::save_checkpoint(folder.path(), trained.trainer, {});
  CHECK(names_in(folder.path()) == Names{"last", "step-000000002", "step-by-step"});
  bora::restore_checkpoint(folder.path(), other.trainer);
  CHECK(runs::same_state(trained.trainer, other.trainer));
}

TEST_CASE("Restoring only reads: a link that an interruption left behind is set right by the next save", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  fs::remove(folder / "best");
  fs::create_symlink("step-000000001", folder / "best");
  CHECK(refused(folder.path()) == "accepted");
  CHECK(fs::read_symlink(folder / "best") == "step-000000001");
  trained.trainer.step(small::batch(2, 11, 9));
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  CHECK(fs::read_symlink(folder / "best") == "step-000000002");
  CHECK(names_in(folder.path()) == Names{"last", "best", "step-000000002", "step-000000003"});
}

TEST_CASE("A run can be saved into another folder than its best checkpoint's", "[train]") {
  const TemporaryFolder first, second;
  Trained<> trained(2);
  bora::save_checkpoint(first.path(), trained.trainer, state);
  bora::TrainingState run = bora::restore_checkpoint(first.path(), trained.trainer);
  trained.trainer.step(small::batch(2, 11, 9));
  bora::save_checkpoint(second.path(), trained.trainer, run);
  CHECK(names_in(second.path()) == Names{"last", "step-000000003"});  // where the best one is nothing links to it
  Trained<> other(0);
  CHECK(bora::restore_checkpoint(second.path(), other.trainer).best == state.best);
  CHECK(runs::same_state(trained.trainer, other.trainer));
  trained.trainer.step(small::batch(2, 11, 9));
  run.best = bora::LossPoint{4, 0.05};
  bora::save_checkpoint(second.path(), trained.trainer, run);
  CHECK(names_in(second.path()) == Names{"last", "best", "step-000000004"});
  // Nor is another run's best checkpoint taken for this one's.
  trained.trainer.step(small::batch(2, 11, 9));
  run.best = state.best;
  bora::save_checkpoint(second.path(), trained.trainer, run);
  CHECK(names_in(second.path()) == Names{"last", "step-000000005"});
  CHECK(bora::restore_checkpoint(second.path(), other.trainer).best == state.best);
}

TEST_CASE("Checkpoints that lost their links on the way are gone on from, not removed", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  fs::copy(folder / "step-000000002", folder / "step-000000001", fs::copy_options::recursive);
  for (const char* link : {"last", "best"}) fs::remove(folder / link);
  const bora::detail::CheckpointFolder found = bora::detail::recover_checkpoint_folder(folder.path());
  CHECK(found.last == "step-000000002");
  CHECK(names_in(folder.path()) == Names{"last", "best", "step-000000002"});
  CHECK(refused(folder.path()) == "accepted");
}

TEST_CASE("The newest of checkpoints is the one of the most steps, then the last copy", "[train]") {
  const TemporaryFolder folder;
  std::string newest;
  for (const char* name : {"step-000000009", "step-000000010", "step-000000010.2", "step-000000010.9",
                           "step-000000010.10", "step-999999999.3", "step-1000000000"}) {
    fs::create_directory(folder / name);
    CHECK(bora::detail::newest_checkpoint(folder.path()) == newest);  // without state.json it is none
    folder.file(std::string(name) + "/state.json", "{}");
    newest = name;
    CHECK(bora::detail::newest_checkpoint(folder.path()) == newest);
  }
}

TEST_CASE("A checkpoint tells which builds of the library it was trained by", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(2);
  const std::string own = bora::detail::build_name();
  CHECK(own.starts_with("v" + std::to_string(BORA_VERSION_MAJOR) + "_"));
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  bora::TrainingState run = bora::restore_checkpoint(folder.path(), trained.trainer);
  CHECK(run.builds == std::vector<std::string>{own});
  run.builds = {"v0_0_9_highway_sse4"};  // as if that one had begun the run
  bora::save_checkpoint(folder.path(), trained.trainer, run);
  CHECK(bora::restore_checkpoint(folder.path(), trained.trainer).builds ==
        std::vector<std::string>{"v0_0_9_highway_sse4", own});
}

TEST_CASE("Losses that are not finite are refused before anything is written", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(1);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  trained.trainer.step(small::batch(2, 11, 1));
  const auto says = [&](auto&& spoil, std::string_view part) {
    bora::TrainingState run = state;
    spoil(run);
    const std::string text =
        support::refusal(folder.path(), [&] { bora::save_checkpoint(folder.path(), trained.trainer, run); });
    CHECK(names_in(folder.path()) == Names{"last", "step-000000001"});
    return lacks(text, part);
  };
  CHECK(says([](auto& run) { run.history.training[1].loss = std::nan(""); },
             "the training loss of step 2 is NaN, expected a finite number") == "");
  CHECK(says([](auto& run) { run.history.held_out[0].loss = HUGE_VAL; }, "the held-out loss of step 2 is inf") == "");
  CHECK(says([](auto& run) { run.best->loss = -HUGE_VAL; }, "the best loss of step 2 is -inf") == "");
  CHECK(refused(folder.path()) == "accepted");
}

TEST_CASE("A folder that another one saves into is left alone", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(1);
  const bora::FolderLock other(folder.path());
  CHECK(lacks(support::refusal(folder.path(), [&] { bora::save_checkpoint(folder.path(), trained.trainer, state); }),
              "is in use by another program") == "");
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("Nothing is written where a link's place is taken", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(1);
  bora::save_checkpoint(folder.path(), trained.trainer, {});
  fs::create_directory(folder / "best");
  folder.file("best/mine", "x");
  trained.trainer.step(small::batch(2, 11, 1));
  CHECK(lacks(support::refusal(folder / "best", [&] { bora::save_checkpoint(folder.path(), trained.trainer, state); }),
              "is no link, expected one to a checkpoint beside it") == "");
  CHECK(names_in(folder.path()) == Names{"last", "best", "step-000000001"});
  CHECK(fs::read_symlink(folder / "last") == "step-000000001");
}

TEST_CASE("Moments of another shape, and squares below zero, are refused", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(1);
  auto negative = small::parameters<small::Mixture, float>(1);
  trained.trainer.restore(1, small::parameters<small::Mixture, float>(1), {}, std::move(negative));
  bora::save_checkpoint(folder.path(), trained.trainer, {});
  CHECK(lacks(refused(folder.path()), " as a second moment, expected 0 or more") == "");

  const bora::CheckpointNames names = trained.trainer.parameters().names;
  bora::SafeTensorsWriter turned;
  for (const auto& tensor :
       bora::file_tensors(names, bora::describe<small::Mixture>(), bora::tensors_of<small::Mixture>()))
    turned.add("first." + tensor.name(), {tensor.size()}, std::vector<float>(tensor.size()));
  turned.write(folder / "turned.safetensors");
  CHECK(lacks(support::refusal(folder / "turned.safetensors",
                               [&] {
                                 bora::detail::read_moments<small::Mixture>(
                                     bora::SafeTensors(folder / "turned.safetensors"), names, "first.");
                               }),
              " has shape [522], expected [29, 18]") == "");
}

TEST_CASE("A save that fails leaves the earlier checkpoint", "[train]") {
  const TemporaryFolder folder;
  Trained<> trained(1);
  bora::save_checkpoint(folder.path(), trained.trainer, {});
  Trained<> broken(2);
  auto infinite = small::parameters<small::Mixture, float>(1);
  infinite.values()[5] = HUGE_VALF;
  broken.trainer.restore(2, std::move(infinite), {}, {});
  CHECK_THROWS_AS(bora::save_checkpoint(folder.path(), broken.trainer, {}), bora::FileError);
  auto moments = small::parameters<small::Mixture, float>(1);
  moments.values()[5] = HUGE_VALF;
  broken.trainer.restore(2, small::parameters<small::Mixture, float>(1), {}, std::move(moments));
  CHECK_THROWS_AS(bora::save_checkpoint(folder.path(), broken.trainer, {}), bora::FileError);
  CHECK(names_in(folder.path()) == Names{"last", "step-000000001"});
  CHECK(refused(folder.path()) == "accepted");
}

TEST_CASE("Damage to any file of a checkpoint is seen", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  const fs::path checkpoint = folder / "step-000000002";
  CHECK(names_in(checkpoint) ==
        Names{"config.json", "model.safetensors", "moments.safetensors", "history.json", "state.json"});
  for (const std::string& name : names_in(checkpoint)) {
    INFO(name);
    const std::string whole = bytes_of(checkpoint / name);
    const auto with = [&](const std::string& bytes) {
      std::ofstream(checkpoint / name, std::ios::binary | std::ios::trunc) << bytes;
      return refused(folder.path());
    };
    std::string flipped = whole;
    flipped[whole.size() * 2 / 3] ^= 1;
    CHECK(lacks(with(flipped), name) == "");
    CHECK(lacks(with(whole.substr(0, whole.size() - 1 - (name == "state.json"))), name) == "");
    fs::remove(checkpoint / name);
    CHECK(lacks(refused(folder.path()), "does not exist") == "");
    CHECK(with(whole) == "accepted");
  }
}

TEST_CASE("A checkpoint whose sums are right and whose words are not is refused", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  const fs::path checkpoint = folder / "step-000000002";
  const auto read = [&](const char* name) { return bora::parse_json(bytes_of(checkpoint / name), name); };
  const bora::Json whole = read("state.json")["state"], history = read("history.json");
  const auto write = [&](const char* name, const bora::Json& json) {
    bora::write_file(checkpoint / name, json.dump());
  };
  const auto says = [&](const char* place, const bora::Json& value, std::string_view part) {
    bora::Json changed = whole;
    changed[bora::Json::json_pointer(place)] = value;
    fs::remove(checkpoint / "state.json");
    changed["files"] = bora::detail::list_files(checkpoint);
    write("state.json",
          {{"state", changed}, {"checksum", bora::detail::hex(bora::detail::text_checksum(changed.dump()))}});
    return lacks(refused(folder.path()), part);
  };
  CHECK(says("/best/checkpoint", "../step-000000001", "names '../step-000000001' as the best checkpoint") == "");
  CHECK(says("/data/fingerprint", "fedcba987654321", "is 'fedcba987654321', expected 16 hexadecimal digits") == "");
  CHECK(says("/data/fingerprint", "FEDCBA9876543210", "expected 16 hexadecimal digits") == "");
  for (const char* point : {"[1]", "[1, 2, 3]", "[-1, 2]", "[1, \"x\"]", "7"}) {
    bora::Json other = history;
    other["training"] = bora::Json::array({bora::parse_json(point, "a point")});
    write("history.json", other);
    CHECK(says("/version", 1, "expected pairs of step and loss") == "");
  }
  write("history.json", history);
  CHECK(says("/version", 1, "accepted") == "");
  CHECK(refused(folder.path()) == "accepted");
}

TEST_CASE("A checkpoint of version 1, which knew linear cool-downs to 0 alone, is restored", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  const fs::path file = folder / "last" / "state.json";
  bora::Json all = bora::read_json(file);
  CHECK(all["state"]["version"] == 3);
  all["state"]["version"] = 1;
  all["state"]["options"]["model"] = "0123456789abcdef";  // another sum of the same model
  for (const char* key : {"cooldown_shape", "cooldown_floor"}) all["state"]["options"]["learning_rate"].erase(key);
  all["checksum"] = bora::detail::hex(bora::detail::text_checksum(all["state"].dump()));
  bora::detail::write_json(file, all);
  CHECK(refused(folder.path()) == "accepted");
  bora::TrainerOptions options = usual;
  options.learning_rate.cooldown_floor = 1e-4;
  CHECK(lacks(refused(folder.path(), options), "option 'learning_rate/cooldown_floor' is 0.0, expected 0.0001") == "");
  options = usual;
  options.learning_rate.cooldown_shape = bora::Cooldown::cosine;
  CHECK(lacks(refused(folder.path(), options), "option 'learning_rate/cooldown_shape' is 0, expected 1") == "");
}

TEST_CASE("Another schedule is taken where that is asked for, and no other option with it", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(2);
  bora::save_checkpoint(folder.path(), trained.trainer, state);
  bora::TrainerOptions options = usual;
  options.learning_rate = {.peak = 2e-2, .warmup = 1, .steps = 20, .decay = bora::Decay::constant};
  const auto replaced = [&] {
    Trained<> other(0, options);
    bora::restore_checkpoint(folder.path(), other.trainer, bora::Json::object(), bora::ScheduleOnResume::replaced);
    CHECK(runs::same_state(other.trainer, trained.trainer));
    return other.trainer.step(small::batch(2, 11, 1)).learning_rate;
  };
  CHECK(replaced() == 2e-2);
  options.clip_norm = 2;
  CHECK_THROWS_AS(replaced(), bora::ConfigError);
}

TEST_CASE("Checkpoints of another model, format or run are refused by the option that differs", "[train]") {
  const TemporaryFolder folder;
  const Trained<> trained(1);
  bora::save_checkpoint(folder.path(), trained.trainer, {});
  bora::TrainerOptions options = usual;
  options.learning_rate.peak = 2e-2;
  CHECK(lacks(refused(folder.path(), options), "option 'learning_rate/peak' is 0.01, expected 0.02: a run goes on") ==
        "");
  options = usual;
  options.optimizer.beta2 = 0.9;
  CHECK(lacks(refused(folder.path(), options), "option 'optimizer/beta2' is 0.95, expected 0.9") == "");
  CHECK(lacks(refused<small::Mixture, bora::Bf16>(folder.path()), "'format' is \"F32\", expected \"Bf16\"") == "");
  CHECK(lacks(refused<small::Dense>(folder.path()), "option 'model' is") == "");
}

TEST_CASE("A folder that is no folder of checkpoints is refused", "[train]") {
  const TemporaryFolder folder;
  CHECK(lacks(refused(folder.path()), "holds no checkpoint, expected a link 'last' to one") == "");
  folder.file("last", "step-000000001");
  CHECK(lacks(refused(folder.path()), "last: is no link, expected one to a checkpoint beside it") == "");
  for (const char* target : {"../elsewhere", "/", "step-000000001.partial", "step-1/../../x"}) {
    fs::remove(folder / "last");
    fs::create_symlink(target, folder / "last");
    CHECK(lacks(refused(folder.path()), "expected a checkpoint beside it") == "");
  }
  fs::remove(folder / "last");
  fs::create_symlink("step-000000001", folder / "last");
  CHECK(lacks(refused(folder.path()), "state.json: does not exist") == "");
  fs::create_directory(folder / "step-000000001");
  const auto says = [&](std::string_view text, std::string_view part) {
    folder.file("step-000000001/state.json", text);
    return lacks(refused(folder.path()), part);
  };
  CHECK(says("[]", "state.json: has no key 'state', expected an object") == "");
  CHECK(says(R"({"state":{"format":"x"}})", "has format 'x', expected 'bora-checkpoint'") == "");
  for (const char* version : {"0", "4"})
    CHECK(says(std::string(R"({"state":{"format":"bora-checkpoint","version":)") + version + "}}",
               std::string("has version ") + version + " of this format, expected 1 to 3") == "");
  CHECK(says(R"({"state":{"format":"bora-checkpoint","version":1},"checksum":"0"})", "is damaged: its checksum is") ==
        "");
}
