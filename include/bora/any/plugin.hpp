/// Opens a checkpoint of any shape: as a model that the program was compiled with, or as one that is compiled now, by
/// the C++ compiler of the machine, and kept for the next time.
///
/// The model's spec is written as C++ (model/spec_text.hpp) and compiled as a shared library behind the interface of
/// any_model.hpp; the kernels, which all models share, are compiled at the same time, once. Both are kept in
/// $XDG_CACHE_HOME/bora (~/.cache/bora), under names made of everything that decides their contents: spec, format,
/// processor, flags, compiler, and the library's headers. In the environment may be set:
///
///     BORA_CXX        the compiler; otherwise $CXX, c++, g++ or clang++
///     BORA_CXXFLAGS   further flags for it
///     BORA_INCLUDE    the folder that holds bora/; by default that of this header, or include/ beside the program's
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/any/checkpoint_source.hpp>
#include <bora/any/compiler.hpp>
#include <bora/any/packed_folder.hpp>
#include <bora/any/plugin_build.hpp>
#include <bora/any/plugin_cache.hpp>
#include <bora/any/plugin_descriptor.hpp>
#include <bora/any/registry.hpp>
#include <bora/core/error.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/description.hpp>
#include <bora/model/description_difference.hpp>
#include <bora/model/spec_text.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>
#if defined(BORA_POSIX_FILES)
#include <dlfcn.h>
#endif

namespace bora { inline namespace BORA_ABI {

/// Called some times a second while the program waits for a compiler, with what it waits for and the seconds since;
/// false ends it with Cancelled.
using WaitFunction = detail::WaitFunction;

/// Options for opening a checkpoint of any shape.
struct AnyOptions {
  std::size_t threads = usable_cores();  ///< threads for loading, and for its sessions
  std::string format = {};               ///< "F32", "F16", "Bf16", "Mixed", "Q8", …; empty: the nearest to the file's
  ProgressFunction progress = {};        ///< gets the parameters read and their total; false: throws Cancelled
  WaitFunction wait = {};                ///< is called while a compiler works
};

namespace detail {

/// A format as users name it: what a plugin is compiled for, and for `Mixed` which kind each matrix gets.
struct PluginFormat {
  std::string_view name;      ///< "Q4"
  std::string_view compiled;  ///< "Mixed"
  std::optional<MatrixKind> kind = {};

  /// The recipe of a `Mixed` model in this format; none where each matrix keeps the file's. Tables and routers, which
  /// are small, are not quantised.
  Recipe recipe() const {
    if (!kind) return {};
    return [as = *kind](TensorId id, TensorShape) {
      const bool table = id.name == "positions" || id.name == "relative_bias";
      return table || id.name == "router" ? MatrixKind::f32 : as;
    };
  }
};
inline constexpr PluginFormat plugin_formats[] = {{F32::name, F32::name},
                                                  {F16::name, F16::name},
                                                  {Bf16::name, Bf16::name},
                                                  {Mixed::name, Mixed::name},
                                                  {Q8::name, Mixed::name, MatrixKind::q8},
                                                  {Q4::name, Mixed::name, MatrixKind::q4},
                                                  {Q4K::name, Mixed::name, MatrixKind::q4k},
                                                  {Q6K::name, Mixed::name, MatrixKind::q6k}};

/// The format of that name. Throws ConfigError if there is none.
inline const PluginFormat& plugin_format(std::string_view name) {
  std::string known;
  for (const PluginFormat& format : plugin_formats) {
    if (format.name == name) return format;
    known += message(known.empty() ? "" : ", ", format.name);
  }
  throw ConfigError(message("the format is ", name, ", expected one of ", known));
}

/// The format that holds all matrices of a checkpoint as they are stored, or `Mixed` where they differ.
inline std::string stored_format(const std::filesystem::path& path, const ModelDescription& model,
                                 const std::vector<TensorEntry>& tensors) {
  const auto file = open_checkpoint(path, model, tensors);
  std::optional<MatrixKind> common;
  for (const TensorEntry& tensor : tensors) {
    if (!tensor.shape.matrix()) continue;
    const MatrixKind kind = kind_of(file->stored(tensor.id, tensor.shape).type);
    if (common && *common != kind) return std::string(Mixed::name);
    common = kind;
  }
  if (common == MatrixKind::f32) return std::string(F32::name);
  if (common == MatrixKind::f16) return std::string(F16::name);
  if (common == MatrixKind::bf16) return std::string(Bf16::name);
  return std::string(Mixed::name);
}

/// A C++ string literal.
inline std::string literal(std::string_view text) {
  std::string result = "\"";
  for (const char c : text)
    if (c == '\n')
      result += "\\n";
    else if (c == '"' || c == '\\')
      result += {'\\', c};
    else
      result += c;
  return result + "\"";
}

/// A plugin of the cache.
struct PluginName {
  std::string source;  ///< what is compiled
  CacheEntry entry;

  PluginName(const ModelDescription& model, std::string_view format, const std::string& made_of) {
    const std::string spec = spec_text(model, "Model");
    entry = {.name = message("model-", model.layers, "x", model.dim, '-', format),
             .identity = message(made_of, "; format ", format, "; ", spec),
             .ending = ".so"};
    source = message("#include <bora/any/plugin_entry.hpp>\n\n", spec, "\nBORA_PLUGIN(Model, bora::", format, ", ",
                     literal(entry.identity), ");\n");
  }
};

/// A plugin's descriptor, when its file was found whole. Throws FileError if it cannot be loaded or is another one.
inline const PluginDescriptor& load_plugin(const std::filesystem::path& path, std::string_view identity) {
#if defined(BORA_POSIX_FILES)
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays loaded: models have code in it
  if (library == nullptr) refuse_file(path, "cannot be loaded: ", std::string_view(::dlerror()));
  const auto* const found = static_cast<const PluginDescriptor*>(::dlsym(library, "bora_plugin"));
  if (found == nullptr || std::memcmp(found->magic, plugin_magic, sizeof plugin_magic) != 0)
    refuse_file(path, "is no plugin of bora");
  if (found->layout != PluginLayout() || identity != found->identity)
    refuse_file(path, "is a plugin of another version of bora: build this program again from the headers in ",
                include_folder().string());
  return *found;
#else
  static_cast<void>(identity);
  refuse_file(path, "cannot be loaded: this system has no shared libraries that bora knows");
#endif
}

/// A plugin of the cache that is whole, whatever compiler made it; empty if there is none.
inline std::filesystem::path find_plugin(const std::filesystem::path& cache, const CacheEntry& entry) {
  std::error_code error;
  for (std::filesystem::directory_iterator file(cache, error), end; !error && file != end; file.increment(error)) {
    const std::string name = file->path().filename().string();
    if (name.starts_with(entry.prefix()) && name.ends_with(entry.ending) &&
        broken_seal(file->path(), entry.identity).empty())
      return file->path();
  }
  return {};
}

/// The names of the models in the cache, for people.
inline std::string plugins_in(const std::filesystem::path& cache) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator file(cache, error), end; !error && file != end; file.increment(error))
    if (file->path().extension() == ".so") names.push_back("\n  " + file->path().string());
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += name;
  return all;
}

/// The plugin for a model, compiled if there is none yet.
inline const PluginDescriptor& plugin_for(const ModelDescription& model, std::string_view format,
                                          const WaitFunction& wait) {
  const PluginFlags flags;
  const std::filesystem::path cache = plugin_folder(), compiler = find_compiler();
  const PluginName plugin(model, format, flags.identity());
  if (compiler.empty()) {
    const std::filesystem::path found = find_plugin(cache, plugin.entry);
    if (found.empty())
      throw ConfigError(
          message("a model of this shape must be compiled first, and there is no C++ compiler: install "
                  "g++ or clang++ (Debian: g++), or set BORA_CXX to one",
                  plugins_in(cache).empty() ? "" : "; compiled before were:", plugins_in(cache)));
    return load_plugin(found, plugin.entry.identity);
  }
  const std::filesystem::path target = plugin.entry.path(cache, compiler);
  const auto whole = [&] { return is_there(target) && broken_seal(target, plugin.entry.identity).empty(); };
  if (!whole()) {
    make_folder(cache);
    const MakerLock lock(target, wait);
    if (!whole()) build_plugin(target, plugin.entry.identity, plugin.source, compiler, flags, wait);
  }
  return load_plugin(target, plugin.entry.identity);
}

/// A folder of packed weights, by a registered model of its type and format or by a plugin.
inline std::unique_ptr<AnyModel> open_packed(const std::filesystem::path& folder, const AnyOptions& options) {
  const ModelDescription model = describe(folder);
  auto source = std::make_unique<PackedSource>(folder, model);
  if (!options.format.empty() && !source->is_in(plugin_format(options.format).compiled))
    throw ConfigError(message(folder.string(), ": holds packed weights in another format than ", options.format,
                              ": open the checkpoint that it was made from"));
  for (const RegisteredModel& entry : registered_models())
    if (source->is_in(entry.format) && !first_difference(model, entry.description))
      return entry.open(std::move(source), entry.name, options.threads);
  for (const PluginFormat& format : plugin_formats)
    if (source->is_in(format.compiled)) {
      const PluginDescriptor& plugin = plugin_for(model, format.compiled, options.wait);
      const std::string name = folder.filename().string();
      return std::unique_ptr<AnyModel>(plugin.open(source.release(), name.c_str(), options.threads));
    }
  refuse_file(folder / "model.packed", "holds weights in a format that this version does not know");
}

}  // namespace detail

/// Loads the checkpoint at `path`: as the first registered model that matches it, otherwise as one that is compiled for
/// it, which takes some seconds the first time. A folder of packed weights (any/packed_folder.hpp) is mapped. Throws
/// ConfigError if no policies of the library express the checkpoint, or one must be compiled and there is no compiler;
/// FileError if the checkpoint cannot be read; Cancelled where a function of the options returns false.
inline std::unique_ptr<AnyModel> open_any(const std::filesystem::path& path, const AnyOptions& options = {}) {
  std::string reasons;
  if (!options.format.empty()) detail::plugin_format(options.format);
  if (detail::is_packed_folder(path)) return detail::open_packed(path, options);
  const OpenOptions registered{.threads = options.threads, .format = options.format, .progress = options.progress};
  if (auto model = detail::open_registered(path, registered, reasons)) return model;
  const ModelDescription model = describe(path);
  const std::vector<TensorEntry> tensors = tensors_of(model);
  const std::string format = options.format.empty() ? detail::stored_format(path, model, tensors) : options.format;
  const detail::PluginFormat& known = detail::plugin_format(format);
  auto source = std::make_unique<detail::CheckpointSource>(path, model, tensors, known.recipe(), options.progress);
  const PluginDescriptor& plugin = detail::plugin_for(model, known.compiled, options.wait);
  return std::unique_ptr<AnyModel>(plugin.open(source.release(), path.filename().string().c_str(), options.threads));
}

}}  // namespace bora::BORA_ABI
