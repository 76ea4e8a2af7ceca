// Llama 3, Ministral, OLMo 2 and 3, OLMoE, Qwen 2 and 3, Gemma 2 and 3: what their config.json says, and what is saved.
#include "io/model_folder.hpp"
#include "io/newer_models.hpp"
#include "support/reference.hpp"
#include <bora/io/families.hpp>
#include <bora/io/load.hpp>
#include <bora/io/model_config.hpp>
#include <bora/io/save.hpp>
#include <bora/model/description_difference.hpp>
#include <bora/model/spec_text.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace bora;
using namespace io_test;
using namespace io_test::newer;

ModelDescription described(std::string_view config) {
  return describe_config(parse_json(config, "config.json"), "config.json");
}
std::string refusal(std::string_view config) {
  return complaint_of<ConfigError>([&] { described(config); });
}
/// Which layers have a window: "ssf".
std::string windows(const ModelDescription& d) {
  std::string word;
  for (std::size_t l = 0; l < d.layers; ++l)
    word += d.attention_of(l).policy("mask").name == "SlidingWindow" ? 's' : 'f';
  return word;
}
/// Which layers have experts: "edd".
std::string experts(const ModelDescription& d) {
  std::string word;
  for (std::size_t l = 0; l < d.layers; ++l) word += d.feed_forward_of(l).has("experts") ? 'e' : 'd';
  return word;
}
double theta(const ModelDescription& d, std::size_t layer) { return d.attention_of(layer).real("position.theta"); }
std::string scaling(const ModelDescription& d, std::size_t layer) {
  return d.attention_of(layer).policy("position.scaling").name;
}

template <class S>
Json check_saved(std::string_view model_type, std::vector<std::string> tensors) {
  INFO(model_type);
  const TemporaryFolder folder;
  const Parameters<S> saved = counted_parameters<S>();
  save(saved, folder.path());
  const Json config = read_json(folder.path() / "config.json");
  CHECK(config.at("model_type") == model_type);
  const Parameters<S> loaded = load_parameters<S>(folder.path());
  CHECK(same_bits(loaded.values(), saved.values()));
  const auto difference = first_difference(describe(folder.path()), describe<S>());
  CHECK((difference ? difference->place : "none") == "none");
  CHECK(describe(folder.path()).parameters == parameter_count<S>);
  const SafeTensors file(folder.path() / "model.safetensors");
  for (const std::string& name : tensors) {
    INFO(name);
    CHECK(file.contains(name));
  }
  return config;
}

}  // namespace

TEST_CASE("Models of newer families are saved as theirs and load again", "[io]") {
  check_saved<SmallMinistral>("ministral", {"model.layers.2.self_attn.q_proj.weight"});
  check_saved<SmallQwen2>("qwen2", {"model.layers.0.self_attn.q_proj.bias", "model.layers.2.self_attn.v_proj.bias"});
  const Json windows = check_saved<SmallQwen2Windows>("qwen2", {"model.layers.0.self_attn.k_proj.bias"});
  CHECK(windows.at("max_window_layers") == 1);
  check_saved<SmallQwen3>("qwen3", {"model.layers.0.self_attn.q_norm.weight", "model.layers.0.input_layernorm.weight"});
  check_saved<SmallQwen3Moe>("qwen3_moe", {"model.layers.1.mlp.gate.weight", "model.layers.0.mlp.gate_proj.weight",
                                           "model.layers.1.mlp.experts.3.down_proj.weight"});
  check_saved<SmallOlmoe>("olmoe", {"model.layers.2.mlp.experts.0.gate_proj.weight", "model.layers.2.mlp.gate.weight"});
  check_saved<SmallOlmo2>(
      "olmo2", {"model.layers.0.post_attention_layernorm.weight", "model.layers.0.post_feedforward_layernorm.weight",
                "model.layers.0.self_attn.k_norm.weight"});
  check_saved<SmallGemma2>(
      "gemma2",
      {"model.layers.0.input_layernorm.weight", "model.layers.0.post_attention_layernorm.weight",
       "model.layers.0.pre_feedforward_layernorm.weight", "model.layers.0.post_feedforward_layernorm.weight"});
  const Json gemma3 = check_saved<SmallGemma3>("gemma3_text", {"model.layers.2.self_attn.q_norm.weight"});
  CHECK(gemma3.at("rope_local_base_freq") == 1e4);
  check_saved<NoFamily>("bora",
                        {"model.layers.0.post_self_attn_layernorm.weight", "model.layers.0.post_mlp_layernorm.weight"});
}

TEST_CASE("Rotations of sliding layers are written where transformers reads them", "[io]") {
  const std::vector<std::string> norms{"model.layers.4.self_attn.q_norm.weight"};
  const Json alike = check_saved<SmallOlmo3<5e5>>("olmo3", norms);
  CHECK(alike.at("rope_theta") == 5e5);
  CHECK(!alike.contains("rope_parameters"));
  const Json other = check_saved<SmallOlmo3<1e4>>("olmo3", norms);
  CHECK(!other.contains("rope_theta"));
  CHECK(other.at("rope_parameters").at("sliding_attention").at("rope_theta") == 1e4);
  CHECK(other.at("rope_parameters").at("full_attention").at("attention_factor") == 1.25);
  const Json scaled = check_saved<SmallOlmo3<5e5, LinearScaling<4.0>>>("olmo3", norms);
  CHECK(scaled.at("rope_parameters").at("sliding_attention").at("rope_type") == "linear");
}

TEST_CASE("Missing keys of newer families mean what the families' own code takes them for", "[io]") {
  const auto eps = [](std::string_view config) { return described(config).norm.real("eps"); };
  CHECK(eps(R"({"model_type": "olmo2"})") == 1e-5);
  CHECK(eps(R"({"model_type": "olmoe"})") == 1e-5);
  CHECK(eps(R"({"model_type": "qwen3"})") == 1e-6);
  const auto head_dim = [](std::string_view config) { return described(config).attention.front().size("head_dim"); };
  CHECK(head_dim(R"({"model_type": "qwen3", "hidden_size": 640, "num_attention_heads": 8})") == 128);
  CHECK(head_dim(R"({"model_type": "qwen3", "hidden_size": 640, "num_attention_heads": 8, "head_dim": null})") == 80);
  CHECK(
      head_dim(R"({"model_type": "qwen2", "hidden_size": 640, "num_attention_heads": 8, "num_key_value_heads": 8})") ==
      80);
  CHECK(head_dim(R"({"model_type": "gemma2"})") == 256);
  CHECK(described(R"({"model_type": "gemma2"})").tie_embeddings);
  CHECK(!described(R"({"model_type": "qwen2"})").tie_embeddings);
  CHECK(described(R"({"model_type": "gemma2"})").logit_cap.real("cap") == 30);
  CHECK(described(R"({"model_type": "gemma2", "final_logit_softcapping": null})").logit_cap.name == "NoSoftCap");
  CHECK(described(R"({"model_type": "gemma3_text"})").logit_cap.name == "NoSoftCap");
  CHECK(refusal(R"({"model_type": "olmo3"})") == "config.json: has no key 'rope_theta', expected a number");
  const auto router = [](std::string_view config) {
    return described(config).feed_forward.front().policy("router").name;
  };
  CHECK(router(R"({"model_type": "olmoe"})") == "SoftmaxTopKRouter");
  CHECK(router(R"({"model_type": "olmoe", "norm_topk_prob": true})") == "TopKRouter");
  CHECK(router(R"({"model_type": "qwen3_moe"})") == "SoftmaxTopKRouter");
}

TEST_CASE("Windows are read by the rules of each family", "[io]") {
  CHECK(windows(described(R"({"model_type": "olmo3", "rope_theta": 5e5, "num_hidden_layers": 9})")) == "sssfsssfs");
  CHECK(windows(described(R"({"model_type": "olmo3", "rope_theta": 5e5, "num_hidden_layers": 2,
                              "layer_types": ["full_attention", "sliding_attention"]})")) == "fs");
  CHECK(windows(described(R"({"model_type": "olmo3", "rope_theta": 5e5, "num_hidden_layers": 3,
                              "sliding_window": null})")) == "fff");
  CHECK(windows(described(R"({"model_type": "gemma2", "num_hidden_layers": 5})")) == "sfsfs");
  CHECK(windows(described(R"({"model_type": "gemma3_text", "num_hidden_layers": 8})")) == "sssssfss");
  CHECK(windows(described(R"({"model_type": "gemma3_text", "num_hidden_layers": 4, "sliding_window_pattern": 2})")) ==
        "sfsf");
  CHECK(windows(described(R"({"model_type": "ministral", "num_hidden_layers": 2})")) == "ss");
  CHECK(windows(described(R"({"model_type": "mistral", "num_hidden_layers": 2, "sliding_window": null})")) == "ff");
  CHECK(windows(described(R"({"model_type": "qwen2", "num_hidden_layers": 3, "sliding_window": 8})")) == "fff");
  CHECK(windows(described(R"({"model_type": "qwen2", "num_hidden_layers": 4, "use_sliding_window": true,
                              "max_window_layers": 1})")) == "fsss");
  CHECK(windows(described(R"({"model_type": "qwen3", "num_hidden_layers": 4, "use_sliding_window": true})")) == "ffff");
  CHECK(windows(described(R"({"model_type": "qwen2", "num_hidden_layers": 2, "use_sliding_window": true,
                              "layer_types": ["sliding_attention", "full_attention"]})")) == "sf");
  CHECK(described(R"({"model_type": "ministral"})").attention.front().size("mask.window") == 4096);
  CHECK(refusal(R"({"model_type": "ministral", "num_hidden_layers": 2, "layer_types": ["full_attention"]})") ==
        "config.json: key 'layer_types' has 1 layers, expected 2, num_hidden_layers");
  CHECK(refusal(R"({"model_type": "gemma2", "num_hidden_layers": 1, "layer_types": ["chunked_attention"]})") ==
        "config.json: key 'layer_types[0]' is the string 'chunked_attention', expected 'sliding_attention' or "
        "'full_attention'");
  CHECK(refusal(R"({"model_type": "gemma2", "layer_types": 3})") ==
        "config.json: key 'layer_types' is 3, expected an array");
  CHECK(refusal(R"({"model_type": "qwen2", "num_hidden_layers": 100000, "use_sliding_window": true})") ==
        "config.json: key 'num_hidden_layers' is 100000, expected at most 4096 where layers differ from each other: no "
        "checkpoint has more");
}

TEST_CASE("Layers with experts are those that the config says", "[io]") {
  CHECK(experts(described(R"({"model_type": "qwen3_moe", "num_hidden_layers": 3})")) == "eee");
  CHECK(experts(described(R"({"model_type": "qwen3_moe", "num_hidden_layers": 5, "decoder_sparse_step": 2})")) ==
        "deded");
  CHECK(experts(described(R"({"model_type": "qwen3_moe", "num_hidden_layers": 5, "decoder_sparse_step": 2,
                              "mlp_only_layers": [3, 99]})")) == "deddd");
  CHECK(experts(described(R"({"model_type": "qwen3_moe", "num_hidden_layers": 2, "decoder_sparse_step": 4})")) == "dd");
  CHECK(refusal(R"({"model_type": "qwen3_moe", "mlp_only_layers": ["3"]})") ==
        "config.json: key 'mlp_only_layers[0]' is the string '3', expected the number of a layer");
}

TEST_CASE("Keys that matter to no layer are not compared with a model's", "[io]") {
  for (const char* config :
       {R"({"model_type": "mistral", "num_hidden_layers": 2, "sliding_window": 8,
            "layer_types": ["full_attention", "full_attention"]})",
        R"({"model_type": "ministral", "num_hidden_layers": 1, "layer_types": ["full_attention"]})",
        R"({"model_type": "gemma3_text", "num_hidden_layers": 4, "rope_theta": 5e6})",
        R"({"model_type": "olmo3", "num_hidden_layers": 2, "rope_theta": 5e5,
            "rope_scaling": {"rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 64}})",
        R"({"model_type": "qwen2", "num_hidden_layers": 2, "use_sliding_window": true, "sliding_window": 8})",
        R"({"model_type": "qwen3_moe", "num_hidden_layers": 2, "decoder_sparse_step": 3})"}) {
    INFO(config);
    const Json json = parse_json(config, "config.json");
    CHECK(check_config(json, "config.json", described(config)).model_type == json.at("model_type").get<std::string>());
  }
}

TEST_CASE("Sliding layers rotate in their own way", "[io]") {
  const ModelDescription old = described(R"({"model_type": "gemma3_text", "num_hidden_layers": 6, "rope_theta": 1e6,
      "rope_local_base_freq": 20000, "rope_scaling": {"rope_type": "linear", "factor": 8}})");
  CHECK(theta(old, 0) == 20000);
  CHECK(theta(old, 5) == 1e6);
  CHECK(scaling(old, 0) == "NoScaling");
  CHECK(scaling(old, 5) == "LinearScaling");
  const ModelDescription nested =
      described(R"({"model_type": "gemma3_text", "num_hidden_layers": 6, "rope_parameters": {
      "full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 1e6},
      "sliding_attention": {"rope_type": "default", "rope_theta": 20000}}})");
  CHECK(!first_difference(old, nested));
  const ModelDescription olmo = described(R"({"model_type": "olmo3", "num_hidden_layers": 4, "rope_theta": 5e5,
      "rope_scaling": {"rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 2048}})");
  CHECK(theta(olmo, 0) == 5e5);
  CHECK(scaling(olmo, 0) == "NoScaling");
  CHECK(scaling(olmo, 3) == "YarnScaling");
  CHECK(refusal(R"({"model_type": "olmo3", "rope_parameters": {"rope_theta": 5e5, "other_attention": {}}})") ==
        "config.json: key 'rope_parameters.other_attention' is an object: layers with other rotations than their "
        "neighbours are not supported");
  CHECK(refusal(R"({"model_type": "gemma3_text", "rope_parameters": {"sliding_attention": {"alpha": 2}}})") ==
        "config.json: key 'rope_parameters.sliding_attention.alpha' is 2, which no policy expresses, expected no such "
        "key here");
}

TEST_CASE("An activation's newer key wins over the older one", "[io]") {
  CHECK(described(R"({"model_type": "gemma2", "hidden_act": "silu", "hidden_activation": "gelu_pytorch_tanh"})")
            .feed_forward.front()
            .name == "GeGluTanh");
  CHECK(described(R"({"model_type": "gemma2", "hidden_act": "silu"})").feed_forward.front().name == "SwiGlu");
  CHECK(described(R"({"model_type": "gemma2"})").feed_forward.front().name == "GeGluTanh");
}

TEST_CASE("A spec with the policies of newer families is written as C++", "[io]") {
  CHECK(spec_text(describe<SmallGemma2>(), "Small") == R"(struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 13, dim = 12, layers = 3, context = 64;
  static constexpr bool tie_embeddings = true;
  using EmbeddingScale = bora::RootOfWidth;
  using LogitCap = bora::SoftCap<30.0>;
  using Norm = bora::RmsNorm<1e-06, bora::UnitOffset>;
  using Attention = bora::Layers<bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6},
                                                             bora::SlidingWindow<5>,
                                                             bora::Rope<10000.0>,
                                                             bora::ScoreWidth<10.0>,
                                                             bora::SoftCap<50.0>>,
                                 bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6},
                                                             bora::Causal,
                                                             bora::Rope<10000.0>,
                                                             bora::ScoreWidth<10.0>,
                                                             bora::SoftCap<50.0>>>;
  using FeedForward = bora::GeGluTanh<10>;
  using Residual = bora::SandwichResidual;
};
)");
  CHECK(policy_text(description_of<SmallQwen3::Attention>()) ==
        "bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6}, bora::Causal, "
        "bora::Rope<1e+06>, bora::QkNorm<bora::PerHead, bora::RmsNorm<1e-06>>>");
  CHECK(policy_text(description_of<SmallOlmo3<5e5>::Full::Position>()) ==
        "bora::Rope<5e+05, 1.0, bora::YarnScaling<bora::YarnSettings{.factor = 8.0, .original_context = 16.0, "
        ".beta_fast = 32.0, .beta_slow = 1.0, .attention_factor = 1.25, .truncate = 0}>>");
}

// ---- real cases

namespace {

/// The folder of the newer families' cases, a neighbour of the reference folder.
std::filesystem::path newer_folder() {
  const auto reference = support::reference_folder();
  return reference ? *reference / ".." / "families" : std::filesystem::path();
}

struct Rotation {
  PolicyDescription description;
  double (*frequency)(std::size_t, std::size_t);
  double (*amplitude)();
};
template <class R>
Rotation rotation() {
  return {description_of<R>(), &R::frequency, +[]() -> double { return R::amplitude(); }};
}
template <class Scaling, auto base = 1e4>
using Scaled = Rope<base, 1.0, Scaling>;

std::vector<Rotation> rotations() {
  using S = YarnSettings;
  using L = Llama3Settings;
  return {
      rotation<Rope<1e4>>(),
      rotation<Rope<5e5>>(),
      rotation<Rope<1e6>>(),
      rotation<Scaled<LinearScaling<8.0>, 1e6>>(),
      rotation<Scaled<Llama3Scaling<L{}>, 5e5>>(),
      rotation<Scaled<Llama3Scaling<L{.factor = 32}>, 5e5>>(),
      rotation<Scaled<YarnScaling<S{.factor = 8, .original_context = 8192}>, 5e5>>(),
      rotation<Scaled<YarnScaling<S{.factor = 4, .original_context = 32'768}>, 1e6>>(),
      rotation<Scaled<YarnScaling<S{.factor = 2, .original_context = 6}>>>(),
      rotation<Scaled<YarnScaling<S{.factor = 16, .original_context = 2048, .truncate = false}>>>(),
      rotation<
          Scaled<YarnScaling<S{.factor = 40, .original_context = 4096, .attention_factor = 1.0569662567531275}>>>()};
}

}  // namespace

TEST_CASE("Published rotary settings give the expected frequencies", "[io]") {
  const std::filesystem::path file = newer_folder() / "rope.jsonl";
  if (newer_folder().empty() || !exists(file))
    return support::skip_without_reference("frequencies of published models");
  std::ifstream in(file);
  std::size_t compared = 0;
  for (std::string line; std::getline(in, line);) {
    const Json row = parse_json(line, "rope.jsonl");
    INFO(row.at("name").get<std::string>());
    Json config = Json::object();
    config["model_type"] = "llama";
    config["head_dim"] = row.at("head_dim");
    config["rope_parameters"] = row.at("rope_parameters");
    const PolicyDescription position = describe_config(config, "config.json").attention.front().policy("position");
    std::size_t found = 0;
    double worst = 0;
    for (const Rotation& known : rotations()) {
      if (detail::first_difference("position", known.description, position)) continue;
      ++found;
      const std::vector<double> expected = row.at("frequencies").get<std::vector<double>>();
      for (std::size_t c = 0; c < expected.size(); ++c)
        worst = std::max(worst, std::abs(known.frequency(c, 2 * expected.size()) / expected[c] - 1));
      worst = std::max(worst, std::abs(known.amplitude() / row.at("factor").get<double>() - 1));
    }
    CHECK(found == 1);  // 0: `rotations` above lacks it
    CHECK(worst <= 1e-12);
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("Checkpoints of newer families are described, fit their description and are written back", "[io]") {
  if (newer_folder().empty() || !exists(newer_folder()))
    return support::skip_without_reference("configs of newer families");
  std::size_t compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(newer_folder())) {
    if (!exists(entry.path() / "config.json")) continue;
    INFO(entry.path().filename().string());
    const ModelDescription d = describe(entry.path());
    check_checkpoint(entry.path(), d);
    const std::string type = read_json(entry.path() / "config.json").at("model_type");
    const Family& own = *detail::find_family(type);
    CHECK(can_hold(own, d));
    for (const Family* family : {&own, &saved_family({}, d)}) {
      const auto difference = first_difference(d, describe_config(config_of(*family, d, "float32"), "config.json"));
      CHECK((difference ? difference->place : "none") == "none");
    }
    ++compared;
  }
  CHECK(compared > 0);
}
