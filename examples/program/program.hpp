// What every program of this folder does alike: options that are read whole or refused in a sentence, --help and
// --version, exit codes, output that is known to have been written, Ctrl-C.
//
//     int main(int argc, char** argv) {
//       std::filesystem::path folder;
//       std::size_t tokens = 256;
//       program::Arguments arguments("Continues a text.");
//       arguments.required("FOLDER", program::path(folder), "a checkpoint");
//       arguments.option("--tokens", program::whole(tokens), "most tokens to write");
//       return arguments.run(argc, argv, [&] { write_text(folder, tokens); });
//     }
//
// The exit code is 0, or 1 where the work failed, 2 where the arguments are wrong, 130 after Ctrl-C.
#pragma once
#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace program {

/// Arguments that a program cannot use; what() is a sentence. `Arguments::run` exits with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where the text of an argument goes. Made by the functions below.
struct Value {
  std::function<void(const std::string& name, const std::string& text)> set;  ///< throws UsageError
  std::string kind;                                                           ///< what --help calls it: N, TEXT
  std::string now;     ///< the default, for --help; empty where there is none
  bool many = false;   ///< whether set() is called for each of any number of texts
  bool flag = false;   ///< an option that stands alone
  bool again = false;  ///< whether the option may be given several times
};

/// The whole number that `text` is, from `least` to `most`. Throws UsageError for anything else.
std::uint64_t parse_whole(const std::string& name, const std::string& text, std::uint64_t least, std::uint64_t most);

/// A whole number from `least` to `most`.
template <std::unsigned_integral T>
Value whole(T& value, T least = 1, T most = std::numeric_limits<T>::max()) {
  const auto set = [&value, least, most](const std::string& name, const std::string& text) {
    value = static_cast<T>(parse_whole(name, text, least, most));
  };
  return {.set = set, .kind = "N", .now = std::to_string(value)};
}
/// Whole numbers with commas between them: "1,2,3".
template <std::integral T>
Value list(std::vector<T>& values, T most = std::numeric_limits<T>::max());

/// Any number of whole numbers, each from 0 to `most`.
template <std::integral T>
Value wholes(std::vector<T>& values, T most) {
  const auto add = [&values, most](const std::string& name, const std::string& text) {
    values.push_back(static_cast<T>(parse_whole(name, text, 0, static_cast<std::uint64_t>(most))));
  };
  return {.set = add, .kind = "N", .now = {}, .many = true};
}
template <std::integral T>
Value list(std::vector<T>& values, T most) {
  const auto set = [&values, most](const std::string& name, const std::string& text) {
    values.clear();
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      values.push_back(
          static_cast<T>(parse_whole(name, text.substr(begin, end - begin), 0, static_cast<std::uint64_t>(most))));
      begin = end + 1;
    }
  };
  return {.set = set, .kind = "N,N,…", .now = {}};
}
/// A number from `least` to `most`.
Value real(double& value, double least, double most = std::numeric_limits<double>::max());
/// A number above 0 and at most 1.
Value share(double& value);
Value text(std::string& value);
/// A text for each time that the option is given.
Value text_each_time(std::vector<std::string>& values);
/// Any number of texts.
Value texts(std::vector<std::string>& values);
Value path(std::filesystem::path& value);
/// True where the option is given.
Value flag(bool& value);
/// One of some words.
Value word(std::string& value, std::vector<std::string> words);

/// Threads that a machine may be asked for.
inline constexpr std::size_t most_threads = 1024;

/// The arguments of a program, declared in the order of its usage line.
class Arguments {
 public:
  /// \param purpose  a sentence for --help
  explicit Arguments(std::string purpose) : purpose_(std::move(purpose)) {}

  /// An argument, as it was declared.
  struct Declared {
    std::string name;
    Value value;
    std::string help;
    bool required;
  };
  /// All of them, in their order.
  const std::vector<Declared>& declared() const noexcept { return declared_; }
  /// What --help shows at its end: a command, and what it does.
  void example(std::string text) { examples_.push_back(std::move(text)); }
  const std::vector<std::string>& examples() const noexcept { return examples_; }

  /// A positional argument that must be there.
  void required(std::string name, Value value, std::string help) {
    declared_.push_back({std::move(name), std::move(value), std::move(help), true});
  }
  /// A positional argument that may be left out, as those behind it then are.
  void optional(std::string name, Value value, std::string help) {
    declared_.push_back({std::move(name), std::move(value), std::move(help), false});
  }
  /// `--name VALUE`, anywhere.
  void option(std::string name, Value value, std::string help) {
    declared_.push_back({std::move(name), std::move(value), std::move(help), false});
  }

  /// Sets what the arguments say and runs `work`, which returns nothing or an exit code; returns the program's. What is
  /// thrown is printed behind the program's name. The first line on standard error says which kernels run.
  template <class Work>
  int run(int argc, const char* const* argv, const Work& work) {
    if constexpr (std::is_void_v<decltype(work())>)
      return run_checked(argc, argv, [&] { return work(), 0; });
    else
      return run_checked(argc, argv, work);
  }

  /// Sets what the arguments say. False if they only asked for --help or --version, which is printed then. Throws
  /// UsageError.
  bool parse(int argc, const char* const* argv);

 private:
  static void set(const Declared& d, const std::vector<std::string>& given);
  int run_checked(int argc, const char* const* argv, const std::function<int()>& work);

  std::string purpose_;
  std::vector<Declared> declared_;
  std::vector<std::string> examples_;
};

/// One command of a program that has several: `bora info PATH`.
struct Command {
  std::string name;     ///< a word
  std::string purpose;  ///< a sentence
  /// Declares its arguments, and returns what to do with them: an exit code.
  std::function<std::function<int()>(Arguments&)> declare;
};

/// A program of several commands: runs the one that the first argument names. The program's own arguments are --help,
/// --version, and --man and --completion, which print its manual page and its completion for bash.
int run_commands(int argc, const char* const* argv, const std::string& purpose, const std::vector<Command>& commands);

/// Writes a text to standard output at once. Throws FileError where that fails (a full disk).
void write(std::string_view text);

/// Where another program of the same build lies, as a shell would start it.
std::string beside(std::string_view name);

/// While one lives, Ctrl-C is noted and does not end the program; a second one does.
class CatchInterrupt {
 public:
  CatchInterrupt();
  ~CatchInterrupt();
  CatchInterrupt(const CatchInterrupt&) = delete;
  CatchInterrupt& operator=(const CatchInterrupt&) = delete;
};
/// Whether Ctrl-C was noted since the last CatchInterrupt was made. The program's exit code is 130 then.
bool interrupted() noexcept;

/// A line about work that takes longer than a second, where standard error is a terminal; it goes when the work is
/// done.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)) {}
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  /// Shows how far the work is. False where it should stop: after Ctrl-C.
  bool operator()(std::size_t done, std::size_t total);

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);
  bool shown_ = false;
};

}  // namespace program
