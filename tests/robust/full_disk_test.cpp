#include "robust/disks.hpp"
#include <fstream>
#include <sys/stat.h>

namespace {

using namespace robust;

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
  if (!disk) return support::skip("no small disk can be made here");
  const std::filesystem::path place = folder / "disk";
  std::ofstream(place / "ballast") << std::string(12'000, 'x');
  const auto before = contents(place);
  CHECK(support::lacks(refused([&] { bora::save(filled(1), place); }), "cannot be written: No space left on device") ==
        "");
  CHECK(contents(place) == before);
  Session session(model(), {.capacity = 40});
  fill(session, 40);
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
  if (error) return support::skip("this file system has no files with holes");
  CHECK(support::lacks(refused([&] { bora::MappedFile(path, bora::FileAccess::read); }),
                       "is 4398046511104 bytes long, more than there is memory for") == "");
  CHECK(support::lacks(refused([&] { bora::restore_session(session, path); }), "has version 0 of this format") == "");
  std::filesystem::rename(path, folder / "x.safetensors");
  CHECK(support::lacks(refused([&] { bora::SafeTensors(folder / "x.safetensors"); }), "as the size of its header") ==
        "");
  std::filesystem::rename(folder / "x.safetensors", folder / "config.json");
  CHECK(support::lacks(refused([&] { bora::read_json(folder / "config.json"); }), "is 4398046511104 bytes long") == "");
}
