#include "program.hpp"
#include <bora/core/error.hpp>
#include <bora/simd/target.hpp>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace program {
namespace {

std::string invocation = "program";  // argv[0]
std::string command;                 // of a program that has several
std::atomic<bool> interrupt_noted{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

std::string program_name() {
  return std::filesystem::path(invocation).filename().string() + (command.empty() ? "" : " " + command);
}

std::string real_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string range_text(const std::string& least, const std::string& most, bool bounded) {
  return bounded ? least + " to " + most : least + " or more";
}

/// A closed standard stream's number would go to the next file opened, and what is printed into that file. Output to a
/// stream that is open for reading fails, as it should.
void open_standard_streams() {
  for (const int stream : {0, 1, 2})
    if (::fcntl(stream, F_GETFD) == -1) [[maybe_unused]]
      const int opened = ::open("/dev/null", O_RDONLY);
}

[[noreturn]] void throw_not_written(int error) {
  std::string sentence = "standard output cannot be written";
  if (error != 0) sentence += std::string(": ") + std::strerror(error);
  throw bora::FileError(sentence);
}

/// Some systems report a full disk only when the file is closed.
void finish_output() {
  errno = 0;
  const bool failed = std::ferror(stdout) != 0 || std::fflush(stdout) != 0;
  const int error = errno;
  if (failed || (::close(::dup(STDOUT_FILENO)) != 0 && errno != EBADF)) throw_not_written(failed ? error : errno);
}

std::string version_text() {
  return "bora " + std::to_string(BORA_VERSION_MAJOR) + "." + std::to_string(BORA_VERSION_MINOR) + "." +
         std::to_string(BORA_VERSION_PATCH) + "\nkernels: " + bora::simd::target_report();
}

/// CLI11 splits "[a,b]" into a list. A zero behind the bracket, which no argument can hold, keeps it whole.
std::string shielded(std::string argument) {
  if (argument.starts_with('[') && argument.ends_with(']')) argument += '\0';
  return argument;
}
std::string unshielded(std::string argument) {
  if (argument.ends_with('\0')) argument.pop_back();
  return argument;
}

/// What CLI11 found wrong, in a sentence.
std::string sentence_of(const CLI::ParseError& error, const CLI::App& app) {
  const std::string found = error.what();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch))
    return found.substr(0, found.find(':')) + " has no value, expected one";
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError))
    return found.substr(0, found.find(' ')) + " is missing, expected an argument";
  if (app.remaining().empty()) return found;
  const std::string unknown = unshielded(app.remaining().front());
  const bool option = unknown.size() > 1 && unknown.front() == '-';
  return option ? "there is no option " + unknown : "\"" + unknown + "\" is an argument more than expected";
}

/// The arguments behind argv[0], the last first, as CLI11 takes them. `--name=` is split: CLI11 would take the next
/// argument for the value.
std::vector<std::string> reversed(int argc, const char* const* argv) {
  std::vector<std::string> all;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    options = options && argument != "--";
    const bool split = options && argument.size() > 3 && argument.starts_with("--") && argument.ends_with('=') &&
                       argument.find('=') + 1 == argument.size();
    if (split) argument.pop_back();
    all.push_back(shielded(std::move(argument)));
    if (split) all.emplace_back();
  }
  return {all.rbegin(), all.rend()};
}

extern "C" void note_interrupt(int) { interrupt_noted = true; }

void set_interrupt_action(void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(SIGINT, &action, nullptr);
}

}  // namespace

std::uint64_t parse_whole(const std::string& name, const std::string& text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && read == end && value >= least && value <= most) return value;
  const bool bounded = most != std::numeric_limits<std::uint64_t>::max() || error == std::errc::result_out_of_range;
  throw UsageError(name + " is \"" + text + "\", expected a whole number, " +
                   range_text(std::to_string(least), std::to_string(most), bounded));
}

namespace {

/// The number that all of `text` is; not a number where it is none.
double parse_real(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && read == end ? value : std::nan("");
}

Value number_in(double& value, std::string range, std::function<bool(double)> accepts) {
  const auto set = [&value, range, accepts](const std::string& name, const std::string& text) {
    const double read = parse_real(text);
    if (!accepts(read)) throw UsageError(name + " is \"" + text + "\", expected a number, " + range);
    value = read;
  };
  return {.set = set, .kind = "X", .now = real_text(value)};
}

}  // namespace

Value real(double& value, double least, double most) {
  const bool bounded = most != std::numeric_limits<double>::max();
  return number_in(value, range_text(real_text(least), real_text(most), bounded),
                   [least, most](double read) { return read >= least && read <= most; });
}
Value share(double& value) {
  return number_in(value, "above 0 and at most 1", [](double read) { return read > 0 && read <= 1; });
}

Value text(std::string& value) {
  return {.set = [&value](const std::string&, const std::string& text) { value = text; }, .kind = "TEXT", .now = value};
}

Value text_each_time(std::vector<std::string>& values) {
  return {.set = [&values](const std::string&, const std::string& text) { values.push_back(text); },
          .kind = "TEXT",
          .now = {},
          .again = true};
}

Value texts(std::vector<std::string>& values) {
  return {.set = [&values](const std::string&, const std::string& text) { values.push_back(text); },
          .kind = "TEXT",
          .now = {},
          .many = true};
}

Value path(std::filesystem::path& value) {
  const auto set = [&value](const std::string& name, const std::string& text) {
    if (text.empty()) throw UsageError(name + " is \"\", expected a path");
    value = text;
  };
  return {.set = set, .kind = "PATH", .now = value.string()};
}

Value flag(bool& value) {
  const auto set = [&value](const std::string&, const std::string& text) { value = text == "true"; };
  return {.set = set, .kind = {}, .now = {}, .flag = true};
}

Value word(std::string& value, std::vector<std::string> words) {
  std::string kind;
  for (const std::string& w : words) kind += (kind.empty() ? "" : "|") + w;
  const auto set = [&value, words, kind](const std::string& name, const std::string& text) {
    if (std::find(words.begin(), words.end(), text) == words.end())
      throw UsageError(name + " is \"" + text + "\", expected one of " + kind);
    value = text;
  };
  return {.set = set, .kind = kind, .now = value};
}

bool Arguments::parse(int argc, const char* const* argv) {
  if (argc > 0 && command.empty()) invocation = argv[0];
  CLI::App app(purpose_, program_name());
  std::string footer;
  for (const std::string& text : examples_) footer += (footer.empty() ? "\nExamples:\n  " : "\n  ") + text;
  app.footer(footer);
  app.get_formatter()->column_width(26);
  app.set_version_flag("--version", [] { return version_text(); }, "Print the version and the kernels, and exit");
  std::vector<CLI::Option*> options;
  std::vector<std::string> texts;  // CLI11 sorts them into its options; what they mean is for `set` to say
  for (const Declared& d : declared_) {
    if (d.value.flag) {
      options.push_back(app.add_flag(d.name, d.help));
      continue;
    }
    options.push_back(app.add_option(d.name, texts, d.help));
    options.back()->required(d.required)->type_name(d.value.kind)->default_str(d.value.now);
    options.back()->expected(1, d.value.many || d.value.again ? CLI::detail::expected_max_vector_size : 1);
    options.back()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(d.value.many);
  }
  try {
    app.parse(reversed(argc, argv));
  } catch (const CLI::CallForHelp&) {
    return write(app.help()), false;
  } catch (const CLI::CallForVersion& version) {
    return write(std::string(version.what()) + "\n"), false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(sentence_of(error, app));
  }
  for (std::size_t i = 0; i < declared_.size(); ++i) set(declared_[i], options[i]->results());
  return true;
}

void Arguments::set(const Declared& d, const std::vector<std::string>& given) {
  if (!d.value.many && !d.value.again && given.size() > 1)
    throw UsageError(d.name + " is given " + std::to_string(given.size()) + " times, expected once");
  for (const std::string& text : given) d.value.set(d.name, unshielded(text));
}

namespace {

/// What all programs do around their work: what is thrown becomes a sentence and an exit code.
int run_guarded(const std::function<int()>& work) {
  open_standard_streams();
  const auto fail = [](const std::string& sentence, int code) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", program_name().c_str(), sentence.c_str());
    return interrupted() ? 130 : code;
  };
  try {
    const int code = work();
    finish_output();
    return interrupted() ? 130 : code;
  } catch (const UsageError& error) {
    return fail(std::string(error.what()) + "; `" + invocation + (command.empty() ? "" : " " + command) +
                    " --help` lists what it takes",
                2);
  } catch (const bora::Error& error) {
    return fail(error.what(), 1);
  } catch (const std::bad_alloc&) {
    return fail("there is not enough memory", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

}  // namespace

int Arguments::run_checked(int argc, const char* const* argv, const std::function<int()>& work) {
  return run_guarded([&] {
    if (!parse(argc, argv)) return 0;
    std::fprintf(stderr, "kernels     %s\n", bora::simd::target_report().c_str());
    return work();
  });
}

namespace {

/// The usage of a command, as the manual and the list of commands show it: "PATH [PROMPT] [--ids N,N,…]".
std::string synopsis(const Arguments& arguments, bool options) {
  std::string text;
  for (const Arguments::Declared& d : arguments.declared()) {
    const bool option = d.name.starts_with("--");
    if (option && !options) continue;
    const std::string one = option && !d.value.flag ? d.name + " " + d.value.kind : d.name;
    text += (text.empty() ? "" : " ") + (d.required ? one : "[" + one + "]");
  }
  return text;
}

std::string padded(std::string text, std::size_t width) {
  text.append(text.size() < width ? width - text.size() : 1, ' ');
  return text;
}

std::string help_text(const std::string& purpose, const std::vector<Command>& commands) {
  std::string text = purpose + "\nUsage: " + program_name() + " COMMAND ...\n\nCommands:\n";
  for (const Command& c : commands) text += "  " + padded(c.name, 14) + c.purpose + "\n";
  return text +
         "\nOptions:\n  -h,--help     Print this help message and exit\n  --version     Print the version and the "
         "kernels, and exit\n  --man         Print the manual page (for man -l -)\n  --completion  Print the "
         "completion for bash\n\n`" +
         program_name() + " COMMAND --help` shows what a command takes, with examples.\n";
}

/// Text for roff: what it would take for its own commands is escaped.
std::string roff(const std::string& text) {
  std::string escaped = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text)
    if (c == '\\')
      escaped += "\\e";
    else if (c == '-')
      escaped += "\\-";
    else
      escaped += c;
  return escaped;
}

std::string manual(const std::string& purpose, const std::vector<Command>& commands) {
  const std::string name = program_name();
  std::string text = ".TH BORA 1 \"\" \"bora\" \"User Commands\"\n.SH NAME\n" + name + " \\- " + roff(purpose) +
                     "\n.SH SYNOPSIS\n.B " + name + "\n.I COMMAND\n[ARGUMENT...]\n.SH COMMANDS\n";
  for (const Command& c : commands) {
    Arguments arguments(c.purpose);
    static_cast<void>(c.declare(arguments));
    text += ".SS " + roff(name + " " + c.name + " " + synopsis(arguments, false)) + "\n" + roff(c.purpose) + "\n";
    for (const Arguments::Declared& d : arguments.declared()) {
      const std::string now = d.value.now.empty() || d.value.flag ? "" : " [" + d.value.now + "]";
      text += ".TP\n.B " + roff(d.name + (d.value.flag || !d.name.starts_with("--") ? "" : " " + d.value.kind)) + "\n" +
              roff(d.help + now) + "\n";
    }
    if (!arguments.examples().empty()) text += ".P\nExamples:\n";
    for (const std::string& example : arguments.examples()) text += ".P\n.nf\n    " + roff(example) + "\n.fi\n";
  }
  return text +
         ".SH EXIT STATUS\n0: the work was done. 1: it failed. 2: the arguments are wrong. 130: it was "
         "interrupted.\n";
}

std::string completion(const std::vector<Command>& commands) {
  const std::string name = program_name();
  std::string names, cases;
  for (const Command& c : commands) {
    names += (names.empty() ? "" : " ") + c.name;
    Arguments arguments(c.purpose);
    static_cast<void>(c.declare(arguments));
    std::string options = "--help";
    for (const Arguments::Declared& d : arguments.declared())
      if (d.name.starts_with("--")) options += " " + d.name;
    cases += "    " + c.name + ") words='" + options + "' ;;\n";
  }
  return "# bash completion for " + name + "\n_" + name +
         "() {\n  local word=${COMP_WORDS[COMP_CWORD]} words=\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    "
         "COMPREPLY=($(compgen -W '" +
         names +
         " --help --version --man --completion' -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); fi\n}\ncomplete -o "
         "default -F _" +
         name + " " + name + "\n";
}

int run_command(int argc, const char* const* argv, const std::string& purpose, const std::vector<Command>& commands) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty()) throw UsageError("COMMAND is missing");
  if (first == "--help" || first == "-h" || first == "help") return write(help_text(purpose, commands)), 0;
  if (first == "--version") return write(version_text() + "\n"), 0;
  if (first == "--man") return write(manual(purpose, commands)), 0;
  if (first == "--completion") return write(completion(commands)), 0;
  for (const Command& c : commands) {
    if (c.name != first) continue;
    command = c.name;
    Arguments arguments(c.purpose);
    const std::function<int()> work = c.declare(arguments);
    return arguments.parse(argc - 1, argv + 1) ? work() : 0;
  }
  throw UsageError(first.starts_with('-') ? "there is no option " + first : "there is no command " + first);
}

}  // namespace

int run_commands(int argc, const char* const* argv, const std::string& purpose, const std::vector<Command>& commands) {
  if (argc > 0) invocation = argv[0];
  return run_guarded([&] { return run_command(argc, argv, purpose, commands); });
}

void write(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw_not_written(errno);
}

std::string beside(std::string_view name) { return (std::filesystem::path(invocation).parent_path() / name).string(); }

CatchInterrupt::CatchInterrupt() {
  interrupt_noted = false;
  // A call that the signal interrupts goes on; the second signal finds the default action.
  set_interrupt_action(note_interrupt, static_cast<int>(SA_RESETHAND | SA_RESTART));
}
CatchInterrupt::~CatchInterrupt() { set_interrupt_action(SIG_DFL, 0); }

bool interrupted() noexcept { return interrupt_noted; }

ProgressLine::~ProgressLine() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

bool ProgressLine::operator()(std::size_t done, std::size_t total) {
  if (Clock::now() >= next_ && ::isatty(STDERR_FILENO) != 0) {
    const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
    std::fprintf(stderr, "\r%s: %.0f %%", what_.c_str(), 100 * share);
    next_ = Clock::now() + std::chrono::milliseconds(100);
    shown_ = true;
  }
  return !interrupted();
}

}  // namespace program
