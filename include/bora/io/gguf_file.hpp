/// The GGUF container (ggml, docs/gguf.md): a header, keys with values, descriptions of tensors, and after padding the
/// tensors' bytes; versions 2 and 3, little-endian.
///
/// Opening a file checks all of it, so that reading an accepted file cannot go out of bounds. Values stay in the mapped
/// file and are decoded on demand.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/format.hpp>
#include <bora/core/load_number.hpp>
#include <bora/core/memory.hpp>
#include <bora/core/printable.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/foreign_file.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Types of values, as files number them.
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

namespace detail {

/// Bytes of a number, or 0 for types whose values have no fixed size.
constexpr std::size_t gguf_size(GgufType type) noexcept {
  constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}
constexpr std::string_view gguf_type_name(GgufType type) noexcept {
  constexpr std::string_view names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<std::size_t>(type)];
}
constexpr bool is_gguf_integer(GgufType type) noexcept {
  return gguf_size(type) != 0 && type != GgufType::f32 && type != GgufType::f64 && type != GgufType::boolean;
}

/// A tensor type, as files number them, with its number of dimensions' names in messages.
struct GgufElementType {
  std::uint32_t number;
  ElementType type;
};
inline constexpr GgufElementType gguf_element_types[] = {
    {0, ElementType::f32},   {1, ElementType::f16},     {30, ElementType::bf16},  {28, ElementType::f64},
    {8, ElementType::q8_0},  {2, ElementType::q4_0},    {3, ElementType::q4_1},   {6, ElementType::q5_0},
    {7, ElementType::q5_1},  {20, ElementType::iq4_nl}, {39, ElementType::mxfp4}, {10, ElementType::q2_k},
    {11, ElementType::q3_k}, {12, ElementType::q4_k},   {13, ElementType::q5_k},  {14, ElementType::q6_k}};
inline constexpr std::string_view gguf_element_names =
    "F32, F16, BF16, F64, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, MXFP4, Q2_K, Q3_K, Q4_K, Q5_K or Q6_K";

inline std::optional<ElementType> gguf_element_type(std::uint32_t number) noexcept {
  for (const GgufElementType& known : gguf_element_types)
    if (known.number == number) return known.type;
  return std::nullopt;
}
inline std::uint32_t gguf_number(ElementType type) noexcept {
  for (const GgufElementType& known : gguf_element_types)
    if (known.type == type) return known.number;
  return 0;
}

inline bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Reads a file's header from front to end.
class GgufCursor {
 public:
  GgufCursor(const MappedFile& file) : file_(&file) {}

  std::size_t position() const noexcept { return at_; }
  std::size_t left() const noexcept { return file_->size() - at_; }
  /// The next bytes. Throws FileError, saying what they were to be, where the file ends before.
  std::span<const std::byte> take(std::uint64_t size, std::string_view what) {
    if (size > left()) refuse_file(file_->path(), "ends inside ", what, ": ", size, " bytes wanted, ", left(), " left");
    const auto bytes = file_->bytes().subspan(at_, static_cast<std::size_t>(size));
    at_ += bytes.size();
    return bytes;
  }
  template <class T>
  T number(std::string_view what) {
    return load_number<T>(take(sizeof(T), what).data());
  }
  std::string_view string(std::string_view what) {
    const auto bytes = take(number<std::uint64_t>(what), what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  const MappedFile* file_;
  std::size_t at_ = 0;
};

}  // namespace detail

/// A value of a key: a view of the file's bytes.
struct GgufValue {
  GgufType type;                     ///< array: of `element`
  GgufType element = {};             ///< type of an array's elements
  std::uint64_t count = 1;           ///< elements of an array
  std::span<const std::byte> bytes;  ///< of the value, or of all elements

  /// Whether it is one integer or number of any type.
  bool is_number() const noexcept { return detail::gguf_size(type) != 0 && type != GgufType::boolean; }
  /// Whether it is an array of such elements.
  bool is_array_of(GgufType of) const noexcept { return type == GgufType::array && element == of; }
  /// Whether it is an array of integers of any type.
  bool is_integer_array() const noexcept { return type == GgufType::array && detail::is_gguf_integer(element); }

  /// The text of a string.
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  /// Element i of numbers, as a double; integers beyond 2^53 are rounded.
  double number(std::size_t i = 0) const noexcept {
    const GgufType t = type == GgufType::array ? element : type;
    const std::byte* at = bytes.data() + i * detail::gguf_size(t);
    switch (t) {
      case GgufType::f32:
        return static_cast<double>(detail::load_number<float>(at));
      case GgufType::f64:
        return detail::load_number<double>(at);
      default:
        return is_negative(t, at) ? -static_cast<double>(-integer(i)) : static_cast<double>(natural(t, at));
    }
  }
  /// Element i of integers, modulo 2^64.
  std::uint64_t integer(std::size_t i = 0) const noexcept {
    const GgufType t = type == GgufType::array ? element : type;
    return natural(t, bytes.data() + i * detail::gguf_size(t));
  }
  /// All elements of an array of strings; views of the file.
  std::vector<std::string_view> texts() const {
    std::vector<std::string_view> all;
    all.reserve(static_cast<std::size_t>(count));
    for (const std::byte* at = bytes.data(); all.size() < count;) {
      const auto size = static_cast<std::size_t>(detail::load_number<std::uint64_t>(at));
      all.emplace_back(reinterpret_cast<const char*>(at + 8), size);
      at += 8 + size;
    }
    return all;
  }

 private:
  static std::uint64_t natural(GgufType t, const std::byte* at) noexcept {
    using detail::load_number;
    switch (t) {
      case GgufType::i8:
        return static_cast<std::uint64_t>(std::int64_t{load_number<std::int8_t>(at)});
      case GgufType::i16:
        return static_cast<std::uint64_t>(std::int64_t{load_number<std::int16_t>(at)});
      case GgufType::i32:
        return static_cast<std::uint64_t>(std::int64_t{load_number<std::int32_t>(at)});
      case GgufType::u16:
        return load_number<std::uint16_t>(at);
      case GgufType::u32:
        return load_number<std::uint32_t>(at);
      case GgufType::u64:
      case GgufType::i64:
        return load_number<std::uint64_t>(at);
      default:
        return load_number<std::uint8_t>(at);
    }
  }
  static bool is_negative(GgufType t, const std::byte* at) noexcept {
    const bool is_signed = t == GgufType::i8 || t == GgufType::i16 || t == GgufType::i32 || t == GgufType::i64;
    return is_signed && static_cast<std::int64_t>(natural(t, at)) < 0;
  }
};

/// One GGUF file.
class GgufFile {
 public:
  /// A tensor as the file describes it.
  struct Tensor {
    ElementType type;                  ///< of its elements
    std::vector<std::size_t> shape;    ///< row length last, as PyTorch writes it
    std::span<const std::byte> bytes;  ///< all rows, in whole blocks
    std::size_t number;                ///< its place in the file's list

    /// Number of elements.
    std::size_t elements() const noexcept {
      std::size_t all = 1;
      for (const std::size_t extent : shape) all *= extent;
      return all;
    }
  };
  using Keys = std::map<std::string, GgufValue, std::less<>>;
  using Tensors = std::map<std::string, Tensor, std::less<>>;

  /// Throws FileError, naming the key or tensor, for anything the format forbids.
  explicit GgufFile(const std::filesystem::path& file) : file_(file) {
    detail::GgufCursor cursor(file_);
    const auto [tensors, keys] = read_header(cursor);
    for (std::uint64_t i = 0; i < keys; ++i) read_key(cursor);
    read_alignment();
    std::vector<Described> described;
    for (std::uint64_t i = 0; i < tensors; ++i) described.push_back(read_tensor(cursor));
    place_tensors(described, round_up(cursor.position(), alignment_));
    check_overlap();
  }

  /// The file.
  const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// All keys and values, sorted.
  const Keys& keys() const noexcept { return keys_; }
  /// The keys in the file's order.
  const std::vector<std::string>& key_order() const noexcept { return key_order_; }
  /// A key's value; null where there is none.
  const GgufValue* find(std::string_view key) const noexcept {
    const auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : &found->second;
  }
  /// All tensors, by name.
  const Tensors& tensors() const noexcept { return tensors_; }
  /// Tells the system that these bytes of a tensor were read and need not stay in memory.
  void release(std::span<const std::byte> part) const noexcept { file_.release(part); }

  /// Throws FileError; the message is the file's name and then the parts.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    detail::refuse_file(path(), parts...);
  }

 private:
  struct Described {
    std::string name;
    ElementType type;
    std::vector<std::size_t> shape;
    std::uint64_t offset, size;
  };

  std::pair<std::uint64_t, std::uint64_t> read_header(detail::GgufCursor& cursor) const {
    const auto magic = cursor.take(4, "the magic, 'GGUF'");
    if (std::string_view(reinterpret_cast<const char*>(magic.data()), 4) != "GGUF") {
      detail::refuse_foreign_kind(path(), file_.text(), "no GGUF file");
      refuse("begins with ", detail::beginning(file_.text().substr(0, 4)), ", expected 'GGUF'");
    }
    const auto version = cursor.number<std::uint32_t>("the version");
    if ((version & 0xffffu) == 0 && version != 0)
      refuse("is a big-endian file (version ", version >> 24, "), expected a little-endian one");
    if (version != 2 && version != 3) refuse("has version ", version, ", expected 2 or 3");
    const auto tensors = cursor.number<std::uint64_t>("the number of tensors");
    const auto keys = cursor.number<std::uint64_t>("the number of keys");
    if (keys > cursor.left() / 13) refuse("has ", keys, " keys, more than fit in ", file_.size(), " bytes");
    if (tensors > cursor.left() / 24) refuse("has ", tensors, " tensors, more than fit in ", file_.size(), " bytes");
    return {tensors, keys};
  }

  // ---- keys

  void read_key(detail::GgufCursor& cursor) {
    const std::string_view key = cursor.string("a key");
    if (key.empty() || key.find('\0') != key.npos)
      refuse("key ", detail::printable(key), " is empty or holds a NUL, expected a name");
    if (!detail::is_utf8(key)) refuse("key ", detail::printable(key), " is not UTF-8");
    const GgufValue value = read_value(cursor, std::string(key));
    if (!keys_.emplace(key, value).second) refuse("has key ", key, " twice");
    key_order_.emplace_back(key);
  }
  GgufValue read_value(detail::GgufCursor& cursor, const std::string& key) const {
    const auto type = cursor.number<std::uint32_t>(key);
    if (type > 12) refuse("key ", key, " has value type ", type, ", expected 0 to 12");
    GgufValue value{.type = static_cast<GgufType>(type), .bytes = {}};
    if (value.type == GgufType::array) return read_array(cursor, key);
    if (value.type == GgufType::string) {
      const std::string_view text = cursor.string(key);
      value.bytes = std::as_bytes(std::span(text));
    } else {
      value.bytes = cursor.take(detail::gguf_size(value.type), key);
    }
    if (value.type == GgufType::boolean) check_flags(key, value.bytes);
    return value;
  }
  GgufValue read_array(detail::GgufCursor& cursor, const std::string& key) const {
    const auto type = cursor.number<std::uint32_t>(key);
    if (type == 9) refuse("key ", key, " is an array of arrays, expected one of numbers, strings or flags");
    if (type > 12) refuse("key ", key, " is an array with elements of type ", type, ", expected 0 to 12");
    GgufValue value{.type = GgufType::array, .element = static_cast<GgufType>(type), .bytes = {}};
    value.count = cursor.number<std::uint64_t>(key);
    const std::size_t size = detail::gguf_size(value.element);
    if (value.count > cursor.left() / (size == 0 ? 8 : size))
      refuse("key ", key, " is an array of ", value.count, " elements, more than fit in the ", cursor.left(),
             " bytes that are left");
    if (size != 0) {
      value.bytes = cursor.take(value.count * size, key);
    } else {
      const std::size_t begin = cursor.position();
      for (std::uint64_t i = 0; i < value.count; ++i) cursor.string(key);
      value.bytes = file_.bytes().subspan(begin, cursor.position() - begin);
    }
    if (value.element == GgufType::boolean) check_flags(key, value.bytes);
    return value;
  }
  void check_flags(const std::string& key, std::span<const std::byte> flags) const {
    for (const std::byte flag : flags)
      if (flag > std::byte{1}) refuse("key ", key, " is a bool of ", static_cast<unsigned>(flag), ", expected 0 or 1");
  }
  void read_alignment() {
    const GgufValue* value = find("general.alignment");
    if (value == nullptr) return;
    const bool is_number = value->type == GgufType::u32;
    const std::uint64_t bytes = is_number ? value->integer() : 0;
    if (!std::has_single_bit(bytes) || bytes < 8 || bytes > 65536)
      refuse("key general.alignment is ",
             is_number ? std::to_string(bytes) : detail::message("of type ", detail::gguf_type_name(value->type)),
             ", expected an u32, a power of two from 8 to 65536");
    alignment_ = static_cast<std::size_t>(bytes);
  }

  // ---- tensors

  Described read_tensor(detail::GgufCursor& cursor) const {
    const std::string_view name = cursor.string("a tensor's name");
    if (!detail::is_utf8(name)) refuse("tensor name ", detail::printable(name), " is not UTF-8");
    if (name.empty() || name.size() > 64 || name.find('\0') != name.npos)
      refuse("tensor name ", detail::printable(name), " is empty, holds a NUL or is longer than 64 bytes");
    Described tensor{std::string(name), {}, {}, 0, 0};
    const auto axes = cursor.number<std::uint32_t>(name);
    if (axes < 1 || axes > 4) refuse("tensor ", name, " has ", axes, " dimensions, expected 1 to 4");
    std::uint64_t elements = 1;
    for (std::uint32_t i = 0; i < axes; ++i) {
      const auto extent = cursor.number<std::uint64_t>(name);
      if (extent == 0) refuse("tensor ", name, " has a dimension of 0");
      if (elements > std::numeric_limits<std::int64_t>::max() / extent)
        refuse("tensor ", name, ": the product of its dimensions overflows");
      elements *= extent;
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::size_t>(extent));
    }
    const auto number = cursor.number<std::uint32_t>(name);
    const auto type = detail::gguf_element_type(number);
    if (!type) refuse("tensor ", name, " has type ", number, ", expected ", detail::gguf_element_names);
    tensor.type = *type;
    const ElementTypeFacts facts = facts_of(tensor.type);
    if (tensor.shape.back() % facts.block != 0)
      refuse("tensor ", name, " has rows of ", tensor.shape.back(), ", no whole ", facts.name, " blocks of ",
             facts.block);
    if (elements / facts.block > std::numeric_limits<std::int64_t>::max() / facts.bytes)
      refuse("tensor ", name, ": the number of its bytes overflows");
    tensor.size = elements / facts.block * facts.bytes;
    tensor.offset = cursor.number<std::uint64_t>(name);
    return tensor;
  }

  void place_tensors(std::vector<Described>& described, std::size_t data) {
    const std::size_t there = file_.size() - std::min(file_.size(), data);
    for (Described& t : described) {
      if (t.offset % alignment_ != 0)
        refuse("tensor ", t.name, ": offset ", t.offset, " is not a multiple of the alignment, ", alignment_);
      if (t.offset > there || t.size > there - t.offset)
        refuse("tensor ", t.name, ": ", t.size, " bytes at offset ", t.offset, " reach beyond the end of the file");
      const auto bytes =
          file_.bytes().subspan(data + static_cast<std::size_t>(t.offset), static_cast<std::size_t>(t.size));
      const Tensor tensor{t.type, std::move(t.shape), bytes, tensors_.size()};
      if (!tensors_.emplace(t.name, tensor).second) refuse("has tensor ", t.name, " twice");
    }
  }
  void check_overlap() const {
    std::vector<const Tensors::value_type*> order;
    for (const auto& tensor : tensors_) order.push_back(&tensor);
    std::ranges::sort(order, {}, [](const auto* t) { return t->second.bytes.data(); });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const auto before = order[i - 1]->second.bytes;
      if (before.data() + before.size() > order[i]->second.bytes.data())
        refuse("tensors ", order[i - 1]->first, " and ", order[i]->first, " overlap");
    }
  }

  MappedFile file_;
  Keys keys_;
  std::vector<std::string> key_order_;
  Tensors tensors_;
  std::size_t alignment_ = 32;
};

/// A model's GGUF file, or the files it is split into, NAME-00001-of-0000N.gguf and so on. The first has all metadata.
class GgufFiles {
 public:
  /// \param file  the file, or the first of several
  /// Throws FileError for a bad file, for files that are missing, and for files that do not belong together.
  explicit GgufFiles(const std::filesystem::path& file) {
    files_.emplace_back(file);
    const bool is_split = files_.front().find("split.count") != nullptr;
    if (is_split) open_others(file, split_number(files_.front(), "split.count", 1, 65535));
    for (const GgufFile& one : files_) add_tensors(one);
    if (is_split && files_.front().find("split.tensors.count") != nullptr) {
      const std::uint64_t all = split_number(files_.front(), "split.tensors.count", 0, ~std::uint64_t{0});
      if (all != tensors_.size())
        files_.front().refuse("has split.tensors.count ", all, ", expected ", tensors_.size(),
                              ", as many as the files hold");
    }
  }

  /// The only file, or the first.
  const GgufFile& first() const noexcept { return files_.front(); }
  /// The metadata.
  const GgufValue* find(std::string_view key) const noexcept { return first().find(key); }
  /// A tensor and the file that holds it.
  struct Place {
    const GgufFile* file;            ///< that holds it
    const GgufFile::Tensor* tensor;  ///< as the file describes it
  };
  /// All tensors, by name.
  const std::map<std::string_view, Place>& tensors() const noexcept { return tensors_; }
  /// A tensor; null where there is none.
  const Place* find_tensor(std::string_view name) const noexcept {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }

 private:
  static std::string numbered(std::uint64_t i, std::uint64_t count) {
    const auto five = [](std::uint64_t n) {
      const std::string digits = std::to_string(n);
      return std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
    };
    return detail::message("-", five(i), "-of-", five(count), ".gguf");
  }
  static std::uint64_t split_number(const GgufFile& file, std::string_view key, std::uint64_t least,
                                    std::uint64_t most) {
    const GgufValue* value = file.find(key);
    if (value == nullptr) file.refuse("has no key ", key);
    if (!detail::is_gguf_integer(value->type))
      file.refuse("key ", key, " is of type ", detail::gguf_type_name(value->type), ", expected an integer");
    const std::uint64_t number = value->integer();
    if (number < least || number > most)
      file.refuse("key ", key, " is ", number, ", expected a number from ", least, " to ", most);
    return number;
  }
  static void check_number(const GgufFile& file, std::uint64_t expected) {
    const std::uint64_t number = split_number(file, "split.no", 0, ~std::uint64_t{0});
    if (number != expected) file.refuse("has split.no ", number, ", expected ", expected);
  }
  void open_others(const std::filesystem::path& file, std::uint64_t count) {
    check_number(files_.front(), 0);
    if (count == 1) return;
    const std::string name = file.filename().string(), ending = numbered(1, count);
    if (!name.ends_with(ending))
      files_.front().refuse("has split.count ", count, ", expected the name of the first file, NAME", ending);
    for (std::uint64_t i = 2; i <= count; ++i) {
      const auto next = file.parent_path() / (name.substr(0, name.size() - ending.size()) + numbered(i, count));
      if (!detail::is_there(next)) detail::refuse_file(next, "is missing: the model is split into ", count, " files");
      files_.emplace_back(next);
      check_number(files_.back(), i - 1);
      const std::uint64_t other = split_number(files_.back(), "split.count", 0, 65535);
      if (other != count)
        files_.back().refuse("has split.count ", other, ", expected ", count, " as in the first file");
    }
  }
  void add_tensors(const GgufFile& file) {
    for (const auto& [name, tensor] : file.tensors())
      if (!tensors_.emplace(name, Place{&file, &tensor}).second)
        file.refuse("holds tensor ", name, ", which is also in an earlier file");
  }

  std::deque<GgufFile> files_;
  std::map<std::string_view, Place> tensors_;
};

}}  // namespace bora::BORA_ABI
