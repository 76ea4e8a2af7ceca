/// Models and parameters from files: what a path names decides the format.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/accounting.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

namespace detail {

/// with(names, fill): how the checkpoint at `path`, now checked against S, calls its tensors, and what supplies them.
template <ModelSpec S, class With>
decltype(auto) with_checkpoint(const std::filesystem::path& path, With&& with) {
  const OpenCheckpoint file(path, describe<S>(), tensors_of<S>());
  return with(file.names(), CheckpointFill{file});
}

}  // namespace detail

/// How a checkpoint is read.
struct LoadOptions {
  ProgressFunction progress = {};  ///< is told the parameters read, of all; returning false ends with Cancelled
};

namespace detail {

/// A `fill` that reports what it has read before each tensor, and once at the end.
template <class Fill>
class ReportedFill {
 public:
  ReportedFill(Fill fill, ProgressFunction progress, std::size_t total)
      : fill_(std::move(fill)), progress_(progress), total_(total) {}
  void operator()(TensorId id, TensorShape shape, std::span<float> out) {
    report();
    fill_(id, shape, out);
    add(out.size());
  }
  void operator()(TensorId id, TensorShape shape, Range rows, std::span<float> out)
    requires std::invocable<Fill&, TensorId, TensorShape, Range, std::span<float>>
  {
    report();
    fill_(id, shape, rows, out);
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
  Fill fill_;
  ProgressFunction progress_;
  std::size_t total_, done_ = 0;
};

}  // namespace detail

/// A model of type S with its weights held in format F. `path` is a Hugging Face folder (config.json and safetensors
/// files, of the families in io/families.hpp), a .safetensors file in one, or a llama2.c checkpoint (.bin). Whatever
/// decides a shape or a formula is checked against S first: ConfigError says which key differs, FileError what is wrong
/// with a file. Throws Cancelled where the options' progress returns false; what it throws passes through.
template <detail::SoundSpec S, detail::SoundFormat F = detail::LeftOut>
Decoder<S, F> load(const std::filesystem::path& path, const LoadOptions& options = {}) {
  return detail::with_checkpoint<S>(path, [&](CheckpointNames names, auto fill) {
    return Decoder<S, F>(detail::ReportedFill(std::move(fill), options.progress, parameter_count<S>), names);
  });
}

/// The same as parameters, to train or to convert.
template <detail::SoundSpec S>
Parameters<S> load_parameters(const std::filesystem::path& path, const LoadOptions& options = {}) {
  return detail::with_checkpoint<S>(path, [&](CheckpointNames names, auto fill) {
    Parameters<S> parameters;
    parameters.names = names;
    parameters.for_each(detail::ReportedFill(std::move(fill), options.progress, parameter_count<S>));
    return parameters;
  });
}

}  // namespace bora::inline BORA_ABI
