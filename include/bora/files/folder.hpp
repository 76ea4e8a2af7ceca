/// Folders: creating, listing, emptying, and syncing them to the disk.
#pragma once
#include <bora/files/mapped_file.hpp>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Syncs a folder's entries to the disk. Throws FileError if the disk fails; does nothing if the folder cannot be
/// opened or the file system does not support it.
inline void sync_folder([[maybe_unused]] const std::filesystem::path& folder) {
#if defined(BORA_POSIX_FILES)
  const int handle = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  const int error = ::fsync(handle) == 0 ? 0 : errno;
  ::close(handle);
  if (error == EIO || error == ENOSPC || error == EDQUOT)
    refuse_file(folder, "cannot be brought to the disk: ", system_message(error));
#endif
}

/// Creates `folder` and its parents, synced to the disk. Throws FileError if it is not a folder and cannot be created.
inline void make_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> parents;  // of folders that are not there yet
  for (std::filesystem::path at = folder; !at.empty() && !is_there(at); at = at.parent_path())
    parents.push_back(at.parent_path());
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!is_folder(folder)) refuse_file(folder, "cannot be made a folder", error ? ": " + error.message() : "");
  for (const std::filesystem::path& parent : parents) sync_folder(parent);
}

inline void remove_file(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) refuse_file(file, "cannot be removed: ", error.message());
}

/// Removes the files of a folder for which `doomed(path)` is true.
template <class Doomed>
void remove_files(const std::filesystem::path& folder, Doomed&& doomed) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (doomed(entry->path())) files.push_back(entry->path());
  if (error) refuse_file(folder, "cannot be listed: ", error.message());
  for (const std::filesystem::path& file : files) remove_file(file);
}

}}}  // namespace bora::BORA_ABI::detail
