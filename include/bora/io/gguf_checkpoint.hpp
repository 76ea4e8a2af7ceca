/// A model's GGUF file as a checkpoint: checked against a type, its tensors found by the library's names.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/io/gguf_file.hpp>
#include <bora/io/gguf_keys.hpp>
#include <bora/io/gguf_names.hpp>
#include <bora/io/model_config.hpp>
#include <bora/layers/stored_tensor.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A model in a GGUF file. Opening it checks everything but the elements: keys against the model's type, and names and
/// shapes of the file's tensors against the model's.
class GgufCheckpoint {
 public:
  /// \param tensors  all of the model's, as `tensors_of` lists them
  /// Throws ConfigError if the file holds another model, FileError for everything else.
  GgufCheckpoint(const std::filesystem::path& file, ModelDescription model, const std::vector<TensorEntry>& tensors)
      : files_(file), architecture_(&detail::GgufKeys(files_).architecture()), model_(std::move(model)) {
    const detail::FloatMode mode;  // comparisons depend on the rounding mode
    const std::size_t window = model_.attention.front().policy("mask").size("window");
    family_ = check_config(config_of_gguf(files_, window), file, model_).model_type;
    find_tensors(tensors);
  }
  /// Of the model that the file's keys describe.
  static ModelDescription describe(const std::filesystem::path& file) {
    const GgufFiles files(file);
    const detail::FloatMode mode;
    return describe_config(config_of_gguf(files), file);
  }

  /// The family whose names `save` gives the tensors in other files.
  CheckpointNames names() const noexcept { return {.family = family_}; }
  /// The file, or files.
  const GgufFiles& files() const noexcept { return files_; }

  /// One of the model's tensors as it is stored.
  StoredTensor stored(TensorId id, TensorShape shape) const {
    const GgufPlace place = place_of(id, shape);
    const GgufFile::Tensor& tensor = *files_.find_tensor(place.name)->tensor;
    return {.role = id,
            .shape = shape,
            .type = tensor.type,
            .data = tensor.bytes.data(),
            .row_length = std::max<std::size_t>(shape.cols, 1),
            .first = place.first,
            .pairs = place.pairs};
  }
  /// Releases the pages of a tensor after its last row was read.
  void release(const StoredTensor& tensor, Range rows) const {
    if (rows.end != tensor.shape.rows) return;
    const GgufPlace place = place_of(tensor.role, tensor.shape);
    const GgufFiles::Place& at = *files_.find_tensor(place.name);
    const std::size_t row = stored_bytes(tensor.type, tensor.row_length);
    at.file->release(at.tensor->bytes.subspan(place.first * row, tensor.shape.rows * row));
  }
  /// The elements of one of the model's tensors, row-major. Throws FileError if one is not finite.
  void read(TensorId id, TensorShape shape, std::span<float> out) const { read(id, shape, {0, shape.rows}, out); }
  /// Some of its rows.
  void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const {
    const StoredTensor tensor = stored(id, shape);
    const std::size_t cols = std::max<std::size_t>(shape.cols, 1);
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      float* to = out.data() + (r - rows.begin) * cols;
      if (!simd::widen_row(tensor.type, tensor.row(r), cols, to)) {
        const std::string name = place_of(id, shape).name;
        detail::require_finite({to, cols}, files_.find_tensor(name)->file->path(), name, tensor.file_row(r) * cols);
      }
    }
    release(tensor, rows);
  }
  /// Throws FileError, naming the tensor, where any element of any tensor is not finite. Reads the whole file.
  void check_elements() const {
    std::vector<float> row;
    for (const auto& [name, place] : files_.tensors()) {
      const GgufFile::Tensor& tensor = *place.tensor;
      const std::size_t cols = tensor.shape.back(), bytes = stored_bytes(tensor.type, cols);
      row.resize(cols);
      for (std::size_t r = 0; r < tensor.elements() / cols; ++r)
        if (!simd::widen_row(tensor.type, {tensor.bytes.data() + r * bytes, 1}, cols, row.data()))
          detail::require_finite(row, place.file->path(), name, r * cols);
      place.file->release(tensor.bytes);
    }
  }

 private:
  GgufPlace place_of(TensorId id, TensorShape shape) const {
    return gguf_place(*architecture_, model_, id, shape, merged_);
  }

  void find_tensors(const std::vector<TensorEntry>& tensors) {
    merged_ = files_.find_tensor("blk.0.ffn_up.0.weight") == nullptr ||
              files_.find_tensor("blk.0.ffn_up_exps.weight") != nullptr;
    std::map<std::string, bool, std::less<>> known;  // whether it is a matrix
    for (const TensorEntry& entry : tensors) {
      GgufPlace place = place_of(entry.id, entry.shape);
      const auto [at, added] = known.try_emplace(place.name, entry.shape.matrix());
      if (added) check_tensor(place, entry.shape.matrix());
    }
    for (const auto& [name, place] : files_.tensors())
      if (!known.contains(name) && name != "rope_freqs.weight") check_foreign(name, place);
  }
  void check_tensor(const GgufPlace& place, bool matrix) const {
    const GgufFiles::Place* found = files_.find_tensor(place.name);
    if (found == nullptr)
      detail::refuse_file(files_.first().path(), "has no tensor ", place.name, ", expected it with shape ",
                          detail::shape_text(place.shape));
    std::vector<std::size_t> shape = found->tensor->shape;
    while (shape.size() > place.shape.size() && shape.front() == 1) shape.erase(shape.begin());
    if (shape != place.shape)
      found->file->refuse("tensor ", place.name, " has shape ", detail::shape_text(found->tensor->shape), ", expected ",
                          detail::shape_text(place.shape));
    if (!matrix && is_block_type(found->tensor->type))
      found->file->refuse("tensor ", place.name, " has type ", facts_of(found->tensor->type).name,
                          ", expected F32: it is a vector");
  }
  void check_foreign(std::string_view name, const GgufFiles::Place& place) const {
    if (name != "output.weight" || !model_.tie_embeddings)
      place.file->refuse("tensor ", detail::printable(name), " belongs to nothing that the model has");
    const GgufFile::Tensor& table = *files_.find_tensor("token_embd.weight")->tensor;
    if (place.tensor->type != table.type || !std::ranges::equal(place.tensor->bytes, table.bytes))
      place.file->refuse("tensor output.weight differs from token_embd.weight, but the model's type ties the two");
  }

  GgufFiles files_;
  const GgufArchitecture* architecture_;
  ModelDescription model_;
  std::string_view family_;
  bool merged_ = true;
};

}}  // namespace bora::BORA_ABI
