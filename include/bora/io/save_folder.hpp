/// Writes a checkpoint of any kind as a Hugging Face folder, without the model's type.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/core/format.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/io/save.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A tensor that was written, and what rounding did to it.
struct TensorReport {
  std::string name;           ///< in the file
  ElementType type = {};      ///< of its elements
  double relative_error = 0;  ///< root of the mean squared change, of the mean square
};

namespace detail {

/// The change that rounding to bfloat16 makes, as TensorReport counts it.
inline double bfloat16_error(std::span<const float> values) noexcept {
  double change = 0, square = 0;
  for (const float value : values) {
    const double difference = static_cast<double>(to_float(to_bfloat16(value))) - static_cast<double>(value);
    change += difference * difference;
    square += static_cast<double>(value) * static_cast<double>(value);
  }
  return square > 0 ? std::sqrt(change / square) : 0;
}

}  // namespace detail

/// Writes the checkpoint at `from`, of any kind that `load` reads, as `save` writes a model: quantised weights become
/// the numbers that they stand for. Returns what was written. Throws ConfigError for a model that no policy expresses,
/// FileError for files that cannot be read or written, Cancelled where `progress` returns false.
/// \param progress  is told the elements written, of all
inline std::vector<TensorReport> save_folder(const std::filesystem::path& from, const std::filesystem::path& folder,
                                             const SaveOptions& options = {}, ProgressFunction progress = {}) {
  const detail::FloatMode mode;
  const ModelDescription model = describe(from);
  const std::vector<TensorEntry> tensors = tensors_of(model);
  const auto file = detail::open_checkpoint(from, model, tensors);
  const bool rounds = options.numbers == StoredNumbers::bf16;
  const std::size_t total = tensors.empty() ? 0 : tensors.back().offset + tensors.back().shape.size();
  std::vector<TensorReport> reports;
  std::vector<float> values;
  std::size_t done = 0;
  const auto gather = [&](const FileTensor& tensor, std::span<float> out) {
    if (!progress(done, total)) throw Cancelled("the conversion was cancelled");
    for (const FileTensor::Part& part : tensor.parts) {
      values.resize(part.entry.shape.size());
      file->read(part.entry.id, part.entry.shape, values);
      part.place.for_each(part.entry.shape,
                          [&](std::size_t in_model, std::size_t in_file) { out[in_file] = values[in_model]; });
    }
    done += out.size();
    reports.push_back(
        {tensor.name(), rounds ? ElementType::bf16 : ElementType::f32, rounds ? detail::bfloat16_error(out) : 0.0});
  };
  detail::save_model({.names = file->names(), .description = model, .tensors = tensors, .gather = gather}, folder,
                     options);
  static_cast<void>(progress(done, total));
  return reports;
}

}}  // namespace bora::BORA_ABI
