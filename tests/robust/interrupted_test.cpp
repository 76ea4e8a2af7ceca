#include "robust/interruptions.hpp"
#include <atomic>
#include <set>
#include <thread>

namespace {

using namespace robust;

/// Loads while another thread saves 1, 2, 1, 2, …; what each loading came to. 0: a mixture.
struct Seen {
  std::set<float> values;
  std::set<std::string> refusals;
};
Seen load_while_saving(const bora::SaveOptions& options) {
  const TemporaryFolder folder;
  bora::save(filled(1), folder.path(), options);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::size_t round = 0; !done; ++round)
      bora::save(filled(static_cast<float>(1 + round % 2)), folder.path(), options);
  });
  std::vector<Seen> seen(3);
  std::vector<std::thread> readers;
  for (Seen& mine : seen)
    readers.emplace_back([&] {
      const Deadline deadline;
      for (std::size_t i = 0; i < 400 || (mine.values.size() < 2 && !deadline.passed()); ++i) {
        const std::string says =
            refused([&] { mine.values.insert(value_of(bora::load_parameters<Spec>(folder.path()))); });
        if (says != "accepted") mine.refusals.insert(says.substr(folder.path().string().size()));
      }
    });
  for (std::thread& reader : readers) reader.join();
  done = true;
  writer.join();
  for (Seen& other : seen) {
    seen[0].values.merge(other.values);
    seen[0].refusals.merge(other.refusals);
  }
  return seen[0];
}

}  // namespace

TEST_CASE("A checkpoint of one file is whole after any kill", "[robust]") {
  const TemporaryFolder folder;
  bora::save(filled(1), folder.path());
  std::set<float> seen;
  kill_often(
      60, [&](std::size_t value) { bora::save(filled(static_cast<float>(value)), folder.path()); },
      [&] { seen.insert(value_of(bora::load_parameters<Spec>(folder.path()))); });
  CHECK(seen == std::set<float>{1, 2});
}

TEST_CASE("A checkpoint of several files is whole or absent after any kill, never a mixture", "[robust]") {
  const TemporaryFolder folder;
  std::set<float> seen;
  std::size_t absent = 0;
  kill_often(
      40, [&](std::size_t value) { bora::save(filled(static_cast<float>(value)), folder.path(), several_files); },
      [&] {
        const std::string says = refused([&] { seen.insert(value_of(bora::load_parameters<Spec>(folder.path()))); });
        if (says == "accepted") return;
        ++absent;
        CHECK(support::lacks(says, "config.json: does not exist") == "");
      });
  INFO(absent << " times absent");
  CHECK(seen == std::set<float>{1, 2});
  CHECK(absent < 40);
  bora::save(filled(3), folder.path(), several_files);  // what the dead left is no obstacle
  CHECK(value_of(bora::load_parameters<Spec>(folder.path())) == 3);
}

TEST_CASE("A file of a session is whole after any kill", "[robust]") {
  const TemporaryFolder folder;
  Session session(model());
  fill(session, 5);
  bora::save_session(session, folder / "saved");
  std::set<std::size_t> seen;
  Session reader(model());
  kill_often(
      100,
      [&](std::size_t value) {
        fill(session, 4 * value + 1);
        bora::save_session(session, folder / "saved");
      },
      [&] {
        bora::restore_session(reader, folder / "saved");
        seen.insert(reader.length());
      });
  CHECK(seen == std::set<std::size_t>{5, 9});
}

TEST_CASE("An open file knows when another one has taken its place", "[robust]") {
  const auto access = GENERATE(bora::FileAccess::map, bora::FileAccess::read);
  const TemporaryFolder folder;
  const bora::MappedFile file(folder.file("x", "old"), access);
  const bora::MappedFile other(folder.file("y", "other"), access);
  CHECK(file.still_in_place());
  std::filesystem::rename(folder / "y", folder / "x");
  CHECK(!file.still_in_place());
  CHECK(!other.still_in_place());
  CHECK(file.text() == "old");
}

TEST_CASE("A checkpoint of one file can be loaded while it is replaced", "[robust]") {
  const Seen seen = load_while_saving(one_file);
  for (const std::string& says : seen.refusals) CHECK(says == "none");
  CHECK(seen.values == std::set<float>{1, 2});
}

TEST_CASE("A checkpoint of several files is loaded whole or refused while it is replaced", "[robust]") {
  const Seen seen = load_while_saving(many_files);
  CHECK(seen.values.count(0) == 0);
  CHECK(!seen.values.empty());
  const auto expected = [](const std::string& says) {
    for (const char* part : {"/config.json: does not exist", "holds no model.safetensors", "which is not in the folder",
                             "was replaced while", ": does not exist", ": cannot be opened: No such file or directory"})
      if (says.find(part) != says.npos) return true;
    return false;
  };
  for (const std::string& says : seen.refusals) {
    INFO(says);
    CHECK(expected(says));
  }
}

TEST_CASE("A file of a session can be restored while it is replaced", "[robust]") {
  const TemporaryFolder folder;
  const auto path = folder / "saved";
  Session first(model());
  fill(first, 5);
  bora::save_session(first, path);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::size_t round = 0; !done; ++round) {
      fill(first, round % 2 == 0 ? 3 : 5);
      bora::save_session(first, path);
    }
  });
  Session reader(model());
  std::set<std::string> refusals;
  std::set<std::size_t> lengths;
  const Deadline deadline;
  for (std::size_t i = 0; i < 500 || (lengths.size() < 2 && !deadline.passed()); ++i) {
    refusals.insert(refused([&] { bora::restore_session(reader, path); }));
    lengths.insert(reader.length());
  }
  done = true;
  writer.join();
  for (const std::string& says : refusals) CHECK(says == "accepted");
  CHECK(lengths == std::set<std::size_t>{3, 5});
}
