/// The definitions of io/safetensors.hpp: the header, which is JSON.
#pragma once
#include <bora/core/checked.hpp>
#include <bora/core/error.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/safetensors.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Reads and checks a header.
class SafeTensorsHeaderReader {
 public:
  explicit SafeTensorsHeaderReader(const MappedFile& file) : file_(file) {}

  SafeTensorsHeader read() {
    const std::string_view text = header_text();
    const Json header = parse_json(text, file_.path());
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__")
        read_metadata(value);
      else
        header_.entries.emplace(name, checked_entry(name, value));
    }
    check_tiling();
    header_.bytes = file_.size() - data_.size();
    return std::move(header_);
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(std::string_view name, const Parts&... parts) const {
    refuse_file(file_.path(), "tensor ", printable(name), " ", parts...);
  }

  /// Checks the file's beginning; returns the header as text, and sets data_ to the bytes after it.
  std::string_view header_text() {
    constexpr std::size_t prefix = 8;
    const std::size_t size = file_.size();
    const std::string_view all = file_.text();
    const bool begins_like_one = size > prefix && all[prefix] == '{';
    if (!begins_like_one) refuse_foreign_kind(file_.path(), all, "no safetensors file");
    if (size < prefix)
      refuse_file(file_.path(), "is ", size, " bytes long, expected 8 for the header's size: it is no safetensors ",
                  "file, and begins with ", beginning(all));
    const auto length = load_number<std::uint64_t>(file_.bytes().data());
    if (length > safetensors_header_limit) {
      refuse_foreign_kind(file_.path(), all, "no safetensors file");
      refuse_file(file_.path(), "is no safetensors file: it begins with ", beginning(all), " and so gives ", length,
                  " as the size of its header, expected at most ", safetensors_header_limit);
    }
    if (length > size - prefix)
      refuse_file(file_.path(), "gives ", length, " as the size of its header, but only ", size - prefix,
                  " bytes follow: the file is cut short, as by a download that was not finished");
    const std::string_view text = all.substr(prefix, static_cast<std::size_t>(length));
    if (!text.starts_with('{'))
      refuse_file(file_.path(), text.empty() ? "has an empty header" : "has a header that starts with another byte",
                  ", expected '{': this is no safetensors file",
                  text.empty() ? ", or its content was never written" : "");
    data_ = file_.bytes().subspan(prefix + text.size());
    return text;
  }

  void read_metadata(const Json& value) {
    if (!value.is_object())
      refuse_file(file_.path(), "__metadata__ is ", json_kind(value), ", expected an object of strings");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string())
        refuse_file(file_.path(), "__metadata__ key ", printable(key), " is ", json_kind(text), ", expected a string");
      header_.metadata.emplace(key, text.get<std::string>());
    }
  }

  SafeTensorsEntry checked_entry(std::string_view name, const Json& value) const {
    if (!value.is_object())
      refuse(name, "is ", json_kind(value), " in the header, expected dtype, shape and data_offsets");
    const Json& dtype = member(name, value, "dtype");
    if (!dtype.is_string()) refuse(name, "has ", json_kind(dtype), " as dtype, expected a string");
    SafeTensorsEntry tensor{.dtype = dtype.get<std::string>(), .shape = {}, .begin = 0, .end = 0};
    if (stored_size(tensor.dtype) == 0)
      refuse(name, "has dtype ", printable(tensor.dtype), ", which is not known to this reader");
    tensor.shape = sizes(name, value, "shape");
    const std::vector<std::size_t> offsets = sizes(name, value, "data_offsets");
    if (offsets.size() != 2)
      refuse(name, "has ", offsets.size(), " numbers as data_offsets, expected 2: begin and end");
    tensor.begin = offsets[0];
    tensor.end = offsets[1];
    check_range(name, tensor);
    return tensor;
  }

  const Json& member(std::string_view name, const Json& value, const char* key) const {
    const auto found = value.find(key);
    if (found == value.end()) refuse(name, "has no ", key, " in the header");
    return *found;
  }

  std::vector<std::size_t> sizes(std::string_view name, const Json& value, const char* key) const {
    const Json& list = member(name, value, key);
    if (!list.is_array()) refuse(name, "has ", json_kind(list), " as ", key, ", expected an array");
    if (list.size() > safetensors_axes_limit)
      refuse(name, "has ", list.size(), " numbers as ", key, ", expected at most ", safetensors_axes_limit);
    std::vector<std::size_t> all;
    for (const Json& number : list) {
      if (!number.is_number_unsigned())
        refuse(name, "has ", json_kind(number), " in its ", key, ", expected whole numbers from 0");
      all.push_back(number.get<std::size_t>());
    }
    return all;
  }

  void check_range(std::string_view name, const SafeTensorsEntry& tensor) const {
    const CheckedSize bytes = byte_size(name, tensor);
    if (tensor.begin > tensor.end)
      refuse(name, "begins at byte ", tensor.begin, " and ends at ", tensor.end, ", expected begin <= end");
    if (tensor.end - tensor.begin != bytes.value())
      refuse(name, "has ", tensor.end - tensor.begin, " bytes, but ", tensor.dtype, " ", shape_text(tensor.shape),
             " takes ", bytes.value());
    if (tensor.end > data_.size())
      refuse(name, "ends at byte ", tensor.end, ", but only ", data_.size(),
             " bytes follow the header: the file is cut short, as by a download that was not finished");
  }

  CheckedSize byte_size(std::string_view name, const SafeTensorsEntry& tensor) const {
    try {
      CheckedSize bytes = 1;
      for (const std::size_t extent : tensor.shape) bytes *= extent;
      return bytes * stored_size(tensor.dtype);
    } catch (const FileError& error) {
      refuse(name, "has shape ", shape_text(tensor.shape), ": ", error.what());
    }
  }

  /// The ranges, in order, must cover the data exactly. Unnamed bytes could hide anything; overlapping tensors are a
  /// mistake of the writer.
  void check_tiling() const {
    std::vector<const std::pair<const std::string, SafeTensorsEntry>*> sorted;
    for (const auto& entry : header_.entries) sorted.push_back(&entry);
    std::ranges::sort(sorted, {}, [](const auto* e) { return std::pair(e->second.begin, e->second.end); });
    std::size_t covered = 0;
    for (const auto* entry : sorted) {
      const std::size_t begin = entry->second.begin;
      if (begin < covered)
        refuse(entry->first, "begins at byte ", begin, ", inside the tensor before it, which ends at ", covered);
      if (begin > covered)
        refuse(entry->first, "begins at byte ", begin, ", but the tensors before it end at ", covered,
               ": expected no hole");
      covered = entry->second.end;
    }
    if (covered != data_.size())
      refuse_file(file_.path(), "holds ", data_.size() - covered, " bytes after its last tensor, expected none");
  }

  const MappedFile& file_;
  std::span<const std::byte> data_;
  SafeTensorsHeader header_{};
};

BORA_FILE_DEFINITION SafeTensorsHeader read_safetensors_header(const MappedFile& file) {
  return SafeTensorsHeaderReader(file).read();
}

}}}  // namespace bora::BORA_ABI::detail
