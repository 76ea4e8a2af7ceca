/// A folder that is mapped, not read: the weights of a model of any type as they are in memory.
///
///     FOLDER/config.json     what the model is, as `save` writes it
///     FOLDER/model.packed    its weights (io/packed_file.hpp)
///
/// A tokenizer may lie beside them, as in any folder of a checkpoint.
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/core/error.hpp>
#include <bora/core/format.hpp>
#include <bora/files/atomic_file.hpp>
#include <bora/files/folder.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/io/model_config.hpp>
#include <bora/io/packed_file.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/fingerprint.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// Writes a model as a folder that `open_any` maps; it is made where it is missing. Throws FileError where it cannot be
/// written, or holds a config.json of another model.
/// \param description  of the model
inline void save_packed(const AnyModel& model, const ModelDescription& description,
                        const std::filesystem::path& folder) {
  const AnyPackedWeights weights = model.packed();
  const Json config = config_of(saved_family({}, description), description, "float32");
  const std::string text = config.dump(2) + "\n";
  const std::filesystem::path config_file = folder / "config.json";
  detail::make_folder(folder);
  if (detail::is_there(config_file) && MappedFile(config_file).text() != text)
    detail::refuse_file(config_file, "is there and describes a checkpoint: expected an empty folder");
  detail::PackedHeader header;
  header.fingerprint = detail::fingerprint(description);
  header.format = detail::name_word(model.info().format);
  header.matrices = weights.kinds.size();
  detail::write_packed(folder / "model.packed", header, weights.kinds, weights.bytes);
  write_file(config_file, text);
}

namespace detail {

/// Whether a folder holds packed weights.
inline bool is_packed_folder(const std::filesystem::path& path) {
  return is_folder(path) && is_there(path / "model.packed");
}

/// Weights that are mapped from such a folder.
class PackedSource final : public AnyTensorSource {
 public:
  /// Throws FileError if the file is damaged, or of another model.
  PackedSource(const std::filesystem::path& folder, const ModelDescription& model) : file_(folder / "model.packed") {
    if (file_.size() < sizeof(PackedHeader)) refuse_file(file_.path(), "ends within its header");
    PackedHeader expected;
    const auto found = load_number<PackedHeader>(file_.bytes().data());
    expected.fingerprint = fingerprint(model);
    expected.format = found.format;
    for (const TensorEntry& tensor : tensors_of(model)) expected.matrices += tensor.shape.matrix() ? 1 : 0;
    header_ = check_packed(file_, expected);
    kinds_ = file_.bytes().subspan(sizeof(PackedHeader), header_.matrices);
    for (const std::byte kind : kinds_)
      if (static_cast<MatrixKind>(kind) > MatrixKind::codes8)
        refuse_file(file_.path(), "names a kind of matrix that this version does not know");
  }
  /// Whether the weights are in a format of that name.
  bool is_in(std::string_view format) const noexcept { return header_.format == name_word(format); }

  void find(const AnyTensor&, void*) override { refuse(); }
  void done(const void*, std::size_t, std::size_t, bool) override { refuse(); }
  void read(const AnyTensor&, std::span<float>) override { refuse(); }
  std::uint8_t kind(const AnyTensor&) override {  // each pass over the matrices asks for all, in their order
    return static_cast<std::uint8_t>(kinds_[next_++ % kinds_.size()]);
  }
  std::span<std::byte> packed(std::size_t bytes) override {
    if (bytes != header_.bytes)
      refuse_file(file_.path(), "holds ", header_.bytes, " bytes of weights, expected ", bytes);
    return file_.private_bytes().subspan(header_.weights_at(), bytes);
  }

 private:
  [[noreturn]] void refuse() const { refuse_file(file_.path(), "holds packed weights, which are not read as tensors"); }

  MappedFile file_;
  PackedHeader header_;
  std::span<const std::byte> kinds_;
  std::size_t next_ = 0;
};

}  // namespace detail

}}  // namespace bora::BORA_ABI
