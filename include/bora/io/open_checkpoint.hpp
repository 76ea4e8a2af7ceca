/// Opens a checkpoint of any readable format and checks it against a model; also tells whether `load` would succeed.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <bora/io/gguf_checkpoint.hpp>
#include <bora/io/hugging_face.hpp>
#include <bora/io/llama2c.hpp>
#include <bora/model/description.hpp>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// The folder of a Hugging Face checkpoint, or of a .safetensors file. Throws FileError where it has no config.json.
inline std::filesystem::path folder_of_checkpoint(const std::filesystem::path& path) {
  require_there(path);
  if (is_folder(path)) return path;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!is_named(folder / "config.json"))
    refuse_file(path, "has no config.json beside it: expected one, to check theta, eps and the like against the type");
  return folder;
}

/// The checkpoint at `path`, open and checked against a model.
class OpenCheckpoint {
 public:
  /// \param tensors  all of the model's
  /// Throws ConfigError if the checkpoint holds another model, FileError if a file is bad.
  OpenCheckpoint(const std::filesystem::path& path, ModelDescription model, std::vector<TensorEntry> tensors) {
    require_there(path);
    if (is_folder(path)) {
      folder_.emplace(path, std::move(model), std::move(tensors));
    } else if (path.extension() == ".safetensors") {
      folder_.emplace(folder_of_checkpoint(path), std::move(model), std::move(tensors), path);
    } else if (path.extension() == ".bin") {
      refuse_other_bin(path);
      llama2c_.emplace(path);
      llama2c_->check(model);
    } else if (path.extension() == ".gguf") {
      gguf_.emplace(path, std::move(model), tensors);
    } else {
      refuse_unknown(path);
    }
  }

  /// The tensor names of its files.
  CheckpointNames names() const noexcept {
    return folder_ ? folder_->names() : gguf_ ? gguf_->names() : CheckpointNames{};
  }
  /// The files of a GGUF checkpoint; null for others.
  const GgufFiles* gguf() const noexcept { return gguf_ ? &gguf_->files() : nullptr; }
  /// A tensor of the model as it is stored.
  StoredTensor stored(TensorId id, TensorShape shape) const {
    return visit([&](const auto& file) { return file.stored(id, shape); });
  }
  /// Releases the pages of rows of a stored tensor that have been read.
  void release(const StoredTensor& tensor, Range rows) const {
    visit([&](const auto& file) { file.release(tensor, rows); });
  }
  /// A tensor of the model, row-major.
  void read(TensorId id, TensorShape shape, std::span<float> out) const {
    visit([&](const auto& file) { file.read(id, shape, out); });
  }
  /// Some of its rows.
  void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const {
    visit([&](const auto& file) { file.read(id, shape, rows, out); });
  }

  /// PyTorch's files end in .bin too: archives of pickles, or pickles.
  static void refuse_other_bin(const std::filesystem::path& path) {
    const MappedFile file(path);
    const std::string_view text = file.text();
    if (text.starts_with("PK\3\4") || text.starts_with("\x80\2"))
      refuse_file(path, "is a file of PyTorch's, which is not read, expected it converted to safetensors");
    refuse_foreign_kind(path, text, "no llama2.c checkpoint");
  }
  [[noreturn]] static void refuse_unknown(const std::filesystem::path& path) {
    constexpr std::string_view expected =
        ", expected a Hugging Face folder, a .safetensors or .gguf file, or llama2.c's .bin";
    const MappedFile file(path);
    if (const std::string_view kind = foreign_kind(file.text()); !kind.empty())
      refuse_file(path, "is of no known format", expected, ": it is ", kind);
    refuse_file(path, "is of no known format", expected);
  }

 private:
  template <class F>
  auto visit(F&& f) const -> decltype(f(std::declval<const Llama2cCheckpoint&>())) {
    return folder_ ? f(*folder_) : gguf_ ? f(*gguf_) : f(*llama2c_);
  }
  std::optional<HuggingFaceFolder> folder_;
  std::optional<Llama2cCheckpoint> llama2c_;
  std::optional<GgufCheckpoint> gguf_;
};

}  // namespace detail

/// What the checkpoint at `path` holds, complete: a Hugging Face folder or a .safetensors file in one by its
/// config.json, a GGUF file by its keys, a llama2.c checkpoint by its header. Throws ConfigError, naming the key, for a
/// value that no policy expresses; FileError for a file that cannot be read. Weights are not checked;
/// `check_checkpoint` does that.
inline ModelDescription describe(const std::filesystem::path& path) {
  detail::require_there(path);
  const bool folder = detail::is_folder(path);
  if (!folder && path.extension() == ".bin") {
    detail::OpenCheckpoint::refuse_other_bin(path);
    return Llama2cCheckpoint(path).describe();
  }
  if (!folder && path.extension() == ".gguf") return GgufCheckpoint::describe(path);
  if (!folder && path.extension() != ".safetensors") detail::OpenCheckpoint::refuse_unknown(path);
  const std::filesystem::path config = detail::config_of_folder(detail::folder_of_checkpoint(path));
  const detail::FloatMode mode;  // comparisons depend on the rounding mode
  return describe_config(read_json(config, json_settings), config);
}

/// Throws what `load` of a type with this description would throw, except for elements that are not finite: no weights
/// are read, but for a stored tied head, which is compared with the embedding. For programs that must tell whether a
/// type fits before it is compiled.
inline void check_checkpoint(const std::filesystem::path& path, const ModelDescription& model) {
  static_cast<void>(detail::OpenCheckpoint(path, model, tensors_of(model)));
}

}}  // namespace bora::BORA_ABI
