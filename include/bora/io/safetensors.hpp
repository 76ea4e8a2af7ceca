/// The safetensors format (huggingface/safetensors, README.md and safetensors/src/tensor.rs): eight bytes with the
/// header's size, the header as JSON, then the tensors' elements, row-major and little-endian, without gaps.
#pragma once
#include <bora/core/checked.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/core/format.hpp>
#include <bora/files/compiled_files.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/core/tensor.hpp>
#include <bora/io/foreign_file.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();  // as in format.hpp, or its conversions would not be inlined here
namespace bora { inline namespace BORA_ABI {

namespace detail {

/// out[i] = to_number(the i-th T at `from`).
template <class T, class ToNumber>
void convert_numbers(const std::byte* from, std::span<float> out, ToNumber to_number) noexcept {
  // Through a small buffer: a file's bytes may alias `out`, which would prevent vectorisation.
  std::array<T, 1024> block;
  for (std::size_t at = 0; at < out.size(); at += block.size()) {
    const std::size_t count = std::min(block.size(), out.size() - at);
    std::memcpy(block.data(), from + at * sizeof(T), count * sizeof(T));
    for (std::size_t i = 0; i < count; ++i) out[at + i] = to_number(block[i]);
  }
}

struct StoredType {
  std::string_view name;
  std::size_t size;  ///< bytes an element
};
inline constexpr StoredType stored_types[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
    {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U32", 4},
    {"F32", 4},  {"C64", 8}, {"F64", 8}, {"I64", 8},     {"U64", 8},
};

/// Bytes of an element, or 0 for an unknown type.
constexpr std::size_t stored_size(std::string_view dtype) noexcept {
  for (const StoredType& type : stored_types)
    if (type.name == dtype) return type.size;
  return 0;
}

/// Rust's reader, which defines the format, refuses larger headers.
inline constexpr std::size_t safetensors_header_limit = 100'000'000;
/// Axes of a tensor: as many as PyTorch and numpy have at most. The format sets no limit; a message must.
inline constexpr std::size_t safetensors_axes_limit = 64;

}  // namespace detail

/// A tensor as the header describes it.
struct SafeTensorsEntry {
  std::string dtype;               ///< "F32", "BF16", "I64", …
  std::vector<std::size_t> shape;  ///< empty for a scalar
  std::size_t begin;               ///< its first byte, counted from the end of the header
  std::size_t end;                 ///< one past its last byte, counted likewise

  /// Number of elements.
  std::size_t elements() const noexcept { return (end - begin) / detail::stored_size(dtype); }
};

namespace detail {

/// What the header of a file says.
struct SafeTensorsHeader {
  std::size_t bytes;  ///< of the header and its size: the tensors follow
  std::map<std::string, SafeTensorsEntry, std::less<>> entries;
  std::map<std::string, std::string> metadata;
};
/// Throws FileError, naming file and tensor, for anything the format forbids.
BORA_FILE_FUNCTION SafeTensorsHeader read_safetensors_header(const MappedFile& file);

}  // namespace detail

/// A safetensors file. Opening it checks the whole header, so that reading an accepted file cannot go out of bounds.
/// Tensors are read on demand.
class SafeTensors {
 public:
  using Entry = SafeTensorsEntry;

  /// Throws FileError, naming file and tensor, for anything the format forbids.
  explicit SafeTensors(const std::filesystem::path& file, FileAccess access = FileAccess::map) : file_(file, access) {
    detail::SafeTensorsHeader header = detail::read_safetensors_header(file_);
    data_ = file_.bytes().subspan(header.bytes);
    entries_ = std::move(header.entries);
    metadata_ = std::move(header.metadata);
  }

  /// The file.
  const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// "format": "pt" and the like.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  /// All tensors' names, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, entry] : entries_) all.push_back(name);
    return all;
  }
  /// Whether there is a tensor of that name.
  bool contains(std::string_view name) const noexcept { return entries_.find(name) != entries_.end(); }

  /// Throws FileError where the file has no tensor of that name.
  const Entry& entry(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) detail::refuse_file(path(), "has no tensor ", detail::printable(name));
    return found->second;
  }

  /// Throws FileError where the file has no tensor of that name, or one of another type than F32, F16, BF16 and F64.
  const Entry& float_entry(std::string_view name) const {
    const Entry& tensor = entry(name);
    if (tensor.dtype != "F32" && tensor.dtype != "F16" && tensor.dtype != "BF16" && tensor.dtype != "F64")
      refuse(name, "has dtype ", tensor.dtype, ", expected F32, F16, BF16 or F64");
    return tensor;
  }

  /// All elements of an F32, F16, BF16 or F64 tensor. Throws FileError if it is missing, of another type, does not have
  /// out.size() elements, or has one that is not finite (as a float).
  void read(std::string_view name, std::span<float> out) const {
    const Entry& tensor = float_entry(name);
    if (tensor.elements() != out.size())
      refuse(name, "has shape ", detail::shape_text(tensor.shape), ", ", tensor.elements(), " numbers, expected ",
             out.size());
    convert(name, tensor, 0, out);
  }
  /// The same into a vector of the right size. Throws MemoryError if there is no memory for it: a sparse file may claim
  /// any size.
  std::vector<float> read(std::string_view name) const {
    std::vector<float> values;
    make_room(values, float_entry(name).elements(), name);
    read(name, values);
    return values;
  }

  /// Rows [first_row, first_row + rows) along the first axis; throws as `read` does.
  void read_rows(std::string_view name, std::size_t first_row, std::size_t rows, std::span<float> out) const {
    const Entry& tensor = float_entry(name);
    const std::size_t there = tensor.shape.empty() ? 0 : tensor.shape[0];
    if (first_row > there || rows > there - first_row)
      refuse(name, "has shape ", detail::shape_text(tensor.shape), ", expected ", rows, " rows from row ", first_row);
    const std::size_t width = there == 0 ? 0 : tensor.elements() / there;
    if (rows * width != out.size())
      refuse(name, "has shape ", detail::shape_text(tensor.shape), ", ", rows * width, " numbers in ", rows,
             " rows, expected ", out.size());
    convert(name, tensor, first_row * width, out);
  }
  /// Elements [first, first + out.size()) in the file's order, whatever the shape; throws as `read` does.
  void read_elements(std::string_view name, std::size_t first, std::span<float> out) const {
    const Entry& tensor = float_entry(name);
    if (first > tensor.elements() || out.size() > tensor.elements() - first)
      refuse(name, "has shape ", detail::shape_text(tensor.shape), ", ", tensor.elements(), " numbers, expected ",
             out.size(), " from number ", first);
    convert(name, tensor, first, out);
  }
  /// The bytes of a tensor, as they are stored.
  std::span<const std::byte> bytes(std::string_view name) const {
    const Entry& tensor = entry(name);
    return data_.subspan(tensor.begin, tensor.end - tensor.begin);
  }
  /// Type of its elements. Throws FileError for other types than F32, F16, BF16 and F64.
  ElementType element_type(std::string_view name) const {
    const std::string& dtype = float_entry(name).dtype;
    return dtype == "F32"    ? ElementType::f32
           : dtype == "F16"  ? ElementType::f16
           : dtype == "BF16" ? ElementType::bf16
                             : ElementType::f64;
  }
  /// Tells the system that elements [first, first + count) of a tensor have been read: their pages of a mapped file
  /// stop counting as memory of this program. They may still be read.
  void release(std::string_view name, std::size_t first, std::size_t count) const {
    const Entry& tensor = entry(name);
    const std::size_t size = detail::stored_size(tensor.dtype), elements = tensor.elements();
    first = std::min(first, elements);
    file_.release(data_.subspan(tensor.begin + first * size, std::min(count, elements - first) * size));
  }

  /// An I32 or I64 tensor [batch, time]. Throws FileError for another type or rank, and for ids beyond 32 bits.
  TokenBatch token_batch(std::string_view name) const {
    const Entry& tensor = token_entry(name);
    if (tensor.shape.size() != 2) refuse_token_shape(name, tensor, "[batch, time]");
    return tokens(name, tensor, 0, tensor.shape[0], tensor.shape[1]);
  }
  /// Slice `slice` of an I32 or I64 tensor [step, batch, time].
  TokenBatch token_batch(std::string_view name, std::size_t slice) const {
    const Entry& tensor = token_entry(name);
    if (tensor.shape.size() != 3) refuse_token_shape(name, tensor, "[step, batch, time]");
    if (slice >= tensor.shape[0])
      refuse(name, "has ", tensor.shape[0], " slices (shape ", detail::shape_text(tensor.shape), "), slice ", slice,
             " was asked for");
    const std::size_t batch = tensor.shape[1], time = tensor.shape[2];
    return tokens(name, tensor, slice * (tensor.elements() / tensor.shape[0]), batch, time);
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(std::string_view name, const Parts&... parts) const {
    detail::refuse_file(path(), "tensor ", detail::printable(name), " ", parts...);
  }
  void refuse_token_shape(std::string_view name, const Entry& tensor, std::string_view expected) const {
    refuse(name, "has shape ", detail::shape_text(tensor.shape), ", expected ", expected);
  }

  // ---- reading

  template <class T>
  void make_room(std::vector<T>& values, std::size_t size, std::string_view name) const {
    try {
      if (size > values.max_size()) throw std::bad_alloc();
      values.resize(size);
    } catch (const std::bad_alloc&) {
      throw MemoryError(detail::message(path().string(), ": tensor ", detail::printable(name), " holds ", size,
                                        " numbers, more than there is memory for"));
    }
  }

  const Entry& token_entry(std::string_view name) const {
    const Entry& tensor = entry(name);
    if (tensor.dtype != "I32" && tensor.dtype != "I64")
      refuse(name, "has dtype ", tensor.dtype, ", expected I32 or I64: token ids");
    return tensor;
  }

  void convert(std::string_view name, const Entry& tensor, std::size_t first, std::span<float> out) const {
    if (out.empty()) return;
    const detail::FloatMode mode;
    const std::byte* from = data_.data() + tensor.begin + first * detail::stored_size(tensor.dtype);
    if (tensor.dtype == "F32")
      std::memcpy(out.data(), from, out.size_bytes());
    else if (tensor.dtype == "BF16")
      detail::convert_numbers<bfloat16>(from, out, [](bfloat16 value) { return to_float(value); });
    else if (tensor.dtype == "F16")
      detail::convert_numbers<std::uint16_t>(from, out, [](std::uint16_t value) { return half_to_float(value); });
    else
      detail::convert_numbers<double>(from, out, [](double value) { return static_cast<float>(value); });
    detail::require_finite(out, path(), name, first);
  }

  TokenBatch tokens(std::string_view name, const Entry& tensor, std::size_t first, std::size_t batch,
                    std::size_t time) const {
    if (tensor.elements() == 0) refuse(name, "has shape ", detail::shape_text(tensor.shape), ", expected some tokens");
    std::vector<TokenId> ids;
    make_room(ids, batch * time, name);
    const std::size_t size = detail::stored_size(tensor.dtype);
    const std::byte* from = data_.data() + tensor.begin + first * size;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::int64_t id = size == 4 ? detail::load_number<std::int32_t>(from + i * size)
                                        : detail::load_number<std::int64_t>(from + i * size);
      if (id < std::numeric_limits<TokenId>::min() || id > std::numeric_limits<TokenId>::max())
        refuse(name, "holds ", id, " as element ", first + i, ", expected token ids of 32 bits");
      ids[i] = static_cast<TokenId>(id);
    }
    return {batch, time, std::move(ids)};
  }

  MappedFile file_;
  std::span<const std::byte> data_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/compiled/safetensors.hpp>
#endif
