/// llama2.c checkpoints (karpathy/llama2.c: export.py, run.c): Llama models in float32, as its version 0 ("legacy") and
/// version 1 lay them out. Version 0 is written.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/core/checked.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/core/executor.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/description_difference.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// The header of a llama2.c checkpoint.
struct Llama2cHeader {
  std::size_t dim;         ///< width of the residual stream
  std::size_t hidden;      ///< width of the feed-forward layers
  std::size_t layers;      ///< layers of attention and feed-forward
  std::size_t heads;       ///< query heads
  std::size_t kv_heads;    ///< key/value heads
  std::size_t vocab_size;  ///< positive, whatever its sign in the file
  std::size_t context;  ///< the file's max_seq_len: rows of version 0's rotary tables. A type's context may be another
  bool tied;            ///< the head is the embedding: version 0 says so by vocab_size > 0
  int version = 0;      ///< 0 ("legacy") or 1

  /// Features per head.
  std::size_t head_dim() const noexcept { return dim / heads; }
};

namespace detail {

inline constexpr std::uint32_t llama2c_magic = 0x616b3432;  // "ak42"
inline constexpr std::size_t llama2c_v1_header = 256;
/// Constants that the format assumes.
inline constexpr double llama2c_theta = 1e4, llama2c_eps = 1e-5;

/// A tensor in the file: one copy, or one copy a layer, consecutive.
struct Llama2cTensor {
  std::string_view name;  ///< the library's; empty for version 0's rotary tables, which are not read
  TensorShape shape;
  std::size_t copies;
};

/// All tensors in the order of the file (export.py: legacy_export, version1_export).
inline std::vector<Llama2cTensor> llama2c_tensors(const Llama2cHeader& h) {
  const std::size_t key_width = h.kv_heads * h.head_dim();
  const Llama2cTensor embedding{"embedding", {h.vocab_size, h.dim}, 1}, head{"head", {h.vocab_size, h.dim}, 1},
      attention_norm{"attention_norm", {h.dim}, h.layers}, feed_forward_norm{"feed_forward_norm", {h.dim}, h.layers},
      final_norm{"final_norm", {h.dim}, 1}, query{"query", {h.dim, h.dim}, h.layers},
      key{"key", {key_width, h.dim}, h.layers}, value{"value", {key_width, h.dim}, h.layers},
      output{"output", {h.dim, h.dim}, h.layers}, gate{"gate", {h.hidden, h.dim}, h.layers},
      down{"down", {h.dim, h.hidden}, h.layers}, up{"up", {h.hidden, h.dim}, h.layers},
      cosine_and_sine{"", {h.context, h.head_dim() / 2}, 2};
  std::vector<Llama2cTensor> all;
  if (h.version == 0)
    all = {embedding,         attention_norm, query, key, value,      output,
           feed_forward_norm, gate,           down,  up,  final_norm, cosine_and_sine};
  else
    all = {attention_norm, feed_forward_norm, final_norm, embedding, query, key, value, output, gate, down, up};
  if (!h.tied) all.push_back(head);
  return all;
}

/// Bytes of a tensor with all its copies.
inline CheckedSize llama2c_bytes(const Llama2cTensor& tensor) {
  const CheckedSize columns = tensor.shape.matrix() ? tensor.shape.cols : 1;
  return CheckedSize(tensor.shape.rows) * columns * tensor.copies * sizeof(float);
}

/// The format rotates components (2c, 2c + 1) of each head, this library (c, c + R/2): row c is the file's row 2c, row
/// c + R/2 the file's row 2c + 1. `place(half_split_row, file_row)` for each row of all heads.
template <class Place>
void for_rotary_rows(std::size_t rows, std::size_t head_dim, Place place) {
  for (std::size_t head = 0; head < rows; head += head_dim)
    for (std::size_t c = 0; c < head_dim / 2; ++c) {
      place(head + c, head + 2 * c);
      place(head + c + head_dim / 2, head + 2 * c + 1);
    }
}

inline bool llama2c_rotates(std::string_view name) noexcept { return name == "query" || name == "key"; }

/// The model that a header describes, with the eps and theta that the format assumes. Its parameters are not counted.
inline ModelDescription llama2c_model(const Llama2cHeader& h) {
  ModelDescription d = prototype(norm_description("RmsNorm", llama2c_eps, true, false), rotary_prototype(llama2c_theta),
                                 swiglu_prototype());
  d.vocab_size = h.vocab_size;
  d.dim = h.dim;
  d.layers = h.layers;
  d.context = h.context;
  d.tie_embeddings = h.tied;
  d.attention.front().find("heads")->whole = h.heads;
  d.attention.front().find("kv_heads")->whole = h.kv_heads;
  d.attention.front().find("head_dim")->whole = h.heads == 0 ? 0 : h.head_dim();
  d.feed_forward.front().find("hidden")->whole = h.hidden;
  return d;
}

inline Llama2cHeader llama2c_header(const ModelDescription& model) {
  return {.dim = model.dim,
          .hidden = model.feed_forward.front().size("hidden"),
          .layers = model.layers,
          .heads = model.attention.front().size("heads"),
          .kv_heads = model.attention.front().size("kv_heads"),
          .vocab_size = model.vocab_size,
          .context = model.context,
          .tied = model.tie_embeddings};
}

/// Throws ConfigError unless the type is a Llama with the eps and theta that the format assumes.
inline void check_llama2c_form(const ModelDescription& model, const std::filesystem::path& file) {
  if (const auto difference = first_difference(llama2c_model(llama2c_header(model)), model))
    throw ConfigError(message(file.string(), ": a llama2.c file has as ", difference->place, ": ", difference->first,
                              "; the model's type has: ", difference->second));
}

}  // namespace detail

/// A llama2.c checkpoint of version 0 or 1. The header is checked when the file is opened, down to the file's size;
/// tensors are read on demand, by the library's names and in its order of rows.
class Llama2cCheckpoint {
 public:
  /// Throws FileError for an impossible header and for a file that is not exactly as long as its header implies.
  explicit Llama2cCheckpoint(const std::filesystem::path& file, FileAccess access = FileAccess::map)
      : file_(file, access) {
    read_header();
    check_header();
    check_size();
  }

  /// The file.
  const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// Its header.
  const Llama2cHeader& header() const noexcept { return header_; }

  /// The model it holds.
  ModelDescription describe() const {
    ModelDescription model = detail::llama2c_model(header_);
    detail::count_parameters(model);
    return model;
  }

  /// Throws ConfigError unless the file's header is the type's and the format can hold the type at all. As in
  /// config.json, the context may differ: rotary positions have no end.
  void check(const ModelDescription& model) const {
    detail::check_llama2c_form(model, path());
    const Llama2cHeader type = detail::llama2c_header(model);
    check_field("dim", header_.dim, type.dim);
    check_field("hidden_dim", header_.hidden, type.hidden);
    check_field("n_layers", header_.layers, type.layers);
    check_field("n_heads", header_.heads, type.heads);
    check_field("n_kv_heads", header_.kv_heads, type.kv_heads);
    check_field("vocab_size", header_.vocab_size, type.vocab_size);
    const auto head = [](bool tied) { return tied ? "the embedding" : "a matrix of its own"; };
    if (header_.tied != type.tied)
      throw ConfigError(detail::message(path().string(), ": the head is ", head(header_.tied), ", the type expects ",
                                        head(type.tied)));
  }

  /// A tensor as it is stored. Throws FileError where the file has no such tensor, or in another shape.
  StoredTensor stored(TensorId id, TensorShape shape) const {
    const auto [tensor, bytes] = find(id, shape);
    return {.role = id,
            .shape = shape,
            .type = ElementType::f32,
            .data = bytes.data(),
            .row_length = std::max<std::size_t>(shape.cols, 1),
            .pairs = detail::llama2c_rotates(tensor.name) ? header_.head_dim() / 2 : 0};
  }
  /// Releases the pages of a stored tensor once its last row has been read.
  void release(const StoredTensor& tensor, Range rows) const {
    if (rows.end == tensor.shape.rows) file_.release(find(tensor.role, tensor.shape).second);
  }

  /// A tensor by the library's name, row-major. Query and key rows are re-ordered from the file's rotary pairs to the
  /// library's. Throws FileError where the file has no such tensor, holds it in another shape, or holds a number that
  /// is not finite.
  void read(TensorId id, TensorShape shape, std::span<float> out) const { read(id, shape, {0, shape.rows}, out); }
  /// Rows [rows.begin, rows.end) of it, into `out` [rows.size(), in]. What has been read of a mapped file stops
  /// counting as memory of this program once the last row has.
  void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const {
    const auto [tensor, from] = find(id, shape);
    check_tensor(tensor, id, shape, rows, out.size());
    copy(tensor, from.data(), rows, out);
    if (rows.end == shape.rows) file_.release(from);
    detail::require_finite(out, path(), title(tensor, id), rows.begin * std::max<std::size_t>(shape.cols, 1));
  }

 private:
  /// The file's tensor of that name and the bytes of one layer's, checked to be of that shape.
  std::pair<detail::Llama2cTensor, std::span<const std::byte>> find(TensorId id, TensorShape shape) const {
    CheckedSize begin = data_begin();
    for (const detail::Llama2cTensor& tensor : detail::llama2c_tensors(header_)) {
      if (tensor.name == id.name) {
        const std::size_t bytes = tensor.shape.size() * sizeof(float);
        check_tensor(tensor, id, shape, {0, shape.rows}, shape.size());
        return {tensor, file_.bytes().subspan(begin.value() + id.layer * bytes, bytes)};
      }
      begin += detail::llama2c_bytes(tensor);
    }
    detail::refuse_file(path(), "has no tensor ", detail::printable(id.name));
  }
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    detail::refuse_file(path(), parts...);
  }
  std::size_t data_begin() const noexcept {
    return header_.version == 0 ? 7 * sizeof(std::int32_t) : detail::llama2c_v1_header;
  }

  void read_header() {
    expect_bytes(7 * sizeof(std::int32_t));
    if (detail::load_number<std::uint32_t>(file_.bytes().data()) != detail::llama2c_magic)
      return read_fields(0);  // no magic, no version: the header of version 0 begins with dim
    const auto version = number(4);
    if (version == 2) refuse("is a llama2.c checkpoint of version 2 (int8), expected version 0 or 1 (float32)");
    if (version != 1) refuse("is a llama2.c checkpoint of version ", version, ", expected 0 or 1");
    expect_bytes(detail::llama2c_v1_header);
    header_.version = 1;
    read_fields(8);
    read_v1_end();
  }

  void expect_bytes(std::size_t count) const {
    if (file_.size() < count)
      refuse("is ", file_.size(), " bytes long, expected at least the ", count, " of a llama2.c header");
  }
  std::int64_t number(std::size_t at) const { return detail::load_number<std::int32_t>(file_.bytes().data() + at); }

  void read_fields(std::size_t at) {
    header_.dim = positive("dim", number(at));
    header_.hidden = positive("hidden_dim", number(at + 4));
    header_.layers = positive("n_layers", number(at + 8));
    header_.heads = positive("n_heads", number(at + 12));
    header_.kv_heads = positive("n_kv_heads", number(at + 16));
    // Version 0 has no other place for "the head is a matrix of its own" than the sign.
    const std::int64_t vocab_size = number(at + 20);
    header_.tied = vocab_size > 0;
    header_.vocab_size = positive("vocab_size", header_.version == 0 && vocab_size < 0 ? -vocab_size : vocab_size);
    header_.context = positive("max_seq_len", number(at + 24));
  }

  /// The flag, then zeros.
  void read_v1_end() {
    constexpr std::size_t flag = 36;
    const auto shared = std::to_integer<int>(file_.bytes()[flag]);
    if (shared > 1) refuse("header field shared_classifier is ", shared, ", expected 0 or 1");
    header_.tied = shared == 1;
    for (std::size_t i = flag + 1; i < detail::llama2c_v1_header; ++i)
      if (file_.bytes()[i] != std::byte{0})
        refuse("header byte ", i, " is ", std::to_integer<int>(file_.bytes()[i]), ", expected zeros up to byte ",
               detail::llama2c_v1_header);
  }

  std::size_t positive(std::string_view field, std::int64_t value) const {
    if (value <= 0) refuse("header field ", field, " is ", value, ", expected 1 or more");
    return static_cast<std::size_t>(value);
  }

  void check_header() const {
    if (header_.dim % header_.heads != 0)
      refuse("header field n_heads is ", header_.heads, ", expected a divisor of dim, ", header_.dim);
    if (header_.heads % header_.kv_heads != 0)
      refuse("header field n_kv_heads is ", header_.kv_heads, ", expected a divisor of n_heads, ", header_.heads);
    if (header_.head_dim() % 2 != 0)
      refuse("heads are ", header_.head_dim(), " wide (dim ", header_.dim, ", n_heads ", header_.heads,
             "), expected an even number: rotary components turn in pairs");
  }

  void check_size() const {
    const std::size_t expected = implied_size();
    if (file_.size() != expected)
      refuse("is ", file_.size(), " bytes long, expected the ", expected, " that its header implies (",
             header_.tied ? "the head is the embedding" : "the head is a matrix of its own", ")");
  }
  std::size_t implied_size() const {
    try {
      CheckedSize size = data_begin();
      for (const detail::Llama2cTensor& tensor : detail::llama2c_tensors(header_))
        size += detail::llama2c_bytes(tensor);
      return size.value();
    } catch (const FileError& error) {
      refuse("the tensors that the header implies are too large: ", error.what());
    }
  }

  void check_field(std::string_view field, std::size_t found, std::size_t expected) const {
    if (found != expected)
      throw ConfigError(
          detail::message(path().string(), ": header field ", field, " is ", found, ", the type expects ", expected));
  }

  static std::string title(const detail::Llama2cTensor& tensor, TensorId id) {
    const bool once = tensor.name == "embedding" || tensor.name == "final_norm" || tensor.name == "head";
    return once ? std::string(id.name) : detail::message(id.name, " of layer ", id.layer);
  }

  void check_tensor(const detail::Llama2cTensor& tensor, TensorId id, TensorShape shape, Range rows,
                    std::size_t size) const {
    if (id.layer >= tensor.copies || id.expert != 0)
      refuse("has no tensor ", detail::printable(title(tensor, id)), ": the header gives ", header_.layers, " layers");
    const auto text = [](TensorShape s) {
      return s.matrix() ? detail::shape_text(std::vector{s.rows, s.cols}) : detail::shape_text(std::vector{s.rows});
    };
    if (tensor.shape.rows != shape.rows || tensor.shape.cols != shape.cols || rows.begin > rows.end ||
        rows.end > shape.rows || size != rows.size() * std::max<std::size_t>(shape.cols, 1))
      refuse("tensor ", detail::printable(title(tensor, id)), " has shape ", text(tensor.shape), ", expected ",
             text(shape), " in ", size, " numbers");
  }

  void copy(const detail::Llama2cTensor& tensor, const std::byte* from, Range rows,
            std::span<float> out) const noexcept {
    const std::size_t row = std::max<std::size_t>(tensor.shape.cols, 1) * sizeof(float);
    if (!detail::llama2c_rotates(tensor.name)) {
      std::memcpy(out.data(), from + rows.begin * row, out.size_bytes());
      return;
    }
    // Row c of a head is the file's row 2c, row c + R/2 is 2c + 1.
    const std::size_t half = header_.head_dim() / 2;
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      const std::size_t in_head = r % (2 * half), c = in_head % half;
      const std::size_t in_file = r - in_head + 2 * c + in_head / half;
      std::memcpy(out.data() + (r - rows.begin) * tensor.shape.cols, from + in_file * row, row);
    }
  }

  MappedFile file_;
  Llama2cHeader header_{};
};

namespace detail {

/// cos, then sin, of position * theta^(-2c/R): [context, R/2] each. Readers compute their own.
inline void write_rotary_tables(AtomicFile& out, const Llama2cHeader& header) {
  const std::size_t pairs = header.head_dim() / 2;
  std::vector<float> row(pairs);
  for (const auto function : {+[](double a) { return std::cos(a); }, +[](double a) { return std::sin(a); }})
    for (std::size_t position = 0; position < header.context; ++position) {
      for (std::size_t c = 0; c < pairs; ++c)
        row[c] =
            static_cast<float>(function(static_cast<double>(position) *
                                        std::pow(llama2c_theta, -static_cast<double>(c) / static_cast<double>(pairs))));
      out.write(std::as_bytes(std::span(row)));
    }
}

inline void write_llama2c_header(AtomicFile& out, const Llama2cHeader& h, const std::filesystem::path& file) {
  std::vector<std::int32_t> fields;
  for (const std::size_t value : {h.dim, h.hidden, h.layers, h.heads, h.kv_heads, h.vocab_size, h.context}) {
    if (value > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw ConfigError(message(file.string(), ": a llama2.c header holds numbers of 32 bits; the type has ", value));
    fields.push_back(static_cast<std::int32_t>(value));
  }
  if (!h.tied) fields[5] = -fields[5];
  out.write(std::as_bytes(std::span(fields)));
}

}  // namespace detail

/// Writes a Llama model as a llama2.c checkpoint of version 0, beside `file` and renamed. `supply` gives each tensor by
/// the library's name and in its order of rows. Throws ConfigError where the format cannot hold the type, FileError
/// where the file cannot be written.
inline void write_llama2c(const std::filesystem::path& file, const ModelDescription& model,
                          const std::function<void(TensorId, TensorShape, std::span<float>)>& supply) {
  detail::check_llama2c_form(model, file);
  const Llama2cHeader header = detail::llama2c_header(model);
  AtomicFile out(file);
  detail::write_llama2c_header(out, header, file);
  for (const detail::Llama2cTensor& tensor : detail::llama2c_tensors(header)) {
    if (tensor.name.empty()) {
      detail::write_rotary_tables(out, header);
      continue;
    }
    const std::size_t cols = tensor.shape.cols;
    std::vector<float> values(tensor.shape.size()), ordered;
    for (std::size_t layer = 0; layer < tensor.copies; ++layer) {
      supply({.name = tensor.name, .layer = layer}, tensor.shape, values);
      if (detail::llama2c_rotates(tensor.name)) {
        ordered.resize(values.size());
        detail::for_rotary_rows(tensor.shape.rows, header.head_dim(), [&](std::size_t half_split, std::size_t in_file) {
          std::memcpy(&ordered[in_file * cols], &values[half_split * cols], cols * sizeof(float));
        });
      }
      out.write(std::as_bytes(std::span<const float>(ordered.empty() ? values : ordered)));
    }
  }
  out.commit();
}

}}  // namespace bora::BORA_ABI
