#include "support/catch.hpp"
#include "train/runs.hpp"
#include <bora/core/random.hpp>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
constexpr const char* trained = "A run that is killed";  // the name of the hidden test below
constexpr std::size_t steps = 20;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// This very program, running the hidden test alone.
pid_t start(const fs::path& folder, std::string_view format, std::size_t lanes) {
  const std::string program = fs::read_symlink("/proc/self/exe"), where = "BORA_TEST_RUN=" + folder.string(),
                    weights = "BORA_TEST_FORMAT=" + std::string(format),
                    threads = "BORA_TEST_LANES=" + std::to_string(lanes);
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
  for (const std::string* extra : {&where, &weights, &threads})
    environment.push_back(const_cast<char*>(extra->c_str()));
  environment.push_back(nullptr);
  const std::array<char*, 3> arguments{const_cast<char*>(program.c_str()), const_cast<char*>(trained), nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  const std::string output = folder / "output";
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = -1;
  const int error = posix_spawn(&child, program.c_str(), &quiet, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&quiet);
  REQUIRE(error == 0);
  return child;
}

/// Trains for `seconds`, then kills the program. Returns whether it came to its end before.
bool finishes(const fs::path& folder, std::string_view format, std::size_t lanes, double seconds) {
  const pid_t child = start(folder, format, lanes);
  const auto begin = Clock::now();
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (seconds_since(begin) >= seconds) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return false;
  INFO(support::bytes_of(folder / "output"));
  REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));  // a resumed run must not fail
  return true;
}

/// All files of a run's checkpoints by name, but for the lock, and what the links name.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.is_symlink())
      files[name] = fs::read_symlink(entry.path());
    else if (entry.is_regular_file() && name != "lock")
      files[name] = support::bytes_of(entry.path());
  }
  return files;
}

bool left_a_mess(const fs::path& folder) {
  std::size_t checkpoints = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".partial")) return true;
    checkpoints += name.starts_with("step-");
  }
  return checkpoints > 2;
}

template <class Format>
void train(const fs::path& folder, std::size_t lanes) {
  bora::ThreadPool pool(lanes);
  runs::Run<small::Mixture, Format> run(folder, steps, &pool);
  CHECK(run.fit().steps == steps);
}

/// A run that nobody kills: what the killed ones must come to, and how long it takes.
struct Whole {
  std::string_view format;
  std::map<std::string, std::string> files;
  double seconds;
};
Whole whole_run(std::string_view format) {
  const support::TemporaryFolder folder;
  const auto begin = Clock::now();
  REQUIRE(finishes(folder.path(), format, 1, 300));
  const double seconds = seconds_since(begin);
  Whole whole{format, contents(folder / "run"), seconds};
  REQUIRE(whole.files.size() >= 7);  // two links and the five files of a checkpoint
  return whole;
}

}  // namespace

TEST_CASE(trained, "[.killed]") {
  const char *folder = std::getenv("BORA_TEST_RUN"), *lanes = std::getenv("BORA_TEST_LANES"),
             *format = std::getenv("BORA_TEST_FORMAT");
  if (folder == nullptr || lanes == nullptr || format == nullptr) return;  // asked for by hand: nothing to do
  const std::size_t count = std::strtoul(lanes, nullptr, 10);
  if (format == bora::Bf16::name)
    train<bora::Bf16>(folder, count);
  else
    train<bora::F32>(folder, count);
}

TEST_CASE("A run killed at any moment, again and again, comes to the bits of one that was never interrupted",
          "[train]") {
  const std::array wholes{whole_run(bora::F32::name), whole_run(bora::Bf16::name)};
  CHECK(wholes[0].files != wholes[1].files);

  bora::Random random(2024);
  std::size_t kills = 0, messes = 0;
  for (std::size_t round = 0; round < 2 || kills < 40; ++round) {
    const Whole& whole = wholes[round % 2];
    const support::TemporaryFolder folder;
    for (std::size_t here = 0;; ++here, ++kills) {
      const std::size_t lanes = 1 + random.below(5);  // others at each start: the bits do not depend on them
      if (finishes(folder.path(), whole.format, lanes, here < 25 ? random.uniform() * whole.seconds / 6 : 300)) break;
      messes += fs::exists(folder / "run") && left_a_mess(folder / "run");
    }
    CHECK(contents(folder / "run") == whole.files);
  }
  CHECK(kills >= 40);
  CHECK(messes > 0);  // else no kill fell into a save
}
#endif
