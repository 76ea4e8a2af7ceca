/// The definitions of io/generation_config.hpp.
#pragma once
#include <bora/files/mapped_file.hpp>
#include <bora/core/tensor.hpp>
#include <bora/io/generation_config.hpp>
#include <bora/io/json.hpp>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// The id at `path`, a key or an entry of its list. Throws FileError if it is no token id.
inline TokenId stop_id(const Json& value, std::string_view path, const std::filesystem::path& file) {
  constexpr auto largest = static_cast<std::size_t>(std::numeric_limits<TokenId>::max());
  if (!is_whole_number(value) || value.get<std::size_t>() > largest)
    refuse_file(file, "key ", printable(path), " is ", json_kind(value), ", expected a token id from 0 to ", largest);
  return static_cast<TokenId>(value.get<std::size_t>());
}

/// The ids at `eos_token_id` of one file, in its order; none where the file or the key is missing.
inline std::vector<TokenId> stop_ids_in(const std::filesystem::path& file) {
  if (!is_there(file)) return {};
  const Json json = read_json(file, json_settings);
  if (!json.is_object()) refuse_file(file, "is ", json_kind(json), ", expected an object");
  const Json* found = find_json(json, "eos_token_id");
  if (found == nullptr) return {};
  if (!found->is_array()) return {stop_id(*found, "eos_token_id", file)};
  std::vector<TokenId> ids;
  for (const Json& entry : *found) ids.push_back(stop_id(entry, message("eos_token_id[", ids.size(), "]"), file));
  return ids;
}

}  // namespace detail

BORA_FILE_DEFINITION std::vector<TokenId> stop_ids(const std::filesystem::path& folder) {
  detail::require_there(folder);
  const std::filesystem::path place = detail::is_folder(folder) ? folder : folder.parent_path();
  std::vector<TokenId> ids = detail::stop_ids_in(place / "generation_config.json");
  return ids.empty() ? detail::stop_ids_in(place / "config.json") : ids;
}

}}  // namespace bora::BORA_ABI
