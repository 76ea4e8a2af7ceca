// A safetensors file: it is refused, or everything that it names can be read.
#include "fuzz/safetensors_mutation.hpp"
#include <bora/io/safetensors_writer.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

std::vector<std::string> good_files() {
  bora::SafeTensorsWriter out;
  const std::vector<float> values(12, 0.5f);
  out.add("tensor", {3, 4}, values);
  out.add("empty", {0, 4}, std::span<const float>());
  out.add("one", {}, std::span(values).first(1));
  out.add("ids", std::vector<bora::TokenId>{1, 2, 3});
  out.add_bf16("brains", {2}, std::vector<bora::bfloat16>(2));
  out.metadata("step", "12");
  const auto path = fuzz::folder() / "good";
  out.write(path);
  const std::string wide = R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},)"
                           R"("b":{"dtype":"I64","shape":[1,1,1],"data_offsets":[16,24]},)"
                           R"("c":{"dtype":"F16","shape":[2],"data_offsets":[24,28]}})";
  return {fuzz::bytes_of(path), fuzz::with_header(wide, std::string(28, '\0')), fuzz::with_header("{}", "")};
}

void read_everything(const bora::SafeTensors& file) {
  for (const std::string& name : file.names()) {
    const auto& entry = file.entry(name);
    fuzz::require(entry.begin <= entry.end, "a tensor begins before it ends");
    std::vector<float> row(entry.shape.empty() || entry.shape[0] == 0 ? 0 : entry.elements() / entry.shape[0]);
    fuzz::survives([&] { fuzz::require(file.read(name).size() == entry.elements(), "all numbers are read"); });
    fuzz::survives([&] { file.read_rows(name, 0, row.empty() ? 0 : 1, row); });
    fuzz::survives([&] { static_cast<void>(file.token_batch(name)); });
    fuzz::survives([&] { static_cast<void>(file.token_batch(name, 0)); });
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::folder().file("x.safetensors", fuzz::text_of(data, size));
  fuzz::survives([&] { read_everything(bora::SafeTensors(path)); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = good_files(), words = fuzz::header_words({"tensor", "ids", "a"});
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated_safetensors(fuzz::base_of(data, size, good, random), words, random), data, max_size);
}
