/// A family of published checkpoints: what its models have in common, its config.json keys, its tensor names.
#pragma once
#include <bora/io/config_keys.hpp>
#include <bora/layers/residual.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

namespace bora { inline namespace BORA_ABI {

/// The words of a family's tensor names; ".weight" or ".bias" follows. Empty: the family has no such tensor. Where one
/// name serves query, key and value they are fused.
struct TensorNames {
  /// How query, key and value share a tensor.
  enum class Fused {
    none,     ///< each has its own
    stacked,  ///< all queries, all keys, all values
    grouped,  ///< the query heads of a key/value head, that key head, that value head, and so on
  };
  std::string_view prefix;              ///< of all names but the head's; files of a bare model leave it out
  std::string_view embedding;           ///< the table of tokens
  std::string_view positions;           ///< the table of learned positions
  std::string_view final_norm;          ///< in front of the head
  std::string_view head;                ///< computes the logits from the residual stream
  std::string_view layer;               ///< in front of a layer's number
  std::string_view attention_norm;      ///< after the number, as all that follow
  std::string_view query;               ///< one name for three where they are fused
  std::string_view key;                 ///< see query
  std::string_view value;               ///< see query
  std::string_view output;              ///< of attention
  std::string_view feed_forward_norm;   ///< or the second norm of a layer
  std::string_view gate;                ///< of a gated feed-forward layer
  std::string_view up;                  ///< into the hidden layer
  std::string_view down;                ///< out of it
  Fused fused = Fused::none;            ///< of query, key and value
  bool transposed = false;              ///< the matrices of the layers are [in, out]
  bool has_experts = false;             ///< mixtures have names
  bool experts_in_mlp = false;          ///< "mlp.gate", "mlp.experts.0.gate_proj", …; else Mixtral's names
  std::string_view relative_bias = {};  ///< T5's table
  std::string_view norms_of_parallel_layers[2] = {{}, {}};  ///< where attention and feed-forward have a norm each
  std::string_view query_norm = {};                         ///< of QkNorm
  std::string_view key_norm = {};                           ///< of QkNorm
  std::string_view attention_output_norm = {};              ///< after attention, before the residual is added
  std::string_view feed_forward_output_norm = {};           ///< after feed-forward
  bool own_tensors = false;  ///< tensors of a user's policies have names: those that the policies give them
};

/// A family. It is one file in io/families/, and an entry of the table in io/families.hpp.
struct Family {
  std::string_view model_type;                   ///< in config.json
  std::string_view architecture;                 ///< the class in `architectures`; empty: none is written
  const TensorNames* names;                      ///< of its files' tensors
  ModelDescription (*prototype)();               ///< sets what its keys do not say; other values are placeholders
  void (*keys)(ConfigKeys&, ModelDescription&);  ///< reads or writes the rest
  std::span<const std::string_view> older_spellings = {};  ///< of its model_type, which are read too
  /// Key of the sliding layers' rotary base where all keys are at the top; empty: all layers rotate alike.
  std::string_view sliding_theta = {};
  /// Whether a model of no family is saved as this one, if it can hold it; null: it is.
  bool (*suits)(const ModelDescription&) = nullptr;
};

namespace detail {

/// The activations of an `Mlp` by their words.
inline constexpr PolicyWord activation_words[]{{"gelu", description_of<Gelu>},
                                               {"gelu_new", description_of<GeluTanh>},
                                               {"relu", description_of<Relu>},
                                               {"silu", description_of<Silu>}};
/// Gated layers by their activations' words.
inline constexpr PolicyWord gated_words[]{{"silu", description_of<SwiGlu<1>>},
                                          {"gelu", description_of<GeGlu<1>>},
                                          {"gelu_pytorch_tanh", description_of<GeGluTanh<1>>}};

/// `heads` heads of dim / heads features each: for families without a key for the head's width.
inline void share_width(ConfigKeys& c, ModelDescription& d, PolicyDescription& attention) {
  const std::size_t heads = c.size_at(attention, "heads");
  if (!c.reads() || heads == 0) return;
  c.check(d.dim % heads == 0, "a divisor of the width, ", d.dim);
  c.size_at(attention, "head_dim") = d.dim / heads;
}

/// One policy for a word of rotary scaling, and its numbers by their keys.
struct ScalingWord {
  struct Number {
    std::string_view key, argument;
    ConfigValue missing = {};
  };
  std::string_view word;
  PolicyDescription (*description)();
  Number numbers[4];
};
/// Rotary scaling (transformers, modeling_rope_utils.py). Its numbers have no defaults but those of YaRN.
inline constexpr ScalingWord scaling_words[]{
    {"default", description_of<NoScaling>, {}},
    {"linear", description_of<LinearScaling<1.0>>, {{"factor", "factor"}}},
    {"llama3",
     description_of<Llama3Scaling<Llama3Settings{}>>,
     {{"factor", "factor"},
      {"original_max_position_embeddings", "original_context"},
      {"low_freq_factor", "low_frequency"},
      {"high_freq_factor", "high_frequency"}}},
    {"yarn",
     description_of<YarnScaling<YarnSettings{.factor = 1, .original_context = 1}>>,
     {{"factor", "factor"},
      {"original_max_position_embeddings", "original_context"},
      {"beta_fast", "beta_fast", 32.0},
      {"beta_slow", "beta_slow", 1.0}}},
};

/// YaRN's factor of cosine and sine, in any of the keys that decide it, and whether its bounds are rounded.
inline void yarn_keys(ConfigKeys& c, PolicyDescription& scaling) {
  const double factor = scaling.real("factor"), usual = yarn_amplitude(factor);
  const ConfigValue given = c.optional_real(
      "attention_factor", scaling.has("attention_factor") ? ConfigValue(scaling.real("attention_factor")) : nullptr);
  const bool has_factor = given.kind == ConfigValue::Kind::fraction;
  c.check(!has_factor || given.number > 0, "a number above 0, or null");
  const double scale = c.optional_real("mscale", nullptr).number,
               scale_all = c.optional_real("mscale_all_dim", nullptr).number;
  const bool truncates = c.optional_flag("truncate", !scaling.has("truncate"), true);
  if (!c.reads()) return;
  const auto part = [&](double m) { return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1; };
  const double amplitude = has_factor                     ? given.number
                           : scale != 0 && scale_all != 0 ? part(scale) / part(scale_all)
                                                          : usual;
  PolicyDescription& settings = c.policy(scaling, "settings");
  if (!same_real(amplitude, usual)) settings.add("attention_factor", amplitude);
  if (!truncates) settings.add("truncate", std::size_t{0});
}

/// \param within  the object that holds them: `sliding_rotation` for sliding layers
inline void scaling_keys(ConfigKeys& c, PolicyDescription& attention, std::string_view within = "rope_scaling") {
  PolicyDescription& scaling = c.policy(attention, "position.scaling");
  PolicyWord words[std::size(scaling_words)];
  for (std::size_t i = 0; i < std::size(words); ++i) words[i] = {scaling_words[i].word, scaling_words[i].description};
  c.enter(within);
  if (const Json* there = c.raw(within))
    for (const char* key : {"rope_type", "type"})
      if (const Json* type = find_json(*there, key); type != nullptr && *type == "dynamic")
        c.refuse({"key ", c.path(key),
                  " is 'dynamic': a base that grows with the text would change keys already cached; expected default, "
                  "linear, yarn or llama3"});
  c.choose("rope_type|type", scaling, words, "default");
  const auto named = std::ranges::find_if(
      scaling_words, [&](const ScalingWord& word) { return word.description().name == scaling.name; });
  const ScalingWord& kind = named == std::end(scaling_words) ? scaling_words[0] : *named;
  for (const ScalingWord::Number& number : kind.numbers) {
    if (number.key.empty()) continue;
    double& value = c.real_at(scaling, number.argument);
    number.argument == "original_context" ? c.whole_real(number.key, value, number.missing)
                                          : c.real(number.key, value, number.missing);
    const bool stretches = number.argument == "factor";
    c.check(stretches ? value >= 1 : value > 0, stretches ? "a number from 1" : "a number above 0");
  }
  if (kind.word == "llama3")
    c.check(scaling.real("high_frequency") > scaling.real("low_frequency"), "a number above low_freq_factor");
  if (kind.word == "default") c.expect("factor", 1);
  const bool yarn = kind.word == "yarn";
  if (yarn) {
    c.check(scaling.real("beta_fast") > scaling.real("beta_slow"), "a number below beta_fast");
    yarn_keys(c, scaling);
  } else {
    c.expect("attention_factor", 1);
  }
  c.enter("");
  if (kind.word == "default" && within == "rope_scaling") c.write("rope_scaling", nullptr);
}

/// Base of the rotation.
inline void theta_key(ConfigKeys& c, std::string_view names, PolicyDescription& attention, ConfigValue missing) {
  double& theta = c.real_at(attention, "position.theta");
  c.real(names, theta, missing);
  c.check(theta > 1, "a number above 1");
}

}  // namespace detail
}}  // namespace bora::BORA_ABI
