#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/core/mapped_file.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#if defined(BORA_POSIX_FILES)
#include <sys/stat.h>
#endif

namespace {

using support::TemporaryFolder;

std::string refused_to_open(const std::filesystem::path& path, bora::FileAccess access) {
  return support::refusal(path, [&] { bora::MappedFile{path, access}; });
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
