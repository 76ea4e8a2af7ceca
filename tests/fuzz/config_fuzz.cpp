// A config.json against a model of every family: the same text is refused or accepted, whatever it holds.
#include "fuzz/fuzz.hpp"
#include "io/newer_models.hpp"
#include "io/small_models.hpp"
#include <bora/io/model_config.hpp>
#include <bora/model/spec_text.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace io_test;

const std::vector<bora::ModelDescription>& models() {
  static const std::vector<bora::ModelDescription> all = {bora::describe<Llama>(),
                                                          bora::describe<Llama3>(),
                                                          bora::describe<LlamaYarn>(),
                                                          bora::describe<Mistral>(),
                                                          bora::describe<Mixtral>(),
                                                          bora::describe<Olmo>(),
                                                          bora::describe<Gpt2>(),
                                                          bora::describe<Falcon7>(),
                                                          bora::describe<Falcon40>(),
                                                          bora::describe<Mpt>(),
                                                          bora::describe<NeoX>(),
                                                          bora::describe<Relative>(),
                                                          bora::describe<Alternating>(),
                                                          bora::describe<newer::SmallMinistral>(),
                                                          bora::describe<newer::SmallQwen2Windows>(),
                                                          bora::describe<newer::SmallQwen3Moe>(),
                                                          bora::describe<newer::SmallOlmoe>(),
                                                          bora::describe<newer::SmallOlmo3<1e4>>(),
                                                          bora::describe<newer::SmallGemma2>(),
                                                          bora::describe<newer::SmallGemma3>()};
  return all;
}

std::vector<std::string> good_files() {
  std::vector<std::string> all;
  for (const bora::ModelDescription& model : models())
    all.push_back(bora::config_of(bora::saved_family({}, model), model, "float32").dump());
  return all;
}

/// Every key that some model looks at, and values that mean something.
std::vector<std::string> key_words() {
  std::vector<std::string> words = {"rope_scaling",
                                    "rope_parameters",
                                    "rope_type",
                                    "type",
                                    "dynamic",
                                    "linear",
                                    "yarn",
                                    "llama3",
                                    "default",
                                    "silu",
                                    "swish",
                                    "gelu",
                                    "attn_config",
                                    "RefinedWeb",
                                    "null",
                                    "n_head",
                                    "layer_types",
                                    "sliding_attention",
                                    "full_attention",
                                    "mlp_only_layers",
                                    "sliding_window_pattern",
                                    "rope_local_base_freq"};
  for (const bora::Family& family : bora::families) words.emplace_back(family.model_type);
  for (const bora::ModelDescription& model : models()) {
    const bora::ConfigKeys keys = bora::detail::written_keys(bora::saved_family({}, model), model);
    for (const bora::ConfigEntry& entry : keys.entries())
      words.emplace_back(entry.names.substr(0, entry.names.find('|')));
  }
  return words;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bora::Json config;
  if (!fuzz::survives([&] { config = bora::parse_json(fuzz::text_of(data, size), "config.json"); })) return 0;
  fuzz::survives([&] { static_cast<void>(bora::spec_text(bora::describe_config(config, "config.json"))); });
  for (const bora::ModelDescription& model : models())
    fuzz::survives([&] { static_cast<void>(bora::check_config(config, "config.json", model)); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = good_files(), words = key_words();
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_json(fuzz::base_of(data, size, good, random), words, random), data, max_size);
}
