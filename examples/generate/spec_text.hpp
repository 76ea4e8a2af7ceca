// The source that `generate` needs for a checkpoint, from its config.json or llama2.c header. Loading checks the
// checkpoint against the type, so what is guessed wrong here is refused there.
#pragma once
#include <bora/io/json.hpp>
#include <bora/io/llama2c.hpp>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace spec_text {

/// A model of Llama's kind, or of Mistral's and Mixtral's, which differ from it in a few places.
struct Facts {
  std::size_t vocab_size, dim, layers, context, heads, kv_heads, head_dim, hidden, window = 0, experts = 0, choices = 0;
  double eps = 1e-5, theta = 1e4;
  bool tied = false, bias = false, mlp_bias = false, scaled = false;
};

/// A whole number does not convert to a template's `double`, so it gets a point.
inline std::string real(double value) {
  char text[32];
  std::string shortest(text, std::to_chars(text, text + sizeof text, value).ptr);
  return shortest.find_first_of(".e") == std::string::npos ? shortest + ".0" : shortest;
}

inline std::string text_of(const Facts& f) {
  const auto number = [](std::size_t value) { return std::to_string(value); };
  const std::string mlp = "bora::SwiGlu<" + number(f.hidden) + (f.mlp_bias ? ", bora::Bias>" : ">");
  std::string text = "struct Mine : bora::DecoderSpec {\n  static constexpr std::size_t vocab_size = ";
  text += number(f.vocab_size) + ", dim = " + number(f.dim) + ", layers = " + number(f.layers) +
          ", context = " + number(f.context) + ";\n";
  if (f.tied) text += "  static constexpr bool tie_embeddings = true;\n";
  text += "  using Norm = bora::RmsNorm<" + real(f.eps) +
          ">;\n  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = ";
  text += number(f.heads) + ", .kv_heads = " + number(f.kv_heads) + ", .head_dim = " + number(f.head_dim) + "},\n";
  text += std::string(48, ' ') + (f.window == 0 ? "bora::Causal" : "bora::SlidingWindow<" + number(f.window) + ">");
  text += ", bora::Rope<" + real(f.theta) + ">" + (f.bias ? ", bora::Bias" : "");
  text += ">;\n  using FeedForward = ";
  text += f.experts == 0 ? mlp
                         : "bora::MixtureOfExperts<" + number(f.experts) + ", bora::TopKRouter<" + number(f.choices) +
                               ">, " + mlp + ">";
  text += ";\n};\n";
  if (f.scaled) text += "// Its config.json has a rope_scaling: Rope's further parameters, bora/layers/position.hpp.\n";
  return text;
}

/// Nothing for the other families. What a file leaves out is what transformers takes it for.
inline std::optional<Facts> facts_of_config(const std::filesystem::path& file) {
  const bora::Json json = bora::read_json(file);
  const std::string type = bora::optional_string(json, "model_type", file).value_or("");
  const bool mixtral = type == "mixtral", mistral = type == "mistral";
  if (type != "llama" && !mixtral && !mistral) return std::nullopt;
  const bora::Json* folded = bora::optional_object(json, "rope_parameters", file);  // transformers 5
  const bora::Json& rope = folded == nullptr ? json : *folded;
  const auto size = [&](const char* key) { return bora::require_size(json, key, file); };
  const auto size_or = [&](const char* key, std::size_t other) {
    return bora::optional_size(json, key, file).value_or(other);
  };
  Facts f{.vocab_size = size("vocab_size"),
          .dim = size("hidden_size"),
          .layers = size("num_hidden_layers"),
          .context = size_or("max_position_embeddings", 2048),
          .heads = size("num_attention_heads"),
          .kv_heads = 0,
          .head_dim = 0,
          .hidden = size("intermediate_size")};
  if (f.heads == 0) throw bora::FileError(file.string() + ": key 'num_attention_heads' is 0, expected 1 or more");
  f.kv_heads = size_or("num_key_value_heads", f.heads);
  f.head_dim = size_or("head_dim", f.dim / f.heads);
  if (mistral || mixtral) f.window = size_or("sliding_window", mistral && !json.contains("sliding_window") ? 4096 : 0);
  if (mixtral) f.experts = size_or("num_local_experts", 8);
  if (mixtral) f.choices = size_or("num_experts_per_tok", 2);
  f.eps = bora::optional_number(json, "rms_norm_eps", file).value_or(mixtral ? 1e-5 : 1e-6);
  f.theta = bora::optional_number(rope, "rope_theta", file).value_or(mixtral ? 1e6 : 1e4);
  f.tied = bora::optional_bool(json, "tie_word_embeddings", file).value_or(false);
  f.bias = bora::optional_bool(json, "attention_bias", file).value_or(false);
  f.mlp_bias = bora::optional_bool(json, "mlp_bias", file).value_or(false);
  f.scaled = bora::optional_object(json, "rope_scaling", file) != nullptr ||
             bora::optional_string(rope, "rope_type", file).value_or("default") != "default";
  return f;
}

inline std::optional<Facts> facts_of_llama2c(const std::filesystem::path& file) {
  const bora::Llama2cCheckpoint checkpoint(file);
  const bora::Llama2cHeader& h = checkpoint.header();
  return Facts{.vocab_size = h.vocab_size,
               .dim = h.dim,
               .layers = h.layers,
               .context = h.context,
               .heads = h.heads,
               .kv_heads = h.kv_heads,
               .head_dim = h.head_dim(),
               .hidden = h.hidden,
               .tied = h.tied};
}

/// What to add for the checkpoint at `path`: the type, or where it begins.
inline std::string for_checkpoint(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path), llama2c = !folder && path.extension() == ".bin";
  const std::filesystem::path config = (folder ? path : path.parent_path()) / "config.json";
  const auto facts = llama2c ? facts_of_llama2c(path) : facts_of_config(config);
  if (facts)
    return R"(This fits. Save it as examples/generate/mine.cpp, declare attempt_mine in generate.hpp as the others are, add
it to `attempts` there, and build `generate` again.

#include "run.hpp"

)" + text_of(*facts) +
           R"(
std::optional<std::string> generate::attempt_mine(const Options& options) {
  return attempt<Mine, bora::Bf16>(options);
}
)";
  return "To add one, derive from the model of its family in bora/model/zoo/ and restate the sizes of config.json.";
}

}  // namespace spec_text
