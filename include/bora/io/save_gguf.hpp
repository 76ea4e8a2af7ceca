/// Writes a checkpoint of any kind as a GGUF file, its matrices rounded or quantised. No type is needed: the model is
/// the one that the checkpoint describes.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/float_mode.hpp>
#include <bora/core/progress_function.hpp>
#include <bora/core/quantise.hpp>
#include <bora/io/gguf_checkpoint.hpp>
#include <bora/io/gguf_names.hpp>
#include <bora/io/gguf_writer.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/text/gguf_vocabulary.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// How a GGUF file is written.
struct GgufOptions {
  /// Type of the matrices: F32, F16, BF16, Q8_0, Q4_0, Q4_K or Q6_K; without one, that of the checkpoint. Vectors and
  /// routers are F32. Where rows hold no whole blocks, or numbers are too large for the scales: the next type that
  /// fits.
  std::optional<ElementType> type = {};
  std::optional<GgufVocabulary> vocabulary = {};  ///< to embed; a GGUF file's own is kept
  std::string name = {};                          ///< general.name
  ProgressFunction progress = {};                 ///< is told the elements written, of all; false: throws Cancelled
  Executor* pool = nullptr;                       ///< who quantises; the calling thread alone without one
};

/// What became of a tensor.
struct GgufTensorReport {
  std::string name;           ///< in the file
  ElementType asked = {};     ///< type that was asked for
  ElementType type = {};      ///< type that it has
  std::size_t elements = 0;   ///< of all rows
  double relative_error = 0;  ///< root of the mean squared change, of the mean square
};

namespace detail {

/// A tensor of the new file, and where its rows come from.
struct GgufSource {
  GgufTensorToWrite target;
  ElementType asked;
  /// The parts that it is made of, in order: each gives `rows` rows.
  struct Part {
    StoredTensor from;
    std::size_t rows, pairs;
  };
  std::vector<Part> parts;

  std::size_t cols() const noexcept { return target.shape.back(); }
  std::size_t elements() const noexcept {
    std::size_t all = 1;
    for (const std::size_t extent : target.shape) all *= extent;
    return all;
  }
  /// Row r of the new file, as it is stored in the old one.
  std::pair<const StoredTensor*, simd::StoredRow> row(std::size_t r) const {
    const Part* part = parts.data();
    while (r >= part->rows) r -= part++->rows;
    if (part->pairs != 0) {  // the inverse of StoredTensor::file_row
      const std::size_t in_head = r % (2 * part->pairs);
      r = r - in_head + in_head / 2 + in_head % 2 * part->pairs;
    }
    // A vector's rows are its elements; in the new file it is one row.
    return {&part->from, part->from.row(r)};
  }
};

/// The type of a matrix: the one asked for, or the next that fits its rows and numbers.
inline ElementType fitting_type(ElementType asked, std::size_t cols, float largest) noexcept {
  const auto fits = [&](ElementType type) {
    if (type == ElementType::f16) return largest < 65520;
    return cols % facts_of(type).block == 0 && (!is_quantisable(type) || can_quantise(type, largest));
  };
  const ElementType order[] = {asked, ElementType::q8_0, ElementType::f16, ElementType::bf16, ElementType::f32};
  for (const ElementType type : order)
    if (fits(type) && (type != ElementType::q8_0 || is_block_type(asked))) return type;
  return ElementType::f32;
}

/// A row of numbers in another type.
inline void store_row(ElementType type, std::span<const float> x, std::byte* out) noexcept {
  const ElementTypeFacts facts = facts_of(type);
  for (std::size_t c = 0; c < x.size(); c += facts.block, out += facts.bytes) {
    if (is_block_type(type)) {
      quantise_block(type, &x[c], out);
    } else if (type == ElementType::f16) {
      const float16 half = to_float16(x[c]);
      std::memcpy(out, &half, sizeof half);
    } else if (type == ElementType::bf16) {
      const bfloat16 half = to_bfloat16(x[c]);
      std::memcpy(out, &half, sizeof half);
    } else {
      std::memcpy(out, &x[c], sizeof x[c]);
    }
  }
}

/// Writes the rows of one tensor, some at a time, and measures what they lose.
class GgufRows {
 public:
  GgufRows(const GgufSource& source, const std::filesystem::path& file) : source_(source), file_(file) {}

  std::size_t rows() const noexcept { return source_.elements() / source_.cols(); }
  /// The largest magnitude. Throws FileError where a number is not finite.
  float largest(Executor* pool) const {
    std::vector<float> found(pool == nullptr ? 1 : pool->lanes(), 0.0f);
    std::atomic<bool> finite{true};
    run_gang(pool, [&](const Lane& lane) noexcept {
      const Range share = lane.share(rows());
      std::vector<float> row(source_.cols());
      for (std::size_t r = share.begin; r < share.end; ++r) {
        if (!widen(r, row)) finite.store(false, std::memory_order_relaxed);
        for (const float x : row) found[lane.index] = std::max(found[lane.index], std::abs(x));
      }
    });
    if (!finite.load())
      refuse_file(file_, "tensor ", source_.target.name,
                  " holds a number that is not finite, expected finite numbers only");
    return *std::ranges::max_element(found);
  }
  /// Rows [begin, end) in the target's type; returns {sum of squared changes, sum of squares}.
  std::pair<double, double> store(Executor* pool, Range of_rows, std::byte* out) const {
    const std::size_t bytes = stored_bytes(source_.target.type, source_.cols());
    std::vector<std::pair<double, double>> sums(of_rows.size());
    run_gang(pool, [&](const Lane& lane) noexcept {
      const Range share = lane.share(of_rows.size());
      std::vector<float> row(source_.cols()), back(source_.cols());
      for (std::size_t i = share.begin; i < share.end; ++i)
        sums[i] = store_one(of_rows.begin + i, out + i * bytes, row, back);
    });
    std::pair<double, double> sum{0, 0};
    for (const auto& [lost, all] : sums) sum = {sum.first + lost, sum.second + all};
    return sum;
  }

 private:
  bool is_vector() const noexcept { return source_.target.shape.size() == 1; }
  bool widen(std::size_t r, std::span<float> out) const noexcept {
    if (!is_vector()) {
      const auto [from, at] = source_.row(r);
      return simd::widen_row(from->type, at, out.size(), out.data());
    }
    bool finite = true;  // one row here, and one row an element in the model
    for (std::size_t c = 0; c < out.size(); ++c) {
      const auto [from, at] = source_.row(c);
      finite &= simd::widen_row(from->type, at, 1, &out[c]);
    }
    return finite;
  }
  std::pair<double, double> store_one(std::size_t r, std::byte* to, std::span<float> row,
                                      std::span<float> back) const noexcept {
    const ElementType type = source_.target.type;
    widen(r, row);
    if (const auto [from, at] = source_.row(is_vector() ? 0 : r); !is_vector() && from->type == type && at.step == 1)
      std::copy_n(at.data, stored_bytes(type, row.size()), to);  // blocks as they are
    else
      store_row(type, row, to);
    simd::widen_row(type, {to, 1}, row.size(), back.data());
    std::pair<double, double> sum{0, 0};
    for (std::size_t c = 0; c < row.size(); ++c) {
      const double x = static_cast<double>(row[c]), off = static_cast<double>(back[c]) - x;
      sum = {sum.first + off * off, sum.second + x * x};
    }
    return sum;
  }

  const GgufSource& source_;
  const std::filesystem::path& file_;
};

/// The metadata of a model that does not come from a GGUF file.
class GgufMetadata {
 public:
  GgufMetadata(const GgufArchitecture& architecture, const ModelDescription& d)
      : architecture_(architecture), model_(d) {}

  void write(GgufKeyWriter& out) {
    out_ = &out;
    const PolicyDescription &a = model_.attention.front(), &f = model_.feed_forward.front();
    const std::string_view name = architecture_.name;
    const bool llama = name == "llama", like_llama = a.has("position.theta") && name != "falcon" && name != "gptneox";
    const std::size_t heads = a.size("heads"), head_dim = a.size("head_dim");
    if (llama) size("vocab_size", model_.vocab_size);
    if (name == "falcon") add("tensor_data_layout", std::string_view("jploski"));
    size("context_length", name == "falcon" ? 2048 : model_.context);
    size("embedding_length", model_.dim);
    size("block_count", model_.layers);
    size("feed_forward_length", is_mixture(f) ? f.size("expert.hidden") : f.size("hidden"));
    size("attention.head_count", heads);
    if (like_llama || name == "falcon") size("attention.head_count_kv", a.size("kv_heads"));
    if (like_llama || (a.has("position.theta") && a.real("position.theta") != 1e4))
      real("rope.freq_base", a.real("position.theta"));
    real(model_.norm.name == "RmsNorm" ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
         model_.norm.real("eps"));
    if (llama) size("rope.dimension_count", head_dim);
    if (name == "gptneox")
      size("rope.dimension_count",
           static_cast<std::size_t>(a.real("position.fraction") * static_cast<double>(head_dim)));
    if (name == "gptneox") add("use_parallel_residual", model_.residual.name != "SequentialResidual");
    if (like_llama && head_dim * heads != model_.dim) {
      size("attention.key_length", head_dim);
      size("attention.value_length", head_dim);
    }
    if (a.policy("mask").name == "SlidingWindow") size("attention.sliding_window", a.size("mask.window"));
    if (a.has("clip")) real("attention.clamp_kqv", a.real("clip.limit"));
    if (name == "mpt") real("attention.max_alibi_bias", a.real("position.max_bias"));
    experts(f);
    scaling(a);
  }

 private:
  void size(std::string_view suffix, std::size_t value) { add(suffix, static_cast<std::uint32_t>(value)); }
  void real(std::string_view suffix, double value) { add(suffix, static_cast<float>(value)); }
  template <class T>
  void add(std::string_view suffix, const T& value) {
    out_->add(message(architecture_.name, ".", suffix), value);
  }
  void experts(const PolicyDescription& f) {
    if (!is_mixture(f)) return;
    size("expert_count", f.size("experts"));
    size("expert_used_count", f.size("router.experts_per_token"));
    if (architecture_.name == "qwen3moe") size("expert_feed_forward_length", f.size("expert.hidden"));
  }
  void scaling(const PolicyDescription& a) {
    const std::string kind = a.has("position.scaling") ? a.policy("position.scaling").name : "";
    if (kind == "LinearScaling" || kind == "YarnScaling") {
      add("rope.scaling.type", std::string_view(kind == "LinearScaling" ? "linear" : "yarn"));
      real("rope.scaling.factor", a.real("position.scaling.factor"));
    }
    if (kind == "YarnScaling")
      size("rope.scaling.original_context_length",
           static_cast<std::size_t>(a.real("position.scaling.original_context")));
  }

  const GgufArchitecture& architecture_;
  const ModelDescription& model_;
  GgufKeyWriter* out_ = nullptr;
};

/// The architecture that a model is written as. Throws ConfigError if there is none.
inline const GgufArchitecture& gguf_architecture_of(std::string_view model_type) {
  if (model_type == "mistral" || model_type == "mixtral") model_type = "llama";
  for (const GgufArchitecture& one : gguf_architectures)
    if (one.model_type == model_type) return one;
  std::string known;
  for (const GgufArchitecture& one : gguf_architectures) known += message(known.empty() ? "" : ", ", one.name);
  throw ConfigError(
      message("a model of the family ", model_type, " cannot be written as GGUF, expected one of ", known));
}
/// Llama 3's divisors of the rotary frequencies, which files hold as a tensor.
inline std::vector<float> rope_divisors(const PolicyDescription& a) {
  if (!a.has("position.scaling") || a.policy("position.scaling").name != "Llama3Scaling") return {};
  const PolicyDescription& s = a.policy("position.scaling");
  const double theta = a.real("position.theta"), factor = s.real("factor"), low = s.real("low_frequency"),
               high = s.real("high_frequency"), context = s.real("original_context");
  std::vector<float> divisors(a.size("head_dim") / 2);
  for (std::size_t c = 0; c < divisors.size(); ++c) {
    const double f = std::pow(theta, -static_cast<double>(c) / static_cast<double>(divisors.size()));
    const double kept = std::clamp((context * f / (2 * std::numbers::pi) - low) / (high - low), 0.0, 1.0);
    divisors[c] = static_cast<float>(1 / (kept + (1 - kept) / factor));
  }
  return divisors;
}
/// The number that general.file_type has for files whose matrices are of a type.
inline std::uint32_t gguf_file_type(ElementType type) noexcept {
  switch (type) {
    case ElementType::f16:
      return 1;
    case ElementType::bf16:
      return 32;
    case ElementType::q4_0:
      return 2;
    case ElementType::q8_0:
      return 7;
    case ElementType::q4_k:
      return 15;
    case ElementType::q6_k:
      return 18;
    default:
      return 0;
  }
}
inline void write_vocabulary(const GgufVocabulary& v, GgufKeyWriter& out) {
  const auto key = [](std::string_view name) { return message("tokenizer.ggml.", name); };
  out.add(key("model"), v.model);
  if (!v.pre.empty()) out.add(key("pre"), v.pre);
  out.add_array(key("tokens"), v.tokens);
  if (!v.scores.empty()) out.add_array(key("scores"), v.scores);
  if (!v.token_type.empty()) out.add_array(key("token_type"), v.token_type);
  if (!v.merges.empty()) out.add_array(key("merges"), v.merges);
  if (v.bos_token_id) out.add(key("bos_token_id"), *v.bos_token_id);
  if (v.eos_token_id) out.add(key("eos_token_id"), *v.eos_token_id);
  if (v.unknown_token_id) out.add(key("unknown_token_id"), *v.unknown_token_id);
  if (v.padding_token_id) out.add(key("padding_token_id"), *v.padding_token_id);
  if (v.add_bos_token) out.add(key("add_bos_token"), *v.add_bos_token);
  if (v.add_eos_token) out.add(key("add_eos_token"), *v.add_eos_token);
  if (v.add_space_prefix) out.add(key("add_space_prefix"), *v.add_space_prefix);
}

/// A checkpoint on its way into a GGUF file.
class GgufConversion {
 public:
  GgufConversion(const std::filesystem::path& from, const std::filesystem::path& to, const GgufOptions& options)
      : from_(from),
        to_(to),
        options_(options),
        model_(describe(from)),
        file_(open_checkpoint(from, model_, tensors_of(model_))),
        architecture_(gguf_architecture_of(family())) {
    if (options.type && !is_quantisable(*options.type) && *options.type > ElementType::bf16)
      throw ConfigError(message("a GGUF file is written in F32, F16, BF16, Q8_0, Q4_0, Q4_K or Q6_K, not in ",
                                facts_of(*options.type).name));
    list_tensors();
  }

  std::vector<GgufTensorReport> run() {
    for (GgufSource& source : sources_) choose_type(source);
    std::vector<GgufTensorToWrite> targets;
    for (const GgufSource& source : sources_) targets.push_back(source.target);
    GgufWriter writer(to_, metadata(), targets);
    std::vector<GgufTensorReport> reports;
    for (const GgufSource& source : sources_) reports.push_back(write(source, writer));
    report();
    writer.commit();
    return reports;
  }

 private:
  std::string_view family() const { return file_->names().family.empty() ? "llama" : file_->names().family; }

  void list_tensors() {
    std::map<std::string, std::size_t> index;
    for (const TensorEntry& entry : tensors_of(model_)) {
      const GgufPlace place = gguf_place(architecture_, model_, entry.id, entry.shape);
      const auto [at, added] = index.try_emplace(place.name, sources_.size());
      if (added) sources_.push_back({{place.name, place.shape, ElementType::f32}, ElementType::f32, {}});
      sources_[at->second].parts.push_back({file_->stored(entry.id, entry.shape), entry.shape.rows, place.pairs});
      total_ += entry.shape.size();
    }
    if (const GgufFiles* files = file_->gguf();
        files != nullptr && model_.tie_embeddings && files->find_tensor("output.weight") != nullptr) {
      GgufSource head = sources_[index.at("token_embd.weight")];
      head.target.name = "output.weight";
      total_ += head.elements();
      sources_.push_back(std::move(head));
    }
    divisors_ = rope_divisors(model_.attention.front());
    if (divisors_.empty()) return;
    const TensorShape shape{divisors_.size()};
    const StoredTensor stored{.role = {"rope_freqs"},
                              .shape = shape,
                              .type = ElementType::f32,
                              .data = std::as_bytes(std::span(divisors_)).data(),
                              .row_length = 1};
    sources_.push_back(
        {{"rope_freqs.weight", {shape.rows}, ElementType::f32}, ElementType::f32, {{stored, shape.rows, 0}}});
    total_ += shape.rows;
  }
  void choose_type(GgufSource& source) {
    const std::string& name = source.target.name;
    if (source.target.shape.size() == 1 || name.ends_with("ffn_gate_inp.weight")) return;
    const ElementType stored = source.parts.front().from.type;
    source.asked = options_.type.value_or(stored == ElementType::f64 ? ElementType::f32 : stored);
    if (name == "position_embd.weight" && is_block_type(source.asked)) source.asked = ElementType::f32;
    source.target.type = source.asked == stored ? stored
                                                : fitting_type(source.asked, source.cols(),
                                                               GgufRows(source, from_).largest(options_.pool));
  }
  GgufKeyWriter metadata() const {
    GgufKeyWriter out;
    out.add("general.architecture", architecture_.name);
    const GgufFiles* files = file_->gguf();
    const auto kept = [](std::string_view key) {
      return key != "general.architecture" && key != "general.alignment" && key != "general.file_type" &&
             key != "general.quantization_version" && !key.starts_with("split.");
    };
    if (files == nullptr && !options_.name.empty()) out.add("general.name", options_.name);
    if (options_.type || files == nullptr || files->find("general.file_type") == nullptr)
      out.add("general.file_type", gguf_file_type(options_.type.value_or(matrix_type())));
    else
      out.add("general.file_type", *files->find("general.file_type"));
    for (const GgufSource& source : sources_)
      if (is_block_type(source.target.type)) {
        out.add("general.quantization_version", 2u);
        break;
      }
    if (files == nullptr) {
      GgufMetadata(architecture_, model_).write(out);
      if (options_.vocabulary) write_vocabulary(padded(*options_.vocabulary), out);
      return out;
    }
    for (const std::string& key : files->first().key_order())
      if (kept(key)) out.add(key, *files->find(key));
    return out;
  }
  /// With a token for every row of the embedding, as readers demand.
  GgufVocabulary padded(GgufVocabulary v) const {
    if (v.tokens.size() > model_.vocab_size)
      throw ConfigError(message("the vocabulary has ", v.tokens.size(), " tokens, the model ", model_.vocab_size));
    while (v.tokens.size() < model_.vocab_size) {
      v.tokens.push_back(message("[PAD", v.tokens.size(), "]"));
      if (!v.scores.empty()) v.scores.push_back(0);
      v.token_type.push_back(static_cast<std::int32_t>(GgufTokenType::unused));
    }
    return v;
  }
  /// Of the first matrix.
  ElementType matrix_type() const {
    for (const GgufSource& source : sources_)
      if (source.target.shape.size() > 1) return source.target.type;
    return ElementType::f32;
  }
  void report() {
    if (!options_.progress(done_, total_))
      throw Cancelled(message("writing was cancelled after ", done_, " of ", total_, " numbers"));
  }
  GgufTensorReport write(const GgufSource& source, GgufWriter& writer) {
    const GgufRows rows(source, from_);
    rows.largest(options_.pool);  // refuses numbers that are not finite
    constexpr std::size_t at_once = std::size_t{1} << 22;
    const std::size_t strip = std::max<std::size_t>(1, at_once / source.cols());
    std::vector<std::byte> bytes;
    std::pair<double, double> sum{0, 0};
    for (std::size_t r = 0; r < rows.rows(); r += strip) {
      report();
      const Range some{r, std::min(rows.rows(), r + strip)};
      bytes.resize(some.size() * stored_bytes(source.target.type, source.cols()));
      const auto [lost, all] = rows.store(options_.pool, some, bytes.data());
      sum = {sum.first + lost, sum.second + all};
      writer.write(bytes);
      done_ += some.size() * source.cols();
    }
    writer.pad();
    return {source.target.name, source.asked, source.target.type, source.elements(),
            sum.second > 0 ? std::sqrt(sum.first / sum.second) : 0.0};
  }

  std::filesystem::path from_, to_;
  GgufOptions options_;
  ModelDescription model_;
  std::unique_ptr<const OpenCheckpoint> file_;
  const GgufArchitecture& architecture_;
  std::vector<GgufSource> sources_;
  std::vector<float> divisors_;
  std::size_t total_ = 0, done_ = 0;
};

}  // namespace detail

/// Writes the checkpoint at `from`, of any kind that `load` reads, as a GGUF file, completely or not at all; returns
/// what became of each tensor, in the file's order. Of a GGUF file all keys are kept, and blocks that need not change.
/// Throws ConfigError for a model that GGUF has no architecture for, FileError for files that cannot be read or
/// written.
inline std::vector<GgufTensorReport> save_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                                               const GgufOptions& options = {}) {
  const detail::FloatMode mode;
  return detail::GgufConversion(from, to, options).run();
}

/// Writes the tokenizer of a GGUF file as a GGUF file without tensors, which `load_tokenizer` finds in a folder. False
/// where it has none, and nothing is written. Throws FileError where a file cannot be read or written.
inline bool save_gguf_vocabulary(const std::filesystem::path& from, const std::filesystem::path& to) {
  const GgufFiles files(from);
  GgufKeyWriter keys;
  if (const GgufValue* architecture = files.find("general.architecture"))
    keys.add("general.architecture", *architecture);
  bool found = false;
  for (const std::string& key : files.first().key_order())
    if (key.starts_with("tokenizer.")) {
      keys.add(key, *files.find(key));
      found = true;
    }
  if (found) GgufWriter(to, keys, {}).commit();
  return found;
}

}}  // namespace bora::BORA_ABI
