// A folder's model.safetensors under a good config.json: refused, or all of the model's tensors are there, in their
// shapes, and all of their numbers are finite.
#include "fuzz/safetensors_mutation.hpp"
#include "io/small_models.hpp"
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

struct Tied : io_test::Llama {
  static constexpr std::size_t vocab_size = 3, layers = 1;
  static constexpr bool tie_embeddings = true;
};

std::string saved(std::size_t max_shard_bytes) {
  bora::save(bora::Parameters<Tied>(), fuzz::folder().path(), {.max_shard_bytes = max_shard_bytes});
  return fuzz::bytes_of(fuzz::folder() / "model.safetensors");
}

void check_accepted(const bora::Parameters<Tied>& parameters) {
  const bora::SafeTensors file(fuzz::folder() / "model.safetensors");
  for (const bora::FileTensor& tensor :
       bora::file_tensors(parameters.names, bora::describe<Tied>(), bora::tensors_of<Tied>())) {
    fuzz::require(file.contains(tensor.name()), "every tensor of the model is in the file");
    fuzz::require(file.entry(tensor.name()).shape == tensor.shape(), "every tensor has the model's shape");
    std::vector<float> numbers(tensor.size()), expected(tensor.size());
    file.read(tensor.name(), numbers);
    tensor.gather(parameters.values(), expected);
    fuzz::require(numbers == expected, "the numbers are the file's");  // so none is NaN, which equals nothing
  }
  for (const float value : parameters.values()) fuzz::require(std::isfinite(value), "every number is finite");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string good = saved(1 << 20);
  fuzz::folder().file("model.safetensors", fuzz::text_of(data, size));
  fuzz::survives([&] { check_accepted(bora::load_parameters<Tied>(fuzz::folder().path())); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {saved(1 << 20)},
                                        words = fuzz::header_words({"lm_head.weight", "embed_tokens.weight",
                                                                    "model.layers.0.self_attn.rotary_emb.inv_freq"});
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_safetensors(fuzz::base_of(data, size, good, random), words, random), data, max_size);
}
