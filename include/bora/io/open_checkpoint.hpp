/// Opens a checkpoint of any readable format and checks it against a model; also tells whether `load` would succeed.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/files/compiled_files.hpp>
#include <bora/layers/stored_tensor.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

class GgufFiles;

namespace detail {

/// A checkpoint that is open and was found to hold a model.
class OpenCheckpoint {
 public:
  virtual ~OpenCheckpoint() = default;
  /// The tensor names of its files.
  virtual CheckpointNames names() const noexcept = 0;
  /// The files of a GGUF checkpoint; null for others.
  virtual const GgufFiles* gguf() const noexcept { return nullptr; }
  /// A tensor of the model as it is stored.
  virtual StoredTensor stored(TensorId id, TensorShape shape) const = 0;
  /// Releases the pages of rows of a stored tensor that have been read.
  virtual void release(const StoredTensor& tensor, Range rows) const = 0;
  /// A tensor of the model, row-major.
  virtual void read(TensorId id, TensorShape shape, std::span<float> out) const = 0;
  /// Some of its rows.
  virtual void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const = 0;
};

/// The checkpoint at `path`, open and checked against a model.
/// \param tensors  all of the model's
/// Throws ConfigError if the checkpoint holds another model, FileError if a file is bad.
BORA_FILE_FUNCTION std::unique_ptr<const OpenCheckpoint> open_checkpoint(const std::filesystem::path& path,
                                                                         ModelDescription model,
                                                                         std::vector<TensorEntry> tensors);

}  // namespace detail

/// What the checkpoint at `path` holds, complete: a Hugging Face folder or a .safetensors file in one by its
/// config.json, a GGUF file by its keys, a llama2.c checkpoint by its header. Throws ConfigError, naming the key, for a
/// value that no policy expresses; FileError for a file that cannot be read. Weights are not checked;
/// `check_checkpoint` does that.
BORA_FILE_FUNCTION ModelDescription describe(const std::filesystem::path& path);

/// Throws what `load` of a type with this description would throw, except for elements that are not finite: no weights
/// are read, but for a stored tied head, which is compared with the embedding. For programs that must tell whether a
/// type fits before it is compiled.
BORA_FILE_FUNCTION void check_checkpoint(const std::filesystem::path& path, const ModelDescription& model);

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/compiled/open_checkpoint.hpp>
#endif
