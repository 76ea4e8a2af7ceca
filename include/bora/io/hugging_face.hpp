/// A Hugging Face folder: config.json checked against a model's type, and the model's tensors from its files.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/io/families.hpp>
#include <bora/io/foreign_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/model_config.hpp>
#include <bora/io/parameter_names.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/io/weight_files.hpp>
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Whether the parts of a name form a known prefix of a language model's tensors: families' prefixes, once or several
/// times, and names that multimodal models give to their language model. "model.language_model." is one.
inline bool is_front(std::string_view front) noexcept {
  while (!front.empty()) {
    const std::string_view part = front.substr(0, front.find('.'));
    bool known = false;
    for (const std::string_view word : {"model", "base_model", "language_model", "text_model", "transformer",
                                        "gpt_neox", "backbone", "llm", "net", "network"})
      known |= part == word;
    if (!known || part.size() == front.size()) return false;
    front.remove_prefix(part.size() + 1);
  }
  return true;
}
/// Finds the prefix before `core` in a name that ends with it; false if the name does not end with `core` as a whole
/// word.
inline bool find_front(std::string_view name, std::string_view core, std::string_view& front) noexcept {
  if (!name.ends_with(core)) return false;
  front = name.substr(0, name.size() - core.size());
  return front.empty() || front.ends_with('.');
}

/// Names that other tools give to tensors that replace a weight or accompany it.
struct QuantisedName {
  std::string_view ends, tool;
};
inline constexpr QuantisedName quantised_names[] = {
    {".qweight", "GPTQ or AWQ"},
    {".qzeros", "GPTQ or AWQ"},
    {".g_idx", "GPTQ"},
    {".scales", "GPTQ, AWQ or MLX"},
    {".biases", "MLX"},
    {".weight_packed", "compressed-tensors"},
    {".weight_scale", "compressed-tensors or FP8"},
    {".weight_zero_point", "compressed-tensors"},
    {".weight_scale_inv", "FP8"},
    {".weight_shape", "compressed-tensors"},
    {".input_scale", "FP8"},
    {".weight.absmax", "bitsandbytes"},
    {".weight.quant_map", "bitsandbytes"},
    {".weight.nested_absmax", "bitsandbytes"},
    {".SCB", "bitsandbytes"},
    {".weight_format", "bitsandbytes"},
    {"_blocks", "MXFP4"},
    {"_scales", "MXFP4"},
};
inline constexpr std::string_view unquantised =
    ", which this library does not read: take the model in F32, BF16 or F16 (loading quantises, as Q8 or Q4)";

/// The tool that a tensor's name points to, or nothing.
inline std::string_view quantised_by(std::string_view name) noexcept {
  if (name.find(".weight.quant_state") != name.npos) return "bitsandbytes";
  for (const QuantisedName& mark : quantised_names)
    if (name.ends_with(mark.ends)) return mark.tool;
  return "";
}
/// Whether a type is used for quantised weights. I32 may be anything.
inline bool is_quantised_type(std::string_view dtype) noexcept {
  return dtype == "U8" || dtype == "I8" || dtype.starts_with("F8") || dtype.starts_with("F4") ||
         dtype.starts_with("F6");
}

/// The config.json of a folder. Throws FileError where there is none.
inline std::filesystem::path config_of_folder(const std::filesystem::path& folder) {
  require_there(folder);
  if (!is_folder(folder)) refuse_file(folder, "is a file, expected a folder");
  const std::filesystem::path config = folder / "config.json";
  if (!is_named(config)) refuse_file(config, "does not exist", instead_of_weights(folder));
  return config;
}

}  // namespace detail

/// A folder with config.json and safetensors files, as Hugging Face's transformers writes them. Opening it checks
/// everything but the elements: the config against the model's type, and names and shapes of the files' tensors against
/// the model's.
///
/// A complete checkpoint is read even if it has oddities that the type does not depend on: prefixes from wrappers or
/// larger models, fused experts and projections, a tied head that is stored, absent or stored in place of the
/// embedding, rotary tables and masks.
class HuggingFaceFolder {
 public:
  /// \param tensors  all of the model's, as `tensors_of` lists them
  /// \param file     the weights, where they are not in model.safetensors or its shards
  /// Throws ConfigError if config.json and the type disagree, FileError for everything else.
  HuggingFaceFolder(const std::filesystem::path& folder, ModelDescription model, std::vector<TensorEntry> tensors,
                    const std::filesystem::path& file = {})
      : model_(std::move(model)),
        names_{.family = checked_family(folder)},
        weights_(file.empty() ? WeightFiles::in_folder(folder) : WeightFiles::single(file)) {
    find_front(tensors);
    find_dialect();
    find_head();
    std::unordered_set<std::string> known;
    for (const FileTensor& tensor : file_tensors(core_names(), model_, tensors, dialect_)) {
      std::string name = placed(tensor.parts.front().entry.id, tensor.name());
      check_tensor(name, tensor.shape());
      known.insert(std::move(name));
    }
    weights_.for_each([&](const std::string& name) {
      if (!known.contains(name)) check_foreign(name);
    });
  }

  /// The folder of a model of type S.
  template <ModelSpec S>
  static HuggingFaceFolder of(const std::filesystem::path& folder, const std::filesystem::path& file = {}) {
    return HuggingFaceFolder(folder, describe<S>(), tensors_of<S>(), file);
  }

  /// Tensor names of the files, without their dialect: `save` writes the family's own names.
  const CheckpointNames& names() const noexcept { return names_; }

  /// One of the model's tensors as it is stored.
  StoredTensor stored(TensorId id, TensorShape shape) const {
    const TensorPlace at = place(id, shape);
    const SafeTensors& file = weights_.file_of(at.name);
    const std::string& name = weights_.stored_name(at.name);
    return {.role = id,
            .shape = shape,
            .type = file.element_type(name),
            .data = file.bytes(name).data(),
            .row_length = at.transposed ? at.shape.back() : std::max<std::size_t>(shape.cols, 1),
            .first = at.first,
            .block = at.block,
            .stride = at.stride,
            .transposed = at.transposed};
  }
  /// Releases the pages of some rows of a stored tensor; for a transposed one, all of them after the last row has been
  /// read.
  void release(const StoredTensor& tensor, Range rows) const {
    const TensorPlace at = place(tensor.role, tensor.shape);
    const SafeTensors& file = weights_.file_of(at.name);
    const std::string& name = weights_.stored_name(at.name);
    if (tensor.transposed) {
      if (rows.end == tensor.shape.rows) file.release(name, 0, file.entry(name).elements());
    } else if (rows.size() > 0) {
      const std::size_t first = at.row(rows.begin) * tensor.row_length;
      file.release(name, first, (at.row(rows.end - 1) + 1) * tensor.row_length - first);
    }
  }

  /// The elements of one of the model's tensors, row-major [out, in]. Throws FileError if one is not finite.
  void read(TensorId id, TensorShape shape, std::span<float> out) const {
    const std::size_t cols = std::max<std::size_t>(shape.cols, 1);
    // Rows of a transposed tensor in strips: each element of a large matrix's column is on another page.
    const std::size_t strip = place(id, shape).transposed ? 64 : shape.rows;
    for (std::size_t begin = 0; begin < shape.rows; begin += strip) {
      const Range rows{begin, std::min(begin + strip, shape.rows)};
      read(id, shape, rows, out.subspan(begin * cols, rows.size() * cols));
    }
  }
  /// Rows [rows.begin, rows.end) of it, into `out` [rows.size(), in]: so that no tensor need be held whole. Rows that
  /// have been read stop counting as memory of this program; those of a transposed tensor once the last one has.
  void read(TensorId id, TensorShape shape, Range rows, std::span<float> out) const {
    const TensorPlace at = place(id, shape);
    const SafeTensors& file = weights_.file_of(at.name);
    const std::string& name = weights_.stored_name(at.name);
    if (at.transposed) return read_transposed(file, name, at, shape, rows, out);
    const std::size_t cols = std::max<std::size_t>(shape.cols, 1);
    for (std::size_t r = rows.begin; r < rows.end;) {
      const std::size_t count = std::min(at.block - r % at.block, rows.end - r);
      file.read_elements(name, at.row(r) * cols, out.subspan((r - rows.begin) * cols, count * cols));
      file.release(name, at.row(r) * cols, count * cols);
      r += count;
    }
  }

 private:
  std::string_view checked_family(const std::filesystem::path& folder) const {
    const std::filesystem::path config = detail::config_of_folder(folder);
    const detail::FloatMode mode;  // comparisons depend on the rounding mode
    return check_config(read_json(config, json_settings), config, model_).model_type;
  }

  // ---- names

  CheckpointNames core_names() const noexcept { return {.family = names_.family, .prefix = false}; }
  std::string core_of(TensorId id, TensorShape shape) const {
    return place_of(core_names(), model_, id, shape, dialect_).name;
  }
  std::string core_of(std::string_view tensor) const {
    return core_of(TensorId{tensor}, TensorShape{model_.vocab_size, model_.dim});
  }
  /// A tensor's name in these files, from the family's name without prefix.
  std::string placed(TensorId id, const std::string& core) const {
    if (id.name == "head" || (id.name == "embedding" && head_is_embedding_)) return head_;
    return front_ + core;
  }
  TensorPlace place(TensorId id, TensorShape shape) const {
    TensorPlace at = place_of(core_names(), model_, id, shape, dialect_);
    at.name = placed(id, at.name);
    return at;
  }

  /// The prefix of all names: the family's, none in files of a bare model, or a longer one. Found from the first of the
  /// model's tensors that is present.
  void find_front(std::span<const TensorEntry> tensors) {
    constexpr std::size_t enough = 16;
    front_ = detail::names_of(names_.family).prefix;
    for (const TensorEntry& tensor : tensors.first(std::min(tensors.size(), enough)))
      if (tensor.id.name != "head" && find_front_of(core_of(tensor.id, tensor.shape))) break;
    names_.prefix = !front_.empty();
  }
  bool find_front_of(const std::string& core) {
    if (weights_.contains(front_ + core)) return true;
    std::string_view front;
    bool found = false;
    std::string known;
    weights_.for_each([&](const std::string& name) {
      if (!detail::find_front(name, core, front)) return;
      if (!detail::is_front(front)) {
        if (strange_name_.empty()) strange_name_ = name;
      } else if (!found || front.size() < known.size()) {
        found = true;
        known = front;
      }
    });
    if (found) front_ = known;
    return found;
  }

  bool there(const std::string& core) const { return weights_.contains(front_ + core); }

  /// The dialect of the file's layers, found from the first layer of each kind.
  void find_dialect() {
    if (!detail::names_of(names_.family).has_experts) return;  // only Llama's names have dialects
    const std::size_t kinds = std::max<std::size_t>(model_.feed_forward.size(), 2);
    for (std::size_t layer = 0; layer < std::min(model_.layers, kinds); ++layer) {
      const std::string in = detail::message("layers.", layer, ".");
      const PolicyDescription& f = model_.feed_forward_of(layer);
      dialect_.fused_query_key_value |= there(in + "self_attn.qkv_proj.weight");
      if (!detail::is_mixture(f)) {
        dialect_.fused_gate_up |= f.size("gated") != 0 && there(in + "mlp.gate_up_proj.weight");
        continue;
      }
      dialect_.experts_in_mlp |= there(in + "mlp.gate.weight");
      const std::string block = in + (dialect_.experts_in_mlp ? "mlp." : "block_sparse_moe.");
      if (there(block + "experts.gate_up_proj") && f.size("expert.gated") != 0 && !f.has("expert.bias"))
        dialect_.experts = FileDialect::Experts::fused;
      else if (there(block + "experts.0.up_proj.weight"))
        dialect_.experts = FileDialect::Experts::spelled_out;
    }
  }

  /// The head has no family prefix, but may have the other prefixes.
  void find_head() {
    const std::string core = core_of("head");
    head_ = core;
    if (!weights_.contains(core))
      weights_.for_each([&](const std::string& name) {
        std::string_view front;
        if (detail::find_front(name, core, front) && detail::is_front(front)) head_ = name;
      });
    head_is_embedding_ = model_.tie_embeddings && !there(core_of("embedding")) && weights_.contains(head_);
  }

  // ---- checks

  void check_tensor(const std::string& name, const std::vector<std::size_t>& expected) const {
    weights_.require(name);
    if (!weights_.contains(name)) refuse_missing(name, expected);
    const SafeTensors& file = weights_.file_of(name);
    const std::string& stored = weights_.stored_name(name);
    const SafeTensors::Entry& entry = file.entry(stored);
    if (detail::is_quantised_type(entry.dtype))
      detail::refuse_file(file.path(), "tensor ", detail::printable(stored), " has dtype ", entry.dtype,
                          ", expected F32, F16, BF16 or F64: it was quantised by another tool", detail::unquantised);
    if (file.float_entry(stored).shape != expected)
      detail::refuse_file(file.path(), "tensor ", detail::printable(stored), " has shape ",
                          detail::shape_text(entry.shape), ", expected ", detail::shape_text(expected));
  }

  /// Throws; the message gives a reason if the names that are present suggest one.
  [[noreturn]] void refuse_missing(const std::string& name, const std::vector<std::size_t>& expected) const {
    std::string because;
    const std::string stem = name.substr(0, name.rfind(".weight") == name.npos ? name.size() : name.rfind('.'));
    weights_.for_each([&](const std::string& other) {
      const std::string_view tool = detail::quantised_by(other);
      if (because.empty() && !tool.empty() && other.starts_with(stem))
        because = detail::message("; it holds ", detail::printable(weights_.stored_name(other)),
                                  ", weights quantised by another tool (", tool, ")", detail::unquantised);
    });
    if (because.empty() && !strange_name_.empty())
      because = detail::message("; ", detail::printable(strange_front()), " stands in front of the names that are ",
                                "there, as in ", detail::printable(strange_name_));
    detail::refuse_file(weights_.path(), "has no tensor ", detail::printable(name), ", expected it with shape ",
                        detail::shape_text(expected), because);
  }
  /// The prefix of a name, without the family's own.
  std::string_view strange_front() const {
    const std::string core = core_of("embedding"), usual = std::string(detail::names_of(names_.family).prefix) + core;
    std::string_view front = strange_name_;
    if (!detail::find_front(strange_name_, usual, front)) detail::find_front(strange_name_, core, front);
    return front;
  }

  /// Accepts a tensor that the type lacks only if the type determines its content.
  void check_foreign(const std::string& name) const {
    if (is_buffer(name)) return;
    if (model_.tie_embeddings && name == head_) return check_tied_head();
    const auto has = [&](std::string_view word) { return name.find(word) != name.npos; };
    std::string because;
    if (has(".lora_") || has("lora_A") || has("lora_B") || has("adapter"))
      because = ": an adapter changes what a layer computes; merge it into its base model (peft's merge_and_unload)";
    else if (const std::string_view tool = detail::quantised_by(name); !tool.empty())
      because = detail::message(": weights quantised by another tool (", tool, ")", detail::unquantised);
    detail::refuse_file(weights_.file_of(name).path(), "holds tensor ", detail::printable(weights_.stored_name(name)),
                        ", which the model's type does not have", because);
  }

  bool is_buffer(std::string_view name) const {
    if (!name.starts_with(front_)) return false;
    const std::vector<std::size_t>& shape = weights_.entry(name).shape;
    const auto turns = [](const PolicyDescription& a) { return a.has("position.theta"); };
    const bool rotary = std::any_of(model_.attention.begin(), model_.attention.end(), turns);
    std::string_view rest = name.substr(front_.size());
    const std::string_view layer = detail::names_of(names_.family).layer;
    if (!rest.starts_with(layer)) return detail::is_buffer(rest, false, shape, rotary);
    rest.remove_prefix(layer.size());
    const std::string_view number = rest.substr(0, rest.find('.'));
    for (std::size_t l = 0; l < model_.layers && number.size() <= 6; ++l)
      if (number == std::to_string(l) && number.size() < rest.size())
        return detail::is_buffer(rest.substr(number.size() + 1), true, shape, rotary);
    return false;
  }

  /// A tied model's file may store the head as well, if it equals the embedding. A shard that the index does not list
  /// may hold it.
  void check_tied_head() const {
    const std::string embedding = front_ + core_of("embedding");
    const SafeTensors &file = weights_.file_of(head_), &other = weights_.file_of(embedding);
    const std::string &head = weights_.stored_name(head_), &table = weights_.stored_name(embedding);
    if (file.entry(head).shape != other.entry(table).shape)
      detail::refuse_file(file.path(), "tensor ", detail::printable(head), " has shape ",
                          detail::shape_text(file.entry(head).shape), ", expected that of ", table,
                          ": the model's type ties them");
    constexpr std::size_t piece = std::size_t{1} << 16;  // elements: neither matrix is held whole
    std::vector<float> left(piece), right(piece);
    const std::size_t numbers = file.entry(head).elements();
    for (std::size_t at = 0; at < numbers; at += piece) {
      const std::size_t count = std::min(piece, numbers - at);
      file.read_elements(head, at, std::span(left).first(count));
      other.read_elements(table, at, std::span(right).first(count));
      file.release(head, at, count);
      other.release(table, at, count);
      if (std::memcmp(left.data(), right.data(), count * sizeof(float)) != 0)
        detail::refuse_file(file.path(), "tensor ", detail::printable(head), " differs from ", table,
                            ": the model's type ties them");
    }
  }

  // ---- reading

  /// Row r of the model is column r of the file.
  static void read_transposed(const SafeTensors& file, const std::string& name, const TensorPlace& at,
                              TensorShape shape, Range rows, std::span<float> out) {
    const std::size_t width = at.shape.back();
    std::vector<float> run(rows.size());
    for (std::size_t c = 0; c < shape.cols; ++c)
      for (std::size_t r = rows.begin; r < rows.end;) {
        const std::size_t count = std::min(at.block - r % at.block, rows.end - r);
        const std::span<float> values = std::span(run).first(count);
        file.read_elements(name, c * width + at.row(r), values);
        for (std::size_t i = 0; i < count; ++i) out[(r - rows.begin + i) * shape.cols + c] = values[i];
        r += count;
      }
    if (rows.end == shape.rows) file.release(name, 0, width * shape.cols);
  }

  ModelDescription model_;  // in this order: each is checked with those before it
  CheckpointNames names_;
  WeightFiles weights_;
  std::string front_, head_;        ///< in front of all names but the head's; the head's
  bool head_is_embedding_ = false;  ///< a tied model whose one matrix is stored as the head
  FileDialect dialect_;
  std::string strange_name_;  ///< a name that ends like one of the model's tensors, after an unknown prefix
};

}}  // namespace bora::BORA_ABI
