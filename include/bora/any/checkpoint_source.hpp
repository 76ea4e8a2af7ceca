/// The tensors of a checkpoint, for a model that is compiled apart from what reads files.
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/io/load.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A checkpoint that is open and was found to hold a model.
class CheckpointSource final : public AnyTensorSource {
 public:
  /// \param tensors  all of the model's
  /// \param recipe   of a `Mixed` model; without one, each matrix takes the format nearest to the file's
  /// Throws ConfigError if the checkpoint holds another model, FileError if a file is bad.
  CheckpointSource(const std::filesystem::path& path, const ModelDescription& model, std::vector<TensorEntry> tensors,
                   Recipe recipe, ProgressFunction progress)
      : CheckpointSource(path, model, elements_of(tensors), std::move(tensors), std::move(recipe), progress) {}

  void find(const AnyTensor& tensor, void* stored) override {
    *static_cast<StoredTensor*>(stored) = reader_.find(id_of(tensor), shape_of(tensor));
  }
  void done(const void* stored, std::size_t begin, std::size_t end, bool finite) override {
    reader_.done(*static_cast<const StoredTensor*>(stored), {begin, end}, finite);
  }
  void read(const AnyTensor& tensor, std::span<float> out) override { reader_(id_of(tensor), shape_of(tensor), out); }
  std::uint8_t kind(const AnyTensor& tensor) override {
    const TensorId id = id_of(tensor);
    const TensorShape shape = shape_of(tensor);
    return static_cast<std::uint8_t>(recipe_ ? recipe_(id, shape) : kind_of(file_->stored(id, shape).type));
  }
  std::span<std::byte> packed(std::size_t) override { return {}; }

 private:
  CheckpointSource(const std::filesystem::path& path, const ModelDescription& model, std::size_t elements,
                   std::vector<TensorEntry> tensors, Recipe recipe, ProgressFunction progress)
      : file_(open_checkpoint(path, model, std::move(tensors))),
        recipe_(std::move(recipe)),
        reader_(*file_, progress, elements) {}

  static std::size_t elements_of(const std::vector<TensorEntry>& tensors) noexcept {
    return tensors.empty() ? 0 : tensors.back().offset + tensors.back().shape.size();
  }
  static TensorId id_of(const AnyTensor& tensor) noexcept { return {tensor.name, tensor.layer, tensor.expert}; }
  static TensorShape shape_of(const AnyTensor& tensor) noexcept { return {tensor.rows, tensor.cols}; }

  std::unique_ptr<const OpenCheckpoint> file_;
  Recipe recipe_;
  CheckpointReader reader_;
};

}}}  // namespace bora::BORA_ABI::detail
