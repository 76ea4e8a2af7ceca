/// Models and parameters from files: what a path names decides the format.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/io/hugging_face.hpp>
#include <bora/io/llama2c.hpp>
#include <bora/model/accounting.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

namespace detail {

/// The checkpoint at `path`, open and checked against a model.
class OpenCheckpoint {
 public:
  /// \param tensors  all of the model's
  /// Throws ConfigError where the model is another than the checkpoint's, FileError for what is wrong with a file.
  OpenCheckpoint(const std::filesystem::path& path, ModelDescription model, std::vector<TensorEntry> tensors) {
    require_there(path);
    if (is_folder(path)) {
      folder_.emplace(path, std::move(model), std::move(tensors));
    } else if (path.extension() == ".safetensors") {
      const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
      if (!is_named(folder / "config.json"))
        refuse_file(path,
                    "has no config.json beside it: expected one, to check theta, eps and the like against the type");
      folder_.emplace(folder, std::move(model), std::move(tensors), path);
    } else if (path.extension() == ".bin") {
      refuse_other_bin(path);
      llama2c_.emplace(path);
      llama2c_->check(model);
    } else {
      refuse_unknown(path);
    }
  }

  /// How its files call their tensors.
  CheckpointNames names() const noexcept { return folder_ ? folder_->names() : CheckpointNames{}; }
  /// A tensor of the model, row-major.
  void read(TensorId id, TensorShape shape, std::span<float> out) const {
    folder_ ? folder_->read(id, shape, out) : llama2c_->read(id, shape, out);
  }
  /// Some of its rows.
  void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const {
    folder_ ? folder_->read(id, shape, rows, out) : llama2c_->read(id, shape, rows, out);
  }

 private:
  /// PyTorch's files end in .bin too: archives of pickles, or pickles.
  static void refuse_other_bin(const std::filesystem::path& path) {
    const MappedFile file(path);
    const std::string_view text = file.text();
    if (text.starts_with("PK\3\4") || text.starts_with("\x80\2"))
      refuse_file(path, "is a file of PyTorch's, which is not read, expected it converted to safetensors");
    refuse_foreign_kind(path, text, "no llama2.c checkpoint");
  }
  [[noreturn]] static void refuse_unknown(const std::filesystem::path& path) {
    constexpr std::string_view expected = ", expected a Hugging Face folder, a .safetensors file or llama2.c's .bin";
    const MappedFile file(path);
    if (const std::string_view kind = foreign_kind(file.text()); !kind.empty())
      refuse_file(path, "is of no known format", expected, ": it is ", kind);
    refuse_file(path, "is of no known format", expected);
  }

  std::optional<HuggingFaceFolder> folder_;
  std::optional<Llama2cCheckpoint> llama2c_;
};

/// What supplies the tensors of a checkpoint: whole, or some rows of one.
struct CheckpointFill {
  const OpenCheckpoint& file;
  void operator()(TensorId id, TensorShape shape, std::span<float> out) const { file.read(id, shape, out); }
  void operator()(TensorId id, TensorShape shape, Range rows, std::span<float> out) const {
    file.read(id, shape, rows, out);
  }
};

/// with(names, fill): how the checkpoint at `path`, now checked against S, calls its tensors, and what supplies them.
template <ModelSpec S, class With>
decltype(auto) with_checkpoint(const std::filesystem::path& path, With&& with) {
  const OpenCheckpoint file(path, describe<S>(), tensors_of<S>());
  return with(file.names(), CheckpointFill{file});
}

}  // namespace detail

/// Throws what `load` of a type with this description would throw, but for numbers that are not finite: none is read,
/// except to compare a tied head that is stored twice. For programs that are to say whether a type would do before one
/// is compiled.
inline void check_checkpoint(const std::filesystem::path& path, const ModelDescription& model) {
  static_cast<void>(detail::OpenCheckpoint(path, model, tensors_of(model)));
}

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
