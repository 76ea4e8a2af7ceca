#include "io/model_folder.hpp"
#include "io/small_models.hpp"
#include "support/reference.hpp"
#include "support/reference_specs.hpp"
#include <bora/io/parameter_names.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/model/zoo.hpp>
#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace {

using bora::CheckpointNames;
using namespace io_test;

template <class S>
bora::TensorPlace place(std::string_view name, std::size_t layer = 0, std::size_t expert = 0,
                        CheckpointNames names = {}) {
  for (const bora::TensorEntry& entry : bora::tensors_of<S>())
    if (entry.id.name == name && entry.id.layer == layer && entry.id.expert == expert)
      return bora::place_of(names, bora::describe<S>(), entry.id, entry.shape);
  FAIL("no such tensor: " << name);
  return {};
}

using Shape = std::vector<std::size_t>;

/// Every number of the file's tensors belongs to one number of the model, and the other way round.
template <class S>
void check_one_to_one(CheckpointNames names = {}) {
  std::set<std::string> seen;
  std::size_t numbers = 0;
  for (const bora::FileTensor& tensor : bora::file_tensors(names, bora::describe<S>(), bora::tensors_of<S>())) {
    INFO(tensor.name());
    CHECK(seen.insert(tensor.name()).second);
    std::size_t size = 1;
    for (const std::size_t extent : tensor.shape()) size *= extent;
    REQUIRE(tensor.size() == size);
    std::vector<int> hits(size, 0);
    for (const bora::FileTensor::Part& part : tensor.parts) {
      CHECK(part.place.shape == tensor.shape());
      std::vector<int> model(part.entry.shape.size(), 0);
      part.place.for_each(part.entry.shape, [&](std::size_t in_model, std::size_t in_file) {
        ++model.at(in_model);
        ++hits.at(in_file);
      });
      CHECK(std::count(model.begin(), model.end(), 1) == static_cast<std::ptrdiff_t>(model.size()));
    }
    CHECK(std::count(hits.begin(), hits.end(), 1) == static_cast<std::ptrdiff_t>(size));
    numbers += size;
  }
  CHECK(numbers == bora::parameter_count<S>);
}

}  // namespace

TEST_CASE("Every number of a model has one place in its files, in every family", "[io]") {
  check_one_to_one<Llama>();
  check_one_to_one<LlamaBias>();
  check_one_to_one<Mistral>();
  check_one_to_one<Mixtral>();
  check_one_to_one<Olmo>();
  check_one_to_one<Gpt2>();
  check_one_to_one<Gpt2>({.family = "gpt2", .prefix = false});
  check_one_to_one<Falcon7>();
  check_one_to_one<Falcon40>();
  check_one_to_one<Falcon11>();
  check_one_to_one<FalconSequential>();
  check_one_to_one<Mpt>();
  check_one_to_one<NeoX>();
  check_one_to_one<NeoXSequential>();
  check_one_to_one<Relative>();
  check_one_to_one<Alternating>();
  check_one_to_one<LearnedLlama>();
  check_one_to_one<Ntk>();
  check_one_to_one<Sinusoidal>();
  check_one_to_one<NeoX>({.family = "llama"});  // names asked for, not guessed
}

TEST_CASE("A model that was not read from a file gets the names of the family it is like", "[io]") {
  CHECK(bora::family_of(bora::describe<Llama>()) == "llama");
  CHECK(bora::family_of(bora::describe<Mistral>()) == "mistral");
  CHECK(bora::family_of(bora::describe<Olmo>()) == "olmo");
  CHECK(bora::family_of(bora::describe<Mixtral>()) == "mixtral");
  CHECK(bora::family_of(bora::describe<Gpt2>()) == "gpt2");
  CHECK(bora::family_of(bora::describe<Falcon7>()) == "falcon");
  CHECK(bora::family_of(bora::describe<Falcon40>()) == "falcon");
  CHECK(bora::family_of(bora::describe<Mpt>()) == "mpt");
  CHECK(bora::family_of(bora::describe<NeoX>()) == "gpt_neox");
  CHECK(bora::family_of(bora::describe<Relative>()) == "bora");
  CHECK(bora::family_of(bora::describe<Alternating>()) == "bora");
}

TEST_CASE("Llama's and Mixtral's names", "[io]") {
  CHECK(place<Llama>("embedding").name == "model.embed_tokens.weight");
  CHECK(place<Llama>("query", 1).name == "model.layers.1.self_attn.q_proj.weight");
  CHECK(place<Llama>("key", 1).shape == Shape{6, 12});
  CHECK(place<Llama>("feed_forward_norm", 1).name == "model.layers.1.post_attention_layernorm.weight");
  CHECK(place<Llama>("final_norm").name == "model.norm.weight");
  CHECK(place<Llama>("head").name == "lm_head.weight");
  CHECK(place<LlamaBias>("key_bias", 1).name == "model.layers.1.self_attn.k_proj.bias");
  CHECK(place<LlamaBias>("gate_bias", 1).name == "model.layers.1.mlp.gate_proj.bias");
  CHECK(place<Mixtral>("router", 1).name == "model.layers.1.block_sparse_moe.gate.weight");
  CHECK(place<Mixtral>("gate", 1, 2).name == "model.layers.1.block_sparse_moe.experts.2.w1.weight");
  CHECK(place<Mixtral>("down", 1, 2).name == "model.layers.1.block_sparse_moe.experts.2.w2.weight");
  CHECK(place<Mixtral>("up", 1, 2).name == "model.layers.1.block_sparse_moe.experts.2.w3.weight");
}

TEST_CASE("A model like none still has a name for every tensor", "[io]") {
  CHECK(place<Relative>("relative_bias").name == "model.relative_attention_bias.weight");
  CHECK(place<LearnedLlama>("positions").name == "model.embed_positions.weight");
  CHECK(place<Alternating>("up", 0).name == "model.layers.0.mlp.up_proj.weight");
  CHECK(place<Alternating>("up_bias", 1, 2).name == "model.layers.1.block_sparse_moe.experts.2.w3.bias");
  CHECK(place<Alternating>("final_norm_bias").name == "model.norm.bias");
}

TEST_CASE("GPT-2's matrices are [in, out], query, key and value side by side", "[io]") {
  const bora::TensorPlace key = place<Gpt2>("key", 1);
  CHECK(key.name == "transformer.h.1.attn.c_attn.weight");
  CHECK(key.shape == Shape{12, 36});
  std::vector<std::size_t> found(12 * 12);
  key.for_each({12, 12}, [&](std::size_t in_model, std::size_t in_file) { found[in_model] = in_file; });
  for (std::size_t out = 0; out < 12; ++out)
    for (std::size_t in = 0; in < 12; ++in) CHECK(found[out * 12 + in] == in * 36 + 12 + out);
  CHECK(place<Gpt2>("value_bias", 1).name == "transformer.h.1.attn.c_attn.bias");
  CHECK(place<Gpt2>("value_bias", 1).row(5) == 24 + 5);
  CHECK(place<Gpt2>("down").shape == Shape{20, 12});
  CHECK(place<Gpt2>("embedding").shape == Shape{11, 12});  // these are as they are
  CHECK(place<Gpt2>("positions").name == "transformer.wpe.weight");
  CHECK(place<Gpt2>("positions", 0, 0, {.family = "gpt2", .prefix = false}).name == "wpe.weight");
}

TEST_CASE("Falcon's rows go by groups: query heads, their key head, their value head", "[io]") {
  constexpr std::size_t head_dim = 2, group = 2, rows = (group + 2) * head_dim;
  const bora::TensorPlace query = place<Falcon40>("query"), key = place<Falcon40>("key"),
                          value = place<Falcon40>("value");
  CHECK(query.name == "transformer.h.0.self_attention.query_key_value.weight");
  CHECK(query.shape == Shape{3 * rows, 12});
  for (std::size_t head = 0; head < 6; ++head)
    for (std::size_t c = 0; c < head_dim; ++c)
      CHECK(query.row(head * head_dim + c) == head / group * rows + head % group * head_dim + c);
  for (std::size_t head = 0; head < 3; ++head)
    for (std::size_t c = 0; c < head_dim; ++c) {
      CHECK(key.row(head * head_dim + c) == head * rows + group * head_dim + c);
      CHECK(value.row(head * head_dim + c) == head * rows + (group + 1) * head_dim + c);
    }
  CHECK(place<Falcon7>("key").row(1) == 12 + 1);  // one group: all queries, the key, the value
  CHECK(place<Falcon7>("value").row(1) == 14 + 1);
}

TEST_CASE("Falcon's norms are named after what reads them", "[io]") {
  CHECK(place<Falcon7>("attention_norm").name == "transformer.h.0.input_layernorm.weight");
  CHECK(place<Falcon11>("attention_norm").name == "transformer.h.0.input_layernorm.weight");
  CHECK(place<Falcon40>("attention_norm").name == "transformer.h.0.ln_attn.weight");
  CHECK(place<Falcon40>("feed_forward_norm_bias").name == "transformer.h.0.ln_mlp.bias");
  CHECK(place<FalconSequential>("feed_forward_norm").name == "transformer.h.0.post_attention_layernorm.weight");
}

TEST_CASE("MPT stacks query, key and value; GPT-NeoX goes head by head", "[io]") {
  CHECK(place<Mpt>("value", 1).name == "transformer.blocks.1.attn.Wqkv.weight");
  CHECK(place<Mpt>("value", 1).row(3) == 24 + 3);
  const bora::TensorPlace key = place<NeoX>("key_bias");
  CHECK(key.name == "gpt_neox.layers.0.attention.query_key_value.bias");
  CHECK(key.shape == Shape{36});
  for (std::size_t head = 0; head < 3; ++head)
    for (std::size_t c = 0; c < 4; ++c) CHECK(key.row(head * 4 + c) == head * 12 + 4 + c);
  CHECK(place<NeoX>("head").name == "embed_out.weight");
}

TEST_CASE("Names of a family that has no such tensor are refused", "[io]") {
  check_contains(complaint_of<bora::ConfigError>([] { place<Llama>("gate", 1, 0, {.family = "gpt2"}); }),
                 "no name for the tensor gate of layer 1");
  check_contains(complaint_of<bora::ConfigError>([] { place<Mixtral>("up", 0, 1, {.family = "mpt"}); }),
                 "no name for the tensor up");
}

TEST_CASE("Parameters are written under the names they were read by", "[io]") {
  const TemporaryFolder folder;
  bora::Parameters<Gpt2> parameters = counted_parameters<Gpt2>();
  parameters.names = {.family = "gpt2", .prefix = false};
  bora::SafeTensorsWriter out;
  out.add("grad.", parameters);
  out.write(folder.path() / "out.safetensors");
  const Tensors tensors = read_tensors(folder.path() / "out.safetensors");
  CHECK(tensors.at("grad.wte.weight").values.front() == 1.0f);
  CHECK(tensors.at("grad.h.1.attn.c_attn.weight").shape == Shape{12, 36});
}

TEST_CASE("Numbers of double are written as float", "[io]") {
  const TemporaryFolder folder;
  bora::Parameters<Llama, double> parameters;
  for (double& value : parameters.values()) value = 0.1;
  bora::SafeTensorsWriter out;
  out.add("", parameters);
  out.write(folder.path() / "out.safetensors");
  CHECK(read_tensors(folder.path() / "out.safetensors").at("lm_head.weight").values.front() == 0.1f);
}

TEST_CASE("The tensors of every reference case are the model's, one to one", "[io]") {
  const auto check = []<class S>(const char* name) {
    INFO(name);
    const CheckpointNames names{.prefix = std::string_view(name) != "gpt2-hub-names"};
    check_one_to_one<S>(names);
    const bora::SafeTensors file(support::case_folder(name) / "model.safetensors");
    std::set<std::string> in_file, expected;
    for (const std::string& tensor : file.names())
      if (!tensor.ends_with(".attn.bias")) in_file.insert(tensor);
    for (const bora::FileTensor& tensor : bora::file_tensors(names, bora::describe<S>(), bora::tensors_of<S>())) {
      expected.insert(tensor.name());
      if (file.contains(tensor.name())) CHECK(file.entry(tensor.name()).shape == tensor.shape());
    }
    CHECK(in_file == expected);
  };
  reference::for_each_family(check);
  if (!support::reference_folder()) return support::skip_without_reference("the tensor names of further models");
  reference::for_each_further_case(check);
}

TEST_CASE("The tensors of a description are those of its type", "[io]") {
  const auto same = []<class S>(S) {
    const std::vector<bora::TensorEntry> of_type = bora::tensors_of<S>(),
                                         of_numbers = bora::tensors_of(bora::describe<S>());
    REQUIRE(of_type.size() == of_numbers.size());
    for (std::size_t i = 0; i < of_type.size(); ++i) {
      INFO(of_type[i].id.name << " of layer " << of_type[i].id.layer);
      CHECK(of_type[i].id.name == of_numbers[i].id.name);
      CHECK(of_type[i].id.layer == of_numbers[i].id.layer);
      CHECK(of_type[i].id.expert == of_numbers[i].id.expert);
      CHECK(of_type[i].shape.rows == of_numbers[i].shape.rows);
      CHECK(of_type[i].shape.cols == of_numbers[i].shape.cols);
      CHECK(of_type[i].offset == of_numbers[i].offset);
    }
  };
  const auto all = [&](auto... models) { (same(models), ...); };
  all(Llama{}, LlamaBias{}, Mistral{}, Mixtral{}, Olmo{}, Gpt2{}, Falcon7{}, Falcon40{}, Falcon11{}, FalconSequential{},
      Mpt{}, NeoX{}, NeoXSequential{});
  all(Relative{}, Alternating{}, LearnedLlama{}, Ntk{}, OwnMask{}, Sinusoidal{});
  all(bora::Falcon7B{}, bora::Gpt2Small{}, bora::Llama2_7B{}, bora::Mistral7B{}, bora::Mixtral8x7B{}, bora::Olmo1B{},
      bora::Pythia1B{}, bora::GptNeoX20B{}, bora::Mpt7B{}, bora::Gpt3_125M{});
}
