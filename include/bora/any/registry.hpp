/// The models that a program was compiled with, by type and format, and how to find the one that matches a checkpoint.
///
/// A source file of the program names each: `BORA_REGISTER_MODEL(bora::Mistral7B, bora::Bf16)`. Code that uses
/// registered models does not instantiate them again.
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/any/checkpoint_source.hpp>
#include <bora/any/model_of_any.hpp>
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/description.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Options for loading a checkpoint.
struct OpenOptions {
  std::size_t threads = usable_cores();  ///< threads for loading, and for its sessions
  std::string format = {};               ///< "F32", "Bf16", …: of the registered ones; empty: the first that was
  ProgressFunction progress = {};        ///< gets the parameters read and their total; false: throws Cancelled
};

/// A registered model type.
struct RegisteredModel {
  std::string name;                  ///< as it was registered
  std::string_view format;           ///< of its weights
  ModelDescription description;      ///< of its type
  std::vector<TensorEntry> tensors;  ///< all of it
  /// A model with the weights of a source; throws as `load` does.
  std::unique_ptr<AnyModel> (*open)(std::unique_ptr<AnyTensorSource>, const std::string& name, std::size_t threads);
};

/// All registered models; the order of source files is unspecified.
inline std::vector<RegisteredModel>& registered_models() {
  static std::vector<RegisteredModel> models;
  return models;
}

/// Registers a model of type S in format F; `name` is its name for users. To be called in a source file before main:
/// use BORA_REGISTER_MODEL.
template <ModelSpec S, WeightFormat F>
bool register_model(std::string name) {
  registered_models().push_back({std::move(name), F::name, describe<S>(), tensors_of<S>(),
                                 [](std::unique_ptr<AnyTensorSource> source, const std::string& its_name,
                                    std::size_t threads) -> std::unique_ptr<AnyModel> {
                                   return std::make_unique<detail::ModelOfAny<S, F>>(std::move(source), its_name,
                                                                                     threads);
                                 }});
  return true;
}

#define BORA_REGISTER_MODEL_JOIN2(a, b) a##b
#define BORA_REGISTER_MODEL_JOIN(a, b) BORA_REGISTER_MODEL_JOIN2(a, b)
/// BORA_REGISTER_MODEL(bora::Mistral7B, bora::Bf16), in the global namespace of a source file.
#define BORA_REGISTER_MODEL(Spec, Format)                                                         \
  [[maybe_unused]] static const bool BORA_REGISTER_MODEL_JOIN(bora_registered_model_, __LINE__) = \
      ::bora::register_model<Spec, Format>(#Spec)

namespace detail {

/// The checkpoint at `path` as the first registered model that matches it; null if none does, with a line for each in
/// `reasons`, which says how it differs.
inline std::unique_ptr<AnyModel> open_registered(const std::filesystem::path& path, const OpenOptions& options,
                                                 std::string& reasons) {
  for (const RegisteredModel& entry : registered_models()) {
    if (!options.format.empty() && options.format != entry.format) continue;
    std::unique_ptr<AnyTensorSource> source;
    try {
      source = std::make_unique<CheckpointSource>(path, entry.description, entry.tensors, Recipe{}, options.progress);
    } catch (const ConfigError& error) {
      const std::string reason = message("\n  ", entry.name, ": ", error.what());
      if (reasons.find(reason) == std::string::npos) reasons += reason;
      continue;
    }
    return entry.open(std::move(source), entry.name, options.threads);
  }
  return nullptr;
}

}  // namespace detail

/// Loads the checkpoint at `path` as the first registered model that matches it. Throws ConfigError if none matches,
/// saying for each model how it differs; FileError if the checkpoint cannot be read.
inline std::unique_ptr<AnyModel> open_model(const std::filesystem::path& path, const OpenOptions& options = {}) {
  std::string reasons;
  if (auto model = detail::open_registered(path, options, reasons)) return model;
  if (reasons.empty()) reasons = options.format.empty() ? " none is registered" : " none is registered in that format";
  throw ConfigError(detail::message(path.string(), ": no model of this program",
                                    options.format.empty() ? "" : " in format ", options.format, " fits:", reasons));
}

}}  // namespace bora::BORA_ABI
