#include "io/model_folder.hpp"
#include "io/small_models.hpp"
#include <bora/io/load.hpp>
#include <bora/io/model_config.hpp>
#include <bora/io/save.hpp>
#include <bora/model/description_difference.hpp>
#include <bora/model/fingerprint.hpp>
#include <bora/model/spec_text.hpp>
#include <bora/model/zoo.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

using bora::ConfigError;
using bora::ModelDescription;
using namespace io_test;

/// An activation and a router of one's own.
struct Cube {
  struct Function {
    template <class Block>
    static Block value(Block x) noexcept {
      return x * x * x;
    }
    template <class Block>
    static Block slope(Block x) noexcept {
      return Block::broadcast(typename Block::Number(3)) * x * x;
    }
  };
  static constexpr std::string_view name = "own::Activation";
};
struct Changed : TopKRouter<2> {
  static constexpr std::string_view name = "own::Router<2>";
};
struct Renamed : TopKRouter<2> {};
struct Owned : Llama {
  using FeedForward = MixtureOfExperts<4, Changed, Mlp<8, Cube>>;
};
struct OfAnother : Llama {
  using FeedForward = MixtureOfExperts<4, Renamed, Mlp<8, Cube>>;
};
/// Windows in three of four layers, in a model no family has.
struct ThreeOfFour : Llama {
  static constexpr std::size_t layers = 6;
  using Attention = bora::Layers<Mistral::Attention, Mistral::Attention, Mistral::Attention, Llama::Attention>;
};

std::string difference(const ModelDescription& a, const ModelDescription& b) {
  const auto found = bora::first_difference(a, b);
  return found ? bora::detail::message(found->place, ": ", found->first, ", ", found->second) : "none";
}
ModelDescription described(std::string_view config) {
  return bora::describe_config(bora::parse_json(config, "config.json"), "config.json");
}
std::string refusal(std::string_view config) {
  return complaint_of<ConfigError>([&] { described(config); });
}

/// What is saved is described as its type is, for the plugins of a program that go by it too.
template <class S>
void check_described() {
  const TemporaryFolder folder;
  bora::save(counted_parameters<S>(), folder.path());
  const ModelDescription found = bora::describe(folder.path()), expected = bora::describe<S>();
  INFO(bora::spec_text(found));
  CHECK(difference(found, expected) == "none");
  CHECK(found.context == expected.context);
  CHECK(found.parameters == expected.parameters);
  CHECK(found.active_parameters == expected.active_parameters);
  CHECK(bora::detail::fingerprint(found) == bora::detail::fingerprint(expected));
  CHECK(difference(bora::describe(folder.path() / "model.safetensors"), expected) == "none");
  bora::check_checkpoint(folder.path(), found);
}

/// A config of version 0.1, in one line as it is in files.
std::string unwrapped(std::string_view wrapped) {
  std::string text(wrapped);
  constexpr std::string_view wrap = "\n      ";
  for (std::size_t at; (at = text.find(wrap)) != text.npos;) text.replace(at, wrap.size(), " ");
  return text;
}
/// The model that was saved with a config of version 0.1.
template <class S>
void check_old(std::string_view wrapped) {
  const std::string config = unwrapped(wrapped);
  CHECK(difference(described(config), bora::describe<S>()) == "none");
  CHECK(complaint_of<bora::Error>([&] {
          bora::check_config(bora::parse_json(config, "config.json"), "config.json", bora::describe<S>());
        }) == "");
}
template <class S>
std::string old_refusal(std::string_view config) {
  return complaint_of<ConfigError>([&] {
    bora::check_config(bora::parse_json(unwrapped(config), "config.json"), "config.json", bora::describe<S>());
  });
}

constexpr std::string_view old_relative =
    R"({"alternating_layers": false, "attention": {"alibi_max_bias": null, "bias": true, "clip_qkv": null, "head_dim":
      4, "heads": 3, "kv_heads": 3, "mask": "causal", "position": "T5 bias", "relative_attention_max_distance":
      16, "relative_attention_num_buckets": 8, "rope_theta": null, "rotary_fraction": null, "scaling":
      "default", "scaling_beta_fast": null, "scaling_beta_slow": null, "scaling_factor": 1.0,
      "scaling_high_frequency": null, "scaling_low_frequency": null, "scaling_original_context": null,
      "sliding_window": null}, "feed_forward": {"activation": "gelu", "bias": true, "experts": null,
      "experts_per_token": null, "gated": true, "hidden": 20, "router": null}, "hidden_size": 12,
      "max_position_embeddings": 16, "model_type": "bora", "norm": "RMSNorm", "norm_eps": 1e-06,
      "num_hidden_layers": 2, "position": "none", "residual": "sequential", "tie_word_embeddings": false,
      "torch_dtype": "float32", "vocab_size": 11})";
constexpr std::string_view old_alternating =
    R"({"alternating_layers": true, "attention": {"alibi_max_bias": null, "bias": false, "clip_qkv": 3.0, "head_dim":
      2, "heads": 6, "kv_heads": 3, "mask": "sliding window", "position": "rotary", "rope_theta": 10000.0,
      "rotary_fraction": 1.0, "scaling": "default", "scaling_beta_fast": null, "scaling_beta_slow": null,
      "scaling_factor": 1.0, "scaling_high_frequency": null, "scaling_low_frequency": null,
      "scaling_original_context": null, "sliding_window": 4}, "attention_of_odd_layers": {"alibi_max_bias":
      null, "bias": true, "clip_qkv": null, "head_dim": 4, "heads": 3, "kv_heads": 3, "mask": "causal",
      "position": "rotary", "rope_theta": 100000.0, "rotary_fraction": 1.0, "scaling": "default",
      "scaling_beta_fast": null, "scaling_beta_slow": null, "scaling_factor": 1.0, "scaling_high_frequency":
      null, "scaling_low_frequency": null, "scaling_original_context": null, "sliding_window": null},
      "feed_forward": {"activation": "relu", "bias": false, "experts": null, "experts_per_token": null, "gated":
      false, "hidden": 20, "router": null}, "feed_forward_of_odd_layers": {"activation": "silu", "bias": true,
      "experts": 3, "experts_per_token": 1, "gated": false, "hidden": 8, "router": "softmax over the chosen
      experts"}, "hidden_size": 12, "max_position_embeddings": 16, "model_type": "bora", "norm": "LayerNorm",
      "norm_eps": 1e-05, "num_hidden_layers": 3, "position": "none", "residual": "parallel, two norms",
      "tie_word_embeddings": false, "torch_dtype": "float32", "vocab_size": 11})";
constexpr std::string_view old_learnedllama =
    R"({"alternating_layers": false, "attention": {"alibi_max_bias": null, "bias": false, "clip_qkv": null, "head_dim":
      2, "heads": 6, "kv_heads": 3, "mask": "causal", "position": "rotary", "rope_theta": 10000.0,
      "rotary_fraction": 1.0, "scaling": "default", "scaling_beta_fast": null, "scaling_beta_slow": null,
      "scaling_factor": 1.0, "scaling_high_frequency": null, "scaling_low_frequency": null,
      "scaling_original_context": null, "sliding_window": null}, "feed_forward": {"activation": "silu", "bias":
      false, "experts": null, "experts_per_token": null, "gated": true, "hidden": 20, "router": null},
      "hidden_size": 12, "max_position_embeddings": 16, "model_type": "bora", "norm": "RMSNorm", "norm_eps":
      1e-05, "num_hidden_layers": 2, "position": "learned", "residual": "parallel, one norm",
      "tie_word_embeddings": false, "torch_dtype": "float32", "vocab_size": 11})";
constexpr std::string_view old_ntk =
    R"({"alternating_layers": false, "attention": {"alibi_max_bias": null, "bias": false, "clip_qkv": null, "head_dim":
      2, "heads": 6, "kv_heads": 3, "mask": "causal", "position": "rotary", "rope_theta": 10000.0,
      "rotary_fraction": 1.0, "scaling": "ntk", "scaling_beta_fast": null, "scaling_beta_slow": null,
      "scaling_factor": 2.0, "scaling_high_frequency": null, "scaling_low_frequency": null,
      "scaling_original_context": null, "sliding_window": null}, "feed_forward": {"activation": "silu", "bias":
      false, "experts": null, "experts_per_token": null, "gated": true, "hidden": 20, "router": null},
      "hidden_size": 12, "max_position_embeddings": 16, "model_type": "bora", "norm": "RMSNorm", "norm_eps":
      1e-05, "num_hidden_layers": 2, "position": "none", "residual": "sequential", "tie_word_embeddings": false,
      "torch_dtype": "float32", "vocab_size": 11})";
constexpr std::string_view old_ownmask =
    R"({"alternating_layers": false, "attention": {"alibi_max_bias": null, "bias": false, "clip_qkv": null, "head_dim":
      2, "heads": 6, "kv_heads": 3, "mask": "other", "mask_hash": 1459115200, "position": "rotary",
      "rope_theta": 10000.0, "rotary_fraction": 1.0, "scaling": "default", "scaling_beta_fast": null,
      "scaling_beta_slow": null, "scaling_factor": 1.0, "scaling_high_frequency": null, "scaling_low_frequency":
      null, "scaling_original_context": null, "sliding_window": 4}, "feed_forward": {"activation": "silu",
      "bias": false, "experts": null, "experts_per_token": null, "gated": true, "hidden": 20, "router": null},
      "hidden_size": 12, "max_position_embeddings": 16, "model_type": "bora", "norm": "RMSNorm", "norm_eps":
      1e-05, "num_hidden_layers": 2, "position": "none", "residual": "sequential", "tie_word_embeddings": false,
      "torch_dtype": "float32", "vocab_size": 11})";
constexpr std::string_view old_sinusoidal =
    R"({"alternating_layers": false, "attention": {"alibi_max_bias": null, "bias": false, "clip_qkv": null, "head_dim":
      2, "heads": 6, "kv_heads": 3, "mask": "causal", "position": "none", "rope_theta": null, "rotary_fraction":
      null, "scaling": "default", "scaling_beta_fast": null, "scaling_beta_slow": null, "scaling_factor": 1.0,
      "scaling_high_frequency": null, "scaling_low_frequency": null, "scaling_original_context": null,
      "sliding_window": null}, "feed_forward": {"activation": "silu", "bias": false, "experts": null,
      "experts_per_token": null, "gated": true, "hidden": 20, "router": null}, "hidden_size": 12,
      "max_position_embeddings": 16, "model_type": "bora", "norm": "RMSNorm", "norm_eps": 1e-05,
      "num_hidden_layers": 2, "position": "sinusoidal", "residual": "sequential", "tie_word_embeddings": false,
      "torch_dtype": "float32", "vocab_size": 11})";
constexpr std::string_view old_owned =
    R"({"alternating_layers": false, "attention": {"alibi_max_bias": null, "bias": false, "clip_qkv": null, "head_dim":
      2, "heads": 6, "kv_heads": 3, "mask": "causal", "position": "rotary", "rope_theta": 10000.0,
      "rotary_fraction": 1.0, "scaling": "default", "scaling_beta_fast": null, "scaling_beta_slow": null,
      "scaling_factor": 1.0, "scaling_high_frequency": null, "scaling_low_frequency": null,
      "scaling_original_context": null, "sliding_window": null}, "feed_forward": {"activation": "other",
      "activation_name": "own::Activation", "bias": false, "experts": 4, "experts_per_token": 2, "gated": false,
      "hidden": 8, "router": "other", "router_name": "own::Router<2>"}, "hidden_size": 12,
      "max_position_embeddings": 16, "model_type": "bora", "norm": "RMSNorm", "norm_eps": 1e-05,
      "num_hidden_layers": 2, "position": "none", "residual": "sequential", "tie_word_embeddings": false,
      "torch_dtype": "float32", "vocab_size": 11})";

}  // namespace

TEMPLATE_TEST_CASE("A folder is described as the type that saved it", "[io]", Llama, LlamaBias, LlamaLinear, Llama3,
                   LlamaYarn, Mistral, MistralV2, Mixtral, Olmo, Gpt2, Falcon7, Falcon40, Falcon11, FalconSequential,
                   Mpt, NeoX, NeoXSequential, Relative, Alternating, LearnedLlama, Ntk, Sinusoidal, ThreeOfFour) {
  check_described<TestType>();
}

TEST_CASE("Policies of one's own are described by their names, and their tensors are not known", "[io]") {
  const TemporaryFolder folder;
  bora::save(counted_parameters<Owned>(), folder.path());
  CHECK(complaint_of<bora::Error>([&] { bora::load_parameters<Owned>(folder.path()); }) == "");
  check_contains(complaint_of<ConfigError>([&] { bora::load_parameters<OfAnother>(folder.path()); }),
                 "key 'feed_forward.router' is own::Router<2>, the model's type has");
  const bora::Json config = bora::read_json(folder.path() / "config.json");
  CHECK(config.at("feed_forward").at("expert").at("activation").at("policy") == "own::Activation");
  CHECK(config.at("feed_forward").at("router").at("form") == "foreign");
}

TEST_CASE("What a config leaves out is what transformers takes it for: the published models", "[io]") {
  CHECK(difference(described(R"({"model_type": "gpt2"})"), bora::describe<bora::Gpt2Small>()) == "none");
  CHECK(described(R"({"model_type": "gpt2"})").context == 1024);
  CHECK(difference(described(R"({"model_type": "falcon"})"), bora::describe<bora::Falcon7B>()) == "none");
  CHECK(difference(described(R"({"model_type": "mistral", "rms_norm_eps": 9.999999747378752e-06})"),
                   bora::describe<bora::Mistral7B>()) == "none");
  CHECK(difference(described(R"({"model_type": "mixtral"})"), bora::describe<bora::Mixtral8x7B>()) == "none");
  CHECK(described(R"({"model_type": "mixtral"})").active_parameters == 12'879'925'248);
  CHECK(difference(described(R"({"model_type": "llama", "rms_norm_eps": 1e-5})"), bora::describe<bora::Llama2_7B>()) ==
        "none");
}

TEST_CASE("A config that no policy expresses is refused with its key", "[io]") {
  CHECK(refusal(R"({"model_type": "llama", "hidden_act": "relu"})") ==
        "config.json: key 'hidden_act' is the string 'relu', expected a policy's word: silu, gelu, gelu_pytorch_tanh");
  CHECK(refusal(R"({"model_type": "llama", "qk_norm": true})") ==
        "config.json: key 'qk_norm' is true, which no policy expresses, expected false");
  CHECK(refusal(R"({"model_type": "llama", "final_logit_softcapping": 30.0})") ==
        "config.json: key 'final_logit_softcapping' is the number 30.0, which no policy expresses, expected null");
  CHECK(refusal(R"({"model_type": "mpt", "no_bias": false})") ==
        "config.json: key 'no_bias' is false, expected true, as no policy expresses another");
  CHECK(
      refusal(R"({"model_type": "llama", "rope_scaling": {"rope_type": "longrope"}})") ==
      "config.json: key 'rope_scaling.rope_type' is the string 'longrope', expected a policy's word: default, linear, "
      "llama3, yarn");
  CHECK(refusal(R"({"model_type": "llama", "rope_parameters": {"rope_type": "linear", "factor": 2.0, "alpha": 1}})") ==
        "config.json: key 'rope_parameters.alpha' is 1, which no policy expresses, expected no such key here");
  CHECK(refusal(R"({"model_type": "llama", "layer_types": ["full_attention", "linear_attention"]})") ==
        "config.json: key 'layer_types[1]' is the string 'linear_attention', expected the string 'full_attention': "
        "layers of this family are alike");
}

TEST_CASE("Numbers that no type has are refused with their key", "[io]") {
  const auto llama = [](std::string_view keys) {
    return refusal(bora::detail::message(R"({"model_type": "llama", )", keys, "}"));
  };
  CHECK(llama(R"("hidden_size": 0)") == "config.json: key 'hidden_size' is 0, expected a whole number from 1");
  CHECK(llama(R"("hidden_size": "4096")") ==
        "config.json: key 'hidden_size' is the string '4096', expected a whole number from 1");
  CHECK(llama(R"("num_hidden_layers": 1e300)") ==
        "config.json: key 'num_hidden_layers' is the number 1e+300, expected a whole number from 1");
  CHECK(llama(R"("vocab_size": 4294967296)") ==
        "config.json: key 'vocab_size' is 4294967296, expected a whole number up to 2147483647");
  CHECK(llama(R"("num_key_value_heads": 5)") ==
        "config.json: key 'num_key_value_heads' is 5, expected a divisor of num_attention_heads, 32");
  CHECK(llama(R"("head_dim": 7)") ==
        "config.json: key 'head_dim' is 7, expected an even number: rotary components turn in pairs");
  CHECK(llama(R"("num_attention_heads": 4096)") ==
        "config.json: has no key 'head_dim', which means 1, expected an even number: rotary components turn in pairs");
  CHECK(llama(R"("rope_theta": 1)") == "config.json: key 'rope_theta' is 1, expected a number above 1");
  CHECK(llama(R"("rope_scaling": {"type": "linear", "factor": 0.5})") ==
        "config.json: key 'rope_scaling.factor' is the number 0.5, expected a number from 1");
  CHECK(llama(R"("rope_scaling": {"type": "linear"})") ==
        "config.json: has no key 'rope_scaling.factor', expected a number");
  CHECK(llama(R"("max_position_embeddings": 4096, "rope_scaling": {"type": "yarn", "factor": 2.0, "beta_slow": 64})") ==
        "config.json: key 'rope_scaling.beta_slow' is 64, expected a number below beta_fast");
  CHECK(llama(R"("num_hidden_layers": 1000000)") ==
        "a model of 1000000 layers with so many experts has more than 1048576 tensors: no checkpoint has");
  CHECK(refusal(R"({"model_type": "mixtral", "num_experts_per_tok": 9})") ==
        "config.json: key 'num_experts_per_tok' is 9, expected at most num_local_experts, 8");
  CHECK(refusal(R"({"model_type": "gpt2", "n_head": 7})") ==
        "config.json: key 'n_head' is 7, expected a divisor of the width, 768");
  CHECK(refusal(R"({"model_type": "gpt_neox", "rotary_pct": 0.01})") ==
        "config.json: key 'rotary_pct' is the number 0.01, expected a share of the head's width that is an even number "
        "of components, of 96");
  CHECK(refusal(R"({"model_type": "falcon", "new_decoder_architecture": true, "parallel_attn": false})") ==
        "config.json: key 'parallel_attn' is false, expected true beside new_decoder_architecture");
}

TEST_CASE("What is no checkpoint is not described", "[io]") {
  const TemporaryFolder folder;
  check_contains(complaint_of<bora::FileError>([&] { bora::describe(folder.path()); }), "config.json: does not exist");
  check_contains(complaint_of<bora::FileError>([&] { bora::describe(folder.path() / "none"); }), "does not exist");
  check_contains(complaint_of<bora::FileError>([&] { bora::describe(folder.file("model.onnx", "x")); }),
                 "is of no known format");
  check_contains(complaint_of<bora::FileError>([&] { bora::describe(folder.file("model.safetensors", "x")); }),
                 "has no config.json beside it");
}

TEST_CASE("The library's own config says what it cannot read", "[io]") {
  const TemporaryFolder folder;
  bora::save(counted_parameters<Relative>(), folder.path());
  const bora::Json good = bora::read_json(folder.path() / "config.json");
  const auto says = [&](const char* place, const bora::Json& value) {
    bora::Json changed = good;
    changed[bora::Json::json_pointer(place)] = value;
    return complaint_of<bora::Error>([&] { bora::describe_config(changed, "config.json"); });
  };
  CHECK(says("/norm", 3) == "config.json: key 'norm' is 3, expected an object");
  CHECK(says("/attention/policy", 3) == "config.json: key 'attention.policy' is 3, expected a string");
  CHECK(says("/attention/shape/heads", "three") ==
        "config.json: key 'attention.shape.heads' is the string 'three', expected a number or a policy");
  CHECK(says("/attention/arguments", {"shape", "sink"}) ==
        "config.json: has no key 'attention.sink', which key 'attention.arguments' lists, expected it");
  CHECK(says("/attention", bora::Json::array()) ==
        "config.json: key 'attention' is an empty array, expected one policy or more");
}

TEST_CASE("Folders of version 0.1 that no family holds are read", "[io]") {
  check_old<Relative>(old_relative);
  check_old<Alternating>(old_alternating);
  check_old<LearnedLlama>(old_learnedllama);
  check_old<Ntk>(old_ntk);
  check_old<OwnMask>(old_ownmask);
  check_old<Sinusoidal>(old_sinusoidal);
  check_old<Owned>(old_owned);
  CHECK(old_refusal<FarRelative>(old_relative) ==
        "config.json: key 'attention.position.max_distance' is 16, the model's type has 32");
  check_contains(old_refusal<OtherMask>(old_ownmask), "key 'attention.mask.hash' is 1459115200");
  check_contains(old_refusal<OfAnother>(old_owned),
                 "key 'feed_forward.router' is own::Router<2>, the model's type has");
}
