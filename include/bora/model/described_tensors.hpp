/// Lists all tensors of a model in the order of `Parameters`, from its type or only from its description.
#pragma once
#include <bora/core/checked.hpp>
#include <bora/core/error.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A tensor of a model, with its shape and its offset in the model's parameters.
struct TensorEntry {
  TensorId id;         ///< which tensor
  TensorShape shape;   ///< the model's shape; the file's may differ
  std::size_t offset;  ///< index of its first element in `Parameters::values()`
};

/// All tensors of a model, in the order of `Parameters`.
template <ModelSpec S>
std::vector<TensorEntry> tensors_of() {
  std::vector<TensorEntry> list;
  std::size_t offset = 0;
  detail::Anatomy<S>::visit([&](TensorId id, TensorShape shape) {
    list.push_back({id, shape, offset});
    offset += shape.size();
  });
  return list;
}

namespace detail {

/// Lists tensors one after the other, as `Anatomy::visit` names them. Sizes may come from a file.
class TensorList {
 public:
  void layer(std::size_t layer) { id_.layer = layer; }
  void expert(std::size_t expert) { id_.expert = expert; }
  void outside() { id_ = {}; }
  void add(std::string_view name, TensorShape shape) {
    id_.name = name;
    list_.push_back({id_, shape, offset_.value()});
    offset_ += CheckedSize(shape.rows) * std::max<std::size_t>(shape.cols, 1);
  }
  void add_if(bool present, std::string_view name, TensorShape shape) {
    if (present) add(name, shape);
  }
  std::vector<TensorEntry> take() { return std::move(list_); }

 private:
  TensorId id_{};
  CheckedSize offset_ = 0;
  std::vector<TensorEntry> list_;
};

inline bool is_mixture(const PolicyDescription& feed_forward) { return feed_forward.size("experts") > 0; }

/// The norm of `heads` query or key heads.
inline void list_qk_norm(TensorList& list, const PolicyDescription& a, std::string_view heads, std::string_view weight,
                         std::string_view bias) {
  const std::size_t width = (a.policy("qk_norm.scope").name == "PerHead" ? 1 : a.size(heads)) * a.size("head_dim");
  list.add_if(a.size("qk_norm.norm.weight") != 0, weight, {width});
  list.add_if(a.size("qk_norm.norm.bias") != 0, bias, {width});
}
inline void list_attention(TensorList& list, std::size_t dim, const PolicyDescription& a) {
  const bool bias = a.has("bias"), output_bias = bias && a.policy("bias").name != "QkvBias";
  const std::size_t query_width = a.size("heads") * a.size("head_dim"),
                    key_width = a.size("kv_heads") * a.size("head_dim");
  list.add("query", {query_width, dim});
  list.add_if(bias, "query_bias", {query_width});
  list.add("key", {key_width, dim});
  list.add_if(bias, "key_bias", {key_width});
  list.add("value", {key_width, dim});
  list.add_if(bias, "value_bias", {key_width});
  list.add("output", {dim, query_width});
  list.add_if(output_bias, "output_bias", {dim});
  list_qk_norm(list, a, "heads", "query_norm", "query_norm_bias");
  list_qk_norm(list, a, "kv_heads", "key_norm", "key_norm_bias");
}
inline void list_feed_forward(TensorList& list, std::size_t dim, const PolicyDescription& f) {
  const bool bias = f.has("bias"), gated = f.size("gated") != 0;
  const std::size_t hidden = f.size("hidden");
  list.add_if(gated, "gate", {hidden, dim});
  list.add_if(gated && bias, "gate_bias", {hidden});
  list.add("up", {hidden, dim});
  list.add_if(bias, "up_bias", {hidden});
  list.add("down", {dim, hidden});
  list.add_if(bias, "down_bias", {dim});
}
inline void list_norm(TensorList& list, const ModelDescription& d, std::string_view weight, std::string_view bias) {
  list.add_if(d.norm.size("weight") != 0, weight, {d.dim});
  list.add_if(d.norm.size("bias") != 0, bias, {d.dim});
}

/// Throws for a user-defined policy, whose tensors are unknown unless it declares those of a feed-forward layer.
inline void require_known_tensors(const PolicyDescription& policy) {
  if (policy.form == PolicyDescription::Form::foreign && !policy.has("gated"))
    throw ConfigError(message("the tensors of ", policy.name.empty() ? "a policy without a name" : policy.name,
                              " are not known: expected one of the library's policies"));
}
/// A description from a faulty file could claim more tensors than fit into memory.
inline void check_tensor_count(const ModelDescription& d) {
  CheckedSize most = 0;
  constexpr std::size_t limit = std::size_t{1} << 20;
  for (const PolicyDescription& f : d.feed_forward)
    most = std::max(most, CheckedSize(24) + CheckedSize(6) * f.size("experts"));
  if (d.layers * most > limit)
    throw ConfigError(message("a model of ", d.layers, " layers with so many experts has more than ", limit,
                              " tensors: no checkpoint has"));
}

}  // namespace detail

/// The same for a model of which only the description is known. Throws ConfigError for policies that are not the
/// library's.
inline std::vector<TensorEntry> tensors_of(const ModelDescription& d) {
  detail::check_tensor_count(d);
  detail::TensorList list;
  list.add("embedding", {d.vocab_size, d.dim});
  list.add_if(d.position.size("learned") != 0, "positions", {d.context, d.dim});
  const auto bucketed =
      std::ranges::find_if(d.attention, [](const PolicyDescription& a) { return a.policy("position").has("buckets"); });
  if (bucketed != d.attention.end())  // all layers share one
    list.add("relative_bias", {bucketed->size("position.buckets"), bucketed->size("heads")});
  const bool shared_norm = d.residual.policy("norms").name == "SharedNorm",
             norms_output = d.residual.name == "OutputNormResidual" || d.residual.name == "SandwichResidual",
             norms_input = d.residual.name != "OutputNormResidual";
  for (const PolicyDescription* policy : {&d.norm, &d.residual}) detail::require_known_tensors(*policy);
  for (std::size_t layer = 0; layer < d.layers; ++layer) {
    const PolicyDescription &a = d.attention_of(layer), &f = d.feed_forward_of(layer);
    detail::require_known_tensors(a);
    list.layer(layer);
    if (norms_input) detail::list_norm(list, d, "attention_norm", "attention_norm_bias");
    detail::list_attention(list, d.dim, a);
    if (norms_output) detail::list_norm(list, d, "attention_output_norm", "attention_output_norm_bias");
    if (norms_input && !shared_norm) detail::list_norm(list, d, "feed_forward_norm", "feed_forward_norm_bias");
    const std::size_t experts = f.size("experts");
    const PolicyDescription& one = experts > 0 ? f.policy("expert") : f;
    detail::require_known_tensors(one);
    list.add_if(experts > 0, "router", {experts, d.dim});
    for (std::size_t expert = 0; expert < std::max<std::size_t>(experts, 1); ++expert) {
      list.expert(expert);
      detail::list_feed_forward(list, d.dim, one);
    }
    list.expert(0);
    if (norms_output) detail::list_norm(list, d, "feed_forward_output_norm", "feed_forward_output_norm_bias");
    list.outside();
  }
  detail::list_norm(list, d, "final_norm", "final_norm_bias");
  list.add_if(!d.tie_embeddings, "head", {d.vocab_size, d.dim});
  return list.take();
}

namespace detail {

/// Completes the derived values of a description that was read from a file.
inline void count_parameters(ModelDescription& d) {
  d.parameters = d.active_parameters = 0;
  for (const TensorEntry& tensor : tensors_of(d)) {
    d.parameters += tensor.shape.size();
    const std::size_t chosen = d.feed_forward_of(tensor.id.layer).size("router.experts_per_token");
    if (tensor.id.expert < std::max<std::size_t>(chosen, 1)) d.active_parameters += tensor.shape.size();
  }
}

}  // namespace detail
}}  // namespace bora::BORA_ABI
