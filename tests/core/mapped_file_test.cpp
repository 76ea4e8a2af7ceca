#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/core/mapped_file.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#if defined(BORA_POSIX_FILES)
#include <sys/resource.h>
#endif

namespace {

using support::TemporaryFolder;

std::string refused_to_open(const std::filesystem::path& path, bora::FileAccess access) {
  return support::refusal(path, [&] { bora::MappedFile{path, access}; });
}

std::string refused_to_write(const std::filesystem::path& path, const std::string& bytes = "new") {
  return support::refusal(path, [&] {
    bora::AtomicFile file(path);
    file.write(bytes);
    file.commit();
  });
}

/// Whether the system lets this user write into a folder that says no (root may).
bool may_write_anywhere(const std::filesystem::path& folder) {
  return std::ofstream(folder / "probe", std::ios::binary).is_open();
}

}  // namespace

TEST_CASE("A file's bytes are the same mapped and read", "[io]") {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  const auto access = GENERATE(bora::FileAccess::map, bora::FileAccess::read);
  const bora::MappedFile file(folder.file("file", bytes), access);
  CHECK(file.size() == bytes.size());
  CHECK(file.text() == bytes);
  CHECK(file.path() == folder / "file");
}

TEST_CASE("A file that was moved keeps its bytes", "[io]") {
  const TemporaryFolder folder;
  const auto access = GENERATE(bora::FileAccess::map, bora::FileAccess::read);
  bora::MappedFile first(folder.file("a", "alpha"), access), second(folder.file("b", "beta"), access);
  bora::MappedFile third(std::move(first));
  CHECK(third.text() == "alpha");
  third = std::move(second);
  CHECK(third.text() == "beta");
  CHECK(third.path() == folder / "b");
}

TEST_CASE("What cannot be opened is refused with the reason", "[io]") {
  const TemporaryFolder folder;
  const auto access = GENERATE(bora::FileAccess::map, bora::FileAccess::read);
  CHECK(refused_to_open(folder / "none", access) == "does not exist");
  CHECK(refused_to_open(folder / "none" / "below", access) == "does not exist");
  CHECK(refused_to_open(folder.path(), access) == "is a folder, expected a file");
  CHECK(refused_to_open(folder.file("empty", ""), access) == "is empty");
  std::filesystem::create_symlink(folder / "loop", folder / "loop");
  CHECK_THAT(refused_to_open(folder / "loop", access), Catch::Matchers::StartsWith("cannot be opened: "));
#if defined(BORA_POSIX_FILES)
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(refused_to_open(folder / "pipe", access) == "is a device or pipe, expected a file");
  const auto closed = folder.file("closed", "secret");
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  if (!std::ifstream(closed).is_open())
    CHECK_THAT(refused_to_open(closed, access), Catch::Matchers::StartsWith("cannot be opened: "));
#endif
}

TEST_CASE("Names from files are made short and printable", "[io]") {
  CHECK(bora::detail::printable("layer.0\n\x1b") == "'layer.0\\x0a\\x1b'");
  CHECK(bora::detail::printable(std::string(1000, 'a')).size() < 140);
  const std::string before(119, 'a');  // é is two bytes: 119 and 120, and 120 are shown
  CHECK(bora::detail::printable(before + "é") == "'" + before + "…'");
  CHECK(bora::detail::printable(before + "aé") == "'" + before + "a…'");
  CHECK(bora::detail::printable(std::string(300, '\x80')) == "'…'");  // no character begins anywhere
}

TEST_CASE("A file is replaced when it is whole and not before", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.file("file", "old");
  {
    bora::AtomicFile file(path);
    file.write("new ");
    file.write("");
    file.write("text");
    CHECK(support::bytes_of(path) == "old");
    file.commit();
    CHECK(support::bytes_of(path) == "new text");
  }
  CHECK(support::bytes_of(path) == "new text");
  CHECK(folder.count() == 1);
}

TEST_CASE("A file that is given up leaves the old one and nothing else", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.file("file", "old");
  {
    bora::AtomicFile(path).write("half");
  }
  CHECK(support::bytes_of(path) == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("Two writers of one file do not disturb each other", "[io]") {
  const TemporaryFolder folder;
  bora::AtomicFile first(folder / "file"), second(folder / "file");
  first.write("first");
  second.write("second");
  first.commit();
  CHECK(support::bytes_of(folder / "file") == "first");
  second.commit();
  CHECK(support::bytes_of(folder / "file") == "second");
  CHECK(folder.count() == 1);
}

TEST_CASE("Where nothing can be written the sentence says why and nothing changes", "[io]") {
  const TemporaryFolder folder;
  CHECK_THAT(refused_to_write(folder / "none" / "file"), Catch::Matchers::StartsWith("cannot be written: "));
  CHECK(refused_to_write(folder / "") == "cannot be written: the path names no file");
  std::filesystem::create_directory(folder / "sub");
  CHECK(refused_to_write(folder / "sub") == "cannot be written: it is a folder");
  CHECK_THAT(refused_to_write(folder / std::string(300, 'x')), Catch::Matchers::StartsWith("cannot be written: "));
  CHECK(folder.count() == 1);
#if defined(BORA_POSIX_FILES)
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(refused_to_write(folder / "pipe") == "cannot be written: it is a device or pipe, expected a file");
  CHECK(std::filesystem::is_fifo(folder / "pipe"));
#endif
}

TEST_CASE("A link is followed when its file is replaced", "[io]") {
  const TemporaryFolder folder;
  folder.file("file", "old");
  std::filesystem::create_symlink("file", folder / "link");
  CHECK(refused_to_write(folder / "link") == "accepted");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(support::bytes_of(folder / "file") == "new");
}

TEST_CASE("A read-only folder keeps its file and gets no other", "[io]") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  const auto path = folder.file("sub/file", "old");
  std::filesystem::permissions(folder / "sub", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  if (may_write_anywhere(folder / "sub")) {
    WARN("skipped: this user may write into read-only folders");
  } else {
    CHECK_THAT(refused_to_write(path), Catch::Matchers::StartsWith("cannot be written: "));
    CHECK(support::bytes_of(path) == "old");
  }
  std::filesystem::permissions(folder / "sub", std::filesystem::perms::owner_all);
}

#if defined(BORA_POSIX_FILES)
TEST_CASE("A full disk is an exception that keeps the old file", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.file("file", "old");
  // A limit on the size of files answers write() as a full disk does.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string at_once = refused_to_write(path, std::string(100'000, 'x'));
  const std::string when_flushed = refused_to_write(path, std::string(1001, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(at_once, Catch::Matchers::StartsWith("cannot be written: "));
  CHECK_THAT(when_flushed, Catch::Matchers::StartsWith("cannot be written: "));
  CHECK(support::bytes_of(path) == "old");
  CHECK(folder.count() == 1);
}
#endif
