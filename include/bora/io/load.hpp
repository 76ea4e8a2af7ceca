/// Loads models and parameters from files; the path decides the file format.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/accounting.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// How a checkpoint is read.
struct LoadOptions {
  ProgressFunction progress = {};  ///< is told the parameters read, of all; returning false ends with Cancelled
  Executor* pool = nullptr;        ///< who packs the weights; the calling thread alone without one
  Recipe recipe = {};  ///< of a `Mixed` model; without one, each matrix takes the format nearest to the file's
};

namespace detail {

/// Reads the tensors of a checkpoint for a model, and reports on the way.
class CheckpointReader {
 public:
  CheckpointReader(const OpenCheckpoint& file, ProgressFunction progress, std::size_t total)
      : file_(file), progress_(progress), total_(total) {}

  /// A tensor as it is stored.
  StoredTensor find(TensorId id, TensorShape shape) {
    report();
    return file_.stored(id, shape);
  }
  /// After rows of a stored tensor were packed. Throws FileError where an element is not finite.
  void done(const StoredTensor& tensor, Range rows, bool finite) {
    const std::size_t columns = std::max<std::size_t>(tensor.shape.cols, 1);
    if (!finite) {  // reading again finds the tensor's element and throws
      std::vector<float> values(rows.size() * columns);
      file_.read(tensor.role, tensor.shape, rows, values);
    }
    file_.release(tensor, rows);
    add(rows.size() * columns);
  }
  /// A tensor, row-major.
  void operator()(TensorId id, TensorShape shape, std::span<float> out) {
    report();
    file_.read(id, shape, out);
    add(out.size());
  }

 private:
  void report() {
    if (!progress_(done_, total_))
      throw Cancelled(message("load was cancelled after ", done_, " of ", total_, " parameters"));
  }
  void add(std::size_t count) {
    done_ += count;
    if (done_ == total_) report();
  }
  const OpenCheckpoint& file_;
  ProgressFunction progress_;
  std::size_t total_, done_ = 0;
};

/// The format in which a mixed model holds a file's tensor exactly; F64 is rounded to F32.
constexpr MatrixKind kind_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::f16:
      return MatrixKind::f16;
    case ElementType::bf16:
      return MatrixKind::bf16;
    case ElementType::q8_0:
      return MatrixKind::q8;
    case ElementType::q4_0:
      return MatrixKind::q4;
    case ElementType::q4_k:
      return MatrixKind::q4k;
    case ElementType::q6_k:
      return MatrixKind::q6k;
    default:
      return is_block_type(type) ? MatrixKind::codes8 : MatrixKind::f32;
  }
}

}  // namespace detail

/// A model of type S with its weights held in format F. `path` is a Hugging Face folder (config.json and safetensors
/// files, of the families in io/families.hpp), a .safetensors file in one, or a llama2.c checkpoint (.bin). Whatever
/// decides a shape or a formula is checked against S first: ConfigError says which key differs, FileError what is wrong
/// with a file. Throws Cancelled where the options' progress returns false; what it throws passes through.
template <detail::SoundSpec S, detail::SoundFormat F = detail::LeftOut>
Decoder<S, F> load(const std::filesystem::path& path, const LoadOptions& options = {}) {
  const auto file = detail::open_checkpoint(path, describe<S>(), tensors_of<S>());
  const Recipe as_stored = [&](TensorId id, TensorShape shape) {
    return detail::kind_of(file->stored(id, shape).type);
  };
  detail::CheckpointReader reader(*file, options.progress, parameter_count<S>);
  return Decoder<S, F>(reader, file->names(), options.pool, options.recipe ? options.recipe : as_stored);
}

/// The same, as F32 parameters to train or to convert.
template <detail::SoundSpec S>
Parameters<S> load_parameters(const std::filesystem::path& path, const LoadOptions& options = {}) {
  const auto file = detail::open_checkpoint(path, describe<S>(), tensors_of<S>());
  Parameters<S> parameters;
  parameters.names = file->names();
  parameters.for_each(detail::CheckpointReader(*file, options.progress, parameter_count<S>));
  return parameters;
}

}}  // namespace bora::BORA_ABI
