/// Files of a wrong format (git-lfs pointers, web pages, archives, other programs' checkpoints), recognised by their
/// first bytes, with advice on each.
#pragma once
#include <bora/files/folder.hpp>
#include <bora/files/mapped_file.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A kind of file by what it begins with.
struct ForeignKind {
  std::string_view begins;  ///< its first bytes; of text in small letters
  std::string_view what;    ///< what it is, and what to do
};
inline constexpr ForeignKind foreign_binaries[] = {
    {"version https://git-lfs", "a git-lfs pointer: `git lfs pull` in the clone fetches the content"},
    {"version https://hawser", "a git-lfs pointer: `git lfs pull` in the clone fetches the content"},
    {"# xet version", "a git-xet pointer: `git lfs pull`, or a download, fetches the content"},
    {"GGUF", "a GGUF file: name it so that it ends in .gguf"},
    {"ggml", "a GGML file of llama.cpp's, which is not read: take the model's folder of safetensors files"},
    {"ggjt", "a GGML file of llama.cpp's, which is not read: take the model's folder of safetensors files"},
    {"lmgg", "a GGML file of llama.cpp's, which is not read: take the model's folder of safetensors files"},
    {"tjgg", "a GGML file of llama.cpp's, which is not read: take the model's folder of safetensors files"},
    {"\x1f\x8b", "a gzip archive: unpack it first"},
    {"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"},
    {"\xfd"
     "7zXZ",
     "an xz archive: unpack it first"},
    {"BZh", "a bzip2 archive: unpack it first"},
    {"7z\xbc\xaf", "a 7z archive: unpack it first"},
    {"PK\3\4", "a zip archive, as PyTorch's torch.save writes: convert it to safetensors, or unpack it first"},
    {"PK\5\6", "an empty zip archive"},
    {"\x80\2", "a pickle, as PyTorch's torch.save writes: convert it to safetensors"},
    {"\x80\3", "a pickle, as PyTorch's torch.save writes: convert it to safetensors"},
    {"\x80\4", "a pickle, as PyTorch's torch.save writes: convert it to safetensors"},
    {"\x80\5", "a pickle, as PyTorch's torch.save writes: convert it to safetensors"},
    {"\x89HDF", "an HDF5 file of TensorFlow's or Keras's: convert it to safetensors"},
    {"\x93NUMPY", "an array of numpy's: convert it to safetensors"},
};
inline constexpr ForeignKind foreign_texts[] = {
    {"<!doctype", "an HTML page, perhaps of an error or a login: download the file itself"},
    {"<html", "an HTML page, perhaps of an error or a login: download the file itself"},
    {"<head", "an HTML page, perhaps of an error or a login: download the file itself"},
    {"<?xml", "an XML document, perhaps of an error: download the file itself"},
    {"<error", "an XML document, perhaps of an error: download the file itself"},
};

/// Text without the space and the byte order mark it begins with.
inline std::string_view without_space(std::string_view text) noexcept {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == text.npos ? std::string_view() : text.substr(first);
}
/// Whether `text` begins with `word`, whose letters are small, in letters of any size.
inline bool begins_with_word(std::string_view text, std::string_view word) noexcept {
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), [&](char w, char c) { return w == small(c); });
}

/// For a file whose format is not the one its name promises: its format, and what to do; empty if the first bytes are
/// unknown.
inline std::string_view foreign_kind(std::string_view bytes) noexcept {
  for (const ForeignKind& kind : foreign_binaries)
    if (bytes.starts_with(kind.begins)) return kind.what;
  const std::string_view text = without_space(bytes.substr(0, 512));
  for (const ForeignKind& kind : foreign_texts)
    if (begins_with_word(text, kind.begins)) return kind.what;
  return "";
}

/// How a file begins, for a message: a line of a text, a few bytes of anything else.
inline std::string beginning(std::string_view bytes) {
  const std::string_view text = without_space(bytes.substr(0, 200));
  const std::string_view line = text.substr(0, std::min(text.find_first_of("\r\n"), std::size_t{80}));
  const bool is_text = !line.empty() && escaped(line) == line;
  return printable(is_text ? line : bytes.substr(0, 16));
}

/// Throws FileError where a file that should hold JSON or a text of its own is known to be of another format.
/// \param expected  "no JSON" and the like
inline void refuse_foreign_kind(const std::filesystem::path& file, std::string_view bytes, std::string_view expected) {
  if (const std::string_view kind = foreign_kind(bytes); !kind.empty())
    refuse_file(file, "is ", expected, " but ", kind);
}

// ---- folders

/// A kind of file in a folder, by its name.
struct ForeignName {
  std::string_view begins, ends;
  std::string_view what;  ///< after "holds NAME"; what to do
};
inline constexpr ForeignName foreign_names[] = {
    {"adapter_model", "",
     ", an adapter (LoRA) without its base model: merge the two (peft's merge_and_unload) and save"},
    {"", ".gguf", ", a GGUF file: give its path instead of the folder's"},
    {"pytorch_model", ".bin", ": pytorch_model.bin is not read, expected it converted to safetensors"},
    {"consolidated", ".pth", ", Meta's own format, which is not read: take the model in Hugging Face's format"},
    {"consolidated", ".safetensors", ", Mistral's own format, which is not read: take the model in Hugging Face's"},
    {"", ".pth", ", a file of PyTorch's, which is not read, expected it converted to safetensors"},
    {"", ".pt", ", a file of PyTorch's, which is not read, expected it converted to safetensors"},
    {"", ".ckpt", ", a file of PyTorch's, which is not read, expected it converted to safetensors"},
    {"tf_model", ".h5", ", TensorFlow's weights, which are not read, expected them converted to safetensors"},
    {"flax_model", ".msgpack", ", Flax's weights, which are not read, expected them converted to safetensors"},
    {"", ".onnx", ", an ONNX graph, which is not read: take the model's folder of safetensors files"},
    {"", ".npz", ", arrays of numpy's, which are not read, expected them converted to safetensors"},
    {"", ".safetensors.index.json", ", expected it to be called model.safetensors.index.json"},
    {"model-", ".safetensors", ", a shard without its model.safetensors.index.json: download that too"},
    {"", ".safetensors", ", expected it to be called model.safetensors; its path may be given instead of the folder's"},
    {"", ".incomplete", ", a download that was not finished: start it again"},
    {"", ".part", ", a download that was not finished: start it again"},
    {"", ".crdownload", ", a download that was not finished: start it again"},
};

/// "; it holds x.gguf, ...": files of other formats in a folder that lacks the expected one; empty if there are none.
inline std::string instead_of_weights(const std::filesystem::path& folder) {
  std::string found;
  std::size_t rank = std::size(foreign_names);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    for (std::size_t i = 0; i <= std::min(rank, std::size(foreign_names) - 1); ++i)
      if (name.starts_with(foreign_names[i].begins) && name.ends_with(foreign_names[i].ends) &&
          (i < rank || name < found)) {
        found = name;
        rank = i;
      }
  }
  return rank == std::size(foreign_names) ? "" : message("; it holds ", printable(found), foreign_names[rank].what);
}

}}}  // namespace bora::BORA_ABI::detail
