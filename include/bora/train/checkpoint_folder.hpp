/// The folder of a training run's checkpoints: names, links to the last and the best, and recovery after interruptions.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/folder.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/save.hpp>
#include <bora/train/progress.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

namespace fs = std::filesystem;

// ---- names

/// "step-000000120", with ".2" and so on where that is taken.
inline std::string checkpoint_name(std::size_t step, std::size_t copy = 1) {
  const std::string digits = std::to_string(step);
  const std::string name = message("step-", std::string(digits.size() < 9 ? 9 - digits.size() : 0, '0'), digits);
  return copy == 1 ? name : message(name, ".", copy);
}
inline bool is_checkpoint_name(std::string_view name) noexcept {
  if (!name.starts_with("step-")) return false;
  name.remove_prefix(5);
  return name.size() >= 9 &&
         std::all_of(name.begin(), name.end(), [](char c) { return ('0' <= c && c <= '9') || c == '.'; });
}
inline std::string free_checkpoint_name(const fs::path& folder, std::size_t step) {
  std::string name = checkpoint_name(step);
  for (std::size_t copy = 2; is_there(folder / name); ++copy) name = checkpoint_name(step, copy);
  return name;
}
/// A checkpoint gets its name only when complete; a folder with such a name but without this file is not ours.
inline bool is_checkpoint(const fs::path& folder) { return is_there(folder / "state.json"); }

inline std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) refuse_file(folder, "cannot be listed: ", error.message());
  return names;
}

// ---- links

/// The checkpoint that a link names; empty if there is no link. Throws FileError for a link that leads out of the
/// folder.
inline std::string linked_name(const fs::path& link) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(link, error).type();
  if (type == fs::file_type::not_found) return "";
  if (type == fs::file_type::none) refuse_file(link, "cannot be read: ", error.message());
  const fs::path target = fs::read_symlink(link, error);
  if (error) refuse_file(link, "is no link, expected one to a checkpoint beside it");
  if (!is_checkpoint_name(target.string()))
    refuse_file(link, "leads to ", printable(target.string()), ", expected a checkpoint beside it");
  return target.string();
}

/// Points a link to a checkpoint by one rename, or removes it.
inline void set_link(const fs::path& link, const std::string& name) {
  if (name.empty()) {
    remove_file(link);
  } else {
    fs::path partial = link;
    partial += ".partial";
    std::error_code error;
    fs::remove(partial, error);
    fs::create_symlink(name, partial, error);
    if (!error) fs::rename(partial, link, error);
    if (error) refuse_file(link, "cannot be put in place: ", error.message());
  }
  sync_folder(link.parent_path());
}

// ---- state

/// A 64-bit number as 16 digits, and the checksum of a text.
inline std::string hex(std::uint64_t number) {
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[number >> shift & 15];
  return text;
}
inline std::uint64_t text_checksum(std::string_view text) noexcept {
  Checksum sum;
  sum.add(std::uint64_t{text.size()});
  sum.add(std::as_bytes(std::span(text)));
  return sum.value();
}

inline Json read_state(const fs::path& file) {
  const Json all = read_json(file);
  const Json& state = require_object(all, "state", file);
  if (const std::string format = require_string(state, "format", file, "state"); format != "bora-checkpoint")
    refuse_file(file, "has format ", printable(format), ", expected 'bora-checkpoint'");
  if (const std::size_t version = require_size(state, "version", file, "state"); version < 1 || version > 3)
    refuse_file(file, "has version ", version, " of this format, expected 1 to 3");
  const std::string sum = require_string(all, "checksum", file), found = hex(text_checksum(state.dump()));
  if (sum != found) refuse_file(file, "is damaged: its checksum is ", found, ", expected ", printable(sum));
  return state;
}

/// Contents of a folder of checkpoints.
struct CheckpointFolder {
  std::string last, best;               ///< empty: none
  Json state;                           ///< of the last
  std::optional<LossPoint> best_point;  ///< as in that state; its checkpoint may be in another folder
};
/// Reads the checkpoint that `last` names, which is the valid one. Throws FileError if it is damaged.
inline CheckpointFolder read_checkpoint_folder(const fs::path& folder) {
  CheckpointFolder found{.last = linked_name(folder / "last"), .best = "", .state = {}, .best_point = {}};
  if (found.last.empty()) return found;
  const fs::path file = folder / found.last / "state.json";
  found.state = read_state(file);
  const Json* best = optional_object(found.state, "best", file, "state");
  if (best == nullptr) return found;
  found.best_point = {.step = require_size(*best, "step", file, "state.best"),
                      .loss = require_number(*best, "loss", file, "state.best")};
  const std::string name = optional_string(*best, "checkpoint", file, "state.best").value_or("");
  if (!name.empty() && !is_checkpoint_name(name))
    refuse_file(file, "names ", printable(name), " as the best checkpoint, expected one beside it");
  if (!name.empty() && is_checkpoint(folder / name)) found.best = name;
  return found;
}

// ---- what interruptions leave

/// Removes checkpoints that neither link names, and remains of interrupted saves.
inline void remove_others(const fs::path& folder, std::string_view last, std::string_view best) {
  constexpr std::string_view partial = ".partial";
  std::error_code ignored;
  for (const std::string& name : names_in(folder)) {
    const fs::path path = folder / name;
    const bool unfinished = name.ends_with(partial) && is_checkpoint_name(name.substr(0, name.size() - partial.size()));
    if (name == "last.partial" || name == "best.partial" || unfinished) fs::remove_all(path, ignored);
    if (!is_checkpoint_name(name) || name == last || name == best || !is_checkpoint(path)) continue;
    // Renamed first: a half-removed folder must not look like a checkpoint. The new name may exist already.
    fs::path doomed = path;
    fs::remove_all(doomed += partial, ignored);
    fs::rename(path, doomed, ignored);
    fs::remove_all(doomed, ignored);
  }
}

/// The newest checkpoint, to resume from if there is no link.
inline std::string newest_checkpoint(const fs::path& folder) {
  const auto place = [](const std::string& name) {  // step-000000120.2 is step 120, copy 2
    const std::size_t dot = std::min(name.find('.'), name.size());
    return std::tuple(dot, name.substr(0, dot), name.size(), name);
  };
  std::string newest;
  for (std::string& name : names_in(folder))
    if (is_checkpoint_name(name) && is_checkpoint(folder / name) && (newest.empty() || place(newest) < place(name)))
      newest = std::move(name);
  return newest;
}

/// Repairs a folder after an interrupted save; call only while holding the folder's lock. A folder without `last` was
/// interrupted before its first link, or lost its links when copied through a file system without links: its
/// checkpoints are complete, and training resumes from the newest.
inline CheckpointFolder recover_checkpoint_folder(const fs::path& folder) {
  if (linked_name(folder / "last").empty())
    if (const std::string newest = newest_checkpoint(folder); !newest.empty()) set_link(folder / "last", newest);
  CheckpointFolder found = read_checkpoint_folder(folder);
  if (linked_name(folder / "best") != found.best) set_link(folder / "best", found.best);
  remove_others(folder, found.last, found.best);
  return found;
}

/// A folder under a temporary name, removed unless it is renamed to its target.
class PartialFolder {
 public:
  explicit PartialFolder(fs::path target) : target_(std::move(target)), partial_(target_) {
    partial_ += ".partial";
    std::error_code error;
    fs::remove_all(partial_, error);
    make_folder(partial_);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;
  ~PartialFolder() {
    std::error_code ignored;
    if (!partial_.empty()) fs::remove_all(partial_, ignored);
  }
  const fs::path& path() const noexcept { return partial_; }
  void move_to_place() {
    sync_folder(partial_);
    std::error_code error;
    fs::rename(partial_, target_, error);
    if (error) refuse_file(target_, "cannot be put in place: ", error.message());
    partial_.clear();
    sync_folder(target_.parent_path());
  }

 private:
  fs::path target_, partial_;
};

}}}  // namespace bora::BORA_ABI::detail
