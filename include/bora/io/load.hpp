/// Models and parameters from files: what a path names decides the format.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/io/hugging_face.hpp>
#include <bora/io/llama2c.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <filesystem>
#include <span>
#include <string_view>

namespace bora::inline BORA_ABI {

namespace detail {

/// PyTorch's files end in .bin too: archives of pickles, or pickles.
inline void refuse_pickle(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view text = file.text();
  if (text.starts_with("PK\3\4") || text.starts_with("\x80\2"))
    refuse_file(path, "is a file of PyTorch's, which is not read, expected it converted to safetensors");
}

/// with(names, fill): how the checkpoint at `path`, now checked against S, calls its tensors, and what supplies them.
template <ModelSpec S, class With>
decltype(auto) with_checkpoint(const std::filesystem::path& path, With&& with) {
  const auto from = [&](const auto& file, CheckpointNames names) -> decltype(auto) {
    return with(names, [&](TensorId id, TensorShape shape, std::span<float> out) { file.read(id, shape, out); });
  };
  const auto from_folder = [&](const HuggingFaceFolder& folder) -> decltype(auto) {
    return from(folder, folder.names());
  };
  require_there(path);
  if (is_folder(path)) return from_folder(HuggingFaceFolder::of<S>(path));
  if (path.extension() == ".safetensors") {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (!is_there(folder / "config.json"))
      refuse_file(path,
                  "has no config.json beside it: expected one, to check theta, eps and the like against the type");
    return from_folder(HuggingFaceFolder::of<S>(folder, path));
  }
  if (path.extension() == ".bin") {
    refuse_pickle(path);
    const Llama2cCheckpoint file(path);
    file.check(describe<S>());
    return from(file, {});
  }
  refuse_file(path, "is of no known format, expected a Hugging Face folder, a .safetensors file or llama2.c's .bin");
}

}  // namespace detail

/// A model of type S with its weights held in format F. `path` is a Hugging Face folder (config.json and safetensors
/// files, of the families in io/families.hpp), a .safetensors file in one, or a llama2.c checkpoint (.bin). Whatever
/// decides a shape or a formula is checked against S first: ConfigError says which key differs, FileError what is wrong
/// with a file.
template <ModelSpec S, WeightFormat F>
Decoder<S, F> load(const std::filesystem::path& path) {
  return detail::with_checkpoint<S>(path, [](CheckpointNames names, auto fill) { return Decoder<S, F>(fill, names); });
}

/// The same as parameters, to train or to convert.
template <ModelSpec S>
Parameters<S> load_parameters(const std::filesystem::path& path) {
  return detail::with_checkpoint<S>(path, [](CheckpointNames names, auto fill) {
    Parameters<S> parameters;
    parameters.names = names;
    parameters.for_each(fill);
    return parameters;
  });
}

}  // namespace bora::inline BORA_ABI
