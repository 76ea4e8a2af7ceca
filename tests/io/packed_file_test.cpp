#include "io/model_folder.hpp"
#include "io/small_models.hpp"
#include "support/catch.hpp"
#include <bora/infer/logits.hpp>
#include <bora/io/packed_file.hpp>
#include <bora/train/trainer.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using namespace io_test;

/// Of more than a page, and of more than is read instead of mapped.
struct Large : Mixtral {
  static constexpr std::size_t vocab_size = 3'000, dim = 96;
};
const bora::Recipe in_turn = [](bora::TensorId id, bora::TensorShape) {
  return id.name == "query"   ? bora::MatrixKind::bf16
         : id.name == "value" ? bora::MatrixKind::f16
                              : bora::MatrixKind::f32;
};

template <class S, class F>
bora::Decoder<S, F> some_model() {
  if constexpr (std::is_same_v<F, bora::Mixed>) {
    const auto from = bora::random_model<S, bora::F32>(3).parameters();
    return bora::Decoder<S, F>(
        [&, tensors = std::size_t{0}](bora::TensorId, bora::TensorShape, std::span<float> out) mutable {
          std::copy_n(from.values().data() + tensors, out.size(), out.data());
          tensors += out.size();
        },
        {}, in_turn);
  } else {
    return bora::random_model<S, F>(3);
  }
}

template <class S, class F>
void check_mapped() {
  INFO(F::name);
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.packed";
  const auto model = some_model<S, F>();
  bora::save_packed(model, path);
  const auto mapped = bora::map_packed<S, F>(path, bora::VerifyPacked::yes);
  CHECK(mapped.weight_bytes() == model.weight_bytes());
  REQUIRE(mapped.packed().size() == model.packed().size());
  CHECK(std::memcmp(mapped.packed().data(), model.packed().data(), model.packed().size()) == 0);
  const bora::TokenBatch batch(1, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto found = bora::logits(mapped, batch), expected = bora::logits(model, batch);
  CHECK(std::memcmp(found.values().data(), expected.values().data(), expected.values().size_bytes()) == 0);
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
template <class Work>
std::string refused(Work&& work) {
  try {
    work();
  } catch (const bora::FileError& error) {
    return error.what();
  }
  return "nothing";
}
bool says(const std::string& sentence, const std::string& part) {
  INFO(sentence);
  return sentence.find(part) != std::string::npos;
}
void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("A packed file is the model, in every format", "[io]") {
  check_mapped<Llama, bora::F32>();
  check_mapped<Mixtral, bora::Bf16>();
  check_mapped<Gpt2, bora::F16>();
  check_mapped<Mixtral, bora::Mixed>();
  check_mapped<Large, bora::Bf16>();
}

TEST_CASE("What a mapped model learns stays in the program", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.packed";
  const auto original = bora::random_model<Large, bora::F32>(3);
  bora::save_packed(original, path);
  const std::string before = bytes_of(path);
  auto mapped = bora::map_packed<Large, bora::F32>(path);
  bora::Trainer trainer{mapped, {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}}};
  trainer.step(bora::TokenBatch(1, 5, {1, 2, 3, 4, 5}));
  CHECK(std::memcmp(mapped.packed().data(), original.packed().data(), original.packed().size()) != 0);
  CHECK(bytes_of(path) == before);
  bora::save_packed(mapped, path);  // over the file that it is mapped from
  const auto again = bora::map_packed<Large, bora::F32>(path, bora::VerifyPacked::yes);
  CHECK(std::memcmp(again.packed().data(), mapped.packed().data(), mapped.packed().size()) == 0);
}

TEST_CASE("A packed file that is damaged, cut or another's is refused", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.packed";
  bora::save_packed(bora::random_model<Llama, bora::Bf16>(3), path);
  const std::string whole = bytes_of(path);
  const auto refusal = [&](const std::string& bytes) {
    write(path, bytes);
    return refused([&] { bora::map_packed<Llama, bora::Bf16>(path, bora::VerifyPacked::yes); });
  };
  CHECK(refusal(whole) == "nothing");
  CHECK(says(refusal(whole.substr(0, 50)), "ends after 50 bytes, expected 96 or more"));
  CHECK(says(refusal(whole.substr(0, whole.size() - 1)), "the rest is missing"));
  CHECK(says(refusal(whole + "x"), "bytes, expected"));
  std::size_t unseen = 0;
  for (std::size_t i = 0; i < whole.size(); i += i < 200 ? 1 : 97) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 16);
    const bool padding = i >= 4096 ? false : i >= 96 + bora::detail::packed_header<Llama, bora::Bf16>().matrices;
    unseen += !padding && refusal(damaged) == "nothing";
  }
  CHECK(unseen == 0);
  std::string other = whole;
  other[8] = 9;
  CHECK(says(refusal(other), "has version 9 of packed weights, expected 1: pack the checkpoint again"));

  write(path, whole);
  CHECK(says(refused([&] { bora::map_packed<Mistral, bora::Bf16>(path); }), "was packed from another model"));
  CHECK(says(refused([&] { bora::map_packed<Llama, bora::F32>(path); }), "holds weights in 'Bf16', expected 'F32'"));
  CHECK(says(refused([&] { bora::map_packed<Llama, bora::Bf16>(folder.path()); }), "is a folder"));
  write(path, "bora-kv\n" + std::string(200, '\0'));
  CHECK(says(refused([&] { bora::map_packed<Llama, bora::Bf16>(path); }), "it holds no packed weights"));
}
