/// A Hugging Face folder: config.json checked against a model's type, and the model's tensors from its files.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/io/model_config.hpp>
#include <bora/io/parameter_names.hpp>
#include <bora/io/safetensors.hpp>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// The tensors of a checkpoint, in one safetensors file or in several with an index.
class WeightFiles {
 public:
  /// One file.
  static WeightFiles single(const std::filesystem::path& file) {
    WeightFiles weights(file);
    weights.files_.emplace_back(file);
    for (std::string& name : weights.files_.front().names()) weights.places_.emplace(std::move(name), 0);
    return weights;
  }
  /// model.safetensors, or what model.safetensors.index.json lists. Throws FileError where there is neither, and where
  /// index and files disagree.
  static WeightFiles in_folder(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
    if (detail::is_there(file)) return single(file);
    if (detail::is_there(index)) return sharded(index);
    detail::refuse_file(folder, "holds no model.safetensors and no model.safetensors.index.json",
                        detail::is_there(folder / "pytorch_model.bin")
                            ? "; pytorch_model.bin is not read, expected it converted to safetensors"
                            : "");
  }

  /// The file, or the index.
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Whether there is a tensor of that name.
  bool contains(std::string_view name) const { return places_.find(name) != places_.end(); }
  /// A tensor as its file describes it. Throws FileError where there is none.
  const SafeTensors::Entry& entry(std::string_view name) const { return file_of(name).entry(name); }
  /// The file that holds a tensor. Throws FileError where none does.
  const SafeTensors& file_of(std::string_view name) const {
    const auto found = places_.find(name);
    if (found == places_.end()) detail::refuse_file(path_, "has no tensor ", detail::printable(name));
    return files_[found->second];
  }
  /// f(name) for each tensor, sorted.
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [name, file] : places_) f(name);
  }

 private:
  explicit WeightFiles(std::filesystem::path path) : path_(std::move(path)) {}

  static WeightFiles sharded(const std::filesystem::path& index) {
    WeightFiles weights(index);
    const MappedFile file(index);
    const Json json = read_json(file);
    if (!json.is_object()) detail::refuse_file(index, "is ", detail::json_kind(json), ", expected an object");
    std::map<std::string, std::size_t> shards;
    for (const auto& [tensor, shard] : require_object(json, "weight_map", index).items()) {
      if (!shard.is_string())
        detail::refuse_file(index, "key ", detail::json_path("weight_map", tensor), " is ", detail::json_kind(shard),
                            ", expected a file's name");
      weights.places_.emplace(tensor, weights.open_shard(shard.get_ref<const std::string&>(), tensor, shards));
    }
    weights.check_shards();
    // The writer takes the index away before it touches the shards.
    if (!file.still_in_place())
      detail::refuse_file(index, "was replaced while its files were opened: open the folder again");
    return weights;
  }

  /// The shard's number; opened when its name is first seen. A name from a file must not lead out of the folder.
  std::size_t open_shard(const std::string& name, std::string_view tensor, std::map<std::string, std::size_t>& shards) {
    const auto [at, added] = shards.try_emplace(name, files_.size());
    if (!added) return at->second;
    constexpr std::size_t longest = 255;  // of a file's name, on the usual systems
    if (name.size() > longest || !name.ends_with(".safetensors") || name.starts_with('.') ||
        name.find_first_of(std::string_view("/\\:\0", 4)) != name.npos)
      detail::refuse_file(path_, "places tensor ", detail::printable(tensor), " in ", detail::printable(name),
                          ", expected the plain name of a .safetensors file in the same folder");
    const std::filesystem::path file = path_.parent_path() / name;
    if (!detail::is_there(file))
      detail::refuse_file(path_, "lists the file ", detail::printable(name), ", which is not in the folder");
    files_.emplace_back(file);
    return at->second;
  }

  void check_shards() const {
    for (const auto& [name, file] : places_)
      if (!files_[file].contains(name))
        detail::refuse_file(files_[file].path(), "has no tensor ", detail::printable(name),
                            ", expected it: ", path_.filename().string(), " places it there");
    for (std::size_t file = 0; file < files_.size(); ++file)
      for (const std::string& name : files_[file].names()) {
        const auto place = places_.find(name);
        if (place == places_.end())
          detail::refuse_file(files_[file].path(), "holds tensor ", detail::printable(name), ", which ",
                              path_.filename().string(), " does not list");
        if (place->second != file)
          detail::refuse_file(files_[file].path(), "holds tensor ", detail::printable(name), ", which is also in ",
                              files_[place->second].path().filename().string(), ", expected each tensor once");
      }
  }

  std::filesystem::path path_;
  std::vector<SafeTensors> files_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

/// A folder with config.json and safetensors files, as Hugging Face's transformers writes them. Opening it checks
/// everything but the numbers: the config against the model's type, and the files' tensors against the model's.
class HuggingFaceFolder {
 public:
  /// \param tensors  all of the model's, as `tensors_of` lists them
  /// \param file     the weights, where they are not in model.safetensors or its shards
  /// Throws ConfigError where config.json and the type disagree, FileError for everything else.
  HuggingFaceFolder(const std::filesystem::path& folder, ModelDescription model, std::vector<TensorEntry> tensors,
                    const std::filesystem::path& file = {})
      : model_(std::move(model)),
        names_{.family = checked_family(folder)},
        weights_(file.empty() ? WeightFiles::in_folder(folder) : WeightFiles::single(file)) {
    find_prefix();
    std::unordered_set<std::string> known;
    for (std::string& buffer : detail::buffer_names(names_, model_)) known.insert(std::move(buffer));
    for (const FileTensor& tensor : file_tensors(names_, model_, tensors)) {
      check_tensor(tensor);
      known.insert(tensor.name());
    }
    weights_.for_each([&](const std::string& name) {
      if (!known.contains(name)) refuse_foreign(name);
    });
  }

  /// The folder of a model of type S.
  template <ModelSpec S>
  static HuggingFaceFolder of(const std::filesystem::path& folder, const std::filesystem::path& file = {}) {
    return HuggingFaceFolder(folder, describe<S>(), tensors_of<S>(), file);
  }

  /// How the files call their tensors.
  const CheckpointNames& names() const noexcept { return names_; }

  /// The numbers of one of the model's tensors, row-major [out, in]. Throws FileError where they are not finite.
  void read(TensorId id, TensorShape shape, std::span<float> out) const {
    const TensorPlace place = place_of(names_, model_, id, shape);
    const SafeTensors& file = weights_.file_of(place.name);
    if (!place.transposed) {
      const std::size_t cols = shape.matrix() ? shape.cols : 1;
      for (std::size_t r = 0; r < shape.rows; r += place.block)
        file.read_rows(place.name, place.row(r), place.block, out.subspan(r * cols, place.block * cols));
      return;
    }
    const std::vector<float> values = file.read(place.name);
    place.for_each(shape, [&](std::size_t in_model, std::size_t in_file) { out[in_model] = values[in_file]; });
  }

 private:
  CheckpointNames::Family checked_family(const std::filesystem::path& folder) const {
    detail::require_there(folder);
    if (!detail::is_folder(folder)) detail::refuse_file(folder, "is a file, expected a folder");
    const std::filesystem::path config = folder / "config.json";
    return check_config(read_json(config), config, model_).family;
  }

  std::string name_of(std::string_view tensor) const {
    return place_of(names_, model_, TensorId{tensor}, TensorShape{model_.vocab_size, model_.dim}).name;
  }

  /// Files of the bare model, without its head, leave the prefix out: "wte.weight".
  void find_prefix() {
    if (weights_.contains(name_of("embedding"))) return;
    names_.prefix = false;
    names_.prefix = !weights_.contains(name_of("embedding"));
  }

  void check_tensor(const FileTensor& tensor) const {
    if (!weights_.contains(tensor.name()))
      detail::refuse_file(weights_.path(), "has no tensor ", detail::printable(tensor.name()),
                          ", expected it with shape ", detail::shape_text(tensor.shape()));
    const std::vector<std::size_t>& shape = weights_.file_of(tensor.name()).float_entry(tensor.name()).shape;
    if (shape != tensor.shape())
      detail::refuse_file(weights_.file_of(tensor.name()).path(), "tensor ", detail::printable(tensor.name()),
                          " has shape ", detail::shape_text(shape), ", expected ", detail::shape_text(tensor.shape()));
  }

  /// A tied model's file may hold the head a second time, as long as it is the embedding.
  void refuse_foreign(const std::string& name) const {
    const SafeTensors& file = weights_.file_of(name);
    if (!model_.tie_embeddings || name != name_of("head"))
      detail::refuse_file(file.path(), "holds tensor ", detail::printable(name),
                          ", which the model's type does not have");
    const std::string embedding = name_of("embedding");
    const std::size_t numbers = model_.vocab_size * model_.dim;
    std::vector<float> head(numbers), table(numbers);
    if (weights_.entry(name).shape != weights_.entry(embedding).shape)
      detail::refuse_file(file.path(), "tensor ", detail::printable(name), " has shape ",
                          detail::shape_text(weights_.entry(name).shape), ", expected that of ", embedding,
                          ": the model's type ties them");
    file.read(name, head);
    weights_.file_of(embedding).read(embedding, table);
    if (std::memcmp(head.data(), table.data(), numbers * sizeof(float)) != 0)
      detail::refuse_file(file.path(), "tensor ", detail::printable(name), " differs from ", embedding,
                          ": the model's type ties them");
  }

  ModelDescription model_;  // in this order: each is checked with those before it
  CheckpointNames names_;
  WeightFiles weights_;
};

}  // namespace bora::inline BORA_ABI
