// The source that `generate` needs for a checkpoint, from its config.json or llama2.c header. It is said to fit only
// where `load` of the type that is printed would take the config and the tensors, and where the tokenizer can be read.
#pragma once
#include "generate.hpp"
#include <bora/core/error.hpp>
#include <bora/io/json.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/description.hpp>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace spec_text {

// ---- the text of a type

/// A whole number does not convert to a template's `double`, so it gets a point.
inline std::string real(double value) {
  char text[32];
  std::string shortest(text, std::to_chars(text, text + sizeof text, value).ptr);
  return shortest.find_first_of(".e") == std::string::npos ? shortest + ".0" : shortest;
}
inline std::string number(std::size_t value) { return std::to_string(value); }

inline std::string text_of(const bora::ScalingDescription& s) {
  switch (s.kind) {
    case bora::ScalingKind::linear:
      return "bora::LinearScaling<" + real(s.factor) + ">";
    case bora::ScalingKind::yarn:
      return "bora::YarnScaling<bora::YarnSettings{.factor = " + real(s.factor) +
             ", .original_context = " + real(s.original_context) + ", .beta_fast = " + real(s.beta_fast) +
             ", .beta_slow = " + real(s.beta_slow) + "}>";
    case bora::ScalingKind::llama3:
      return "bora::Llama3Scaling<bora::Llama3Settings{.factor = " + real(s.factor) +
             ", .low_frequency = " + real(s.low_frequency) + ", .high_frequency = " + real(s.high_frequency) +
             ", .original_context = " + real(s.original_context) + "}>";
    default:
      return "";
  }
}
inline std::string text_of(const bora::AttentionDescription& a) {
  const std::string indent = "\n" + std::string(46, ' '), scaling = text_of(a.scaling);
  return "bora::GroupedQueryAttention<bora::HeadShape{.heads = " + number(a.heads) +
         ", .kv_heads = " + number(a.kv_heads) + ", .head_dim = " + number(a.head_dim) + "}," + indent +
         (a.window == 0 ? "bora::Causal" : "bora::SlidingWindow<" + number(a.window) + ">") + "," + indent +
         "bora::Rope<" + real(a.theta) + (scaling.empty() ? "" : ", 1.0, " + scaling) + ">" +
         (a.bias ? ", bora::Bias>" : ">");
}
inline std::string text_of(const bora::FeedForwardDescription& f) {
  const std::string mlp = (f.activation == bora::ActivationKind::gelu ? "bora::GeGlu<" : "bora::SwiGlu<") +
                          number(f.hidden) + (f.bias ? ", bora::Bias>" : ">");
  if (f.experts == 0) return mlp;
  return "bora::MixtureOfExperts<" + number(f.experts) + ", bora::TopKRouter<" + number(f.choices) + ">, " + mlp + ">";
}
inline std::string text_of(const bora::ModelDescription& d) {
  return "struct Mine : bora::DecoderSpec {\n  static constexpr std::size_t vocab_size = " + number(d.vocab_size) +
         ", dim = " + number(d.dim) + ", layers = " + number(d.layers) + ", context = " + number(d.context) + ";\n" +
         (d.tie_embeddings ? "  static constexpr bool tie_embeddings = true;\n" : "") +
         "  using Norm = bora::RmsNorm<" + real(d.norm.eps) +
         ">;\n  using Attention = " + text_of(d.attention.front()) +
         ";\n  using FeedForward = " + text_of(d.feed_forward.front()) + ";\n};\n";
}

// ---- a type from a checkpoint

/// A model of Llama's kind without sizes.
inline bora::ModelDescription llama_like() {
  bora::ModelDescription d{};
  d.norm = {.eps = 1e-5, .weight = true, .bias = false, .centred = false};
  d.residual = bora::ResidualKind::sequential;
  bora::AttentionDescription a{};
  a.mask = bora::MaskKind::causal;
  a.position = bora::PositionKind::rope;
  a.theta = 1e4;
  a.rotary_fraction = 1;
  d.attention = {a};
  d.feed_forward = {{.hidden = 0, .gated = true, .bias = false, .activation = bora::ActivationKind::silu}};
  return d;
}

/// Reads a key wherever rotary positions are described: in rope_parameters, in rope_scaling or beside them. `load`
/// refuses those that contradict each other.
class RotaryKeys {
 public:
  RotaryKeys(const bora::Json& config, const std::filesystem::path& file) : config_(config), file_(file) {}

  std::optional<double> number(const char* key) const {
    for (const char* within : {"rope_parameters", "rope_scaling"})
      if (const bora::Json* holder = bora::optional_object(config_, within, file_))
        if (const auto value = bora::optional_number(*holder, key, file_, within)) return value;
    return bora::optional_number(config_, key, file_);
  }
  std::string kind() const {
    for (const char* within : {"rope_parameters", "rope_scaling"})
      if (const bora::Json* holder = bora::optional_object(config_, within, file_))
        for (const char* key : {"rope_type", "type"})
          if (const auto value = bora::optional_string(*holder, key, file_, within)) return *value;
    return "default";
  }

 private:
  const bora::Json& config_;
  const std::filesystem::path& file_;
};

/// What a kind leaves out is what transformers takes it for; what this library has no kind of stays unscaled, and
/// `load` says so.
inline bora::ScalingDescription scaling_of(const RotaryKeys& keys, std::size_t context) {
  const std::string kind = keys.kind();
  const auto number = [&](const char* key, double other) { return keys.number(key).value_or(other); };
  const double original = number("original_max_position_embeddings", static_cast<double>(context));
  if (kind == "linear") return {.kind = bora::ScalingKind::linear, .factor = number("factor", 1)};
  if (kind == "yarn")
    return {.kind = bora::ScalingKind::yarn,
            .factor = number("factor", 1),
            .original_context = original,
            .beta_fast = number("beta_fast", 32),
            .beta_slow = number("beta_slow", 1)};
  if (kind == "llama3")
    return {.kind = bora::ScalingKind::llama3,
            .factor = number("factor", 8),
            .original_context = original,
            .low_frequency = number("low_freq_factor", 1),
            .high_frequency = number("high_freq_factor", 4)};
  return {};
}

/// Nothing for the families that are not Llama's kind. What a file leaves out is what transformers takes it for.
inline std::optional<bora::ModelDescription> model_of_config(const bora::Json& json, const std::filesystem::path& file,
                                                             std::string_view type) {
  const bool mixtral = type == "mixtral", mistral = type == "mistral";
  if (type != "llama" && !mixtral && !mistral) return std::nullopt;
  const auto size = [&](const char* key) { return bora::require_size(json, key, file); };
  const auto size_or = [&](const char* key, std::size_t other) {
    return bora::optional_size(json, key, file).value_or(other);
  };
  const auto flag = [&](const char* key) { return bora::optional_bool(json, key, file).value_or(false); };
  bora::ModelDescription d = llama_like();
  bora::AttentionDescription& a = d.attention.front();
  bora::FeedForwardDescription& f = d.feed_forward.front();
  d.vocab_size = size("vocab_size");
  d.dim = size("hidden_size");
  d.layers = size("num_hidden_layers");
  d.context = size_or("max_position_embeddings", 2048);
  d.tie_embeddings = flag("tie_word_embeddings");
  d.norm.eps = bora::optional_number(json, "rms_norm_eps", file).value_or(mixtral ? 1e-5 : 1e-6);
  a.heads = size("num_attention_heads");
  a.kv_heads = size_or("num_key_value_heads", a.heads);
  a.head_dim = size_or("head_dim", a.heads == 0 ? 0 : d.dim / a.heads);
  if (mistral || mixtral) a.window = size_or("sliding_window", mistral && !json.contains("sliding_window") ? 4096 : 0);
  if (a.window != 0) a.mask = bora::MaskKind::sliding_window;
  a.bias = flag("attention_bias");
  const RotaryKeys rotary(json, file);
  a.theta = rotary.number("rope_theta").value_or(mixtral ? 1e6 : 1e4);
  a.rotary = a.head_dim;
  a.scaling = scaling_of(rotary, d.context);
  f.hidden = size("intermediate_size");
  f.bias = flag("mlp_bias");
  if (bora::optional_string(json, "hidden_act", file).value_or("silu").starts_with("gelu"))
    f.activation = bora::ActivationKind::gelu;
  if (mixtral) {
    f.experts = size_or("num_local_experts", size_or("num_experts", 8));
    f.choices = size_or("num_experts_per_tok", 2);
    f.router = bora::RouterKind::top_k;
  }
  return d;
}

inline bora::ModelDescription model_of_llama2c(const std::filesystem::path& file) {
  const bora::Llama2cCheckpoint checkpoint(file);
  const bora::Llama2cHeader& h = checkpoint.header();
  bora::ModelDescription d = llama_like();
  d.vocab_size = h.vocab_size;
  d.dim = h.dim;
  d.layers = h.layers;
  d.context = h.context;
  d.tie_embeddings = h.tied;
  bora::AttentionDescription& a = d.attention.front();
  a.heads = h.heads;
  a.kv_heads = h.kv_heads;
  a.head_dim = a.rotary = h.head_dim();
  d.feed_forward.front().hidden = h.hidden;
  return d;
}

/// Throws ConfigError for numbers that no type has: it would not compile.
inline void check_type(const bora::ModelDescription& d) {
  const bora::AttentionDescription& a = d.attention.front();
  const bora::FeedForwardDescription& f = d.feed_forward.front();
  const bora::ScalingDescription& s = a.scaling;
  const auto require = [](bool holds, const char* rule) {
    if (!holds) throw bora::ConfigError(std::string("no type has these numbers: ") + rule);
  };
  require(d.vocab_size > 0 && d.dim > 0 && d.layers > 0 && d.context > 0 && f.hidden > 0,
          "the sizes of vocabulary, width, layers, context and feed-forward must be positive");
  require(d.vocab_size < std::size_t{1} << 31, "a vocabulary has fewer than 2^31 tokens");
  require(a.heads > 0 && a.kv_heads > 0 && a.heads % a.kv_heads == 0,
          "the number of key/value heads must divide that of heads");
  require(a.head_dim > 0 && a.head_dim % 2 == 0, "heads that turn have an even width");
  require(a.theta > 1, "rope_theta must exceed 1");
  require(f.experts == 0 || (f.choices > 0 && f.choices <= f.experts), "a token goes to 1 or more of the experts");
  require(s.factor >= 1, "the factor of a rotary scaling must be 1 or more");
  require(s.kind != bora::ScalingKind::yarn || (s.original_context > 0 && s.beta_slow > 0 && s.beta_fast > s.beta_slow),
          "YaRN needs 0 < beta_slow < beta_fast and an original context");
  require(s.kind != bora::ScalingKind::llama3 ||
              (s.original_context > 0 && s.low_frequency > 0 && s.high_frequency > s.low_frequency),
          "Llama 3's scaling needs 0 < low_freq_factor < high_freq_factor and an original context");
}

// ---- what to say

/// For a family that is read, but whose types are not written here, for one that is not read, and for none.
/// \param no_text  why the checkpoint's text cannot be encoded; empty where it can
inline std::string other_family(std::string_view type, const std::string& no_text) {
  if (type.empty()) return "No type can be named for it: its config.json does not say of which family it is.";
  if (type == "bora") return "It was saved from a type that no family has: add the source of that type.";
  for (const bora::ModelType& known : bora::model_types)
    if (known.name == type)
      return "To add one, derive from the model of its family in bora/model/zoo/ and restate the sizes of "
             "config.json." +
             (no_text.empty() ? "" : "\nIt then runs on token ids, as the programs of examples/zoo/ do:" + no_text);
  return "No model of this library's zoo is of the family '" + std::string(type) +
         "', and its checkpoints are not read: a model like it can be composed (docs/compose_a_model.md) and trained, "
         "or its weights converted to a family that is read.";
}

/// The source of a type that fits.
inline std::string source_of(const bora::ModelDescription& model) {
  return R"(This fits. Save it as examples/generate/mine.cpp, declare attempt_mine in generate.hpp as the others are, add
it to `attempts` there, and build `generate` again.

#include "run.hpp"

)" + text_of(model) +
         R"(
std::optional<std::string> generate::attempt_mine(const Options& options) {
  return attempt<Mine, bora::Bf16>(options);
}
)";
}

/// What `check` throws, as a line; nothing where it throws nothing.
template <class Check>
std::string complaint(Check&& check) {
  try {
    check();
  } catch (const bora::Error& error) {
    return "\n  " + std::string(error.what());
  }
  return "";
}

/// What to add for the checkpoint at `path`: the type, or where it begins, or why no type would do.
inline std::string for_checkpoint(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path), llama2c = !folder && path.extension() == ".bin";
  const std::filesystem::path config = (folder ? path : path.parent_path()) / "config.json";
  std::optional<bora::ModelDescription> model;
  std::string family;
  std::string reasons = complaint([&] {
    if (llama2c) {
      model = model_of_llama2c(path);
    } else {
      const bora::Json json = bora::read_json(config, bora::json_settings);
      family = bora::optional_string(json, "model_type", config).value_or("");
      model = model_of_config(json, config, family);
    }
  });
  generate::Options options;
  options.model = path;
  const auto no_text = [&](std::size_t vocab_size) {
    return complaint([&] { generate::begin_text(options, vocab_size); });
  };
  if (reasons.empty() && !model) return other_family(family, no_text(0));
  if (model) {
    reasons = complaint([&] { check_type(*model); });
    if (reasons.empty()) reasons = complaint([&] { bora::check_checkpoint(path, *model); });
    reasons += no_text(model->vocab_size);
  }
  return reasons.empty() ? source_of(*model) : "No type would do for it as it is:" + reasons;
}

}  // namespace spec_text
