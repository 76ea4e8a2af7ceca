#include "robust/disks.hpp"
#include "robust/interruptions.hpp"
#include "robust/trained.hpp"
#include <atomic>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <thread>

namespace {

using namespace robust;
namespace fs = std::filesystem;

/// A token file of some kilobytes from a text.
bora::PackReport pack_bytes(const fs::path& text, const fs::path& target) {
  return bora::pack_text(bora::ByteTokenizer(), std::array{text}, target, {.separator = " "});
}
std::string words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::to_string(i) + " ";
  return text;
}

/// Runs `action` as a user who may not write into `folder`; 0: it returned true.
template <class Action>
int without_rights(const fs::path& folder, Action&& action) {
  ::chmod(folder.parent_path().c_str(), 0755);
  ::chmod(folder.c_str(), 0555);
  const int status = wait_for(start_process([&] {
    if (::geteuid() == 0 && ::setuid(65'534) != 0) return;
    if (!action()) ::_exit(2);
  }));
  ::chmod(folder.c_str(), 0755);
  return status;
}

}  // namespace

TEST_CASE("A training checkpoint that does not fit the disk is refused, and the one before it stays", "[robust]") {
  const TemporaryFolder folder;
  save_run(folder / "run", 1);
  const Trained next(2);
  check_limits(folder / "run", largest_file(folder / "run"),
               [&] { bora::save_checkpoint(folder / "run", next.trainer, {}); });
  CHECK(saved_value(folder / "run") == 1);
  save_run(folder / "run", 2);
  CHECK(saved_value(folder / "run") == 2);
}

TEST_CASE("A run on a full disk ends with a sentence, and goes on when there is room", "[robust]") {
  const TemporaryFolder folder;
  pack(folder / "tokens", 20);
  fit(folder / "tokens", folder / "whole", 5);
  fit(folder / "tokens", folder / "run", 2);
  const auto before = contents(folder / "run");
  std::string says;
  {
    const FileLimit full(2'000);
    says = refused([&] { fit(folder / "tokens", folder / "run", 5); });
  }
  CHECK(support::lacks(says, "cannot be written: File too large; what was there before is unchanged") == "");
  CHECK(contents(folder / "run") == before);
  CHECK(fit(folder / "tokens", folder / "run", 5).resumed == 2);
  CHECK(contents(folder / "run") == contents(folder / "whole"));
}

TEST_CASE("Packed text that does not fit the disk is refused, and the file before it stays", "[robust]") {
  const TemporaryFolder folder;
  const fs::path text = folder.file("text", words(600)), tokens = folder / "packed" / "tokens";
  fs::create_directory(folder / "packed");
  pack_bytes(text, tokens);
  folder.file("text", words(700));
  check_limits(folder / "packed", fs::file_size(tokens), [&] { pack_bytes(text, tokens); });
  CHECK(bora::TokenFile(tokens).documents() == 600);
  CHECK(pack_bytes(text, tokens).documents == 700);
}

TEST_CASE("A disk that runs full while it is trained on is named", "[robust]") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "disk");
  if (!disk) return support::skip("no small disk can be made here");
  const fs::path place = folder / "disk", text = folder.file("text", words(1'000));
  std::ofstream(place / "ballast") << std::string(12'000, 'x');
  const auto before = contents(place);
  CHECK(support::lacks(refused([&] { pack_bytes(text, place / "tokens"); }),
                       "cannot be written: No space left on device") == "");
  CHECK(contents(place) == before);
  CHECK(support::lacks(refused([&] { save_run(place / "run", 1); }), "No space left on device") == "");
  CHECK_FALSE(bora::has_checkpoint(place / "run"));
}

TEST_CASE("A run whose folder may only be read can be restored, and not gone on with", "[robust]") {
  const TemporaryFolder folder;
  pack(folder / "tokens", 20);
  fit(folder / "tokens", folder / "run", 2);
  save_run(folder / "saved", 1);
  fs::create_symlink("step-000000009", folder / "saved" / "best");  // left by an interruption
  for (const char* name : {"run", "saved"}) {
    INFO(name);
    const auto before = contents(folder / name);
    CHECK(without_rights(folder / name, [&] {
            const std::string fitting = refused([&] { fit(folder / "tokens", folder / "run", 4); }),
                              saving = refused([&] { save_run(folder / "saved", 2); });
            const std::string& says = name == std::string_view("run") ? fitting : saving;
            return support::lacks(says, "/lock: cannot be opened: Permission denied") == "" &&
                   (name == std::string_view("run") || saved_value(folder / "saved") == 1);
          }) == 0);
    if (name == std::string_view("saved")) CHECK(contents(folder / name) == before);
  }
}

TEST_CASE("Packing where nothing may be written is refused, and the file before it stays", "[robust]") {
  const TemporaryFolder folder;
  const fs::path text = folder.file("text", words(10)), place = folder / "packed";
  fs::create_directory(place);
  pack_bytes(text, place / "tokens");
  const auto before = contents(place);
  CHECK(without_rights(place, [&] {
          return support::lacks(refused([&] { pack_bytes(text, place / "tokens"); }),
                                "cannot be written: Permission denied (in its folder)") == "" &&
                 bora::TokenFile(place / "tokens").documents() == 10;
        }) == 0);
  CHECK(contents(place) == before);
}

TEST_CASE("A training checkpoint is whole after any kill", "[robust]") {
  const TemporaryFolder folder;
  save_run(folder / "run", 1);
  std::set<float> seen;
  kill_often(
      25, [&](std::size_t value) { save_run(folder / "run", static_cast<float>(value)); },
      [&] { seen.insert(saved_value(folder / "run")); });
  CHECK(seen == std::set<float>{1, 2});
  save_run(folder / "run", 3);  // what the dead left is no obstacle, and goes
  CHECK(saved_value(folder / "run") == 3);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "run")) names.insert(entry.path().filename().string());
  CHECK(names == std::set<std::string>{"last", "lock", "step-000000003"});
}

TEST_CASE("A token file is whole after any kill", "[robust]") {
  const TemporaryFolder folder;
  pack(folder / "tokens", 100);
  std::set<std::size_t> seen;
  kill_often(
      40, [&](std::size_t value) { pack(folder / "tokens", 100 * value); },
      [&] { seen.insert(bora::TokenFile(folder / "tokens").documents()); });
  CHECK(seen == std::set<std::size_t>{100, 200});
}

TEST_CASE("A token file can be read while it is replaced", "[robust]") {
  const TemporaryFolder folder;
  pack(folder / "tokens", 100);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::size_t round = 0; !done; ++round) pack(folder / "tokens", 100 * (1 + round % 2));
  });
  std::set<std::size_t> seen;
  std::set<std::string> refusals;
  const Deadline deadline;
  for (std::size_t i = 0; i < 300 || (seen.size() < 2 && !deadline.passed()); ++i)
    refusals.insert(refused([&] { seen.insert(bora::TokenFile(folder / "tokens").documents()); }));
  done = true;
  writer.join();
  CHECK(refusals == std::set<std::string>{"accepted"});
  CHECK(seen == std::set<std::size_t>{100, 200});
}

TEST_CASE("The last checkpoint is read whole or refused while the next one takes its place", "[robust]") {
  const TemporaryFolder folder;
  save_run(folder / "run", 1);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::size_t round = 0; !done; ++round) save_run(folder / "run", static_cast<float>(1 + round % 2));
  });
  std::set<float> restored, loaded;
  std::set<std::string> refusals;
  const Deadline deadline;
  for (std::size_t i = 0; i < 100 || (std::min(restored.size(), loaded.size()) < 2 && !deadline.passed()); ++i) {
    refusals.insert(refused([&] { restored.insert(saved_value(folder / "run")); }));
    refusals.insert(refused([&] { loaded.insert(value_of(bora::load_parameters<Spec>(folder / "run" / "last"))); }));
  }
  done = true;
  writer.join();
  CHECK(restored == std::set<float>{1, 2});
  CHECK(loaded == std::set<float>{1, 2});
  for (const std::string& says : refusals) {  // the folder that `last` led to is gone
    INFO(says);
    CHECK((says == "accepted" || says.find("does not exist") != says.npos ||
           says.find("No such file or directory") != says.npos ||
           says.find("holds no model.safetensors") != says.npos));
  }
}

TEST_CASE("The last checkpoint of a run can be read while the run goes on", "[robust]") {
  const TemporaryFolder folder;
  pack(folder / "tokens", 20);
  constexpr std::size_t steps = 30;
  fit(folder / "tokens", folder / "run", 1);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    fit(folder / "tokens", folder / "run", steps);
    done = true;
  });
  std::set<std::size_t> seen;
  for (bool last = false; !last;) {
    last = done;  // once more after the end
    Model model = bora::random_model<Spec, bora::F32>(1);
    bora::Trainer trainer{model, {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}}};
    const std::string says = refused([&] {
      const bora::TrainingState run = bora::restore_checkpoint(folder / "run", trainer);
      CHECK(run.history.training.size() == trainer.steps());
      CHECK(run.data.batches == trainer.steps());
    });
    if (says == "accepted") seen.insert(trainer.steps());
  }
  writer.join();
  CHECK(seen.size() > 1);
  CHECK(*seen.rbegin() == steps);
}
