// A GGUF file: it is refused, or its model is described, all its numbers are read, and its tokenizer encodes.
#include "fuzz/fuzz.hpp"
#include <bora/io/gguf_checkpoint.hpp>
#include <bora/io/gguf_tokenizer.hpp>
#include <bora/io/gguf_writer.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bora::ElementType;

bora::GgufKeyWriter llama_keys(std::uint32_t dim, std::uint32_t experts) {
  bora::GgufKeyWriter keys;
  keys.add("general.architecture", std::string_view("llama"));
  const auto size = [&](const char* name, std::uint32_t value) { keys.add(std::string("llama.") + name, value); };
  size("context_length", 16);
  size("embedding_length", dim);
  size("block_count", 1);
  size("feed_forward_length", dim);
  size("attention.head_count", 2);
  size("attention.head_count_kv", 1);
  keys.add("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  if (experts != 0) {
    size("expert_count", experts);
    size("expert_used_count", 1);
  }
  keys.add("tokenizer.ggml.model", std::string_view("llama"));
  keys.add_array("tokenizer.ggml.tokens",
                 std::vector<std::string>{"<unk>", "<s>", "</s>", "\xe2\x96\x81", "a", "b", "ab", "c"});
  keys.add_array("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, -1, -2, -3, -0.5f, -4});
  keys.add_array("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 3, 1, 1, 1, 1, 1});
  keys.add("tokenizer.ggml.bos_token_id", 1u);
  keys.add("tokenizer.ggml.add_bos_token", true);
  return keys;
}

std::string good_file(std::size_t dim, std::size_t experts, ElementType type) {
  std::vector<bora::GgufTensorToWrite> tensors{{"token_embd.weight", {8, dim}, type},
                                               {"blk.0.attn_norm.weight", {dim}, ElementType::f32},
                                               {"blk.0.attn_q.weight", {dim, dim}, type},
                                               {"blk.0.attn_k.weight", {dim / 2, dim}, type},
                                               {"blk.0.attn_v.weight", {dim / 2, dim}, type},
                                               {"blk.0.attn_output.weight", {dim, dim}, type},
                                               {"blk.0.ffn_norm.weight", {dim}, ElementType::f32},
                                               {"output_norm.weight", {dim}, ElementType::f32}};
  for (const char* name : {"ffn_gate", "ffn_up", "ffn_down"})
    if (experts == 0)
      tensors.push_back({std::string("blk.0.") + name + ".weight", {dim, dim}, type});
    else
      tensors.push_back({std::string("blk.0.") + name + "_exps.weight", {experts, dim, dim}, type});
  if (experts != 0) tensors.push_back({"blk.0.ffn_gate_inp.weight", {experts, dim}, ElementType::f32});
  const auto path = fuzz::folder() / "good.gguf";
  bora::GgufWriter out(path, llama_keys(static_cast<std::uint32_t>(dim), static_cast<std::uint32_t>(experts)), tensors);
  for (const bora::GgufTensorToWrite& tensor : tensors) {
    out.write(std::vector<std::byte>(tensor.bytes()));
    out.pad();
  }
  out.commit();
  return fuzz::bytes_of(path);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::folder().file("x.gguf", fuzz::text_of(data, size));
  fuzz::survives([&] {
    const bora::ModelDescription model = bora::GgufCheckpoint::describe(path);
    if (model.parameters > 100'000) return;  // the list of its tensors may be long
    const bora::GgufCheckpoint file(path, model, bora::tensors_of(model));
    file.check_elements();
    for (const bora::TensorEntry& tensor : bora::tensors_of(model)) {
      std::vector<float> values(tensor.shape.size());
      file.read(tensor.id, tensor.shape, values);
    }
  });
  fuzz::survives([&] {
    const bora::Tokenizer tokenizer = bora::gguf_tokenizer(path);
    const auto ids = tokenizer.encode("ab c\xff<s>");
    static_cast<void>(tokenizer.decode(ids));
  });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good{good_file(4, 0, ElementType::f32), good_file(32, 0, ElementType::q8_0),
                                             good_file(4, 2, ElementType::bf16)};
  fuzz::Random random(seed);
  std::string bytes = fuzz::base_of(data, size, good, random);
  if (random() % 2 == 0 && bytes.size() > 8) {  // another number where one may be
    constexpr std::uint64_t numbers[] = {
        0, 1, 2, 3, 7, 8, 9, 31, 33, 255, 1u << 16, ~std::uint64_t{0}, std::uint64_t{1} << 63};
    const std::uint64_t number = numbers[random() % std::size(numbers)];
    const std::size_t width = random() % 2 == 0 ? 4 : 8;
    std::memcpy(&bytes[random() % (bytes.size() - 8)], &number, width);
    return fuzz::give(bytes, data, max_size);
  }
  return fuzz::give(fuzz::mutated(bytes), data, max_size);
}
