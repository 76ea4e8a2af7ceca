/// Writes GGUF files, version 3: keys, descriptions of tensors, then their bytes, in one list's order without gaps.
#pragma once
#include <bora/core/checked.hpp>
#include <bora/core/error.hpp>
#include <bora/core/format.hpp>
#include <bora/core/memory.hpp>
#include <bora/files/atomic_file.hpp>
#include <bora/io/gguf_file.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// The keys of a file that is to be written, as bytes, in the order in which they were added.
class GgufKeyWriter {
 public:
  /// Integers are u32, as readers demand; floating-point numbers f32.
  template <class T>
  void add(std::string_view key, T value) {
    begin(key);
    if constexpr (std::is_same_v<T, bool>) {
      put(static_cast<std::uint32_t>(GgufType::boolean));
      put(static_cast<std::uint8_t>(value));
    } else if constexpr (std::is_integral_v<T>) {
      put(static_cast<std::uint32_t>(GgufType::u32));
      put(static_cast<std::uint32_t>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
      put(static_cast<std::uint32_t>(GgufType::f32));
      put(static_cast<float>(value));
    } else {
      put(static_cast<std::uint32_t>(GgufType::string));
      put_text(value);
    }
  }
  /// An array of f32, i32 or strings.
  template <class T>
  void add_array(std::string_view key, const std::vector<T>& values) {
    begin(key);
    put(static_cast<std::uint32_t>(GgufType::array));
    put(static_cast<std::uint32_t>(std::is_same_v<T, float>          ? GgufType::f32
                                   : std::is_same_v<T, std::int32_t> ? GgufType::i32
                                                                     : GgufType::string));
    put(static_cast<std::uint64_t>(values.size()));
    for (const T& value : values)
      if constexpr (std::is_arithmetic_v<T>)
        put(value);
      else
        put_text(value);
  }
  /// A value of another file.
  void add(std::string_view key, const GgufValue& value) {
    begin(key);
    put(static_cast<std::uint32_t>(value.type));
    if (value.type == GgufType::string) put(static_cast<std::uint64_t>(value.bytes.size()));
    if (value.type == GgufType::array) {
      put(static_cast<std::uint32_t>(value.element));
      put(value.count);
    }
    bytes_.insert(bytes_.end(), value.bytes.begin(), value.bytes.end());
  }

  /// How many there are.
  std::uint64_t count() const noexcept { return count_; }
  /// All of them, as the file holds them.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  friend class GgufWriter;
  void begin(std::string_view key) {
    ++count_;
    put_text(key);
  }
  template <class T>
  void put(T value) {
    const auto* at = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), at, at + sizeof value);
  }
  void put_text(std::string_view text) {
    put(static_cast<std::uint64_t>(text.size()));
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  std::vector<std::byte> bytes_;
  std::uint64_t count_ = 0;
};

/// A tensor that is to be written.
struct GgufTensorToWrite {
  std::string name;                ///< of at most 63 bytes
  std::vector<std::size_t> shape;  ///< row length last
  ElementType type;                ///< as it is stored

  /// Bytes of all rows.
  std::size_t bytes() const {
    CheckedSize all = stored_bytes(type, shape.back());
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) all *= shape[i];
    return all.value();
  }
};

/// Writes a file, beside its target and renamed when it is complete: first the header, then the tensors' bytes.
class GgufWriter {
 public:
  static constexpr std::size_t alignment = 32;  ///< of the tensors, in bytes

  /// Writes everything but the tensors' bytes. Throws FileError if the file cannot be written.
  GgufWriter(const std::filesystem::path& file, const GgufKeyWriter& keys,
             const std::vector<GgufTensorToWrite>& tensors)
      : file_(file) {
    GgufKeyWriter header;  // its bytes only
    header.put(std::uint32_t{0x46554747});
    header.put(std::uint32_t{3});
    header.put(static_cast<std::uint64_t>(tensors.size()));
    header.put(keys.count());
    header.bytes_.insert(header.bytes_.end(), keys.bytes().begin(), keys.bytes().end());
    std::size_t offset = 0;
    for (const GgufTensorToWrite& tensor : tensors) {
      header.put_text(tensor.name);
      header.put(static_cast<std::uint32_t>(tensor.shape.size()));
      for (std::size_t i = tensor.shape.size(); i-- > 0;) header.put(static_cast<std::uint64_t>(tensor.shape[i]));
      header.put(detail::gguf_number(tensor.type));
      header.put(static_cast<std::uint64_t>(offset));
      offset = round_up(offset + tensor.bytes(), alignment);
    }
    write(header.bytes());
    pad();
  }
  /// Appends bytes of the tensors, in their order.
  void write(std::span<const std::byte> bytes) {
    file_.write(bytes);
    written_ += bytes.size();
  }
  /// After the last byte of each tensor.
  void pad() {
    const std::byte zeros[alignment] = {};
    write(std::span(zeros).first(round_up(written_, alignment) - written_));
  }
  /// Renames the file to its target.
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
  std::size_t written_ = 0;
};

}}  // namespace bora::BORA_ABI
