/// Writes a checkpoint of any kind as a Hugging Face folder, without the model's type.
#pragma once
#include <bora/core/float_mode.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/io/save.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Writes the checkpoint at `from`, of any kind that `load` reads, as `save` writes a model: quantised weights become
/// the numbers that they stand for. Throws ConfigError for a model that no policy expresses, FileError for files that
/// cannot be read or written.
inline void save_folder(const std::filesystem::path& from, const std::filesystem::path& folder,
                        const SaveOptions& options = {}) {
  const detail::FloatMode mode;
  const ModelDescription model = describe(from);
  const std::vector<TensorEntry> tensors = tensors_of(model);
  const auto file = detail::open_checkpoint(from, model, tensors);
  std::vector<float> values;
  detail::save_model({.names = file->names(),
                      .description = model,
                      .tensors = tensors,
                      .gather =
                          [&](const FileTensor& tensor, std::span<float> out) {
                            for (const FileTensor::Part& part : tensor.parts) {
                              values.resize(part.entry.shape.size());
                              file->read(part.entry.id, part.entry.shape, values);
                              part.place.for_each(part.entry.shape, [&](std::size_t in_model, std::size_t in_file) {
                                out[in_file] = values[in_model];
                              });
                            }
                          }},
                     folder, options);
}

}}  // namespace bora::BORA_ABI
