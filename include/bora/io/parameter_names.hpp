/// Names and layouts of a model's tensors in files: one translation for reading and writing, for every family.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/families.hpp>
#include <bora/io/file_tensor.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// The names of a family, by its model_type; Llama's if it is unknown.
inline const TensorNames& names_of(std::string_view model_type) {
  const Family* family = find_family(model_type);
  return family == nullptr ? llama_names : *family->names;
}

/// A tensor's name without the suffix of biases. The table of T5's bias is none.
inline std::string_view stem(std::string_view name) {
  constexpr std::string_view bias = "_bias";
  if (name.ends_with(bias) && name != "relative_bias") name.remove_suffix(bias.size());
  return name;
}

/// Whether the shape is that of a mask over positions, [n, n] or [1, 1, n, n]; a bias is a vector.
inline bool is_mask_shape(std::span<const std::size_t> shape) noexcept {
  const auto square = [&](std::size_t at) { return shape[at] == shape[at + 1]; };
  return (shape.size() == 2 && square(0)) || (shape.size() == 4 && shape[0] == 1 && shape[1] == 1 && square(2));
}

/// Whether a name (after the prefix and layer number, if any) is that of a buffer that the type determines: rotary
/// tables if attention is rotary, masks, and the value of masked scores.
inline bool is_buffer(std::string_view name, bool in_layer, std::span<const std::size_t> shape, bool rotary) noexcept {
  const auto take = [&](std::string_view word) {
    if (!name.starts_with(word)) return false;
    name.remove_prefix(word.size());
    return true;
  };
  // A longer name before its own prefix.
  if (in_layer && !(take("self_attention.") || take("self_attn.") || take("attention.") || take("attn."))) return false;
  if (take("rotary_emb.") || take("maybe_rotary.") || take("rotary."))
    return rotary && (name == "inv_freq" || name == "original_inv_freq" || name == "cos_cached" ||
                      name == "sin_cached" || name == "_cos_cached" || name == "_sin_cached");
  if (name == "masked_bias") return in_layer && (shape.empty() || (shape.size() == 1 && shape[0] == 1));
  return (in_layer ? name == "bias" : name == "causal_mask") && is_mask_shape(shape);
}

/// The name after the layer's number, for a tensor of an expert or of the router.
inline std::string expert_word(const TensorNames& words, const FileDialect& dialect, std::string_view name,
                               std::size_t expert) {
  using Experts = FileDialect::Experts;
  const std::string block = dialect.experts_in_mlp || words.experts_in_mlp ? "mlp." : "block_sparse_moe.";
  if (name == "router") return block + "gate";
  if (dialect.experts == Experts::fused) return block + (name == "down" ? "experts.down_proj" : "experts.gate_up_proj");
  const std::string one = message(block, "experts.", expert, ".");
  if (dialect.experts == Experts::spelled_out || words.experts_in_mlp) return message(one, name, "_proj");
  return one + (name == "gate" ? "w1" : name == "down" ? "w2" : "w3");
}

/// The name after the layer's number; Mixtral's names for a mixture of experts. A tensor of a user's policy has the
/// policy's name for it.
inline std::string word_in_layer(const TensorNames& words, const FileDialect& dialect, const ModelDescription& d,
                                 TensorId id) {
  const std::string_view name = stem(id.name);
  const bool experts = is_mixture(d.feed_forward_of(id.layer));
  const bool two_norms =
      !words.norms_of_parallel_layers[0].empty() && d.residual.policy("norms").name == "SeparateNorms";
  const bool feed_forward = name == "gate" || name == "up" || name == "down";
  if (name == "attention_norm")
    return std::string(two_norms ? words.norms_of_parallel_layers[0] : words.attention_norm);
  if (name == "feed_forward_norm")
    return std::string(two_norms ? words.norms_of_parallel_layers[1] : words.feed_forward_norm);
  if (name == "attention_output_norm") return std::string(words.attention_output_norm);
  if (name == "feed_forward_output_norm") return std::string(words.feed_forward_output_norm);
  if (name == "query_norm") return std::string(words.query_norm);
  if (name == "key_norm") return std::string(words.key_norm);
  if (dialect.fused_query_key_value && (name == "query" || name == "key" || name == "value"))
    return "self_attn.qkv_proj";
  if (name == "query") return std::string(words.query);
  if (name == "key") return std::string(words.key);
  if (name == "value") return std::string(words.value);
  if (name == "output") return std::string(words.output);
  if (name == "router" || (experts && feed_forward)) return expert_word(words, dialect, name, id.expert);
  if (dialect.fused_gate_up && (name == "gate" || name == "up")) return "mlp.gate_up_proj";
  if (name == "gate") return std::string(words.gate);
  if (name == "down") return std::string(words.down);
  if (name == "up") return std::string(words.up);
  if (!words.own_tensors) return "";
  const std::string expert = id.expert == 0 ? "" : message("experts.", id.expert, ".");
  return message(experts ? "block_sparse_moe." : "", expert, name);
}

/// The whole name, or an empty one where the family has no such tensor.
inline std::string file_name(const TensorNames& words, const FileDialect& dialect, bool prefixed,
                             const ModelDescription& d, TensorId id) {
  const std::string_view name = stem(id.name), suffix = name == id.name ? ".weight" : ".bias";
  const std::string prefix(prefixed ? words.prefix : "");
  if (name == "head") return message(words.head, suffix);
  if (name == "relative_bias")
    return words.relative_bias.empty() ? "" : message(prefix, words.relative_bias, ".weight");
  std::string_view shared;
  if (name == "embedding") shared = words.embedding;
  if (name == "positions") shared = words.positions;
  if (name == "final_norm") shared = words.final_norm;
  if (!shared.empty()) return message(prefix, shared, suffix);
  const std::string word = word_in_layer(words, dialect, d, id);
  const bool experts = is_mixture(d.feed_forward_of(id.layer));
  if (word.empty() || (experts && !words.has_experts)) return "";
  const bool bare = experts && dialect.experts == FileDialect::Experts::fused && word.ends_with("_proj") &&
                    word.find("experts.") != word.npos;  // fused experts are a parameter, not a layer with a weight
  return message(prefix, words.layer, id.layer, ".", word, bare && suffix == ".weight" ? "" : suffix);
}

/// Which of the fused q, k and v a tensor is; 3: none of them.
inline std::size_t fused_part(std::string_view name) {
  return name == "query" ? 0 : name == "key" ? 1 : name == "value" ? 2 : 3;
}

inline void place_fused(const PolicyDescription& a, TensorNames::Fused fused, std::size_t part, TensorPlace& place) {
  const bool grouped = fused == TensorNames::Fused::grouped;
  const std::size_t kv_heads = a.size("kv_heads"), head_dim = a.size("head_dim"), groups = grouped ? kv_heads : 1;
  const std::size_t queries = a.size("heads") / groups * head_dim, keys = kv_heads / groups * head_dim;
  place.first = part == 0 ? 0 : queries + (part - 1) * keys;
  place.block = part == 0 ? queries : keys;
  place.stride = queries + 2 * keys;
  place.shape.front() = groups * place.stride;
}

/// `part` of `parts` consecutive tensors of the same size.
inline void place_stacked(std::size_t part, std::size_t parts, TensorPlace& place) {
  place.first = part * place.block;
  place.shape.front() = parts * place.block;
}
/// An expert's matrix in a tensor [experts, rows, cols] with those of all experts.
inline void place_expert(std::size_t expert, std::size_t experts, TensorPlace& place) {
  place.first += expert * place.shape.front();
  place.shape.insert(place.shape.begin(), experts);
}

}  // namespace detail

BORA_FILE_DEFINITION TensorPlace place_of(const CheckpointNames& names, const ModelDescription& d, TensorId id,
                                          TensorShape shape, const FileDialect& dialect) {
  const TensorNames& words = detail::names_of(names.family.empty() ? family_of(d) : names.family);
  TensorPlace place{.name = detail::file_name(words, dialect, names.prefix, d, id),
                    .shape = {shape.rows},
                    .transposed = false,
                    .first = 0,
                    .block = shape.rows,
                    .stride = shape.rows};
  if (place.name.empty())
    throw ConfigError(detail::message("files of the family of '", words.prefix, words.embedding,
                                      "' have no name for the tensor ", id.name, " of layer ", id.layer,
                                      "; leave the family to automatic"));
  if (shape.matrix()) place.shape.push_back(shape.cols);
  const std::string_view name = detail::stem(id.name);
  const std::size_t part = detail::fused_part(name);
  const auto fused = dialect.fused_query_key_value ? TensorNames::Fused::stacked : words.fused;
  if (fused != TensorNames::Fused::none && part < 3) detail::place_fused(d.attention_of(id.layer), fused, part, place);
  const bool gate = name == "gate", gate_or_up = gate || name == "up";
  if (const std::size_t experts = d.feed_forward_of(id.layer).size("experts"); experts == 0) {
    if (dialect.fused_gate_up && gate_or_up) detail::place_stacked(gate ? 0 : 1, 2, place);
  } else if (dialect.experts == FileDialect::Experts::fused && (gate_or_up || name == "down")) {
    if (gate_or_up) detail::place_stacked(gate ? 0 : 1, 2, place);
    detail::place_expert(id.expert, experts, place);
  }
  if (words.transposed && shape.matrix() && (part < 3 || name == "output" || name == "up" || name == "down")) {
    place.transposed = true;
    std::swap(place.shape.front(), place.shape.back());
  }
  return place;
}

BORA_FILE_DEFINITION std::vector<FileTensor> file_tensors(CheckpointNames names, const ModelDescription& d,
                                                          std::span<const TensorEntry> model,
                                                          const FileDialect& dialect) {
  if (names.family.empty()) names.family = family_of(d);
  std::vector<FileTensor> list;
  std::unordered_map<std::string, std::size_t> index;
  for (const TensorEntry& entry : model) {
    TensorPlace place = place_of(names, d, entry.id, entry.shape, dialect);
    const auto [at, added] = index.try_emplace(place.name, list.size());
    if (added) list.emplace_back();
    list[at->second].parts.push_back({entry, std::move(place)});
  }
  return list;
}

}}  // namespace bora::BORA_ABI
