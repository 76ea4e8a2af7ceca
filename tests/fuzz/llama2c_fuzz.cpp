// A llama2.c checkpoint: refused when it is opened, or its tensors can be read in the shapes that its header gives.
#include "fuzz/fuzz.hpp"
#include <bora/io/llama2c.hpp>
#include <bora/model/parameters.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Tiny : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 5, dim = 8, layers = 2, context = 3;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 2, .kv_heads = 1, .head_dim = 4}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<6>;
};

void read_everything(const bora::Llama2cCheckpoint& file) {
  for (const auto& tensor : bora::detail::llama2c_tensors(file.header()))
    for (std::size_t layer = 0; layer < tensor.copies && layer < 3 && !tensor.name.empty(); ++layer) {
      std::vector<float> values(tensor.shape.size());
      fuzz::survives([&] { file.read({.name = tensor.name, .layer = layer}, tensor.shape, values); });
    }
  fuzz::survives([&] {
    file.check(bora::describe<Tiny>());
    bora::Parameters<Tiny> parameters;
    parameters.for_each([&](auto id, auto shape, std::span<float> out) { file.read(id, shape, out); });
  });
}

using Fields = std::vector<std::int32_t>;

std::string header_bytes(const Fields& fields) {
  return {reinterpret_cast<const char*>(fields.data()), fields.size() * sizeof(std::int32_t)};
}
std::vector<std::string> good_headers() {
  std::string second = header_bytes({0x616b3432, 1, 8, 6, 2, 2, 1, 5, 3});
  second.resize(256);
  return {header_bytes({8, 6, 2, 2, 1, -5, 3}), header_bytes({8, 6, 2, 2, 1, 5, 3}), second};
}

/// The file's size as its header implies it, where that is small: what comes after the check of the size is reached.
std::string completed(std::string bytes, std::size_t max_size) {
  const auto path = fuzz::folder().file("header.bin", bytes);
  try {
    bora::Llama2cCheckpoint{path};
  } catch (const bora::Error& error) {
    const std::string_view text = error.what(), before = "expected the ";
    const std::size_t at = text.find(before);
    const std::size_t size = at == text.npos ? 0 : std::strtoull(error.what() + at + before.size(), nullptr, 10);
    if (size > 0 && size <= max_size) bytes.resize(size);
  }
  return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::folder().file("model.bin", fuzz::text_of(data, size));
  fuzz::survives([&] { read_everything(bora::Llama2cCheckpoint(path)); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = good_headers();
  fuzz::Random random(seed);
  std::string bytes = fuzz::base_of(data, size, good, random);
  if (random() % 2 == 0) {
    const Fields values = {-1, 0, 1, 2, 3, 4, 8, 16, 1 << 30, 0x7fffffff, -0x7fffffff - 1};
    const std::size_t at = random() % 9 * sizeof(std::int32_t);
    const std::int32_t value = values[random() % values.size()];
    if (bytes.size() >= at + sizeof value) std::memcpy(&bytes[at], &value, sizeof value);
  } else {
    bytes = fuzz::mutated(std::move(bytes));
  }
  if (random() % 4 != 0) bytes = completed(std::move(bytes), max_size);
  return fuzz::give(bytes, data, max_size);
}
