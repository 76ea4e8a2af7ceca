/// The definitions of io/save.hpp: how a checkpoint gets to the disk without ever being incomplete there.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/core/error.hpp>
#include <bora/files/file_lock.hpp>
#include <bora/files/folder.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/io/file_tensor.hpp>
#include <bora/io/model_config.hpp>
#include <bora/io/safetensors_writer.hpp>
#include <bora/io/save.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Admits one save at a time to a folder. It locks the folder itself, so that no lock file is left behind.
class SavingLock {
 public:
  /// Throws FileError where another save holds the folder.
  explicit SavingLock(const std::filesystem::path& folder) : state_(lock_.take(folder)) {
    if (state_ == LockState::in_use)
      refuse_file(folder, "is being saved into by another program or thread: expected to be the only one");
  }
  bool held() const noexcept { return state_ == LockState::held; }

 private:
  FileLock lock_;
  LockState state_;
};

/// Files under temporary names, deleted unless they are renamed to their targets.
class PartialFiles {
 public:
  PartialFiles() = default;
  PartialFiles(const PartialFiles&) = delete;
  PartialFiles& operator=(const PartialFiles&) = delete;
  ~PartialFiles() {
    std::error_code ignored;
    for (const File& file : files_) std::filesystem::remove(file.partial, ignored);
  }
  /// The temporary name for a file that will become `target`.
  const std::filesystem::path& add(const std::filesystem::path& target) {
    File file{target, target};
    file.partial += ".partial";
    keep_mode(file);
    return files_.emplace_back(std::move(file)).partial;
  }
  /// Renames the last file only after the others' names are on the disk: a power failure must not leave it without
  /// them.
  void move_to_places() {
    std::error_code error;
    for (const File& file : files_) {
      if (&file == &files_.back()) sync_folder(file.target.parent_path());
      std::filesystem::rename(file.partial, file.target, error);
      if (error) refuse_file(file.target, "cannot be put in place: ", error.message());
    }
    if (!files_.empty()) sync_folder(files_.back().target.parent_path());
  }
  bool contains(const std::filesystem::path& target) const {
    return std::ranges::find(files_, target, &File::target) != files_.end();
  }

 private:
  struct File {
    std::filesystem::path target, partial;
  };
  /// Creates an empty file with the permissions of the file it will replace; writing keeps them. A new shard of an old
  /// checkpoint gets those of the checkpoint's weights or config. If it cannot be created, writing reports the error.
  static void keep_mode([[maybe_unused]] const File& file) noexcept {
#if defined(BORA_POSIX_FILES)
    const std::filesystem::path folder = file.target.parent_path();
    struct stat old{};
    if (::stat(file.target.c_str(), &old) != 0 && ::stat((folder / "model.safetensors").c_str(), &old) != 0 &&
        ::stat((folder / "config.json").c_str(), &old) != 0)
      return;
    const int handle = ::open(file.partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (handle < 0) return;
    static_cast<void>(::fchmod(handle, old.st_mode & 0777) == 0);
    ::close(handle);
#endif
  }
  std::vector<File> files_;
};

/// "model-00001-of-00003.safetensors", or "model.safetensors" where it is the only one.
inline std::string shard_name(std::size_t shard, std::size_t shards) {
  const auto digits = [](std::size_t number) {
    const std::string text = std::to_string(number);
    return std::string(text.size() < 5 ? 5 - text.size() : 0, '0') + text;
  };
  return shards == 1 ? "model.safetensors"
                     : message("model-", digits(shard + 1), "-of-", digits(shards), ".safetensors");
}
/// Whether a file may belong to an earlier checkpoint in the same folder.
inline bool is_weight_file(std::string_view name) {
  return name == "model.safetensors" || name == "model.safetensors.index.json" ||
         (name.starts_with("model-") && name.find("-of-") != name.npos && name.ends_with(".safetensors"));
}

/// Whether a file was left by a writer that was killed: "config.json.partial", or the file that was to become it,
/// "config.json.partial.PID-N.partial".
inline bool is_left_over(std::string_view name) {
  constexpr std::string_view partial = ".partial";
  const std::size_t end = name.find(partial);
  if (end == name.npos || !name.ends_with(partial)) return false;
  const std::string_view whole = name.substr(0, end), rest = name.substr(end + partial.size());
  if (whole != "config.json" && !is_weight_file(whole)) return false;
  return rest.empty() || (rest.starts_with('.') &&
                          rest.substr(0, rest.size() - partial.size()).find_first_not_of(".-0123456789") == rest.npos);
}

inline std::size_t stored_bytes(const FileTensor& tensor, const SaveOptions& options) {
  return tensor.size() * (options.numbers == StoredNumbers::bf16 ? 2 : 4);
}

/// Splits the tensors into as many shards as needed, in order.
inline std::vector<std::vector<FileTensor>> shards_of(std::vector<FileTensor> tensors, const SaveOptions& options) {
  std::vector<std::vector<FileTensor>> shards(1);
  std::size_t bytes = 0;
  for (FileTensor& tensor : tensors) {
    const std::size_t size = stored_bytes(tensor, options);
    if (!shards.back().empty() && size > options.max_shard_bytes - std::min(bytes, options.max_shard_bytes)) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += size;
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

inline void write_shard(const SavedModel& model, const std::vector<FileTensor>& shard, const SaveOptions& options,
                        const std::filesystem::path& file) {
  SafeTensorsWriter out;
  for (const FileTensor& tensor : shard) {
    const auto fill = [&model, &tensor, &file](std::span<float> numbers) {
      model.gather(tensor, numbers);
      require_finite(numbers, file, tensor.name());  // readers refuse it
    };
    if (options.numbers == StoredNumbers::bf16)
      out.add_later<Bf16>(tensor.name(), tensor.shape(), fill);
    else
      out.add_later<F32>(tensor.name(), tensor.shape(), fill);
  }
  out.write(file);
}

inline std::string file_text(const Json& json) { return json.dump(2) + "\n"; }

inline Json index_of(const std::vector<std::vector<FileTensor>>& shards, const SaveOptions& options) {
  std::size_t bytes = 0;
  Json map = Json::object();
  for (std::size_t s = 0; s < shards.size(); ++s)
    for (const FileTensor& tensor : shards[s]) {
      map[tensor.name()] = shard_name(s, shards.size());
      bytes += stored_bytes(tensor, options);
    }
  return {{"metadata", {{"total_size", bytes}}}, {"weight_map", map}};
}

/// Removes weight files of an earlier checkpoint, which would be read instead of the new ones or along with them.
inline void remove_stale(const std::filesystem::path& folder, const PartialFiles& files) {
  remove_files(folder, [&](const std::filesystem::path& file) {
    return is_weight_file(file.filename().string()) && !files.contains(file);
  });
}
/// Call only while holding the folder's lock, which proves that their writers have ended.
inline void remove_left_over(const std::filesystem::path& folder) {
  remove_files(folder, [](const std::filesystem::path& file) { return is_left_over(file.filename().string()); });
}

/// Whether the folder holds a one-file checkpoint with the same config: a single rename then replaces it, so that the
/// folder holds a checkpoint at every moment.
inline bool replaces_one_file(const std::filesystem::path& folder, std::string_view config) {
  if (!is_there(folder / "model.safetensors") || !is_there(folder / "config.json")) return false;
  try {
    return MappedFile(folder / "config.json").text() == config;
  } catch (const FileError&) {
    return false;
  }
}

/// Writes everything under temporary names, then removes the old config.json and index, and renames the new config
/// last: in between the folder has no config.json, so no reader takes it for a checkpoint.
BORA_FILE_DEFINITION void save_model(const SavedModel& model, const std::filesystem::path& folder,
                                     const SaveOptions& options) {
  const Family& family = saved_family(model.names, model.description);
  const bool bf16 = options.numbers == StoredNumbers::bf16;
  Json config = config_of(family, model.description, bf16 ? "bfloat16" : "float32");
  if (options.bos) config["bos_token_id"] = *options.bos;
  if (options.eos) config["eos_token_id"] = *options.eos;
  const CheckpointNames names{.family = family.model_type, .prefix = model.names.prefix};
  const auto shards = shards_of(file_tensors(names, model.description, model.tensors), options);

  make_folder(folder);
  const SavingLock lock(folder);
  if (lock.held()) remove_left_over(folder);
  PartialFiles files;
  for (std::size_t s = 0; s < shards.size(); ++s)
    write_shard(model, shards[s], options, files.add(folder / shard_name(s, shards.size())));
  const std::filesystem::path index = folder / "model.safetensors.index.json", config_file = folder / "config.json";
  const std::string config_text = file_text(config);
  if (shards.size() > 1) write_file(files.add(index), file_text(index_of(shards, options)));
  write_file(files.add(config_file), config_text);
  if (shards.size() > 1 || !replaces_one_file(folder, config_text)) {
    remove_file(config_file);
    remove_file(index);
  }
  remove_stale(folder, files);
  sync_folder(folder);  // the old config is gone before the first new file is there
  files.move_to_places();
}

}}}  // namespace bora::BORA_ABI::detail
