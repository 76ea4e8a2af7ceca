// A folder's model.safetensors under a good config.json: refused, or all of the model's tensors are there.
#include "fuzz/safetensors_mutation.hpp"
#include "io/small_models.hpp"
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
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

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string good = saved(1 << 20);
  fuzz::folder().file("model.safetensors", fuzz::text_of(data, size));
  fuzz::survives([&] { bora::load_parameters<Tied>(fuzz::folder().path()); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {saved(1 << 20)},
                                        words = fuzz::header_words({"lm_head.weight", "embed_tokens.weight",
                                                                    "model.layers.0.self_attn.rotary_emb.inv_freq"});
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_safetensors(fuzz::base_of(data, size, good, random), words, random), data, max_size);
}
