#include "opened.hpp"
#include <bora/any/plugin.hpp>
#include <bora/core/usable_cores.hpp>
#include <unistd.h>
#include <cstdio>
#include <string_view>
#include <string>
#include <vector>

namespace {

/// "compiling a model of this shape, once: 7 s", where standard error is a terminal.
class WaitLine {
 public:
  ~WaitLine() {
    if (shown_ >= 0) std::fputs("\r\033[K", stderr);
  }
  bool operator()(std::string_view what, double seconds) {
    if (static_cast<int>(seconds) > shown_ && seconds >= 1 && ::isatty(STDERR_FILENO) != 0) {
      shown_ = static_cast<int>(seconds);
      std::fprintf(stderr, "\r\033[K%.*s: %d s", static_cast<int>(what.size()), what.data(), shown_);
    }
    return !program::interrupted();
  }

 private:
  int shown_ = -1;
};

}  // namespace

void command::ModelOptions::declare(program::Arguments& arguments) {
  arguments.required("PATH", program::path(path), "a checkpoint: a Hugging Face folder, or a file");
  std::vector<std::string> formats;
  for (const bora::detail::PluginFormat& known : bora::detail::plugin_formats) formats.emplace_back(known.name);
  arguments.option("--format", program::word(format, formats),
                   "of the weights in memory; by default the nearest to the file's");
  arguments.option("--threads", program::whole(threads, std::size_t{1}, program::most_threads),
                   "at work; by default one for each core");
}

std::unique_ptr<bora::AnyModel> command::ModelOptions::open(const std::string& otherwise) const {
  const std::string asked = format.empty() && !bora::detail::is_packed_folder(path) ? otherwise : format;
  program::ProgressLine loading("loading");
  WaitLine waiting;
  return bora::open_any(path, {.threads = threads == 0 ? bora::usable_cores() : threads,
                               .format = asked,
                               .progress = loading,
                               .wait = [&](std::string_view what, double seconds) { return waiting(what, seconds); }});
}
