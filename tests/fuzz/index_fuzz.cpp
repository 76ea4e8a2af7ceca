// A folder's model.safetensors.index.json beside good shards: refused, or every tensor is found in its file.
#include "fuzz/fuzz.hpp"
#include <bora/io/hugging_face.hpp>
#include <bora/io/safetensors_writer.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

void write_shard(std::string_view name, std::string_view first, std::string_view second) {
  bora::SafeTensorsWriter out;
  out.add(std::string(first), 1.0f);
  out.add(std::string(second), 2.0f);
  out.write(fuzz::folder() / name);
}

void write_shards() {
  write_shard("one.safetensors", "a", "b");
  write_shard("two.safetensors", "c", "d");
  fuzz::folder().file("broken.safetensors", "12345678{");
}

const std::string good = R"({"metadata":{"total_size":16},"weight_map":{"a":"one.safetensors","b":"one.safetensors",)"
                         R"("c":"two.safetensors","d":"two.safetensors"}})";

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool written = (write_shards(), true);
  static_cast<void>(written);
  fuzz::folder().file("model.safetensors.index.json", fuzz::text_of(data, size));
  fuzz::survives([&] {
    const auto weights = bora::WeightFiles::in_folder(fuzz::folder().path());
    weights.for_each([&](const std::string& name) {
      fuzz::require(weights.file_of(name).read(name).size() == 1, "every tensor of the index can be read");
    });
  });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> words = {"a",
                                                 "c",
                                                 "e",
                                                 "weight_map",
                                                 "one.safetensors",
                                                 "two.safetensors",
                                                 "broken.safetensors",
                                                 "../one.safetensors",
                                                 "none.safetensors",
                                                 ".safetensors",
                                                 "a\\u0000.safetensors",
                                                 std::string(300, 'n') + ".safetensors",
                                                 std::string(5'000, 'n') + ".safetensors"};
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_json(fuzz::base_of(data, size, {good}, random), words, random), data, max_size);
}
