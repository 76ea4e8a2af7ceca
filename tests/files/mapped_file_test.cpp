#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <cstddef>
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
  const int free = ::dup(0);  // the next number that a file would get
  ::close(free);
  CHECK(refused_to_open(folder / "pipe", access) == "is a device or pipe, expected a file");
  CHECK(refused_to_open(folder.path(), access) == "is a folder, expected a file");
  CHECK(support::refusal(folder / "pipe", [&] { bora::detail::open_stream(folder / "pipe"); }) ==
        "is a device or pipe, expected a file");
  const int still_free = ::dup(0);
  ::close(still_free);
  CHECK(still_free == free);  // what is refused is closed
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

TEST_CASE("What would steer a terminal, or is no UTF-8, is shown by its bytes", "[io]") {
  using bora::detail::printable;
  CHECK(printable("a\xc2\x9b"
                  "2J") == "'a\\xc2\\x9b2J'");  // a C1 control: CSI
  CHECK(printable("\xc2\x80\xc2\x9f\xc2\xa0") == "'\\xc2\\x80\\xc2\\x9f\xc2\xa0'");
  CHECK(printable("a\xff\xfe z") == "'a\\xff\\xfe z'");              // no UTF-8
  CHECK(printable("\xc0\xaf") == "'\\xc0\\xaf'");                    // overlong
  CHECK(printable("\xed\xa0\x80") == "'\\xed\\xa0\\x80'");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "'\\xf4\\x90\\x80\\x80'");  // beyond Unicode
  CHECK(printable("\xe2\x82") == "'\\xe2\\x82'");                    // cut
  CHECK(printable("\u2028\u2029") == "'\\xe2\\x80\\xa8\\xe2\\x80\\xa9'");
  CHECK(printable("x\u202e") == "'x\\xe2\\x80\\xae'");  // right to left from here
  CHECK(printable("\u2066\u2069\u200e\u061c") == "'\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\x8e\\xd8\\x9c'");
  CHECK(printable("grüße 世界 😀") == "'grüße 世界 😀'");
}

TEST_CASE("A link to nothing is refused as one", "[io]") {
  const TemporaryFolder folder;
  const auto access = GENERATE(bora::FileAccess::map, bora::FileAccess::read);
  std::filesystem::create_symlink(folder / "blobs" / "0a1b", folder / "model.safetensors");
  const std::string says = refused_to_open(folder / "model.safetensors", access);
  CHECK(support::lacks(says, "does not exist: it is a link to '") == "");
  CHECK(support::lacks(says, "0a1b', which is missing") == "");
  CHECK(!bora::detail::is_there(folder / "model.safetensors"));
  CHECK(bora::detail::is_named(folder / "model.safetensors"));
  CHECK(!bora::detail::is_named(folder / "other"));
}

TEST_CASE("What was released of a mapped file can be read again", "[io]") {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 3'000'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  const auto access = GENERATE(bora::FileAccess::map, bora::FileAccess::read);
  const bora::MappedFile file(folder.file("file", bytes), access);
  for (const std::size_t begin : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{2'999'990}})
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, file.size() - begin})
      file.release(file.bytes().subspan(begin, std::min(size, file.size() - begin)));
  CHECK(file.text() == bytes);
}

TEST_CASE("A small file is a copy: what is cut off meanwhile does not end the program", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.file("config.json", std::string(10'000, 'x'));
  const bora::MappedFile file(path);
  std::filesystem::resize_file(path, 0);
  CHECK(file.text() == std::string(10'000, 'x'));
  CHECK(file.still_in_place());
}
