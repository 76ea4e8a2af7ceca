/// The tensors of a checkpoint, in one safetensors file or in shards with an index, by their names without wrappers.
#pragma once
#include <bora/files/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/safetensors.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Whether a part of a tensor's name comes from a wrapper around a model or a layer: PyTorch's compiler, data
/// parallelism, sharding and recomputation, Lightning, or peft.
inline bool is_wrapper(std::string_view part) noexcept {
  for (const std::string_view wrapper :
       {"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module", "base_layer"})
    if (part == wrapper) return true;
  return false;
}
/// A tensor's name without wrappers, wherever they stand: "module.model._orig_mod.norm.weight" is "model.norm.weight".
inline std::string plain_name(std::string_view stored) {
  std::string plain;
  while (true) {
    const std::size_t dot = stored.find('.');
    if (dot == stored.npos) return plain.append(stored);
    if (!is_wrapper(stored.substr(0, dot))) plain.append(stored.substr(0, dot + 1));
    stored.remove_prefix(dot + 1);
  }
}

}  // namespace detail

/// The tensors of a checkpoint, in one safetensors file or in several with an index. They are looked up by their names
/// without wrappers (`_orig_mod.`, `module.` and the like). An index that disagrees with its files is refused only for
/// tensors that are needed: see `require`.
class WeightFiles {
 public:
  /// One file. Throws FileError where two of its names differ by wrappers only.
  static WeightFiles single(const std::filesystem::path& file) {
    WeightFiles weights(file);
    weights.files_.emplace_back(file);
    weights.add_all(0, nullptr);
    return weights;
  }
  /// model.safetensors, or what model.safetensors.index.json lists. Throws FileError where there is neither, and says
  /// what there is instead.
  static WeightFiles in_folder(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
    // A git-lfs pointer or a dangling link counts as present: opening it reports what it is.
    if (detail::is_named(file)) return single(file);
    if (detail::is_named(index)) return sharded(index);
    detail::refuse_file(folder, "holds no model.safetensors and no model.safetensors.index.json",
                        detail::instead_of_weights(folder));
  }

  /// The file, or the index.
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Whether there is a tensor of that name.
  bool contains(std::string_view name) const { return places_.find(name) != places_.end(); }
  /// The name as the file has it, wrappers included. Throws FileError where there is none.
  const std::string& stored_name(std::string_view name) const { return place_of(name).stored; }
  /// A tensor as its file describes it. Throws FileError where there is none.
  const SafeTensors::Entry& entry(std::string_view name) const {
    const Place& place = place_of(name);
    return files_[place.file].entry(place.stored);
  }
  /// The file that holds a tensor, under its stored name. Throws FileError where none does.
  const SafeTensors& file_of(std::string_view name) const { return files_[place_of(name).file]; }
  /// f(name) for each tensor, sorted.
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [name, place] : places_) f(name);
  }

  /// Throws FileError where index and files disagree about a tensor: listed and not there, there and not listed, in two
  /// files. Tensors that are not needed may be inconsistent.
  void require(std::string_view name) const {
    const auto found = complaints_.find(name);
    if (found != complaints_.end()) throw FileError(found->second);
  }

 private:
  struct Place {
    std::size_t file;
    std::string stored;  ///< the name there
  };
  /// A tensor that an index lists.
  struct Listed {
    std::string stored, shard;
    std::optional<std::size_t> file;  ///< none: the shard is not there
  };
  using Index = std::map<std::string, Listed, std::less<>>;

  explicit WeightFiles(std::filesystem::path path) : path_(std::move(path)) {}

  const Place& place_of(std::string_view name) const {
    const auto found = places_.find(name);
    if (found == places_.end()) detail::refuse_file(path_, "has no tensor ", detail::printable(name));
    return found->second;
  }

  static WeightFiles sharded(const std::filesystem::path& index) {
    WeightFiles weights(index);
    const MappedFile file(index);
    const Json json = read_json(file);
    if (!json.is_object()) detail::refuse_file(index, "is ", detail::json_kind(json), ", expected an object");
    const Index listed = weights.open_listed(require_object(json, "weight_map", index));
    for (std::size_t shard = 0; shard < weights.files_.size(); ++shard) weights.add_all(shard, &listed);
    for (const auto& [name, tensor] : listed)
      if (!weights.contains(name)) weights.note_absent(name, tensor);
    // The writer removes the index before it touches the shards.
    if (!file.still_in_place())
      detail::refuse_file(index, "was replaced while its files were opened: open the folder again");
    return weights;
  }

  /// Reads the index and opens its shards.
  Index open_listed(const Json& weight_map) {
    Index listed;
    std::map<std::string, std::optional<std::size_t>> shards;
    for (const auto& [tensor, shard] : weight_map.items()) {
      if (!shard.is_string())
        detail::refuse_file(path_, "key ", detail::json_path("weight_map", tensor), " is ", detail::json_kind(shard),
                            ", expected a file's name");
      const std::string& name = shard.get_ref<const std::string&>();
      const std::optional<std::size_t> file = open_shard(name, tensor, shards);
      const auto [at, added] = listed.try_emplace(detail::plain_name(tensor), Listed{tensor, name, file});
      if (!added) refuse_collision(path_, "lists", at->second.stored, tensor);
    }
    return listed;
  }

  /// The shard's number; opened when its name is first seen, none where it is not there. A name from a file must not
  /// lead out of the folder.
  std::optional<std::size_t> open_shard(const std::string& name, std::string_view tensor,
                                        std::map<std::string, std::optional<std::size_t>>& shards) {
    const auto [at, added] = shards.try_emplace(name, files_.size());
    if (!added) return at->second;
    constexpr std::size_t longest = 255;  // of a file's name, on the usual systems
    if (name.size() > longest || !name.ends_with(".safetensors") || name.starts_with('.') ||
        name.find_first_of(std::string_view("/\\:\0", 4)) != name.npos || detail::escaped(name) != name)
      detail::refuse_file(path_, "places tensor ", detail::printable(tensor), " in ", detail::printable(name),
                          ", expected the plain name of a .safetensors file in the same folder");
    const std::filesystem::path file = path_.parent_path() / name;
    if (detail::is_named(file))
      files_.emplace_back(file);
    else
      at->second.reset();
    return at->second;
  }

  /// The tensors of a file; where it is a shard, as the index lists them.
  void add_all(std::size_t file, const Index* listed) {
    for (std::string& stored : files_[file].names()) {
      std::string name = detail::plain_name(stored);
      const auto found = listed == nullptr ? Index::const_iterator() : listed->find(name);
      if (listed != nullptr) note_unlisted(name, stored, file, found == listed->end() ? nullptr : &found->second);
      const auto [at, added] = places_.try_emplace(std::move(name), Place{file, stored});
      if (added) continue;
      if (at->second.file == file) refuse_collision(files_[file].path(), "holds", at->second.stored, stored);
      note_twice(at->first, at->second.file, file, *listed);
    }
  }

  [[noreturn]] static void refuse_collision(const std::filesystem::path& file, std::string_view verb,
                                            std::string_view first, std::string_view second) {
    detail::refuse_file(file, verb, " the tensors ", detail::printable(first), " and ", detail::printable(second),
                        ", which are both ", detail::printable(detail::plain_name(first)),
                        " without what wrappers add, expected one of them");
  }

  template <class... Parts>
  void complain(std::string_view name, const std::filesystem::path& file, const Parts&... parts) {
    complaints_.insert_or_assign(std::string(name), detail::message(file.string(), ": ", parts...));
  }
  void note_unlisted(std::string_view name, std::string_view stored, std::size_t file, const Listed* listed) {
    if (listed == nullptr)
      complain(name, files_[file].path(), "holds tensor ", detail::printable(stored), ", which ",
               path_.filename().string(), " does not list");
    else if (!listed->file)
      note_absent(name, *listed);
    else if (listed->file != file)
      complain(name, files_[file].path(), "holds tensor ", detail::printable(stored), ", which ",
               path_.filename().string(), " places in ", listed->shard);
  }
  void note_twice(std::string_view name, std::size_t first, std::size_t second, const Index& listed) {
    const auto found = listed.find(name);
    const bool in_first = found != listed.end() && found->second.file == first;
    const std::size_t here = in_first ? second : first, there = in_first ? first : second;
    complain(name, files_[here].path(), "holds tensor ", detail::printable(name), ", which is also in ",
             files_[there].path().filename().string(), ", expected each tensor once");
  }
  void note_absent(std::string_view name, const Listed& tensor) {
    if (tensor.file)
      complain(name, files_[*tensor.file].path(), "has no tensor ", detail::printable(tensor.stored),
               ", expected it: ", path_.filename().string(), " places it there");
    else
      complain(name, path_, "lists the file ", detail::printable(tensor.shard), ", which is not in the folder",
               "; tensor ", detail::printable(tensor.stored), " should be in it");
  }

  std::filesystem::path path_;
  std::vector<SafeTensors> files_;
  std::map<std::string, Place, std::less<>> places_;            ///< by plain names
  std::map<std::string, std::string, std::less<>> complaints_;  ///< what `require` throws
};

}}  // namespace bora::BORA_ABI
