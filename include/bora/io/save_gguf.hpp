/// Writes a checkpoint of any kind as a GGUF file, its matrices rounded or quantised. No type is needed: the model is the
/// one that the checkpoint describes.
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
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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
  /// routers are F32. Where rows hold no whole blocks, or numbers are too large for the scales: the next type that fits.
  std::optional<ElementType> type = {};
  std::optional<GgufVocabulary> vocabulary = {};  ///< to embed; a GGUF file's own is kept
  std::string name = {};                          ///< general.name
  ProgressFunction progress = {};                 ///< is told the elements written, of all; false: throws Cancelled
  Executor* pool = nullptr;                       ///< who quantises; the calling thread alone without one
};

/// What became of a tensor.
struct GgufTensorReport {
  std::string name;                             ///< in the file
  ElementType asked = {}, type = {};            ///< the type asked for, and that it has
  std::size_t elements = 0;                     ///< of all rows
  double relative_error = 0;                    ///< root of the mean squared change, of the mean square
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

  /// The largest magnitude. Throws FileError where a number is not finite.
  float largest(Executor* pool) const {
    std::vector<float> found(lanes_of(pool), 0.0f);
    for_rows(pool, [&](std::size_t lane, std::size_t r, std::span<float> row) {
      if (!widen(r, row)) return false;
      for (const float x : row) found[lane] = std::max(found[lane], std::abs(x));
      return true;
    });
    return *std::ranges::max_element(found);
  }
  /// Rows [begin, end) in the target's type; returns {sum of squared changes, sum of squares}.
  std::pair<double, double> store(Executor* pool, std::size_t begin, std::size_t end, std::byte* out) const {
    const ElementType type = source_.target.type;
    const std::size_t bytes = stored_bytes(type, source_.cols());
    std::vector<double> lost(end - begin), all(end - begin);
    run_gang(pool, [&](const Lane& lane) noexcept {
      const Range share = lane.share(end - begin);
      std::vector<float> row(source_.cols()), back(source_.cols());
      for (std::size_t i = share.begin; i < share.end; ++i) {
        std::byte* to = out + i * bytes;
        const auto [from, at] = source_.row(first_row(begin + i));
        if (from->type == type && at.step == 1 && source_.target.shape.size() > 1) {
          std::copy_n(at.data, bytes, to);
          continue;
        }
        widen(begin + i, row);
        store_row(type, row, to);
        simd::widen_row(type, {to, 1}, row.size(), back.data());
        for (std::size_t c = 0; c < row.size(); ++c) {
          const double off = static_cast<double>(back[c]) - static_cast<double>(row[c]);
          lost[i] += off * off;
          all[i] += static_cast<double>(row[c]) * static_cast<double>(row[c]);
        }
      }
    });
    std::pair<double, double> sum{0, 0};
    for (std::size_t i = 0; i < lost.size(); ++i) sum = {sum.first + lost[i], sum.second + all[i]};
    return sum;
  }
  std::size_t rows() const noexcept { return source_.elements() / source_.cols(); }

 private:
  static std::size_t lanes_of(Executor* pool) { return pool == nullptr ? 1 : pool->lanes(); }
  /// A vector is one row of the new file and as many of the old one as it has elements.
  std::size_t first_row(std::size_t r) const noexcept {
    return source_.target.shape.size() == 1 ? r * source_.cols() : r;
  }
  bool widen(std::size_t r, std::span<float> out) const noexcept {
    if (source_.target.shape.size() > 1) {
      const auto [from, at] = source_.row(r);
      return simd::widen_row(from->type, at, out.size(), out.data());
    }
    bool finite = true;
    for (std::size_t c = 0; c < out.size(); ++c) {
      const auto [from, at] = source_.row(c);
      finite &= simd::widen_row(from->type, at, 1, &out[c]);
    }
    return finite;
  }
  template <class F>
  void for_rows(Executor* pool, F&& f) const {
    std::atomic<std::size_t> bad{~std::size_t{0}};
    run_gang(pool, [&](const Lane& lane) noexcept {
      const Range share = lane.share(rows());
      std::vector<float> row(source_.cols());
      for (std::size_t r = share.begin; r < share.end; ++r)
        if (!f(lane.index, r, std::span(row))) bad.store(r, std::memory_order_relaxed);
    });
    if (bad.load() != ~std::size_t{0})
      refuse_file(file_, "tensor ", source_.target.name, ": row ", bad.load(),
                  " holds a number that is not finite, expected finite numbers only");
  }

  const GgufSource& source_;
  const std::filesystem::path& file_;
};

/// The metadata of a model that does not come from a GGUF file.
class GgufMetadata {
 public:
  GgufMetadata(const GgufArchitecture& architecture, const Json& config, const ModelDescription& d)
      : architecture_(architecture), config_(config), model_(d) {}

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
      size("rope.dimension_count", static_cast<std::size_t>(a.real("position.fraction") * static_cast<double>(head_dim)));
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
    const std::string_view kind = a.has("position.scaling") ? a.policy("position.scaling").name : "";
    if (kind == "LinearScaling" || kind == "YarnScaling") {
      add("rope.scaling.type", std::string_view(kind == "LinearScaling" ? "linear" : "yarn"));
      real("rope.scaling.factor", a.real("position.scaling.factor"));
    }
    if (kind == "YarnScaling")
      size("rope.scaling.original_context_length",
           static_cast<std::size_t>(a.real("position.scaling.original_context")));
  }

  const GgufArchitecture& architecture_;
  const Json& config_;
  const ModelDescription& model_;
  GgufKeyWriter* out_ = nullptr;
};

}  // namespace detail

}}  // namespace bora::BORA_ABI
