/// The families of published checkpoints, and which of them can hold a model: what a family always has, and its
/// config.json therefore does not say.
#pragma once
#include <bora/core/error.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// A `model_type` of Hugging Face's config.json, the class it names there, and the tensor names it uses.
struct ModelType {
  std::string_view name;           ///< what `model_type` is in config.json
  std::string_view architecture;   ///< the class in `architectures`; empty: none is written
  CheckpointNames::Family family;  ///< whose tensor names its files use
};

/// Known model types. A model is saved as the first that can hold it; "bora" holds every model, in Llama's names.
inline constexpr std::array model_types{
    ModelType{"mixtral", "MixtralForCausalLM", CheckpointNames::Family::mixtral},
    ModelType{"llama", "LlamaForCausalLM", CheckpointNames::Family::llama},
    ModelType{"mistral", "MistralForCausalLM", CheckpointNames::Family::llama},
    ModelType{"olmo", "OlmoForCausalLM", CheckpointNames::Family::llama},
    ModelType{"gpt2", "GPT2LMHeadModel", CheckpointNames::Family::gpt2},
    ModelType{"mpt", "MptForCausalLM", CheckpointNames::Family::mpt},
    ModelType{"gpt_neox", "GPTNeoXForCausalLM", CheckpointNames::Family::gpt_neox},
    ModelType{"falcon", "FalconForCausalLM", CheckpointNames::Family::falcon},
    ModelType{"bora", "", CheckpointNames::Family::llama},
};

/// Something that all models of a family have in common, and what the described model has there.
struct FamilyFact {
  std::string_view what;  ///< its name in messages, as "norm"
  std::string family;     ///< what every model of the family has there, in words
  std::string model;      ///< what the described model has there, in the same words
  /// Whether the model has what the family has.
  bool holds() const { return family == model; }
};

/// Falcon's newer layer: grouped key/value heads, and two norms unless they are said to be one.
inline bool is_new_falcon(const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  return d.residual == ResidualKind::parallel_separate_norms ||
         (d.residual == ResidualKind::parallel_shared_norm && a.kv_heads != 1 && a.kv_heads != a.heads);
}

namespace detail {

inline std::string_view name_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::relu:
      return "relu";
    case ActivationKind::gelu:
      return "gelu";
    case ActivationKind::gelu_tanh:
      return "gelu_new";
    case ActivationKind::silu:
      return "silu";
    case ActivationKind::other:
      break;
  }
  return "other";
}
inline std::string_view name_of(ResidualKind kind) {
  switch (kind) {
    case ResidualKind::sequential:
      return "sequential";
    case ResidualKind::parallel_shared_norm:
      return "parallel, one norm";
    case ResidualKind::parallel_separate_norms:
      break;
  }
  return "parallel, two norms";
}
inline std::string_view name_of(PositionKind kind) {
  switch (kind) {
    case PositionKind::none:
      return "none";
    case PositionKind::rope:
      return "rotary";
    case PositionKind::alibi:
      return "ALiBi";
    case PositionKind::t5_bias:
      break;
  }
  return "T5 bias";
}
inline std::string_view name_of(EmbeddingPositionKind kind) {
  switch (kind) {
    case EmbeddingPositionKind::none:
      return "none";
    case EmbeddingPositionKind::learned:
      return "learned";
    case EmbeddingPositionKind::sinusoidal:
      break;
  }
  return "sinusoidal";
}
inline std::string_view name_of(RouterKind kind) {
  switch (kind) {
    case RouterKind::top_k:
      return "softmax over the chosen experts";
    case RouterKind::softmax_top_k:
      return "softmax over all experts";
    case RouterKind::other:
      break;
  }
  return "other";
}
inline std::string_view name_of(MaskKind kind) {
  switch (kind) {
    case MaskKind::causal:
      return "causal";
    case MaskKind::sliding_window:
      return "sliding window";
    case MaskKind::other:
      break;
  }
  return "other";
}
inline std::string_view name_of(ScalingKind kind) {
  switch (kind) {
    case ScalingKind::none:
      return "default";
    case ScalingKind::linear:
      return "linear";
    case ScalingKind::ntk:
      return "ntk";
    case ScalingKind::yarn:
      return "yarn";
    case ScalingKind::llama3:
      return "llama3";
    case ScalingKind::other:
      break;
  }
  return "other";
}
inline std::string_view name_of(const NormDescription& norm) {
  if (!norm.centred) return norm.weight && !norm.bias ? "RMSNorm" : "other";
  if (norm.weight) return norm.bias ? "LayerNorm" : "LayerNorm without bias";
  return norm.bias ? "other" : "LayerNorm without parameters";
}

template <class Number>
std::string or_none(Number value) {
  return value == Number{} ? "none" : message(value);
}
inline std::string_view yes_or_no(bool yes) { return yes ? "yes" : "no"; }

inline std::vector<FamilyFact> llama_facts(std::string_view type, const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  const FeedForwardDescription& f = d.feed_forward.front();
  const bool olmo = type == "olmo", mixtral = type == "mixtral", window = mixtral || type == "mistral";
  std::vector<FamilyFact> facts{
      {"norm", olmo ? "LayerNorm without parameters" : "RMSNorm", std::string(name_of(d.norm))},
      {"mixture of experts", std::string(yes_or_no(mixtral)), std::string(yes_or_no(f.experts > 0))},
      {"gated feed-forward", "yes", std::string(yes_or_no(f.gated))},
  };
  if (mixtral) facts.push_back({"router", "softmax over the chosen experts", std::string(name_of(f.router))});
  if (!window) facts.push_back({"sliding window", "none", or_none(a.window)});
  if (!olmo) facts.push_back({"clipping of q, k and v", "none", or_none(a.clip)});
  if (olmo) facts.push_back({"eps of the norm", "1e-5", d.norm.eps == 1e-5 ? "1e-5" : "another"});
  if (olmo) facts.push_back({"heads * head_dim", message(d.dim), message(a.heads * a.head_dim)});
  if (window) facts.push_back({"bias of the attention", "no", std::string(yes_or_no(a.bias))});
  if (type != "llama") facts.push_back({"bias of the feed-forward", "no", std::string(yes_or_no(f.bias))});
  return facts;
}

inline std::vector<FamilyFact> plain_facts(std::string_view type, const ModelDescription& d) {
  const AttentionDescription& a = d.attention.front();
  const FeedForwardDescription& f = d.feed_forward.front();
  const bool gpt2 = type == "gpt2", mpt = type == "mpt", falcon = type == "falcon";
  std::vector<FamilyFact> facts{
      {"norm", mpt ? "LayerNorm without bias" : "LayerNorm", std::string(name_of(d.norm))},
      {"mixture of experts", "no", std::string(yes_or_no(f.experts > 0))},
      {"gated feed-forward", "no", std::string(yes_or_no(f.gated))},
      {"sliding window", "none", or_none(a.window)},
      {"heads * head_dim", message(d.dim), message(a.heads * a.head_dim)},
  };
  if (!mpt) facts.push_back({"clipping of q, k and v", "none", or_none(a.clip)});
  if (!falcon) facts.push_back({"key/value heads", message(a.heads), message(a.kv_heads)});
  if (falcon && !is_new_falcon(d) && a.kv_heads != 1)
    facts.push_back({"key/value heads (of the older layer)", message(a.heads), message(a.kv_heads)});
  if (gpt2 || mpt)
    facts.push_back({"bias of the attention", std::string(yes_or_no(gpt2)), std::string(yes_or_no(a.bias))});
  if (falcon)
    facts.push_back({"bias of the feed-forward", std::string(yes_or_no(a.bias)), std::string(yes_or_no(f.bias))});
  else
    facts.push_back({"bias of the feed-forward", std::string(yes_or_no(!mpt)), std::string(yes_or_no(f.bias))});
  if (mpt) facts.push_back({"activation", "gelu", std::string(name_of(f.activation))});
  if (mpt) facts.push_back({"remainder of hidden / dim", "0", message(f.hidden % d.dim)});
  return facts;
}

}  // namespace detail

/// What every model of a type has, beside what the model has. None for "bora", which holds all.
inline std::vector<FamilyFact> family_facts(std::string_view type, const ModelDescription& d) {
  using detail::name_of;
  if (type == "bora") return {};
  if (d.attention.size() > 1 || d.feed_forward.size() > 1) return {{"layers", "all alike", "of two alternating kinds"}};
  const AttentionDescription& a = d.attention.front();
  const bool gpt2 = type == "gpt2", mpt = type == "mpt", neox = type == "gpt_neox", falcon = type == "falcon";
  const bool plain = gpt2 || mpt || neox || falcon;
  std::vector<FamilyFact> facts{
      {"position of the embedding", gpt2 ? "learned" : "none", std::string(name_of(d.position))},
      {"position of the attention",
       gpt2  ? "none"
       : mpt ? "ALiBi"
             : "rotary",
       std::string(name_of(a.position))},
  };
  if (!gpt2 && !mpt && !neox)
    facts.push_back({"rotated part of a head", detail::message(a.head_dim), detail::message(a.rotary)});
  if (a.scaling.kind == ScalingKind::ntk || a.scaling.kind == ScalingKind::other)
    facts.push_back({"rotary scaling", "default, linear, yarn or llama3", std::string(name_of(a.scaling.kind))});
  for (const AttentionDescription& layer : d.attention)
    if (layer.mask == MaskKind::other) facts.push_back({"mask", "causal or a sliding window", "other"});
  if (d.feed_forward.front().activation == ActivationKind::other)
    facts.push_back({"activation", "silu, gelu, gelu_new or relu", "other"});
  for (FamilyFact& fact : plain ? detail::plain_facts(type, d) : detail::llama_facts(type, d))
    facts.push_back(std::move(fact));
  if (neox && d.residual == ResidualKind::parallel_shared_norm)
    facts.push_back({"residual", "sequential, or parallel with two norms", std::string(name_of(d.residual))});
  if (!neox && !falcon) facts.push_back({"residual", "sequential", std::string(name_of(d.residual))});
  return facts;
}

/// Whether a checkpoint of this type can hold the model.
inline bool can_hold(std::string_view type, const ModelDescription& d) {
  for (const FamilyFact& fact : family_facts(type, d))
    if (!fact.holds()) return false;
  return true;
}

/// The type a model is saved as: the first that can hold it and has these names. Throws ConfigError where the names
/// are those of a family that cannot.
inline ModelType model_type_of(const CheckpointNames& names, const ModelDescription& d) {
  using Family = CheckpointNames::Family;
  for (const ModelType& type : model_types)
    if ((names.family == Family::automatic || names.family == type.family) && can_hold(type.name, d)) return type;
  for (const ModelType& type : model_types)
    if (type.family == names.family)
      for (const FamilyFact& fact : family_facts(type.name, d))
        if (!fact.holds())
          throw ConfigError(detail::message("a checkpoint with the names of ", type.name,
                                            " cannot hold this model: its ", fact.what, " is ", fact.family,
                                            ", the model's ", fact.model, "; leave the family to automatic"));
  return model_types.back();
}

/// The family whose names a model gets that was not read from a file: that of the published models of its shape
/// (embedding and attention position, norm, feed-forward, residual, biases, heads), Mixtral's for a mixture of experts
/// otherwise like Llama, and Llama's for whatever no published family is like.
inline CheckpointNames::Family family_of(const ModelDescription& d) { return model_type_of({}, d).family; }

}  // namespace bora::inline BORA_ABI
