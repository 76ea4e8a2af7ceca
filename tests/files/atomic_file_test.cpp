#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/files/atomic_file.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#if defined(BORA_POSIX_FILES)
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using support::TemporaryFolder;

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

#if defined(BORA_POSIX_FILES)
/// A program that is killed while it writes the file.
void write_and_die(const std::filesystem::path& path) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bora::AtomicFile file(path);
    file.write("half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}
#endif

}  // namespace

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

#if defined(BORA_POSIX_FILES)
TEST_CASE("What killed writers left is removed by the next writer of the same file, and nothing else", "[io]") {
  const TemporaryFolder folder;
  folder.file("file", "old");
  for (int i = 0; i < 3; ++i) write_and_die(folder / "file");
  CHECK(folder.count() == 2);  // each removed what the one before it had left
  CHECK(support::bytes_of(folder / "file") == "old");
  for (const char* name : {"file.partial", "file.1-0.partial.txt", "file.mine-0.partial", "other.1-0.partial"})
    folder.file(name, "of someone else");
  std::filesystem::create_directory(folder / "file.2-0.partial");
  std::filesystem::create_symlink("other.1-0.partial", folder / "file.3-0.partial");
  {
    bora::AtomicFile live(folder / "file");
    live.write("live");
    CHECK(refused_to_write(folder / "file") == "accepted");  // beside one that is being written
    live.commit();
  }
  CHECK(support::bytes_of(folder / "file") == "live");
  CHECK(folder.count() == 1 + 4 + 2);
}
#endif

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
    support::skip("this user may write into read-only folders");
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

#if defined(BORA_POSIX_FILES)
TEST_CASE("A file that is replaced keeps its permissions", "[io]") {
  const TemporaryFolder folder;
  for (const mode_t mode : {0600u, 0640u, 0644u, 0664u, 0400u}) {
    const auto path = folder.file("file", "old");
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    {
      bora::AtomicFile file(path);
      file.write("new");
      struct stat partial{};
      for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        if (entry.path() != path) REQUIRE(::stat(entry.path().c_str(), &partial) == 0);
      CHECK((partial.st_mode & 0777) == mode);  // not only at the end
      file.commit();
    }
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == mode);
    CHECK(support::bytes_of(path) == "new");
    std::filesystem::remove(path);
  }
}

TEST_CASE("Programs that are started meanwhile do not get the file", "[io]") {
  const TemporaryFolder folder;
  const bora::AtomicFile file(folder / "file");
  const bora::MappedFile other(folder.file("other", "text"));
  for (int handle = 3; handle < 64; ++handle)
    if (struct stat facts{}; ::fstat(handle, &facts) == 0 && S_ISREG(facts.st_mode))
      for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        if (struct stat mine{}; ::stat(entry.path().c_str(), &mine) == 0 && mine.st_ino == facts.st_ino)
          CHECK((::fcntl(handle, F_GETFD) & FD_CLOEXEC) != 0);
}
#endif
