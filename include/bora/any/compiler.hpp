/// The C++ compiler of the machine, as a child process.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>
#if defined(BORA_POSIX_FILES)
#include <csignal>
#include <sys/wait.h>
#endif
#if defined(__linux__)
#include <sys/prctl.h>
#endif

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A variable of the environment; "" if it is not set.
inline std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// A program of that name in the folders of PATH, or at that path; empty if there is none.
inline std::filesystem::path find_program(const std::string& name) {
#if defined(BORA_POSIX_FILES)
  const auto runs = [](const std::filesystem::path& path) {
    return !is_folder(path) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != name.npos) return runs(name) ? std::filesystem::path(name) : std::filesystem::path();
  const std::string folders = environment("PATH");
  for (std::size_t begin = 0; begin < folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    if (const std::filesystem::path found = std::filesystem::path(folders.substr(begin, end - begin)) / name;
        end > begin && runs(found))
      return found;
    begin = end + 1;
  }
#else
  static_cast<void>(name);
#endif
  return {};
}

/// The C++ compiler: the one that BORA_CXX or CXX in the environment names, otherwise the first of c++, g++ and clang++
/// in the folders of PATH. Empty if there is none. Throws ConfigError if the environment names one that is not there.
inline std::filesystem::path find_compiler() {
  for (const char* const variable : {"BORA_CXX", "CXX"}) {
    const std::string named = environment(variable);
    if (named.empty()) continue;
    std::filesystem::path found = find_program(named);
    if (found.empty() && std::string_view(variable) == "BORA_CXX")
      throw ConfigError(message("BORA_CXX is ", named, ", expected the C++ compiler's name or path"));
    if (!found.empty()) return found;
  }
  for (const char* const name : {"c++", "g++", "clang++", "g++-12", "clang++-19"})
    if (std::filesystem::path found = find_program(name); !found.empty()) return found;
  return {};
}

/// Identifies a compiler without starting it: the file that its name leads to, its size and time.
inline std::string compiler_identity(const std::filesystem::path& compiler) {
  std::error_code error;
  const std::filesystem::path file = std::filesystem::canonical(compiler, error);
  if (error) return compiler.string();
  const auto size = std::filesystem::file_size(file, error);
  const auto time = std::filesystem::last_write_time(file, error).time_since_epoch().count();
  return message(file.string(), ' ', size, ' ', static_cast<long long>(time));
}

#if defined(BORA_POSIX_FILES)
/// A running program, whose output goes to a file. It ends with this object, and the programs that it has started, and
/// on Linux with the program that started it.
class ChildProcess {
 public:
  /// Throws Error if the system cannot start another process. A program that cannot be run exits with 127.
  ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& output) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    [[maybe_unused]] const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ < 0) throw Error(message("the compiler cannot be started: ", system_message(errno)));
    if (child_ != 0) {
      ::setpgid(child_, child_);  // here and in the child: whoever comes first
      return;
    }
    ::setpgid(0, 0);  // a compiler has processes of its own, which end with it
#if defined(__linux__)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
#endif
    const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), none = ::open("/dev/null", O_RDONLY);
    ::dup2(none, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ChildProcess(ChildProcess&& other) noexcept : child_(std::exchange(other.child_, 0)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() {
    if (child_ <= 0) return;
    ::kill(-child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  /// Whether it has ended.
  bool ended() {
    if (child_ <= 0) return true;
    int status = 0;
    const pid_t got = ::waitpid(child_, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return false;
    succeeded_ = got == child_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    child_ = 0;
    return true;
  }
  /// Whether it has ended with exit code 0.
  bool succeeded() const noexcept { return succeeded_; }

 private:
  pid_t child_ = 0;
  bool succeeded_ = false;
};
#endif

}}}  // namespace bora::BORA_ABI::detail
