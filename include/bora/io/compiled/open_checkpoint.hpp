/// The definitions of io/open_checkpoint.hpp: which format a path holds.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <bora/io/gguf_checkpoint.hpp>
#include <bora/io/hugging_face.hpp>
#include <bora/io/llama2c.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <filesystem>
#include <memory>
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

/// PyTorch's files end in .bin as llama2.c's do: archives of pickles, or pickles.
inline void refuse_other_bin(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view text = file.text();
  if (text.starts_with("PK\3\4") || text.starts_with("\x80\2"))
    refuse_file(path, "is a file of PyTorch's, which is not read, expected it converted to safetensors");
  refuse_foreign_kind(path, text, "no llama2.c checkpoint");
}
[[noreturn]] inline void refuse_unknown_checkpoint(const std::filesystem::path& path) {
  constexpr std::string_view expected =
      ", expected a Hugging Face folder, a .safetensors or .gguf file, or llama2.c's .bin";
  const MappedFile file(path);
  if (const std::string_view kind = foreign_kind(file.text()); !kind.empty())
    refuse_file(path, "is of no known format", expected, ": it is ", kind);
  refuse_file(path, "is of no known format", expected);
}

/// A checkpoint of one format, which `File` reads.
template <class File>
class OpenCheckpointOf final : public OpenCheckpoint {
 public:
  template <class... Args>
  explicit OpenCheckpointOf(Args&&... args) : file_(std::forward<Args>(args)...) {}
  const File& file() const noexcept { return file_; }

  CheckpointNames names() const noexcept override {
    if constexpr (requires { file_.names(); })
      return file_.names();
    else
      return {};
  }
  const GgufFiles* gguf() const noexcept override {
    if constexpr (requires { file_.files(); })
      return &file_.files();
    else
      return nullptr;
  }
  StoredTensor stored(TensorId id, TensorShape shape) const override { return file_.stored(id, shape); }
  void release(const StoredTensor& tensor, Range rows) const override { file_.release(tensor, rows); }
  void read(TensorId id, TensorShape shape, std::span<float> out) const override { file_.read(id, shape, out); }
  void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const override {
    file_.read(id, shape, rows, out);
  }

 private:
  File file_;
};

BORA_FILE_DEFINITION std::unique_ptr<const OpenCheckpoint> open_checkpoint(const std::filesystem::path& path,
                                                                           ModelDescription model,
                                                                           std::vector<TensorEntry> tensors) {
  using Folder = OpenCheckpointOf<HuggingFaceFolder>;
  require_there(path);
  if (is_folder(path)) return std::make_unique<Folder>(path, std::move(model), std::move(tensors));
  if (path.extension() == ".safetensors")
    return std::make_unique<Folder>(folder_of_checkpoint(path), std::move(model), std::move(tensors), path);
  if (path.extension() == ".gguf")
    return std::make_unique<OpenCheckpointOf<GgufCheckpoint>>(path, std::move(model), tensors);
  if (path.extension() != ".bin") refuse_unknown_checkpoint(path);
  refuse_other_bin(path);
  auto checkpoint = std::make_unique<OpenCheckpointOf<Llama2cCheckpoint>>(path);
  checkpoint->file().check(model);
  return checkpoint;
}

}  // namespace detail

BORA_FILE_DEFINITION ModelDescription describe(const std::filesystem::path& path) {
  detail::require_there(path);
  const bool folder = detail::is_folder(path);
  if (!folder && path.extension() == ".bin") {
    detail::refuse_other_bin(path);
    return Llama2cCheckpoint(path).describe();
  }
  if (!folder && path.extension() == ".gguf") return GgufCheckpoint::describe(path);
  if (!folder && path.extension() != ".safetensors") detail::refuse_unknown_checkpoint(path);
  const std::filesystem::path config = detail::config_of_folder(detail::folder_of_checkpoint(path));
  const detail::FloatMode mode;  // comparisons depend on the rounding mode
  return describe_config(read_json(config, json_settings), config);
}

BORA_FILE_DEFINITION void check_checkpoint(const std::filesystem::path& path, const ModelDescription& model) {
  static_cast<void>(detail::open_checkpoint(path, model, tensors_of(model)));
}

}}  // namespace bora::BORA_ABI
