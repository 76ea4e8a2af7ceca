/// Writing the safetensors format; safetensors.hpp reads it.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/core/checked.hpp>
#include <bora/core/format.hpp>
#include <bora/core/tensor.hpp>
#include <bora/io/file_tensor.hpp>
#include <bora/io/json_string.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();  // as in format.hpp, or its conversions would not be inlined here
namespace bora { inline namespace BORA_ABI {

/// Collects tensors and writes them as one safetensors file. `add` copies the elements; `add_later` asks for them when
/// the file is written, one tensor at a time. All throw ConfigError for a name that is already used or not UTF-8, and
/// for values that do not fill the shape.
class SafeTensorsWriter {
 public:
  /// F32 of any shape.
  void add(std::string name, std::vector<std::size_t> shape, std::span<const float> values) {
    add_copy("F32", std::move(name), std::move(shape), values);
  }
  /// BF16 of any shape.
  void add_bf16(std::string name, std::vector<std::size_t> shape, std::span<const bfloat16> values) {
    add_copy("BF16", std::move(name), std::move(shape), values);
  }
  /// U8 of any shape.
  void add_bytes(std::string name, std::vector<std::size_t> shape, std::span<const std::byte> values) {
    add_copy("U8", std::move(name), std::move(shape), values);
  }
  /// F32 or Bf16 of any shape; `fill` writes all elements of the span it is given.
  template <WeightFormat Format = F32>
    requires(!std::same_as<Format, F64>)
  void add_later(std::string name, std::vector<std::size_t> shape, std::function<void(std::span<float>)> fill) {
    add_tensor(std::same_as<Format, F32> ? "F32" : "BF16", std::move(name), std::move(shape)).fill = std::move(fill);
  }

  /// F32, or I32 for tokens, in the tensor's shape.
  template <class T, std::size_t rank>
    requires std::same_as<T, float> || std::same_as<T, TokenId>
  void add(std::string name, const Tensor<T, rank>& tensor) {
    add_copy(std::same_as<T, float> ? "F32" : "I32", std::move(name), {tensor.shape().begin(), tensor.shape().end()},
             tensor.values());
  }
  /// F32 [1].
  template <std::floating_point T>
  void add(std::string name, T value) {
    const float number = static_cast<float>(value);
    add_copy("F32", std::move(name), {1}, std::span(&number, 1));
  }
  /// F32 [n].
  void add(std::string name, const std::vector<float>& values) {
    add_copy("F32", std::move(name), {values.size()}, std::span<const float>(values));
  }
  /// I32 [1, n]: a row of tokens is a batch of one.
  void add(std::string name, std::span<const TokenId> tokens) {
    add_copy("I32", std::move(name), {1, tokens.size()}, tokens);
  }
  /// I32 [batch, time].
  void add(std::string name, const TokenBatch& tokens) {
    add_copy("I32", std::move(name), {tokens.batch(), tokens.time()}, tokens.ids());
  }
  /// Every tensor of a model, or of its gradients: `prefix` + its name in Hugging Face files, in that file's shape.
  template <ModelSpec S, class T>
  void add(std::string_view prefix, const Parameters<S, T>& parameters) {
    std::vector<float> numbers;
    for (const FileTensor& tensor : file_tensors(parameters.names, describe<S>(), tensors_of<S>())) {
      numbers.resize(tensor.size());
      tensor.gather(parameters.values(), numbers);
      add(detail::message(prefix, tensor.name()), tensor.shape(), numbers);
    }
  }

  /// A pair for `__metadata__`; "format" is "pt" unless it is set.
  void metadata(const std::string& key, const std::string& value) {
    json_string(key);  // throws here, not after everything has been computed
    json_string(value);
    metadata_[key] = value;
  }

  /// Whether there is a tensor of that name.
  bool contains(std::string_view name) const noexcept { return tensors_.find(name) != tensors_.end(); }

  /// Writes beside `file` and renames: a failure throws FileError and leaves what was there before.
  void write(const std::filesystem::path& file) const {
    // Larger element types first, so that each tensor is aligned to its type; then by name.
    std::vector<const Pair*> order;
    for (const Pair& pair : tensors_) order.push_back(&pair);
    std::ranges::sort(order, [](const Pair* a, const Pair* b) {
      const std::size_t left = detail::stored_size(a->second.dtype), right = detail::stored_size(b->second.dtype);
      return left != right ? left > right : a->first < b->first;
    });
    AtomicFile out(file);
    const std::string header = header_text(order);
    const std::uint64_t length = header.size();
    out.write(std::as_bytes(std::span(&length, 1)));
    out.write(header);
    for (const Pair* pair : order) write_tensor(out, pair->second);
    out.commit();
  }

 private:
  struct Pending {
    std::string_view dtype;
    std::vector<std::size_t> shape;
    std::size_t bytes = 0;
    std::vector<std::byte> values = {};
    std::function<void(std::span<float>)> fill = nullptr;  ///< set if the values are computed when the file is written
  };
  using Pair = std::pair<const std::string, Pending>;

  template <class T>
  void add_copy(std::string_view dtype, std::string name, std::vector<std::size_t> shape, std::span<const T> values) {
    CheckedSize elements = 1;
    for (const std::size_t extent : shape) elements *= extent;
    if (elements.value() != values.size())
      throw ConfigError(detail::message("SafeTensorsWriter: tensor ", detail::printable(name), " of shape ",
                                        detail::shape_text(shape), " was given ", values.size(), " numbers, expected ",
                                        elements.value()));
    const auto bytes = std::as_bytes(values);
    add_tensor(dtype, std::move(name), std::move(shape)).values.assign(bytes.begin(), bytes.end());
  }

  Pending& add_tensor(std::string_view dtype, std::string name, std::vector<std::size_t> shape) {
    json_string(name);
    if (name == "__metadata__")
      throw ConfigError("SafeTensorsWriter: the name '__metadata__' is the format's own, expected another");
    if (shape.size() > detail::safetensors_axes_limit)
      throw ConfigError(detail::message("SafeTensorsWriter: tensor ", detail::printable(name), " has ", shape.size(),
                                        " axes, expected at most ", detail::safetensors_axes_limit));
    CheckedSize bytes = detail::stored_size(dtype);
    for (const std::size_t extent : shape) bytes *= extent;
    const auto [added, is_new] = tensors_.try_emplace(std::move(name));
    if (!is_new)
      throw ConfigError(detail::message("SafeTensorsWriter: tensor ", detail::printable(added->first),
                                        " was added before, expected each name once"));
    added->second = {.dtype = dtype, .shape = std::move(shape), .bytes = bytes.value()};
    return added->second;
  }

  std::string header_text(std::span<const Pair* const> order) const {
    std::string text = "{\"__metadata__\":{";
    for (const auto& [key, value] : metadata_)
      text += detail::message(text.back() == '{' ? "" : ",", json_string(key), ":", json_string(value));
    text += "}";
    CheckedSize begin = 0;
    for (const Pair* pair : order) {
      const auto& [name, tensor] = *pair;
      const CheckedSize end = begin + tensor.bytes;
      text += detail::message(",", json_string(name), ":{\"dtype\":\"", tensor.dtype,
                              "\",\"shape\":", detail::shape_text(tensor.shape), ",\"data_offsets\":[", begin.value(),
                              ",", end.value(), "]}");
      begin = end;
    }
    text += "}";
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > detail::safetensors_header_limit)
      throw ConfigError(detail::message("SafeTensorsWriter: the names and shapes take ", text.size(),
                                        " bytes, expected at most ", detail::safetensors_header_limit));
    return text;
  }

  static void write_tensor(AtomicFile& out, const Pending& tensor) {
    if (!tensor.fill) return out.write(tensor.values);
    std::vector<float> values(tensor.bytes / detail::stored_size(tensor.dtype));
    tensor.fill(values);
    if (tensor.dtype == "F32") return out.write(std::as_bytes(std::span(values)));
    std::vector<bfloat16> rounded(values.size());
    std::ranges::transform(values, rounded.begin(), to_bfloat16);
    out.write(std::as_bytes(std::span(rounded)));
  }

  std::map<std::string, Pending, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_{{"format", "pt"}};
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();
