/// Compiles a model's spec, and the kernels that all models share, for this machine.
#pragma once
#include <bora/any/compiler.hpp>
#include <bora/any/plugin_cache.hpp>
#include <bora/any/plugin_descriptor.hpp>
#include <bora/core/error.hpp>
#include <bora/core/usable_cores.hpp>
#include <bora/files/atomic_file.hpp>
#include <bora/files/folder.hpp>
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// The folder that holds bora/any/plugin_entry.hpp. Throws ConfigError if there is none.
inline std::filesystem::path include_folder() {
  std::vector<std::filesystem::path> candidates;
  const std::string named = environment("BORA_INCLUDE");
  if (!named.empty()) {
    candidates = {named};
  } else {
    std::error_code error;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error) candidates.push_back(program.parent_path().parent_path() / "include");
#if defined(BORA_INCLUDE_FOLDERS)  // with colons between them
    std::istringstream folders(BORA_INCLUDE_FOLDERS);
    for (std::string folder; std::getline(folders, folder, ':');) candidates.emplace_back(folder);
#endif
    candidates.push_back(std::filesystem::path(__FILE__).parent_path().parent_path().parent_path());
    candidates.insert(candidates.end(), {"/usr/local/include", "/usr/include"});
  }
  for (const std::filesystem::path& folder : candidates)
    if (folder.is_absolute() && is_there(folder / "bora" / "any" / "plugin_entry.hpp")) return folder;
  throw ConfigError(message("the headers of bora are not in ", candidates.front().string(),
                            named.empty() ? ": set BORA_INCLUDE to the folder that holds bora/"
                                          : ", which BORA_INCLUDE names, expected the folder that holds bora/"));
}

/// A sum over all headers of the library: names and contents.
inline std::uint64_t headers_sum(const std::filesystem::path& include) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(include / "bora", error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == ".hpp") files.push_back(entry->path());
  if (error) refuse_file(include / "bora", "cannot be listed: ", error.message());
  std::sort(files.begin(), files.end());
  Checksum sum;
  for (const std::filesystem::path& file : files) {
    sum.add(text_sum(file.lexically_relative(include).string()));
    sum.add(text_sum(MappedFile(file).text()));
  }
  return sum.value();
}

/// The processor as -march=native sees it: its model and features, by /proc/cpuinfo.
inline std::uint64_t processor_sum() {
  Checksum sum;
#if defined(__linux__)
  std::istringstream lines(small_file("/proc/cpuinfo"));
  for (std::string line; std::getline(lines, line) && !line.empty();)  // of the first processor
    for (const std::string_view key : {"model name", "flags", "Features", "CPU part", "isa"})
      if (line.starts_with(key)) sum.add(text_sum(line));
#endif
  return sum.value();
}

/// How plugins are compiled, apart from what is compiled.
struct PluginFlags {
  std::filesystem::path include = include_folder();
  std::vector<std::string> words = make();

  /// Identifies all of it but the compiler.
  std::string identity() const {
    std::string text = message("bora plugin, interface ", plugin_interface, ", headers ",
                               hex_text(headers_sum(include)), ", processor ", hex_text(processor_sum()), ", flags");
    for (const std::string& word : words) text += " " + word;
    return text;
  }

 private:
  static void add_words(std::vector<std::string>& words, const std::string& text) {
    std::istringstream in(text);
    for (std::string word; in >> word;) words.push_back(word);
  }
  static std::vector<std::string> make() {
#if defined(__x86_64__) || defined(__i386__)
    const char* const native = "-march=native";
#else
    const char* const native = "-mcpu=native";
#endif
    std::vector<std::string> words{"-std=c++20",          "-O3",   "-g0",     "-DNDEBUG", native, "-fPIC",
                                   "-fvisibility=hidden", "-pipe", "-pthread"};
#if defined(_GLIBCXX_USE_CXX11_ABI)
    words.push_back(message("-D_GLIBCXX_USE_CXX11_ABI=", _GLIBCXX_USE_CXX11_ABI));
#endif
#if defined(_GLIBCXX_DEBUG)
    words.push_back("-D_GLIBCXX_DEBUG");
#endif
#if defined(BORA_PLUGIN_FLAGS)
    add_words(words, BORA_PLUGIN_FLAGS);
#endif
    add_words(words, environment("BORA_CXXFLAGS"));
    return words;
  }
};

/// A compilation of the cache, in its maker's folder.
class Compilation {
 public:
  Compilation(std::filesystem::path compiler, const PluginFlags& flags, const std::filesystem::path& folder,
              std::string name, std::string_view source)
      : compiler_(std::move(compiler)), flags_(&flags), folder_(folder), name_(std::move(name)) {
    write_file(folder_ / (name_ + ".cpp"), source);
    std::vector<std::string> command = start();
    command.insert(command.end(), {"-c", (folder_ / (name_ + ".cpp")).string(), "-o", object().string()});
    child_.emplace(command, log());
  }
  std::filesystem::path object() const { return folder_ / (name_ + ".o"); }
  bool ended() { return child_->ended(); }
  /// Throws Error with the compiler's first complaint if it failed.
  void require_success() const {
    if (child_->succeeded()) return;
    std::string text =
        is_there(log()) && std::filesystem::file_size(log()) > 0 ? std::string(MappedFile(log()).text()) : "";
    const std::size_t error = text.find("error");
    const std::size_t begin = error == text.npos ? 0 : text.rfind('\n', error) + 1;  // npos + 1 is 0
    text = text.substr(begin, std::min<std::size_t>(text.find('\n', begin) - begin, 500));
    throw Error(message(compiler_.string(), " could not compile the model",
                        text.empty() ? "; is there enough memory?" : ": ", text));
  }
  /// Links objects into a shared library. Throws Error if that fails.
  void link(const std::vector<std::filesystem::path>& objects, const std::filesystem::path& library,
            const WaitFunction& wait) {
    std::vector<std::string> command = start();
    command.push_back("-shared");
    for (const std::filesystem::path& o : objects) command.push_back(o.string());
    command.insert(command.end(), {"-o", library.string()});
    child_.emplace(command, log());
    wait_until(wait, "linking a model of this shape", [&] { return child_->ended(); });
    require_success();
  }

 private:
  std::filesystem::path log() const { return folder_ / (name_ + ".log"); }
  std::vector<std::string> start() const {
    std::vector<std::string> command{compiler_.string()};
    command.insert(command.end(), flags_->words.begin(), flags_->words.end());
    command.push_back("-I" + flags_->include.string());
    return command;
  }
  static void write_file(const std::filesystem::path& path, std::string_view text) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
  }

  std::filesystem::path compiler_;
  const PluginFlags* flags_;
  std::filesystem::path folder_;
  std::string name_;
  std::optional<ChildProcess> child_;
};

/// A file of the cache: what it is, and how it is called.
struct CacheEntry {
  std::string name;      ///< how its name begins: what people read of it
  std::string identity;  ///< all that it is made of, but for the compiler
  std::string ending;    ///< ".so"

  std::string prefix() const { return message(name, '-', hex_text(text_sum(identity)), '-'); }
  std::filesystem::path path(const std::filesystem::path& folder, const std::filesystem::path& compiler) const {
    return folder / message(prefix(), hex_text(text_sum(compiler_identity(compiler))).substr(8), ending);
  }
};

/// The kernels as two sources, which compilers work on at the same time: those of block formats, and the others. Each
/// leaves out the other's groups of simd/kernel_list.hpp.
struct KernelPart {
  std::string_view name, left_out;
};
inline constexpr KernelPart kernel_parts[] = {
    {"kernels", "#undef BORA_BLOCK_KERNELS\n#define BORA_BLOCK_KERNELS(K, ...)\n"},
    {"block-kernels",
     "#undef BORA_PRODUCT_KERNELS\n#define BORA_PRODUCT_KERNELS(K, ...)\n"
     "#undef BORA_CACHE_KERNELS\n#define BORA_CACHE_KERNELS(K, ...)\n"
     "#undef BORA_INPUT_KERNELS\n#define BORA_INPUT_KERNELS(K, ...)\n"
     "#undef BORA_FUNCTION_KERNELS\n#define BORA_FUNCTION_KERNELS(K, ...)\n"
     "#undef BORA_ROW_KERNELS\n#define BORA_ROW_KERNELS(K)\n"}};

/// Makes a part of the kernels of a cache, or waits for another program that does.
class KernelObject {
 public:
  KernelObject(const KernelPart& part, const std::filesystem::path& cache, const std::filesystem::path& compiler,
               const PluginFlags& flags, const std::string& identity, const WaitFunction& wait)
      : identity_(message(part.name, "; ", identity)),
        path_(CacheEntry{std::string(part.name), identity_, ".o"}.path(cache, compiler)) {
    if (whole()) return;
    lock_.emplace(path_, wait);
    if (whole()) {  // the program that was waited for has made it
      lock_.reset();
      return;
    }
    folder_.emplace(path_);
    made_.emplace(compiler, flags, folder_->path(), "kernels",
                  message("#define BORA_COMPILE_KERNELS\n#include <bora/simd/kernel_list.hpp>\n", part.left_out,
                          "#include <bora/simd/kernels.hpp>\n"));
  }
  /// Whether it is there, or could not be made.
  bool ended() { return !made_ || made_->ended(); }
  /// The object file. Throws Error if it could not be made.
  const std::filesystem::path& take() {
    if (made_) {
      made_->require_success();
      seal_file(made_->object(), path_, identity_);
      made_.reset();
      folder_.reset();
      lock_.reset();
    }
    return path_;
  }

 private:
  bool whole() const { return is_there(path_) && broken_seal(path_, identity_).empty(); }

  std::string identity_;
  std::filesystem::path path_;
  std::optional<MakerLock> lock_;
  std::optional<MakerFolder> folder_;
  std::optional<Compilation> made_;
};

/// Compiles `source` to the plugin at `target`, whose MakerLock the caller holds.
inline void build_plugin(const std::filesystem::path& target, std::string_view identity, std::string_view source,
                         const std::filesystem::path& compiler, const PluginFlags& flags, const WaitFunction& wait) {
  const MakerFolder folder(target);
  Compilation model(compiler, flags, folder.path(), "model", source);
  const std::string made_of = flags.identity();
  KernelObject kernels(kernel_parts[0], target.parent_path(), compiler, flags, made_of, wait);
  KernelObject blocks(kernel_parts[1], target.parent_path(), compiler, flags, made_of, wait);
  wait_until(wait, "compiling a model of this shape, once", [&] {
    const bool ended[] = {model.ended(), kernels.ended(), blocks.ended()};
    return ended[0] && ended[1] && ended[2];
  });
  model.require_success();
  const std::filesystem::path library = folder.path() / "model.so";
  model.link({model.object(), kernels.take(), blocks.take()}, library, wait);
  seal_file(library, target, identity);
}

}}}  // namespace bora::BORA_ABI::detail
