/// Mutations of safetensors files that keep the header's size right, so that they reach what comes after it.
#pragma once
#include "fuzz/fuzz.hpp"
#include <bora/io/safetensors.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

inline std::string with_header(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  bytes += data;
  return bytes;
}

inline std::string mutated_safetensors(std::string bytes, const std::vector<std::string>& names, Random& random) {
  std::uint64_t length = 0;
  if (bytes.size() >= sizeof length) std::memcpy(&length, bytes.data(), sizeof length);
  if (bytes.size() < sizeof length || length > bytes.size() - sizeof length || random() % 16 == 0)
    return mutated(std::move(bytes));
  std::string header = bytes.substr(sizeof length, length), data = bytes.substr(sizeof length + length);
  switch (random() % 8) {
    case 0:
      data.resize(data.size() + random() % 9 - std::min<std::size_t>(data.size(), 4));
      break;
    case 1:
      data = mutated(std::move(data));
      break;
    default:
      header = mutated_json(std::move(header), names, random);
  }
  return with_header(header, data);
}

inline std::vector<std::string> header_words(std::vector<std::string> names) {
  for (const bora::detail::StoredType& type : bora::detail::stored_types) names.emplace_back(type.name);
  for (const char* word : {"dtype", "shape", "data_offsets", "__metadata__", "format", "pt", "f32", ""})
    names.emplace_back(word);
  return names;
}

}  // namespace fuzz
