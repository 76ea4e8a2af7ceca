/// Saves models and parameters as Hugging Face folders.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/files/compiled_files.hpp>
#include <bora/io/family_of.hpp>
#include <bora/io/file_tensor.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Element type of a saved checkpoint.
enum class StoredNumbers { f32, bf16 };

/// Options of `save`.
struct SaveOptions {
  StoredNumbers numbers = StoredNumbers::f32;   ///< bf16 rounds to the nearest, ties to even
  std::size_t max_shard_bytes = 5'000'000'000;  ///< a file's tensors; a larger tensor gets a file of its own
  std::optional<TokenId> bos = {};              ///< bos_token_id in config.json; bora itself never reads it
  std::optional<TokenId> eos = {};              ///< eos_token_id, likewise
};

namespace detail {

/// A model that is being saved to a folder.
struct SavedModel {
  CheckpointNames names;
  ModelDescription description;
  std::vector<TensorEntry> tensors;
  std::function<void(const FileTensor&, std::span<float>)> gather;
};

/// Throws ConfigError if the names belong to a family that cannot hold the model, FileError as `save` does.
BORA_FILE_FUNCTION void save_model(const SavedModel& model, const std::filesystem::path& folder,
                                   const SaveOptions& options);

}  // namespace detail

/// Writes config.json and model.safetensors (in shards with an index where it is larger than `max_shard_bytes`) as
/// Hugging Face's transformers reads them: in the family that the parameters came from, otherwise in the first that can
/// hold them (`family_of`). A model that no published family can hold is written with "model_type": "bora", which only
/// `load` reads. Other files in the folder are left alone, except those left by a save that was killed. Throws
/// ConfigError if the names belong to a family that cannot hold the model, FileError if writing fails, an element is
/// not finite or another save into the folder is running; an earlier checkpoint stays complete until everything is
/// written.
template <ModelSpec S, class T>
void save(const Parameters<S, T>& parameters, const std::filesystem::path& folder, const SaveOptions& options = {}) {
  detail::save_model(
      {.names = parameters.names,
       .description = describe<S>(),
       .tensors = tensors_of<S>(),
       .gather = [&](const FileTensor& tensor, std::span<float> out) { tensor.gather(parameters.values(), out); }},
      folder, options);
}

/// The same for packed weights.
template <ModelSpec S, WeightFormat F>
void save(const Decoder<S, F>& model, const std::filesystem::path& folder, const SaveOptions& options = {}) {
  save(model.parameters(), folder, options);
}

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/compiled/save.hpp>
#endif
