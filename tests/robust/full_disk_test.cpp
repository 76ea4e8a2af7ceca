#include "robust/small_checkpoints.hpp"
#include <csignal>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

using namespace robust;

/// No file may grow beyond `bytes` while this lives: to a program that is a full disk.
class FileLimit {
 public:
  explicit FileLimit(std::size_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit now = before_;
    now.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit before_{};
  void (*old_handler_)(int) = nullptr;
};

/// A disk of one file system page for each file and a few more; nothing where the system allows none to be made.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& place) : place_(place) {
    std::filesystem::create_directory(place);
    mounted_ = ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=16k") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(place_.c_str());
  }
  explicit operator bool() const { return mounted_; }

 private:
  std::filesystem::path place_;
  bool mounted_;
};

/// All that is in a folder, names and bytes.
std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    all[entry.path().filename().string()] = support::bytes_of(entry.path());
  return all;
}

/// Under every limit on the size of files, an action that saves into `folder` is refused and changes nothing.
template <class Save>
void check_limits(const std::filesystem::path& folder, std::size_t largest_file, Save&& save) {
  const auto before = contents(folder);
  std::size_t refusals = 0;
  for (std::size_t limit = 0; limit < largest_file; limit += limit < 64 ? 9 : 401) {
    std::string says;
    {
      const FileLimit full(limit);
      says = refused(save);
    }
    INFO("at most " << limit << " bytes a file: " << says);
    CHECK(support::lacks(says, "cannot be written: File too large; what was there before is unchanged") == "");
    CHECK(contents(folder) == before);
    ++refusals;
  }
  CHECK(refusals > 10);
}

std::size_t largest_file(const std::filesystem::path& folder) {
  std::size_t largest = 0;
  for (const auto& [name, bytes] : contents(folder)) largest = std::max(largest, bytes.size());
  return largest;
}

}  // namespace

TEST_CASE("A checkpoint that does not fit the disk is refused, and the old one stays", "[robust]") {
  const auto options = GENERATE(one_file, several_files);
  const TemporaryFolder folder;
  bora::save(filled(1), folder.path(), options);
  check_limits(folder.path(), largest_file(folder.path()), [&] { bora::save(filled(2), folder.path(), options); });
  CHECK(value_of(bora::load_parameters<Spec>(folder.path())) == 1);
  bora::save(filled(2), folder.path(), options);
  CHECK(value_of(bora::load_parameters<Spec>(folder.path())) == 2);
}

TEST_CASE("A first checkpoint that does not fit the disk leaves nothing", "[robust]") {
  const TemporaryFolder folder;
  check_limits(folder.path(), 5'000, [&] { bora::save(filled(2), folder.path()); });
}

TEST_CASE("A session that does not fit the disk is refused, and the old file stays", "[robust]") {
  const TemporaryFolder folder;
  Session session(model());
  fill(session, 5);
  bora::save_session(session, folder / "saved");
  fill(session, 9);
  check_limits(folder.path(), std::filesystem::file_size(folder / "saved"),
               [&] { bora::save_session(session, folder / "saved"); });
  bora::restore_session(session, folder / "saved");
  CHECK(session.length() == 5);
}

TEST_CASE("A disk that runs full is named, and the old checkpoint stays", "[robust]") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "disk");
  if (!disk) {
    WARN("not tested: no small disk can be made here");
    return;
  }
  const std::filesystem::path place = folder / "disk";
  std::ofstream(place / "ballast") << std::string(12'000, 'x');
  const auto before = contents(place);
  CHECK(support::lacks(refused([&] { bora::save(filled(1), place); }), "cannot be written: No space left on device") ==
        "");
  CHECK(contents(place) == before);
  Session session(model());
  fill(session, 14);
  CHECK(support::lacks(refused([&] { bora::save_session(session, place / "saved"); }), "No space left on device") ==
        "");
  CHECK(contents(place) == before);
}

TEST_CASE("Where nothing may be written the folder is blamed", "[robust]") {
  const TemporaryFolder folder;
  bora::save(filled(1), folder / "old");
  const auto before = contents(folder / "old");
  Session session(model());
  fill(session, 5);
  const auto check = [&](const std::filesystem::path& place, std::string_view reason) {
    INFO(place);
    const std::string saving = refused([&] { bora::save(filled(2), place); }),
                      keeping = refused([&] { bora::save_session(session, place / "saved"); });
    CHECK(support::lacks(saving, reason) == "");
    CHECK(support::lacks(keeping, "cannot be written: ") == "");
    CHECK(support::lacks(keeping, "(in its folder)") == "");
  };
  SECTION("a file in the place of a folder") {
    check(folder.file("file", "x") / "below", "cannot be made a folder: Not a directory");
  }
  SECTION("a name too long") { check(folder / std::string(300, 'n'), "cannot be made a folder: File name too long"); }
  SECTION("no right to write") {
    // Root may write everywhere: a process without its rights is asked.
    ::chmod(folder.path().c_str(), 0755);
    ::chmod((folder / "old").c_str(), 0555);
    ::chmod((folder / "old" / "model.safetensors").c_str(), 0444);
    const int status = wait_for(start_process([&] {
      if (::geteuid() == 0 && ::setuid(65'534) != 0) return;
      const std::string says = refused([&] { bora::save(filled(2), folder / "old"); }),
                        kept = refused([&] { bora::save_session(session, folder / "old" / "saved"); });
      const std::string expected = "cannot be written: Permission denied (in its folder)";
      if (support::lacks(says, expected) != "" || support::lacks(kept, expected) != "") ::_exit(2);
    }));
    CHECK(status == 0);
    ::chmod((folder / "old").c_str(), 0755);
  }
  CHECK(contents(folder / "old") == before);
}

TEST_CASE("What may not be read is not taken for missing", "[robust]") {
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0755);
  bora::save(filled(1), folder / "old");
  ::chmod((folder / "old").c_str(), 0);
  const int status = wait_for(start_process([&] {
    if (::geteuid() == 0 && ::setuid(65'534) != 0) return;
    const std::string path = (folder / "old" / "model.safetensors").string();
    const std::string file = refused([&] { bora::load_parameters<Spec>(path); }),
                      below = refused([&] { bora::load_parameters<Spec>(folder / "old"); });
    if (support::lacks(file, "cannot be opened: Permission denied") != "") ::_exit(2);
    if (support::lacks(below, "cannot be opened: Permission denied") != "") ::_exit(3);
  }));
  CHECK(status == 0);
  ::chmod((folder / "old").c_str(), 0755);
}

TEST_CASE("A file of a huge size without content is refused, not allocated", "[robust]") {
  const TemporaryFolder folder;
  Session session(model());
  const auto path = folder.file("saved", "bora-kv\n");
  std::error_code error;
  std::filesystem::resize_file(path, std::uintmax_t{1} << 42, error);
  if (error) {
    WARN("not tested: this file system has no files with holes");
    return;
  }
  CHECK(support::lacks(refused([&] { bora::restore_session(session, path); }),
                       "is 4398046511104 bytes long, more than there is memory for") == "");
  std::filesystem::rename(path, folder / "x.safetensors");
  CHECK(support::lacks(refused([&] { bora::SafeTensors(folder / "x.safetensors"); }), "as the size of its header") ==
        "");
  std::filesystem::rename(folder / "x.safetensors", folder / "config.json");
  CHECK(support::lacks(refused([&] { bora::read_json(folder / "config.json"); }), "is 4398046511104 bytes long") == "");
}
