#include "io/model_folder.hpp"
#include "io/small_models.hpp"
#include <bora/io/hugging_face.hpp>
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bora::ConfigError;
using bora::FileError;
using bora::Json;
using namespace io_test;

/// A good folder, one file of it changed by `edit`.
template <class S>
class Checkpoint {
 public:
  explicit Checkpoint(const bora::SaveOptions& options = {}) {
    bora::save(counted_parameters<S>(), folder_.path(), options);
  }
  const TemporaryFolder& folder() const { return folder_; }
  std::filesystem::path config() const { return folder_ / "config.json"; }
  std::filesystem::path weights() const { return folder_ / "model.safetensors"; }
  std::filesystem::path index() const { return folder_ / "model.safetensors.index.json"; }

  template <class Edit>
  void edit_json(const std::filesystem::path& file, Edit&& edit) const {
    Json json = bora::read_json(file);
    edit(json);
    folder_.file(file.filename().string(), json.dump());
  }
  template <class Edit>
  void edit_tensors(const std::filesystem::path& file, Edit&& edit) const {
    Tensors tensors = read_tensors(file);
    edit(tensors);
    write_tensors(file, tensors);
  }
  bora::HuggingFaceFolder open() const { return bora::HuggingFaceFolder::of<S>(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

/// Sets keys, those of objects within one by one. Null is a value here; a merge patch would remove the key.
void set_keys(Json& object, const Json& keys) {
  for (const auto& [key, value] : keys.items())
    if (value.is_object() && object.contains(key) && object[key].is_object())
      set_keys(object[key], value);
    else
      object[key] = value;
}

/// The model's config.json with some keys set to others is refused with this sentence, after the file's name.
template <class S>
void refuses_config(const char* keys, std::string_view sentence) {
  INFO(keys);
  const Checkpoint<S> checkpoint;
  checkpoint.edit_json(checkpoint.config(), [&](Json& config) { set_keys(config, Json::parse(keys)); });
  check_contains(complaint_of<ConfigError>([&] { checkpoint.open(); }),
                 bora::detail::message(checkpoint.config().string(), ": ", sentence));
}
/// Without a key.
template <class S>
void refuses_config_without(const char* key, std::string_view sentence) {
  INFO(key);
  const Checkpoint<S> checkpoint;
  checkpoint.edit_json(checkpoint.config(), [&](Json& config) { config.erase(key); });
  check_contains(complaint_of<ConfigError>([&] { checkpoint.open(); }), sentence);
}
template <class S>
void accepts_config(const char* keys) {
  INFO(keys);
  const Checkpoint<S> checkpoint;
  checkpoint.edit_json(checkpoint.config(), [&](Json& config) { set_keys(config, Json::parse(keys)); });
  CHECK(complaint_of<bora::Error>([&] { checkpoint.open(); }) == "");
}
/// The same where a key that is given as null is absent.
template <class S>
void accepts_config_without(const char* keys) {
  INFO(keys);
  const Checkpoint<S> checkpoint;
  checkpoint.edit_json(checkpoint.config(), [&](Json& config) { config.merge_patch(Json::parse(keys)); });
  CHECK(complaint_of<bora::Error>([&] { checkpoint.open(); }) == "");
}
template <class S>
void accepts_null_or_none(const char* keys) {
  accepts_config<S>(keys);
  accepts_config_without<S>(keys);
}
template <class S, class Edit>
void refuses_tensors(std::string_view sentence, Edit&& edit) {
  INFO(sentence);
  const Checkpoint<S> checkpoint;
  checkpoint.edit_tensors(checkpoint.weights(), edit);
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }),
                 bora::detail::message(checkpoint.weights().string(), ": ", sentence));
}
template <class S, class Edit>
void accepts_tensors(Edit&& edit) {
  const Checkpoint<S> checkpoint;
  checkpoint.edit_tensors(checkpoint.weights(), edit);
  CHECK(complaint_of<bora::Error>([&] { bora::load_parameters<S>(checkpoint.folder().path()); }) == "");
}

/// A sharded checkpoint whose index is changed.
template <class Edit>
void refuses_index(std::string_view sentence, Edit&& edit) {
  INFO(sentence);
  const Checkpoint<Llama> checkpoint({.max_shard_bytes = 3'000});
  checkpoint.edit_json(checkpoint.index(), edit);
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }), sentence);
}
std::string first_shard(const Json& index) { return index.at("weight_map").begin()->get<std::string>(); }

NumbersOf transposed(const NumbersOf& tensor) {
  const std::size_t rows = tensor.shape[0], cols = tensor.shape[1];
  NumbersOf out{{cols, rows}, std::vector<float>(rows * cols)};
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) out.values[c * rows + r] = tensor.values[r * cols + c];
  return out;
}

constexpr const char* query = "model.layers.1.self_attn.q_proj.weight";

}  // namespace

TEST_CASE("A config with other sizes than the type is refused, key by key", "[io]") {
  refuses_config<Llama>(R"({"vocab_size": 12})", "key 'vocab_size' is 12, the model's type has 11");
  refuses_config<Llama>(R"({"hidden_size": 24})", "key 'hidden_size' is 24, the model's type has 12");
  refuses_config<Llama>(R"({"num_hidden_layers": 3})", "key 'num_hidden_layers' is 3, the model's type has 2");
  refuses_config<Llama>(R"({"num_attention_heads": 3})", "key 'num_attention_heads' is 3, the model's type has 6");
  refuses_config<Llama>(R"({"num_key_value_heads": 6})", "key 'num_key_value_heads' is 6, the model's type has 3");
  refuses_config<Llama>(R"({"head_dim": 4})", "key 'head_dim' is 4, the model's type has 2");
  refuses_config<Llama>(R"({"intermediate_size": 21})", "key 'intermediate_size' is 21, the model's type has 20");
  refuses_config<Mixtral>(R"({"num_local_experts": 8})", "key 'num_local_experts' is 8, the model's type has 3");
  refuses_config<Mixtral>(R"({"num_experts_per_tok": 1})", "key 'num_experts_per_tok' is 1, the model's type has 2");
  refuses_config<Gpt2>(R"({"n_positions": 32})", "key 'n_positions' is 32, the model's type has 16");
  refuses_config<Llama>(R"({"num_hidden_layers": 18446744073709551615})",
                        "key 'num_hidden_layers' is 18446744073709551615, the model's type has 2");
  refuses_config<Llama>(R"({"num_hidden_layers": 1e300})", "key 'num_hidden_layers' is the number 1e+300");
  refuses_config<Llama>(R"({"num_hidden_layers": -2})", "key 'num_hidden_layers' is -2, the model's type has 2");
  refuses_config<Llama>(R"({"num_hidden_layers": "2"})", "key 'num_hidden_layers' is the string '2'");
  refuses_config<Llama>(R"({"num_hidden_layers": true})", "key 'num_hidden_layers' is true, the model's type has 2");
}

TEST_CASE("A config with other formulas than the type is refused, key by key", "[io]") {
  refuses_config<Llama>(R"({"rms_norm_eps": 1e-6})",
                        "key 'rms_norm_eps' is the number 1e-06, the model's type has the number 1e-05");
  refuses_config<Llama>(R"({"rope_theta": 500000.0})",
                        "key 'rope_theta' is the number 500000.0, the model's type has the number 10000.0");
  refuses_config<Llama>(R"({"hidden_act": "gelu"})",
                        "key 'hidden_act' is the string 'gelu', the model's type has the string 'silu'");
  refuses_config<Llama>(R"({"tie_word_embeddings": true})",
                        "key 'tie_word_embeddings' is true, the model's type has false");
  refuses_config<Llama>(R"({"attention_bias": true})", "key 'attention_bias' is true, the model's type has false");
  refuses_config<Llama>(R"({"mlp_bias": true})", "key 'mlp_bias' is true, the model's type has false");
  refuses_config<Llama>(R"({"partial_rotary_factor": 0.5})", "key 'partial_rotary_factor' is the number 0.5");
  refuses_config<Mistral>(R"({"sliding_window": 4096})", "key 'sliding_window' is 4096, the model's type has 5");
  refuses_config<Mixtral>(R"({"sliding_window": 4096})", "key 'sliding_window' is 4096, the model's type has null");
  refuses_config<Olmo>(R"({"clip_qkv": 8.0})", "key 'clip_qkv' is the number 8.0, the model's type has the number 2.5");
  refuses_config<Gpt2>(R"({"activation_function": "gelu"})",
                       "key 'activation_function' is the string 'gelu', the model's type has the string 'gelu_new'");
  refuses_config<Gpt2>(R"({"scale_attn_by_inverse_layer_idx": true})", "key 'scale_attn_by_inverse_layer_idx' is true");
  refuses_config<Falcon7>(R"({"alibi": true})", "key 'alibi' is true, the model's type has false");
  refuses_config<Falcon7>(R"({"bias": true})", "key 'bias' is true, the model's type has false");
  refuses_config<Falcon7>(R"({"parallel_attn": false})", "key 'parallel_attn' is false, the model's type has true");
  refuses_config<Falcon7>(R"({"multi_query": false})", "key 'multi_query' is false, the model's type has true");
  refuses_config<Falcon7>(R"({"new_decoder_architecture": true})", "key 'new_decoder_architecture' is true");
  refuses_config<Falcon11>(R"({"num_ln_in_parallel_attn": 2})", "key 'num_ln_in_parallel_attn' is 2");
  refuses_config<Mpt>(R"({"attn_config": {"alibi": false}})", "key 'attn_config.alibi' is false");
  refuses_config<Mpt>(R"({"attn_config": {"alibi_bias_max": 16}})", "key 'attn_config.alibi_bias_max' is 16");
  refuses_config<Mpt>(R"({"attn_config": {"clip_qkv": 8.0}})", "key 'attn_config.clip_qkv' is the number 8.0");
  refuses_config<Mpt>(R"({"attn_config": "torch"})", "key 'attn_config' is the string 'torch', expected an object");
  refuses_config<Mpt>(R"({"expansion_ratio": 2})", "key 'expansion_ratio' is 2, the model's type has 4");
  refuses_config<Mpt>(R"({"no_bias": false})", "key 'no_bias' is false, the model's type has true");
  refuses_config<NeoX>(R"({"rotary_pct": 0.25})",
                       "key 'rotary_pct' is the number 0.25, the model's type has the number 0.5");
  refuses_config<NeoX>(R"({"rotary_emb_base": 20000})", "key 'rotary_emb_base' is 20000");
  refuses_config<NeoX>(R"({"use_parallel_residual": false})", "key 'use_parallel_residual' is false");
}

TEST_CASE("A family that cannot be the type's is refused with what differs", "[io]") {
  refuses_config<Llama>(
      R"({"model_type": "gpt2"})",
      "key 'model_type' is 'gpt2', which has as position: LearnedPositions; the model's type has: NoPosition");
  refuses_config<Mistral>(
      R"({"model_type": "llama"})",
      "key 'model_type' is 'llama', which has as attention.mask: Causal; the model's type has: SlidingWindow");
  refuses_config<Mixtral>(
      R"({"model_type": "mistral"})",
      "key 'model_type' is 'mistral', which has as feed_forward: SwiGlu; the model's type has: MixtureOfExperts");
  refuses_config<Olmo>(
      R"({"model_type": "llama"})",
      "key 'model_type' is 'llama', which has as norm: RmsNorm; the model's type has: NonParametricLayerNorm");
  refuses_config<Falcon40>(
      R"({"model_type": "gpt_neox"})",
      "key 'model_type' is 'gpt_neox', which has as attention.shape.kv_heads: 6; the model's type has: 3");
  refuses_config<Alternating>(R"({"model_type": "llama"})", "key 'model_type' is 'llama', which has as norm: RmsNorm");
  refuses_config<WindowsInTurn>(R"({"model_type": "llama"})",
                                "key 'model_type' is 'llama', which has as attention.mask of layer 0: Causal; the "
                                "model's type has: SlidingWindow");
  accepts_config<WindowsInTurn>(R"({"model_type": "mistral"})");
}

TEST_CASE("A config without a usable model_type is refused", "[io]") {
  refuses_config_without<Llama>("model_type", "has no key 'model_type'");
  refuses_config<Llama>(R"({"model_type": "mamba"})",
                        "key 'model_type' is 'mamba', expected one of mixtral, llama, mistral, ministral, olmo, ol");
  refuses_config<Llama>(R"({"model_type": 3})", "key 'model_type' is 3, expected a string");
}

TEST_CASE("A missing key means what it means to transformers", "[io]") {
  refuses_config_without<Llama>("rms_norm_eps",
                                "has no key 'rms_norm_eps', which means the number 1e-06, the model's type "
                                "has the number 1e-05");
  refuses_config_without<Llama>("num_key_value_heads", "has no key 'num_key_value_heads', which means 6");
  refuses_config_without<Mistral>("sliding_window", "has no key 'sliding_window', which means 4096");
  refuses_config_without<LlamaBias>("tie_word_embeddings", "which means false, the model's type has true");
  refuses_config_without<NeoX>("rotary_pct", "has no key 'rotary_pct', which means the number 0.25");
  refuses_config_without<Relative>("residual", "has no key 'residual', expected a policy");
  accepts_null_or_none<Llama>(R"({"head_dim": null, "hidden_act": null, "rope_theta": null, "attention_bias": null})");
  accepts_null_or_none<Llama>(R"({"rope_scaling": null, "partial_rotary_factor": null, "mlp_bias": null})");
  accepts_null_or_none<Falcon7>(R"({"bias": null, "ffn_hidden_size": null})");
  accepts_config_without<Falcon7>(R"({"multi_query": null, "parallel_attn": null})");
  accepts_null_or_none<Olmo>(R"({"num_key_value_heads": null})");
  accepts_null_or_none<Mixtral>(R"({"sliding_window": null, "head_dim": null, "num_experts_per_tok": null})");
}

TEST_CASE("Null is another thing than a missing key where transformers takes it so", "[io]") {
  // Mistral v0.2 and later have null for "no window"; without the key there would be one of 4096.
  accepts_config<MistralV2>(
      R"({"model_type": "mistral", "sliding_window": null, "num_key_value_heads": null, "head_dim": null})");
  refuses_config<MistralV2>(R"({"model_type": "mistral"})", "has no key 'sliding_window', which means 4096");
  refuses_config_without<Mistral>("num_key_value_heads", "has no key 'num_key_value_heads', which means 8");
  refuses_config<Mistral>(R"({"sliding_window": null})", "key 'sliding_window' is null, the model's type has 5");
  refuses_config<Mistral>(R"({"num_key_value_heads": null})",
                          "key 'num_key_value_heads' is null, which means 6, the model's type has 3");
  refuses_config<Llama>(R"({"num_key_value_heads": null})",
                        "key 'num_key_value_heads' is null, which means 6, the model's type has 3");
  refuses_config<Llama>(R"({"vocab_size": null})", "key 'vocab_size' is null, which means 32000");
  refuses_config<Olmo>(R"({"clip_qkv": null})", "key 'clip_qkv' is null, the model's type has the number 2.5");
  refuses_config<Relative>(R"({"attention": null})", "key 'attention' is null, expected an object");
  refuses_config<Relative>(R"({"residual": null})", "key 'residual' is null, expected an object");
  refuses_config<Falcon7>(R"({"multi_query": null})",
                          "key 'multi_query' is null, which means false, the model's type has true");
  refuses_config<NeoX>(R"({"use_parallel_residual": null})",
                       "key 'use_parallel_residual' is null, which means false, the model's type has true");
}

TEST_CASE("Other spellings of the same facts are accepted", "[io]") {
  accepts_config<Llama>(R"({"rms_norm_eps": 9.999999747378752e-06, "hidden_act": "swish", "rope_theta": 10000})");
  accepts_config<Llama>(R"({"max_position_embeddings": 4096, "some_key_of_tomorrow": [1, 2]})");
  accepts_null_or_none<Llama>(
      R"({"rope_theta": null, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}})");
  accepts_null_or_none<Falcon7>(R"({"model_type": "RefinedWebModel", "num_attention_heads": null, "n_head": 6})");
  accepts_null_or_none<Gpt2>(R"({"activation_function": "gelu_pytorch_tanh", "n_embd": null, "hidden_size": 12})");
  accepts_config<Mpt>(R"({"norm_type": "layernorm", "learned_pos_emb": true})");
  refuses_config<Gpt2>(R"({"hidden_size": 24})", "key 'hidden_size' is 24, the model's type has 12");  // beside n_embd
}

TEST_CASE("Rotary scaling must be the type's", "[io]") {
  refuses_config<Llama>(
      R"({"rope_scaling": {"type": "dynamic", "factor": 2.0}})",
      "key 'rope_scaling.type' is 'dynamic': a base that grows with the text would change keys already "
      "cached; expected default, linear, yarn or llama3");
  refuses_config<Llama>(
      R"({"rope_scaling": {"rope_type": "linear", "factor": 2.0}})",
      "key 'rope_scaling.rope_type' is the string 'linear', the model's type has the string 'default'");
  refuses_config<Llama>(R"({"rope_scaling": {"rope_type": "longrope"}})",
                        "key 'rope_scaling.rope_type' is the string 'longrope'");
  refuses_config<Llama>(R"({"rope_scaling": 2.0})", "key 'rope_scaling' is the number 2.0, expected an object");
  refuses_config<LlamaLinear>(R"({"rope_scaling": {"factor": 2.0}})", "key 'rope_scaling.factor' is the number 2.0");
  refuses_config_without<LlamaLinear>("rope_scaling",
                                      "has no key 'rope_scaling.rope_type', which means the string 'default'");
  refuses_config<Llama3>(R"({"rope_scaling": {"low_freq_factor": 2.0}})", "key 'rope_scaling.low_freq_factor' is");
  refuses_config<Llama3>(R"({"rope_scaling": {"high_freq_factor": null}})",
                         "key 'rope_scaling.high_freq_factor' is null, the model's type has the number 4.0");
  refuses_config<LlamaYarn>(R"({"rope_scaling": {"beta_fast": 16}})", "key 'rope_scaling.beta_fast' is 16");
  refuses_config<LlamaYarn>(
      R"({"rope_scaling": {"attention_factor": 1.0}})",
      "is of a model whose 'attention.position.scaling.settings.attention_factor' is 1.0, the model's type has none");
  refuses_config<LlamaYarn>(R"({"rope_scaling": {"mscale": 1.0, "mscale_all_dim": 0.5}})",
                            "is of a model whose 'attention.position.scaling.settings.attention_factor' is 1.06");
  accepts_config<LlamaYarn>(R"({"rope_scaling": {"mscale": 1.0}})");  // one of the two alone counts for nothing
  accepts_config<LlamaYarn>(R"({"rope_scaling": {"attention_factor": 1.138629436111989}})");
  accepts_config<Llama>(R"({"rope_scaling": {"type": "linear", "factor": 1.0}})");
  refuses_config<Llama>(R"({"rope_parameters": [1]})", "key 'rope_parameters' is an array, expected an object");
  accepts_null_or_none<LlamaYarn>(R"({"rope_scaling": {"original_max_position_embeddings": null, "beta_fast": null}})");
  accepts_null_or_none<LlamaYarn>(
      R"({"rope_scaling": {"rope_type": null, "type": "yarn", "original_max_position_embeddings": null}})");
  accepts_null_or_none<LlamaLinear>(R"({"rope_scaling": {"rope_type": null, "type": "linear"}})");
  accepts_null_or_none<LlamaLinear>(
      R"({"rope_scaling": null, "rope_theta": null,
          "rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 4}})");
  refuses_config<LlamaLinear>(
      R"({"rope_scaling": null, "rope_theta": null,
          "rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 5}})",
      "key 'rope_parameters.factor' is 5, the model's type has");
  refuses_config<Llama>(
      R"({"rope_parameters": {"rope_theta": 20000.0, "rope_type": "default"}})",
      "key 'rope_theta' is the number 10000.0, but key 'rope_parameters.rope_theta' is the number 20000.0");
  refuses_config<Llama>(R"({"rope_theta": null, "rope_parameters": {"full_attention": {"rope_theta": 10000.0}}})",
                        "key 'rope_parameters.full_attention' is an object");
}

TEST_CASE("Rotary keys are read wherever they stand", "[io]") {
  accepts_null_or_none<LlamaBias>(R"({"rope_theta": null, "rope_scaling": {"rope_theta": 5e5}})");
  accepts_null_or_none<LlamaBias>(
      R"({"rope_theta": null, "rope_scaling": null, "rope_parameters": {"rope_theta": 5e5}})");
  accepts_config<LlamaBias>(R"({"rope_scaling": {"rope_theta": 5e5}, "rope_parameters": {"rope_theta": 500000}})");
  refuses_config<Llama>(R"({"rope_theta": null, "rope_scaling": {"rope_type": "default", "rope_theta": 5e5}})",
                        "key 'rope_scaling.rope_theta' is the number 500000.0, the model's type has");
  refuses_config<Llama>(R"({"rope_scaling": {"partial_rotary_factor": 0.5}})",
                        "key 'rope_scaling.partial_rotary_factor' is the number 0.5");
  refuses_config<Llama>(R"({"rope_parameters": {"rotary_pct": 0.5}})", "key 'rope_parameters.rotary_pct' is");
  refuses_config<Llama>(R"({"rotary_pct": 0.5})", "key 'rotary_pct' is the number 0.5");
  refuses_config<Llama>(R"({"rope_type": "linear"})", "key 'rope_type' is the string 'linear'");
  refuses_config<Llama>(R"({"rope_type": "dynamic"})", "key 'rope_type' is 'dynamic'");
  accepts_null_or_none<NeoX>(
      R"({"rotary_pct": null, "rotary_emb_base": null,
          "rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5, "rope_type": "default"}})");
  refuses_config<NeoX>(R"({"rope_parameters": {"partial_rotary_factor": 0.25}})",
                       "key 'rope_parameters.partial_rotary_factor' is the number 0.25, the model's type has");
  refuses_config<Falcon7>(R"({"partial_rotary_factor": 0.5})", "key 'partial_rotary_factor' is the number 0.5");
  accepts_config_without<Llama3>(
      R"({"rope_scaling": {"original_max_position_embeddings": null}, "original_max_position_embeddings": 8192})");
  refuses_config<Llama3>(R"({"original_max_position_embeddings": 4096})",
                         "key 'rope_scaling.original_max_position_embeddings' is 8192, but key 'original_max_"
                         "position_embeddings' is 4096, expected the same");
}

TEST_CASE("Places that contradict each other are refused, both named", "[io]") {
  refuses_config<Llama>(
      R"({"rope_scaling": {"rope_theta": 5e5}})",
      "key 'rope_theta' is the number 10000.0, but key 'rope_scaling.rope_theta' is the number 500000.0, expected the");
  refuses_config<Llama>(
      R"({"rope_theta": null, "rope_scaling": {"rope_theta": 5e5}, "rope_parameters": {"rope_theta": 1e4}})",
      "key 'rope_scaling.rope_theta' is the number 500000.0, but key 'rope_parameters.rope_theta' is the number 10000");
  refuses_config<LlamaLinear>(
      R"({"rope_parameters": {"rope_type": "linear", "factor": 8}})",
      "key 'rope_scaling.factor' is the number 4.0, but key 'rope_parameters.factor' is 8, expected the same");
}

TEST_CASE("A key that is not known is refused where keys decide a formula", "[io]") {
  refuses_config<Llama>(R"({"rope_scaling": {"alpha": 2.0}})",
                        "key 'rope_scaling.alpha' is the number 2.0, which the model's type cannot express");
  refuses_config<LlamaLinear>(R"({"rope_scaling": {"beta_fast": 16}})", "key 'rope_scaling.beta_fast' is 16, which");
  refuses_config<LlamaYarn>(R"({"rope_parameters": {"mrope_section": [1, 1]}})",
                            "key 'rope_parameters.mrope_section' is an array, which");
  refuses_config<Llama3>(R"({"rope_scaling": {"attention_factor": 2}})", "key 'rope_scaling.attention_factor' is 2");
  refuses_config<LlamaYarn>(R"({"rope_scaling": {"truncate": false}})", "key 'rope_scaling.truncate' is false");
  refuses_config<Mpt>(R"({"attn_config": {"rotary": true}})", "key 'attn_config.rotary' is true, which");
  refuses_config<Mpt>(R"({"attn_config": {"sliding_window_size": 8}})", "key 'attn_config.sliding_window_size' is 8");
  refuses_config<Mpt>(R"({"ffn_config": {"ffn_type": "mptgeglu"}})", "key 'ffn_config.ffn_type' is the string 'mptg");
  accepts_config<Llama>(R"({"rope_scaling": {"alpha": null, "factor": 1.0, "original_max_position_embeddings": 16}})");
  accepts_config<LlamaYarn>(R"({"rope_scaling": {"finetuned": true, "mscale": null, "truncate": true}})");
  accepts_config<Mpt>(R"({"attn_config": {"attn_impl": "torch", "attn_pdrop": 0, "model_type": "", "top_k": 50,
                                          "sliding_window_size": -1, "rope_theta": 10000}})");
}

TEST_CASE("Keys of other families are refused unless they change nothing", "[io]") {
  for (const char* key : {"qk_norm", "qk_layernorm", "alibi", "use_sliding_window", "use_parallel_residual"}) {
    refuses_config<Llama>(bora::detail::message("{\"", key, "\": true}").c_str(),
                          bora::detail::message("key '", key, "' is true, the model's type has false"));
    accepts_config<Llama>(bora::detail::message("{\"", key, "\": false}").c_str());
  }
  for (const char* key : {"embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale"}) {
    refuses_config<Llama>(bora::detail::message("{\"", key, "\": 0.25}").c_str(),
                          bora::detail::message("key '", key, "' is the number 0.25, the model's type has"));
    accepts_config<Llama>(bora::detail::message("{\"", key, "\": 1}").c_str());
  }
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping", "clip_qkv", "rope_local_base_freq"}) {
    refuses_config<Llama>(bora::detail::message("{\"", key, "\": 30}").c_str(),
                          bora::detail::message("key '", key, "' is 30, the model's type has null"));
    accepts_config<Llama>(bora::detail::message("{\"", key, "\": null}").c_str());
  }
  refuses_config<Gpt2>(R"({"qk_layernorm": true})", "key 'qk_layernorm' is true");
  refuses_config<Mistral>(R"({"attention_bias": true})", "key 'attention_bias' is true, the model's type has false");
  refuses_config<Mistral>(R"({"use_sliding_window": false})", "key 'use_sliding_window' is false");
  refuses_config<Mixtral>(R"({"norm_topk_prob": false})", "key 'norm_topk_prob' is false");
  refuses_config<Llama>(R"({"attention_multiplier": 0.5})", "key 'attention_multiplier' is the number 0.5");
  refuses_config<Llama>(R"({"query_pre_attn_scalar": 16})", "key 'query_pre_attn_scalar' is 16");
  accepts_config<Llama>(R"({"query_pre_attn_scalar": 2, "attention_multiplier": 0.7071067811865476})");
  accepts_config<Llama>(R"({"sliding_window": 16, "layer_types": ["full_attention", "full_attention"]})");
  accepts_config<Mistral>(R"({"layer_types": ["sliding_attention", "sliding_attention"]})");
  refuses_config<Llama>(
      R"({"layer_types": ["full_attention", "sliding_attention"]})",
      "key 'layer_types[1]' is the string 'sliding_attention', expected the string 'full_attention': layers of");
}

TEST_CASE("Weights that another tool quantised are refused by its name", "[io]") {
  for (const char* method : {"gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors", "mxfp4"})
    refuses_config<Llama>(
        bora::detail::message(R"({"quantization_config": {"quant_method": ")", method, R"(", "bits": 4}})").c_str(),
        bora::detail::message("key 'quantization_config.quant_method' is the string '", method,
                              "': the weights are quantised by another tool, expected F32, F16, BF16 or F64"));
  refuses_config<Llama>(R"({"quantization_config": {"bits": 4}})", "key 'quantization_config' is an object: the");
  refuses_config<Llama>(R"({"quantization": {"group_size": 64, "bits": 4}})", "key 'quantization' is an object: the");
  accepts_config<Llama>(R"({"quantization_config": null})");
  accepts_config<Llama>(R"({"quantization_config": {}})");
}

TEST_CASE("The library's own config is checked as strictly", "[io]") {
  refuses_config<Relative>(R"({"attention": {"shape": {"heads": 4}}})",
                           "key 'attention.shape.heads' is 4, the model's type has 3");
  refuses_config<Relative>(R"({"feed_forward": {"policy": "SwiGlu"}})",
                           "key 'feed_forward' is SwiGlu, the model's type has GeGlu");
  refuses_config<Relative>(R"({"attention": []})", "key 'attention' is an empty array, expected one policy or more");
  refuses_config<Relative>(R"({"attention": 3})", "key 'attention' is 3, expected an object");
  refuses_config<Ntk>(R"({"attention": {"position": {"scaling": {"factor": 4.0}}}})",
                      "key 'attention.position.scaling.factor' is 4.0, the model's type has 2.0");
  accepts_config<Ntk>(R"({"attention": {"position": {"theta": 10000}}})");
  refuses_config<LearnedLlama>(R"({"max_position_embeddings": 32})", "key 'max_position_embeddings' is 32");
  accepts_config<Relative>(R"({"max_position_embeddings": 32})");
  refuses_config<Relative>(R"({"attention": {"position": {"buckets": 32}}})",
                           "key 'attention.position.buckets' is 32, the model's type has 8");
  refuses_config<Relative>(
      R"({"attention": {"position": {"max_distance": null}}})",
      "has no key 'attention.position.max_distance', which key 'attention.position.arguments' lists");
  refuses_config<Relative>(R"({"attention": {"sink": 1}})", "key 'attention.sink' is 1, the model's type has none");
  refuses_config<OwnMask>(R"({"max_position_embeddings": 32})", "key 'max_position_embeddings' is 32");
}

TEST_CASE("A model is not loaded as one of other buckets, or of another mask of one's own", "[io]") {
  const Checkpoint<Relative> relative;
  check_contains(complaint_of<ConfigError>([&] { bora::load_parameters<FarRelative>(relative.folder().path()); }),
                 "key 'attention.position.max_distance' is 16, the model's type has 32");
  const Checkpoint<OwnMask> masked;
  CHECK(complaint_of<bora::Error>([&] { bora::load_parameters<OwnMask>(masked.folder().path()); }) == "");
  check_contains(complaint_of<ConfigError>([&] { bora::load_parameters<OtherMask>(masked.folder().path()); }),
                 "key 'attention.mask' is io_test::Blocks, the model's type has io_test::Pairs");
  check_contains(complaint_of<ConfigError>([&] { bora::load_parameters<MistralOfFour>(masked.folder().path()); }),
                 "key 'attention.mask' is io_test::Blocks, the model's type has SlidingWindow");
  const Checkpoint<Alternating> alternating;
  check_contains(
      complaint_of<ConfigError>([&] { bora::load_parameters<LaterAlternating>(alternating.folder().path()); }),
      "key 'attention.position.theta of layer 1' is 1e+05, the model's type has 1e+06");
}

TEST_CASE("What is no config is refused", "[io]") {
  const Checkpoint<Llama> checkpoint;
  checkpoint.folder().file("config.json", "[1, 2]");
  check_contains(complaint_of<ConfigError>([&] { checkpoint.open(); }), "config.json: is an array, expected an object");
  checkpoint.folder().file("config.json", "{\"model_type\": \"llama\",}");
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }), "config.json: is not valid JSON: line 1");
  checkpoint.folder().file("config.json", "{\"model_type\": \"llama\"} {}");
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }),
                 "config.json: is not valid JSON: line 1, column 25");
  checkpoint.folder().file("config.json", "{\"hidden_size\": 12, \"hidden_size\": 12}");
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }), "config.json: key 'hidden_size' occurs twice");
  std::filesystem::remove(checkpoint.config());
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }), "config.json: does not exist");
}

TEST_CASE("Tensors that are missing, foreign or of another shape are refused by name", "[io]") {
  refuses_tensors<Llama>("has no tensor 'model.layers.1.self_attn.q_proj.weight', expected it with shape [12, 12]",
                         [](Tensors& tensors) { tensors.erase(query); });
  refuses_tensors<Llama>("holds tensor 'model.layers.2.mlp.up_proj.weight', which the model's type does not have",
                         [](Tensors& tensors) { tensors["model.layers.2.mlp.up_proj.weight"] = {{1}, {0}}; });
  refuses_tensors<Llama>("holds tensor 'model.layers.1.self_attn.q_proj.bias', which the model's type does not have",
                         [](Tensors& tensors) { tensors["model.layers.1.self_attn.q_proj.bias"] = {{1}, {0}}; });
  refuses_tensors<Llama>("holds tensor 'model.layers.0.attention.bias', which the model's type does not have",
                         [](Tensors& tensors) { tensors["model.layers.0.attention.bias"] = {{1}, {0}}; });  // NeoX's
  refuses_tensors<Llama>("tensor 'model.layers.1.self_attn.q_proj.weight' has shape [11, 12], expected [12, 12]",
                         [](Tensors& tensors) { tensors[query] = {{11, 12}, std::vector<float>(132)}; });
  refuses_tensors<Llama>("tensor 'model.layers.1.self_attn.q_proj.weight' has shape [144], expected [12, 12]",
                         [](Tensors& tensors) { tensors[query].shape = {144}; });
  refuses_tensors<Llama>("tensor 'model.layers.0.mlp.down_proj.weight' has shape [20, 12], expected [12, 20]",
                         [](Tensors& tensors) {
                           NumbersOf& down = tensors["model.layers.0.mlp.down_proj.weight"];
                           down = transposed(down);
                         });
  refuses_tensors<Gpt2>("tensor 'transformer.h.0.attn.c_attn.weight' has shape [36, 12], expected [12, 36]",
                        [](Tensors& tensors) {
                          NumbersOf& fused = tensors["transformer.h.0.attn.c_attn.weight"];
                          fused = transposed(fused);
                        });
  refuses_tensors<Mpt>("has no tensor 'transformer.blocks.1.attn.Wqkv.weight'",
                       [](Tensors& tensors) { tensors.erase("transformer.blocks.1.attn.Wqkv.weight"); });
  refuses_tensors<Gpt2>("has no tensor 'transformer.wte.weight'",
                        [](Tensors& tensors) { tensors.erase("transformer.wte.weight"); });
}

TEST_CASE("A weight of a type that holds no floats is refused when the folder is opened", "[io]") {
  for (const std::string_view dtype : {"I32", "U32"}) {  // as wide as F32: only the name changes
    const Checkpoint<Llama> checkpoint;
    std::string bytes = support::bytes_of(checkpoint.weights());
    const std::size_t entry = bytes.find(query), at = bytes.find("F32", entry);
    REQUIRE(at < bytes.find('}', entry));
    bytes.replace(at, 3, dtype);
    checkpoint.folder().file("model.safetensors", bytes);
    CHECK(complaint_of<FileError>([&] { checkpoint.open(); }) ==
          bora::detail::message(checkpoint.weights().string(), ": tensor '", query, "' has dtype ", dtype,
                                ", expected F32, F16, BF16 or F64"));
  }
}

TEST_CASE("Numbers that are not finite are refused with their tensor and place", "[io]") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Checkpoint<Llama> checkpoint;
    checkpoint.edit_tensors(checkpoint.weights(), [&](Tensors& tensors) { tensors[query].values[7] = bad; });
    check_contains(complaint_of<FileError>([&] { bora::load_parameters<Llama>(checkpoint.folder().path()); }),
                   bora::detail::message("tensor '", query, "': element 7 is ", std::isnan(bad) ? "NaN" : "infinite"));
  }
}

TEST_CASE("What only looks like a mask or a table is refused", "[io]") {
  const auto refuses = []<class S>(S, const std::string& name) {
    refuses_tensors<S>(bora::detail::message("holds tensor '", name, "', which the model's type does not have"),
                       [&](Tensors& tensors) { tensors[name] = {{1}, {0}}; });
  };
  refuses(Gpt2{}, "evil.attn.bias");
  refuses(Gpt2{}, "transformer.h.2.attn.bias");  // of two layers
  refuses(Gpt2{}, "transformer.h.01.attn.bias");
  refuses(Gpt2{}, "transformer.h.1.x.attn.bias");
  refuses(Gpt2{}, "h.0.attn.bias");  // the others have the prefix
  refuses(Gpt2{}, "transformer.h.0.attn.rotary_emb.inv_freq");
  refuses(Llama{}, "x.rotary_emb.inv_freq");
  refuses(Llama{}, "model.layers.2.self_attn.rotary_emb.inv_freq");
  refuses(Mpt{}, "transformer.blocks.0.attn.rotary_emb.inv_freq");
  refuses(NeoX{}, "gpt_neox.layers.99.attention.masked_bias");
  refuses(NeoX{}, "gpt_neox.layers.0.mlp.attention.bias");
}

TEST_CASE("Masks and tables that follow from the type are ignored", "[io]") {
  accepts_tensors<Llama>(
      [](Tensors& tensors) { tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{1}, {1}}; });
  accepts_tensors<Gpt2>([](Tensors& tensors) {
    tensors["transformer.h.0.attn.bias"] = {{1, 1, 2, 2}, {1, 0, 1, 1}};
    tensors["transformer.h.0.attn.masked_bias"] = {{}, {-1e4f}};
  });
  accepts_tensors<NeoX>([](Tensors& tensors) {
    tensors["gpt_neox.layers.0.attention.bias"] = {{1, 1, 1, 1}, {1}};
    tensors["gpt_neox.layers.0.attention.masked_bias"] = {{}, {-1e9f}};
    tensors["gpt_neox.layers.0.attention.rotary_emb.inv_freq"] = {{1}, {1}};
  });
}

TEST_CASE("A folder of links, as Hugging Face's cache keeps it, is read", "[io]") {
  const Checkpoint<Llama> checkpoint({.max_shard_bytes = 3'000});
  const TemporaryFolder blobs;
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(checkpoint.folder().path())) files.push_back(file.path());
  for (const std::filesystem::path& file : files) {
    const std::filesystem::path blob = blobs / bora::detail::message("blob-", file.filename().string());
    std::filesystem::rename(file, blob);
    std::filesystem::create_symlink(blob, file);
  }
  CHECK(same_bits(bora::load_parameters<Llama>(checkpoint.folder().path()).values(),
                  counted_parameters<Llama>().values()));
  std::filesystem::remove(blobs / "blob-config.json");
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }), "config.json: does not exist");
}

TEST_CASE("A tied model's file may hold its head, as long as it is the embedding", "[io]") {
  accepts_tensors<Falcon7>(
      [](Tensors& tensors) { tensors["lm_head.weight"] = tensors["transformer.word_embeddings.weight"]; });
  refuses_tensors<Falcon7>(
      "tensor 'lm_head.weight' differs from transformer.word_embeddings.weight: the model's type ties them",
      [](Tensors& tensors) {
        tensors["lm_head.weight"] = tensors["transformer.word_embeddings.weight"];
        tensors["lm_head.weight"].values.back() += 1;
      });
  refuses_tensors<LlamaBias>("tensor 'lm_head.weight' has shape [1], expected that of model.embed_tokens.weight",
                             [](Tensors& tensors) { tensors["lm_head.weight"] = {{1}, {0}}; });
}

TEST_CASE("Names without the prefix are found out", "[io]") {
  const Checkpoint<Falcon40> checkpoint;
  checkpoint.edit_tensors(checkpoint.weights(), [](Tensors& tensors) {
    Tensors renamed;
    for (const auto& [name, tensor] : tensors) renamed[name.substr(std::string_view("transformer.").size())] = tensor;
    tensors = renamed;
  });
  const bora::Parameters<Falcon40> loaded = bora::load_parameters<Falcon40>(checkpoint.folder().path());
  CHECK(!loaded.names.prefix);
  CHECK(same_bits(loaded.values(), counted_parameters<Falcon40>().values()));
}

TEST_CASE("An index that leads out of the folder, or to nothing, is refused", "[io]") {
  const auto place_in = [](std::string file) {
    return [file](Json& index) { index["weight_map"]["lm_head.weight"] = file; };
  };
  const auto sentence = [](std::string_view file) {
    return bora::detail::message("places tensor 'lm_head.weight' in ", file,
                                 ", expected the plain name of a .safetensors file in the same folder");
  };
  refuses_index(sentence("'../model.safetensors'"), place_in("../model.safetensors"));
  refuses_index(sentence("'/etc/passwd'"), place_in("/etc/passwd"));
  refuses_index(sentence("'sub/model.safetensors'"), place_in("sub/model.safetensors"));
  refuses_index(sentence("'sub\\model.safetensors'"), place_in("sub\\model.safetensors"));
  refuses_index(sentence("'config.json'"), place_in("config.json"));
  refuses_index(sentence("'..'"), place_in(".."));
  refuses_index(sentence("''"), place_in(""));
  refuses_index(sentence("'.hidden.safetensors'"), place_in(".hidden.safetensors"));
  refuses_index(sentence("'a\\x00.safetensors'"), place_in(std::string("a\0.safetensors", 14)));
  const std::string long_name = std::string(244, 'n') + ".safetensors";  // 256 characters
  refuses_index(sentence(bora::detail::printable(long_name)), place_in(long_name));
  refuses_index("which is not in the folder", place_in(long_name.substr(1)));
  refuses_index("lists the file 'model-00009-of-00009.safetensors', which is not in the folder",
                place_in("model-00009-of-00009.safetensors"));
  refuses_index("key 'weight_map.lm_head.weight' is 3, expected a file's name",
                [](Json& index) { index["weight_map"]["lm_head.weight"] = 3; });
  refuses_index("has no key 'weight_map'", [](Json& index) { index.erase("weight_map"); });
  refuses_index("key 'weight_map' is an array", [](Json& index) { index["weight_map"] = Json::array({1}); });
  refuses_index("is null, expected an object", [](Json& index) { index = nullptr; });
  refuses_index("has no tensor 'model.embed_tokens.weight', expected it with shape [11, 12]",
                [](Json& index) { index["weight_map"] = Json::object(); });
}

TEST_CASE("An index that says a thing twice, or more than its JSON, is refused", "[io]") {
  const auto refuses_text = [](std::string_view sentence, auto&& edit) {
    const Checkpoint<Llama> checkpoint({.max_shard_bytes = 3'000});
    std::string text = support::bytes_of(checkpoint.index());
    edit(text);
    checkpoint.folder().file(checkpoint.index().filename().string(), text);
    check_contains(complaint_of<FileError>([&] { checkpoint.open(); }),
                   bora::detail::message(checkpoint.index().string(), ": ", sentence));
  };
  refuses_text("key 'lm_head.weight' occurs twice in one JSON object", [](std::string& text) {
    text.insert(text.find("\"lm_head.weight\""), "\"lm_head.weight\": \"model-00001-of-00002.safetensors\", ");
  });
  refuses_text("is not valid JSON", [](std::string& text) { text += "x"; });
  refuses_text("is not valid JSON", [](std::string& text) { text += '\0'; });
  refuses_text("is empty", [](std::string& text) { text.clear(); });
}

TEST_CASE("A shard that is empty, cut or no file is refused by its name", "[io]") {
  const Checkpoint<Llama> checkpoint({.max_shard_bytes = 3'000});
  const std::string shard = first_shard(bora::read_json(checkpoint.index()));
  const std::string whole = support::bytes_of(checkpoint.folder() / shard);
  const auto complaint = [&](std::string_view bytes) {
    checkpoint.folder().file(shard, bytes);
    return complaint_of<FileError>([&] { checkpoint.open(); });
  };
  CHECK(complaint(whole) == "");
  check_contains(complaint(""), bora::detail::message(shard, ": is empty"));
  check_contains(complaint(whole.substr(0, whole.size() - 1)), "the file is cut short");
  check_contains(complaint(whole + "x"), bora::detail::message(shard, ": holds 1 bytes after its last tensor"));
  check_contains(complaint(support::as_bytes(std::uint64_t{2}) + "{}"),  // no tensors
                 bora::detail::message(shard, ": has no tensor "));
  std::filesystem::remove(checkpoint.folder() / shard);
  std::filesystem::create_directory(checkpoint.folder() / shard);
  check_contains(complaint_of<FileError>([&] { checkpoint.open(); }),
                 bora::detail::message(shard, ": is a folder, expected a file"));
}

TEST_CASE("An index and its shards must agree", "[io]") {
  refuses_index("which model.safetensors.index.json does not list",
                [](Json& index) { index["weight_map"].erase(query); });

  const Checkpoint<Llama> twice({.max_shard_bytes = 3'000});
  const Json index = bora::read_json(twice.index());
  const std::string here = index.at("weight_map").at("lm_head.weight"), there = index.at("weight_map").at(query);
  REQUIRE(here != there);
  twice.edit_tensors(twice.folder() / here,
                     [](Tensors& tensors) { tensors[query] = {{12, 12}, std::vector<float>(144)}; });
  check_contains(complaint_of<FileError>([&] { twice.open(); }),
                 bora::detail::message(here, ": holds tensor '", query, "', which is also in ", there));

  const Checkpoint<Llama> missing({.max_shard_bytes = 3'000});
  std::filesystem::remove(missing.folder() / here);
  check_contains(complaint_of<FileError>([&] { missing.open(); }),
                 bora::detail::message("lists the file '", here, "', which is not in the folder"));
}

TEST_CASE("A path is loaded by what it names, or refused", "[io]") {
  const Checkpoint<Llama> checkpoint;
  const auto complaint = [](const std::filesystem::path& path) {
    return complaint_of<FileError>([&] { bora::load_parameters<Llama>(path); });
  };
  CHECK(complaint(checkpoint.folder().path()) == "");
  CHECK(complaint(checkpoint.weights()) == "");
  check_contains(complaint(checkpoint.folder() / "nothing"), "nothing: does not exist");
  check_contains(complaint(checkpoint.config()), "config.json: is of no known format, expected a Hugging Face folder");
  check_contains(complaint_of<FileError>([&] { bora::HuggingFaceFolder::of<Llama>(checkpoint.config()); }),
                 "config.json: is a file, expected a folder");
  check_contains(complaint(checkpoint.folder().file("model.onnx", "ONNX")), "is of no known format");

  const TemporaryFolder bare;
  std::filesystem::copy(checkpoint.weights(), bare / "model.safetensors");
  check_contains(complaint(bare / "model.safetensors"), "has no config.json beside it");
  std::filesystem::copy(checkpoint.config(), bare / "config.json");
  CHECK(complaint(bare / "model.safetensors") == "");
  std::filesystem::remove(bare / "model.safetensors");
  check_contains(complaint(bare.path()), "holds no model.safetensors and no model.safetensors.index.json");
  const auto pytorch = bare.file("pytorch_model.bin", std::string("PK\3\4\0\0\x8\x8", 8) + std::string(100, 'x'));
  check_contains(complaint(bare.path()), "pytorch_model.bin is not read, expected it converted to safetensors");
  check_contains(complaint(pytorch), "is a file of PyTorch's, which is not read");
}

TEST_CASE("What the system refuses to open is refused with its reason", "[io]") {
  const Checkpoint<Llama> checkpoint;
  const auto complaint = [](const std::filesystem::path& path) {
    return complaint_of<FileError>([&] { bora::load_parameters<Llama>(path); });
  };
  check_contains(complaint(checkpoint.folder() / std::string(300, 'n')), "cannot be opened: File name too long");
  const auto loop = checkpoint.folder() / "loop.safetensors";
  std::filesystem::create_symlink(loop, loop);
  check_contains(complaint(loop), "loop.safetensors: cannot be opened: Too many levels of symbolic links");
  check_contains(complaint(checkpoint.weights() / "below"), "below: does not exist");
  std::filesystem::remove(checkpoint.weights());
  std::filesystem::create_directory(checkpoint.weights());
  check_contains(complaint(checkpoint.folder().path()), "model.safetensors: is a folder, expected a file");
  std::filesystem::remove(checkpoint.config());
  std::filesystem::create_directory(checkpoint.config());
  check_contains(complaint(checkpoint.folder().path()), "config.json: is a folder, expected a file");
}

TEST_CASE("A decoder holds what the files hold", "[io]") {
  const Checkpoint<Falcon40> checkpoint;
  const auto model = bora::load<Falcon40, bora::F32>(checkpoint.folder().path());
  CHECK(same_bits(model.parameters().values(), counted_parameters<Falcon40>().values()));
  CHECK(model.names().family == "falcon");
  CHECK(complaint_of<ConfigError>([&] { bora::load<Falcon7, bora::F32>(checkpoint.folder().path()); }) != "");
}
