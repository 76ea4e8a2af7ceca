// A token file: refused when it is opened, or all of its documents can be read.
#include "fuzz/fuzz.hpp"
#include <bora/io/token_file.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr std::size_t word = sizeof(std::uint64_t);

std::string written(std::size_t vocab_size) {
  const auto path = fuzz::folder() / "good.tokens";
  bora::TokenFileWriter out(path, vocab_size);
  out.append(std::vector<bora::TokenId>{1, 2, 3}, 5);
  out.append(std::vector<bora::TokenId>{});
  out.append(std::vector<bora::TokenId>{4, 0});
  out.commit();
  return fuzz::bytes_of(path);
}

void read_everything(const bora::TokenFile& file) {
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < file.documents(); ++i)
    for (const bora::TokenId id : file.read(file.document(i))) {
      fuzz::require(id >= 0 && static_cast<std::size_t>(id) < file.vocab_size(), "ids are in the vocabulary");
      ++tokens;
    }
  fuzz::require(tokens == file.tokens(), "the documents are all that the file holds");
}

std::string with_another_number(std::string bytes, fuzz::Random& random) {
  const std::uint64_t last = ~std::uint64_t{0};
  const std::uint64_t values[] = {0,      1,      2,    3,        4,        5,        6,         8,
                                  65'536, 65'537, last, last - 7, last / 2, last / 8, 1ull << 31};
  const std::size_t words = bytes.size() / word;
  if (words == 0) return bytes;
  std::memcpy(&bytes[random() % words * word], &values[random() % std::size(values)], word);
  return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::folder().file("x.tokens", fuzz::text_of(data, size));
  fuzz::survives([&] { read_everything(bora::TokenFile(path)); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {written(5), written(70'000)};
  fuzz::Random random(seed);
  std::string bytes = fuzz::base_of(data, size, good, random);
  bytes = random() % 2 == 0 ? with_another_number(std::move(bytes), random) : fuzz::mutated(std::move(bytes));
  if (random() % 8 != 0) bytes = fuzz::sealed(std::move(bytes));
  return fuzz::give(bytes, data, max_size);
}
