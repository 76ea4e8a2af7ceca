#include "support/catch.hpp"
#include <bora/core/usable_cores.hpp>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <thread>
#include <utility>
#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

TEST_CASE("Usable cores are at least one and no more than the machine has", "[core]") {
  CHECK(bora::usable_cores() >= 1);
  if (std::thread::hardware_concurrency() != 0) CHECK(bora::usable_cores() <= std::thread::hardware_concurrency());
}

#if defined(__linux__)
TEST_CASE("A thread that is bound to one core may use one", "[core]") {
  cpu_set_t before, one;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  for (int core = 0; CPU_COUNT(&one) == 0; ++core)
    if (CPU_ISSET(core, &before)) CPU_SET(core, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(bora::usable_cores() == 1);
  REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
}

namespace {

/// Files of control groups, as the kernel shows them, in a folder of their own.
class Groups {
 public:
  using Files = std::initializer_list<std::pair<const char*, std::string>>;

  explicit Groups(const std::string& paths, const std::string& mounts, Files files)
      : folder_(std::filesystem::temp_directory_path() / ("bora groups " + std::to_string(::getpid()))) {
    write("self/cgroup", paths);
    write("self/mountinfo", with_folder(mounts));
    for (const auto& [name, text] : files) write(name, text);
  }
  ~Groups() { std::filesystem::remove_all(folder_); }
  double quota() const { return bora::detail::quota_of_groups(folder_ / "self", 64); }

 private:
  void write(const std::filesystem::path& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  /// @ stands for the folder, whose blanks are written as the kernel does.
  std::string with_folder(const std::string& mounts) const {
    std::string text;
    for (const char c : mounts)
      if (c != '@')
        text += c;
      else
        for (const char d : folder_.string()) d == ' ' ? text += "\\040" : text += d;
    return text;
  }
  std::filesystem::path folder_;
};

const std::string version_2 = "30 23 0:26 / @/fs rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
const std::string version_1 =
    "31 23 0:28 / @/fs rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / @/fs/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / @/fs/cpuset rw,relatime - cgroup cgroup rw,cpuset\n";

}  // namespace

TEST_CASE("The least quota of a control group and those around it counts", "[core]") {
  CHECK(Groups("0::/a/b\n", version_2, {{"fs/a/b/cpu.max", "max 100000\n"}}).quota() == 64);
  CHECK(Groups("0::/a/b\n", version_2, {{"fs/a/b/cpu.max", "250000 100000\n"}}).quota() == 2.5);
  CHECK(
      Groups("0::/a/b\n", version_2, {{"fs/a/b/cpu.max", "max 100000\n"}, {"fs/a/cpu.max", "50000 25000\n"}}).quota() ==
      2);
  CHECK(Groups("0::/a/b\n", version_2, {{"fs/a/b/cpu.max", "100000 100000\n"}, {"fs/a/cpu.max", "50000 25000\n"}})
            .quota() == 1);
  CHECK(Groups("0::/a/b\n", version_2, {{"fs/other/cpu.max", "100000 100000\n"}}).quota() == 64);
  CHECK(Groups("0::/\n", version_2, {{"fs/cpu.max", "300000 100000\n"}}).quota() == 3);
}

TEST_CASE("Quotas of the first version of control groups count", "[core]") {
  const std::string paths = "3:cpuset:/other\n2:cpu,cpuacct:/a/b\n0::/\n";
  CHECK(Groups(paths, version_1, {{"fs/cpu/a/b/cpu.cfs_quota_us", "-1\n"}}).quota() == 64);
  CHECK(
      Groups(paths, version_1, {{"fs/cpu/a/cpu.cfs_quota_us", "150000\n"}, {"fs/cpu/a/cpu.cfs_period_us", "100000\n"}})
          .quota() == 1.5);
  CHECK(Groups(paths, version_1,
               {{"fs/cpu/other/cpu.cfs_quota_us", "150000\n"}, {"fs/cpu/other/cpu.cfs_period_us", "100000\n"}})
            .quota() == 64);
}

TEST_CASE("A container sees the part of the tree that is mounted for it", "[core]") {
  const std::string part = "32 31 0:29 /docker/1234 @/fs/cpu ro,relatime - cgroup cgroup rw,cpu,cpuacct\n";
  CHECK(Groups("2:cpu,cpuacct:/docker/1234\n", part,
               {{"fs/cpu/cpu.cfs_quota_us", "200000\n"}, {"fs/cpu/cpu.cfs_period_us", "100000\n"}})
            .quota() == 2);
  CHECK(Groups("2:cpu,cpuacct:/docker/1234/inner\n", part,
               {{"fs/cpu/inner/cpu.cfs_quota_us", "100000\n"}, {"fs/cpu/inner/cpu.cfs_period_us", "100000\n"}})
            .quota() == 1);
  CHECK(Groups("0::/../outside\n", version_2, {{"fs/cpu.max", "300000 100000\n"}}).quota() == 3);
}

TEST_CASE("Files of control groups that say nothing of use set no limit", "[core]") {
  CHECK(Groups("", "", {}).quota() == 64);
  CHECK(Groups("0::/a", version_2, {}).quota() == 64);
  for (const char* text : {"", "0 100000", "-5 100000", "100000 0", "many", "100000"})
    CHECK(Groups("0::/a\n", version_2, {{"fs/a/cpu.max", text}}).quota() == 64);
  CHECK(Groups("0::relative\n", version_2, {{"fs/cpu.max", "300000 100000\n"}}).quota() == 3);
  CHECK(Groups(":::\n\n0\n0::/a\n", "x\n - \n - cgroup2\n" + version_2, {{"fs/a/cpu.max", "1000 1000\n"}}).quota() ==
        1);
}
#endif
