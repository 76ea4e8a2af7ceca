// A llama2.c tokenizer.bin: refused, or any text comes back from its ids.
#include "fuzz/fuzz.hpp"
#include <bora/text/llama2c_tokenizer.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string word(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
std::string entry(std::string_view piece, float score) {
  return word(std::bit_cast<std::uint32_t>(score)) + word(static_cast<std::uint32_t>(piece.size())) +
         std::string(piece);
}

/// The marks and the bytes: what every file begins with.
const std::string& beginning() {
  static const std::string bytes = [] {
    std::string all = word(8) + entry("<unk>", 0) + entry("<s>", 0) + entry("</s>", 0);
    for (std::size_t byte = 0; byte < 256; ++byte) all += entry(bora::detail::byte_piece(byte), 0);
    return all;
  }();
  return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto path = fuzz::folder().file("tokenizer.bin", bytes);
  fuzz::survives([&] {
    const bora::Llama2cTokenizer tokenizer(path);
    const std::string text(bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 300)));
    const auto ids = tokenizer.encode(text);
    fuzz::require(tokenizer.decode(ids) == text, "decode(encode(text)) == text");
    auto stream = tokenizer.stream();
    for (const bora::TokenId id : ids) stream.push(id);
  });
  fuzz::survives([&] { bora::Llama2cTokenizer(path, 262); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {
      beginning(), beginning() + entry(" ", 0) + entry("a", -1) + entry("b", -1) + entry("ab", 2) + entry("\u65e5", 3)};
  fuzz::Random random(seed);
  std::string bytes = fuzz::base_of(data, size, good, random);
  const std::size_t kept = random() % 8 == 0 ? 0 : std::min(bytes.size(), beginning().size());
  std::string rest = bytes.substr(kept);
  if (random() % 3 == 0)
    rest += entry(bytes.substr(random() % bytes.size(), 1 + random() % 8), static_cast<float>(random() % 7));
  else
    rest = fuzz::mutated(std::move(rest));
  return fuzz::give(bytes.substr(0, kept) + rest, data, max_size);
}
