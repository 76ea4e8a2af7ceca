#include "io/model_folder.hpp"
#include "io/small_models.hpp"
#include "support/reference.hpp"
#include "support/reference_specs.hpp"
#include <bora/io/compiled/save.hpp>
#include <bora/io/families.hpp>
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace {

using bora::CheckpointNames;
using bora::Json;
using namespace io_test;

template <class S>
void check_round_trip(std::string_view model_type, const bora::SaveOptions& options = {}) {
  INFO(model_type);
  const TemporaryFolder folder;
  const bora::Parameters<S> saved = counted_parameters<S>();
  bora::save(saved, folder.path(), options);
  CHECK(bora::read_json(folder.path() / "config.json").at("model_type") == model_type);
  const bora::Parameters<S> loaded = bora::load_parameters<S>(folder.path());
  CHECK(same_bits(loaded.values(), saved.values()));
  CHECK(loaded.names.family == bora::family_of(bora::describe<S>()));
}

std::set<std::string> files_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("Every spec that is saved loads again, number for number", "[io]") {
  check_round_trip<Llama>("llama");
  check_round_trip<LlamaBias>("llama");
  check_round_trip<LlamaLinear>("llama");
  check_round_trip<Llama3>("llama");
  check_round_trip<LlamaYarn>("llama");
  check_round_trip<Mistral>("mistral");
  check_round_trip<Mixtral>("mixtral");
  check_round_trip<Olmo>("olmo");
  check_round_trip<Gpt2>("gpt2");
  check_round_trip<Falcon7>("falcon");
  check_round_trip<Falcon40>("falcon");
  check_round_trip<Falcon11>("falcon");
  check_round_trip<FalconSequential>("falcon");
  check_round_trip<Mpt>("mpt");
  check_round_trip<NeoX>("gpt_neox");
  check_round_trip<NeoXSequential>("gpt_neox");
  check_round_trip<Relative>("bora");
  check_round_trip<Alternating>("bora");
  check_round_trip<LearnedLlama>("bora");
  check_round_trip<Ntk>("bora");
  check_round_trip<OwnMask>("bora");
  check_round_trip<Sinusoidal>("bora");
}

TEST_CASE("A decoder is saved with the names it was loaded by", "[io]") {
  const TemporaryFolder first, second;
  bora::Parameters<Gpt2> parameters = counted_parameters<Gpt2>();
  parameters.names.prefix = false;
  bora::save(parameters, first.path());
  bora::save(bora::load<Gpt2, bora::F32>(first.path()), second.path());
  CHECK(read_tensors(second.path() / "model.safetensors").contains("h.0.ln_1.weight"));
  CHECK(same_bits(bora::load_parameters<Gpt2>(second.path()).values(), parameters.values()));
}

TEST_CASE("Names of a family that cannot hold the model are refused, and nothing is written", "[io]") {
  const TemporaryFolder folder;
  bora::Parameters<Llama> parameters = counted_parameters<Llama>();
  parameters.names.family = "gpt2";
  check_contains(complaint_of<bora::ConfigError>([&] { bora::save(parameters, folder.path() / "new"); }),
                 "its position is LearnedPositions, the model's NoPosition");
  CHECK(!std::filesystem::exists(folder.path() / "new"));
}

TEST_CASE("Formulas that no family has are told from those that some have", "[io]") {
  const auto check = [](bora::ModelDescription model, auto change, std::string_view family, std::string_view sentence) {
    change(model);
    CHECK(bora::saved_family({}, model).model_type == "bora");
    check_contains(complaint_of<bora::ConfigError>([&] { bora::saved_family({.family = family}, model); }), sentence);
  };
  const bora::PolicyDescription own("mine::Own", bora::PolicyDescription::Form::foreign);
  bora::ModelDescription unlike = bora::describe<Mixtral>();
  unlike.feed_forward[0].find("router")->policy.front().name = "SoftmaxTopKRouter";
  CHECK(bora::saved_family({.family = "mixtral"}, bora::describe<Mixtral>()).model_type == "mixtral");
  CHECK(bora::saved_family({.family = "mixtral"}, unlike).model_type == "bora");  // in the same names
  check(
      bora::describe<Gpt2>(), [&](auto& d) { d.feed_forward[0].find("activation")->policy.front() = own; }, "gpt2",
      "its feed_forward.activation is GeluTanh, the model's mine::Own");
  check(
      bora::describe<NeoX>(), [&](auto& d) { d.attention[0].find("position.scaling")->policy.front() = own; },
      "gpt_neox", "its attention.position.scaling is NoScaling, the model's mine::Own");
}

TEST_CASE("A model larger than a shard is written in several, with an index", "[io]") {
  const TemporaryFolder folder;
  const bora::Parameters<Mixtral> parameters = counted_parameters<Mixtral>();
  bora::save(parameters, folder.path(), {.max_shard_bytes = 3'000});
  const Json index = bora::read_json(folder.path() / "model.safetensors.index.json");
  CHECK(index.at("metadata").at("total_size") == 4 * bora::parameter_count<Mixtral>);
  std::set<std::string> shards;
  for (const auto& [tensor, file] : index.at("weight_map").items()) {
    const bora::SafeTensors shard(folder.path() / file.get<std::string>());
    CHECK(shard.contains(tensor));
    shards.insert(file.get<std::string>());
  }
  CHECK(shards.size() > 3);
  CHECK(shards.contains("model-00001-of-000" + std::to_string(shards.size() + 100).substr(1) + ".safetensors"));
  for (const std::string& shard : shards) {
    std::size_t numbers = 0;
    const Tensors tensors = read_tensors(folder.path() / shard);
    for (const auto& [name, tensor] : tensors) numbers += tensor.values.size();
    CHECK((4 * numbers <= 3'000 || tensors.size() == 1));
  }
  CHECK(same_bits(bora::load_parameters<Mixtral>(folder.path()).values(), parameters.values()));
}

TEST_CASE("A second save leaves none of the first one's files", "[io]") {
  const TemporaryFolder folder;
  folder.file("tokenizer.json", "{}");
  const bora::Parameters<Llama> parameters = counted_parameters<Llama>();
  bora::save(parameters, folder.path(), {.max_shard_bytes = 2'000});
  CHECK(files_in(folder.path()).contains("model.safetensors.index.json"));
  bora::save(parameters, folder.path());
  CHECK(files_in(folder.path()) == std::set<std::string>{"config.json", "model.safetensors", "tokenizer.json"});
  bora::save(parameters, folder.path(), {.max_shard_bytes = 2'000});
  CHECK(!files_in(folder.path()).contains("model.safetensors"));
  CHECK(same_bits(bora::load_parameters<Llama>(folder.path()).values(), parameters.values()));
}

TEST_CASE("A save that fails leaves the earlier checkpoint whole", "[io]") {
  const TemporaryFolder folder;
  const bora::Parameters<Llama> good = counted_parameters<Llama>();
  bora::save(good, folder.path());
  bora::Parameters<Llama> bad = counted_parameters<Llama>();
  bad.values().back() = std::numeric_limits<float>::quiet_NaN();
  const std::set<std::string> before = files_in(folder.path());
  check_contains(complaint_of<bora::FileError>([&] { bora::save(bad, folder.path(), {.max_shard_bytes = 2'000}); }),
                 "tensor 'lm_head.weight': element 131 is NaN");
  CHECK(files_in(folder.path()) == before);
  CHECK(same_bits(bora::load_parameters<Llama>(folder.path()).values(), good.values()));
}

TEST_CASE("Two saves into one folder do not go on at the same time", "[io]") {
  const TemporaryFolder folder;
  const bora::Parameters<Llama> parameters = counted_parameters<Llama>();
  {
    const bora::detail::SavingLock other(folder.path());
    if (!other.held()) return support::skip("this file system has no locks");
    check_contains(complaint_of<bora::FileError>([&] { bora::save(parameters, folder.path()); }),
                   "is being saved into by another program or thread");
    CHECK(files_in(folder.path()).empty());
  }
  bora::save(parameters, folder.path());
  CHECK(files_in(folder.path()) == std::set<std::string>{"config.json", "model.safetensors"});
}

TEST_CASE("What a save that was killed left behind goes with the next one, and nothing else", "[io]") {
  const TemporaryFolder folder;
  for (const char* name :
       {"config.json.partial", "config.json.partial.4711-0.partial", "model.safetensors.partial.1-23.partial",
        "model-00001-of-00002.safetensors.partial", "model.safetensors.index.json.partial.99-1.partial"})
    folder.file(name, "half");
  const std::set<std::string> others{"tokenizer.json.partial", "tokens.12-0.partial", "config.json.partial.mine",
                                     "config.json.partial.my.partial"};
  for (const std::string& name : others) folder.file(name, "another's");
  bora::save(counted_parameters<Llama>(), folder.path());
  std::set<std::string> expected = others;
  expected.insert({"config.json", "model.safetensors"});
  CHECK(files_in(folder.path()) == expected);
}

TEST_CASE("What stands in the place of a checkpoint's file is refused", "[io]") {
  for (const char* name : {"config.json", "model.safetensors"}) {
    const TemporaryFolder here;
    std::filesystem::create_directory(here / name);
    here.file(std::string(name) + "/inside", "x");
    if (name != std::string_view("model.safetensors")) here.file("model.safetensors", "an earlier one");
    const std::set<std::string> before = files_in(here.path());
    const std::string says =
        complaint_of<bora::FileError>([&] { bora::save(counted_parameters<Llama>(), here.path()); });
    check_contains(says, name);
    check_contains(says, "cannot be ");
    CHECK(files_in(here.path()) == before);
  }
}

TEST_CASE("A folder that cannot be made is refused", "[io]") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.file("file", "x");
  check_contains(complaint_of<bora::FileError>([&] { bora::save(counted_parameters<Llama>(), file); }),
                 "cannot be made a folder");
}

TEST_CASE("BF16 files hold the rounded numbers and say so", "[io]") {
  const TemporaryFolder folder;
  const bora::Parameters<Llama> parameters = counted_parameters<Llama>();
  bora::save(parameters, folder.path(), {.numbers = bora::StoredNumbers::bf16, .bos = 1, .eos = 2});
  const Json config = bora::read_json(folder.path() / "config.json");
  CHECK(config.at("torch_dtype") == "bfloat16");
  CHECK(config.at("bos_token_id") == 1);
  CHECK(config.at("eos_token_id") == 2);
  CHECK(bora::SafeTensors(folder.path() / "model.safetensors").entry("lm_head.weight").dtype == "BF16");
  const bora::Parameters<Llama> loaded = bora::load_parameters<Llama>(folder.path());
  for (std::size_t i = 0; i < loaded.values().size(); ++i)
    CHECK(loaded.values()[i] == bora::to_float(bora::to_bfloat16(parameters.values()[i])));
}

TEST_CASE("config.json says what transformers needs to know", "[io]") {
  const TemporaryFolder folder;
  bora::save(counted_parameters<Mixtral>(), folder.path());
  const Json config = bora::read_json(folder.path() / "config.json");
  CHECK(config.at("architectures") == Json::array({"MixtralForCausalLM"}));
  CHECK(config.at("torch_dtype") == "float32");
  CHECK(config.at("num_local_experts") == 3);
  CHECK(config.at("num_experts_per_tok") == 2);
  CHECK(config.at("sliding_window").is_null());
  CHECK(config.at("rope_theta") == 1e6);
  CHECK(config.at("head_dim") == 2);
  CHECK(config.at("max_position_embeddings") == 16);
}

TEST_CASE("Rotary scaling is written as transformers spells it", "[io]") {
  const TemporaryFolder folder;
  bora::save(counted_parameters<Llama3>(), folder.path());
  CHECK(bora::read_json(folder.path() / "config.json").at("rope_scaling") ==
        Json::parse(R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                        "original_max_position_embeddings": 8192})"));
}

TEST_CASE("What transformers takes whole numbers for is written whole", "[io]") {
  const TemporaryFolder folder;
  bora::save(counted_parameters<Mpt>(), folder.path());
  CHECK(bora::read_json(folder.path() / "config.json").at("attn_config").at("alibi_bias_max").dump() == "8");
  bora::save(counted_parameters<Llama3>(), folder.path());
  CHECK(
      bora::read_json(folder.path() / "config.json").at("rope_scaling").at("original_max_position_embeddings").dump() ==
      "8192");
}

TEST_CASE("Reference cases are read and written again, bit for bit, under the same names", "[io]") {
  const auto check = []<class S>(const char* name) {
    INFO(name);
    const TemporaryFolder copy;
    const std::filesystem::path folder = support::case_folder(name);
    const bora::Parameters<S> parameters = bora::load_parameters<S>(folder);
    bora::save(parameters, copy.path());

    Tensors expected = read_tensors(folder / "model.safetensors");
    std::erase_if(expected, [](const auto& entry) { return entry.first.ends_with(".attn.bias"); });
    const Tensors written = read_tensors(copy.path() / "model.safetensors");
    CHECK(written.size() == expected.size());
    for (const auto& [tensor, want] : expected) {
      INFO(tensor);
      REQUIRE(written.contains(tensor));
      CHECK(written.at(tensor).shape == want.shape);
      CHECK(same_bits(written.at(tensor).values, want.values));
    }

    const Json config = bora::read_json(folder / "config.json");
    const Json own = bora::read_json(copy.path() / "config.json");
    for (const auto& [key, value] : own.items()) {
      INFO(key);
      if (config.contains(key) && key != "torch_dtype" && key != "n_inner" && key != "attn_config")
        CHECK(value == config.at(key));
    }
    CHECK(same_bits(bora::load<S, bora::F32>(copy.path()).parameters().values(), parameters.values()));
  };
  reference::for_each_family(check);
  if (!support::reference_folder()) return support::skip_without_reference("the files of further models");
  reference::for_each_further_case(check);
}

TEST_CASE("A llama2.c file and its Hugging Face folder are the same model", "[io]") {
  const auto folder = support::reference_folder();
  if (!folder) return support::skip_without_reference("stories260k");
  using S = bora::Stories260K;
  const auto from_folder = bora::load_parameters<S>(*folder / "stories260k");
  const auto from_file = bora::load_parameters<S>(*folder / "stories260k" / "stories260K.bin");
  const auto from_weights = bora::load_parameters<S>(*folder / "stories260k" / "model.safetensors");
  CHECK(same_bits(from_file.values(), from_folder.values()));
  CHECK(same_bits(from_weights.values(), from_folder.values()));
}
