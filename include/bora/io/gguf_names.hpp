/// Names and layouts of a model's tensors in GGUF files, for reading and writing.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/gguf_keys.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Location of a model's tensor in a GGUF file: rows [first, first + its rows) of a tensor.
struct GgufPlace {
  std::string name;                ///< of the file's tensor
  std::vector<std::size_t> shape;  ///< of the file's tensor, row length last
  std::size_t first = 0;           ///< the file's row of row 0, counted across all experts
  std::size_t pairs = 0;           ///< as in StoredTensor
};

namespace detail {

/// A tensor of the library's and its name in files; in a layer after "blk.N.".
struct GgufName {
  std::string_view ours, theirs;
};
inline constexpr GgufName gguf_names[] = {
    {"embedding", "token_embd"},
    {"positions", "position_embd"},
    {"final_norm", "output_norm"},
    {"head", "output"},
};
inline constexpr GgufName gguf_layer_names[] = {
    {"attention_norm", "attn_norm"},
    {"query", "attn_q"},
    {"key", "attn_k"},
    {"value", "attn_v"},
    {"output", "attn_output"},
    {"query_norm", "attn_q_norm"},
    {"key_norm", "attn_k_norm"},
    {"attention_output_norm", "post_attention_norm"},
    {"feed_forward_norm", "ffn_norm"},
    {"feed_forward_output_norm", "post_ffw_norm"},
    {"gate", "ffn_gate"},
    {"up", "ffn_up"},
    {"down", "ffn_down"},
    {"router", "ffn_gate_inp"},
};

inline std::string_view find_gguf_name(std::span<const GgufName> names, std::string_view ours) {
  for (const GgufName& name : names)
    if (name.ours == ours) return name.theirs;
  return "";
}
/// A tensor's name without the suffix of biases.
inline std::string_view gguf_stem(std::string_view name) {
  constexpr std::string_view bias = "_bias";
  if (name.ends_with(bias) && name != "relative_bias") name.remove_suffix(bias.size());
  return name;
}

}  // namespace detail

/// Location of a tensor in the files of an architecture. Throws ConfigError for tensors that it does not have.
/// \param merged  whether the matrices of all experts are one tensor; if not, each is one, as in files before April
/// 2024
inline GgufPlace gguf_place(const GgufArchitecture& architecture, const ModelDescription& d, TensorId id,
                            TensorShape shape, bool merged = true) {
  const std::string_view name = detail::gguf_stem(id.name), suffix = name == id.name ? ".weight" : ".bias";
  GgufPlace place{.name = {}, .shape = {shape.rows}};
  if (shape.matrix()) place.shape.push_back(shape.cols);
  if (const auto whole = detail::find_gguf_name(detail::gguf_names, name); !whole.empty()) {
    place.name = detail::message(whole, suffix);
    return place;
  }
  std::string word(detail::find_gguf_name(detail::gguf_layer_names, name));
  if (word.empty())
    throw ConfigError(
        detail::message("a GGUF file of ", architecture.name, " has no tensor for the model's ", id.name));
  // Newer Falcon layers: the norm of attention is the second.
  if (architecture.name == "falcon" && d.residual.policy("norms").name == "SeparateNorms") {
    if (name == "attention_norm") word = "attn_norm_2";
    if (name == "feed_forward_norm") word = "attn_norm";
  }
  const PolicyDescription &a = d.attention_of(id.layer), &f = d.feed_forward_of(id.layer);
  const bool is_query = name == "query", is_key = name == "key";
  if (architecture.pairs_rows && (is_query || is_key)) place.pairs = a.size("head_dim") / 2;
  if (architecture.fuses_qkv && (is_query || is_key || name == "value")) {
    const std::size_t queries = a.size("heads") * a.size("head_dim"), keys = a.size("kv_heads") * a.size("head_dim");
    word = "attn_qkv";
    place.first = is_query ? 0 : is_key ? queries : queries + keys;
    place.shape.front() = queries + 2 * keys;
  }
  if (const std::size_t experts = f.size("experts");
      experts != 0 && (name == "gate" || name == "up" || name == "down")) {
    if (merged) {
      word += "_exps";
      place.first = id.expert * shape.rows;
      place.shape.insert(place.shape.begin(), experts);
    } else {
      word += detail::message(".", id.expert);
    }
  }
  place.name = detail::message("blk.", id.layer, ".", word, suffix);
  return place;
}

}}  // namespace bora::BORA_ABI
