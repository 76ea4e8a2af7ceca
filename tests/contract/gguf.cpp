// Runs the cases of a folder of GGUF files: case_gguf MODE ROOT NAME OUT. MODE says what is asked, ROOT is the folder
// (blocks/, files/, bad/), NAME a block type or a case ("-" where there is none), OUT the file for the answer.
#include <bora/any/plugin.hpp>
#include <bora/core/quantise.hpp>
#include <bora/core/stored_block.hpp>
#include <bora/io/gguf_checkpoint.hpp>
#include <bora/io/gguf_tokenizer.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/io/safetensors_writer.hpp>
#include <bora/io/save_gguf.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bora::ElementType;
using bora::facts_of;
using bora::TokenId;

struct Case {
  std::filesystem::path root;
  std::string name;
  std::filesystem::path out;

  std::filesystem::path folder() const { return root / "files" / name; }
  /// Its file, or the first of several.
  std::filesystem::path file() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
      if (entry.path().extension() == ".gguf") files.push_back(entry.path());
    if (files.empty()) throw bora::FileError(folder().string() + ": holds no .gguf file");
    return *std::ranges::min_element(files);
  }
};

ElementType type_of(std::string_view name) {
  for (auto t = 0u; t <= static_cast<unsigned>(ElementType::q6_k); ++t)
    if (facts_of(static_cast<ElementType>(t)).name == name) return static_cast<ElementType>(t);
  throw bora::ConfigError("no type is called " + std::string(name));
}

void values(const Case& c) {
  const ElementType type = type_of(c.name);
  const auto facts = facts_of(type);
  const bora::SafeTensors file(c.root / "blocks" / (c.name + ".safetensors"));
  const auto bytes = file.bytes("bytes");
  const std::size_t count = bytes.size() / facts.bytes;
  std::vector<float> numbers(count * facts.block);
  for (std::size_t b = 0; b < count; ++b)  // of plain types a block is one number
    bora::simd::widen_row(type, {bytes.data() + b * facts.bytes, 1}, facts.block, &numbers[b * facts.block]);
  bora::SafeTensorsWriter out;
  out.add("values", {count, facts.block}, numbers);
  out.write(c.out);
}

void quantise(const Case& c) {
  const ElementType type = type_of(c.name);
  const auto facts = facts_of(type);
  const bora::SafeTensors file(c.root / "blocks" / ("quantise-" + c.name + ".safetensors"));
  const std::vector<float> input = file.read("input");
  const std::size_t rows = file.entry("input").shape.front(), blocks = input.size() / facts.block;
  std::vector<std::byte> bytes(blocks * facts.bytes);
  for (std::size_t b = 0; b < blocks; ++b) bora::quantise_block(type, &input[b * facts.block], &bytes[b * facts.bytes]);
  bora::SafeTensorsWriter out;
  out.add_bytes("bytes", {rows, bytes.size() / rows}, bytes);
  out.write(c.out);
}

void round_numbers(const Case& c) {
  const bora::SafeTensors file(c.root / "blocks" / "round-to-16-bits.safetensors");
  const auto input = file.bytes("input");  // some are not finite
  const std::size_t count = input.size() / sizeof(float);
  std::vector<bora::float16> f16(count);
  std::vector<bora::bfloat16> bf16(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = bora::detail::load_number<float>(&input[i * sizeof(float)]);
    f16[i] = bora::to_float16(x);
    bf16[i] = bora::to_bfloat16(x);
  }
  bora::SafeTensorsWriter out;
  out.add_bytes("f16_bytes", {count, 2}, std::as_bytes(std::span(f16)));
  out.add_bytes("bf16_bytes", {count, 2}, std::as_bytes(std::span(bf16)));
  out.write(c.out);
}

void tensors(const Case& c) {
  const bora::GgufFiles files(c.file());
  bora::SafeTensorsWriter out;
  for (const auto& [name, place] : files.tensors()) {
    const bora::GgufFile::Tensor& tensor = *place.tensor;
    std::vector<float> numbers(tensor.elements());
    const std::size_t cols = tensor.shape.back(), bytes = bora::stored_bytes(tensor.type, cols);
    for (std::size_t r = 0; r < numbers.size() / cols; ++r)
      bora::simd::widen_row(tensor.type, {tensor.bytes.data() + r * bytes, 1}, cols, &numbers[r * cols]);
    out.add(std::string(name), tensor.shape, numbers);
  }
  out.write(c.out);
}

/// F32 arithmetic for files of plain numbers; products of quantised matrices round their input to 8 bits.
std::string format_of(const std::filesystem::path& file) {
  const bora::GgufFiles files(file);
  for (const auto& [name, place] : files.tensors())
    if (bora::is_block_type(place.tensor->type)) return "Mixed";
  return "F32";
}

void logits(const Case& c) {
  auto expected_file = c.folder() / "expected.safetensors";
  if (!exists(expected_file)) {
    const bora::Json facts = bora::read_json(c.folder() / "case.json");
    const char* reference = std::getenv("BORA_REFERENCE_DIR");
    const auto cases = reference != nullptr ? std::filesystem::path(reference) : c.root.parent_path() / "reference";
    expected_file = cases / facts.at("reference").get<std::string>() / "expected.safetensors";
  }
  const bora::SafeTensors expected(expected_file);
  const auto model = bora::open_any(c.file(), {.format = format_of(c.file())});
  const std::size_t vocab_size = model->info().vocab_size;
  const bora::TokenBatch input = expected.token_batch("input_ids");
  std::vector<float> all;
  std::vector<std::size_t> rows(input.time());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  for (std::size_t b = 0; b < input.batch(); ++b) {
    const auto some = model->logits(input.row(b), rows);
    all.insert(all.end(), some.begin(), some.end());
  }
  bora::SafeTensorsWriter out;
  out.add("logits", {input.batch(), input.time(), vocab_size}, all);
  if (expected.contains("greedy.prompt_ids")) {
    const bora::TokenBatch prompt = expected.token_batch("greedy.prompt_ids");
    const auto session = model->session({.capacity = 4096});
    std::vector<TokenId> ids;
    auto row = session->prefill(0, prompt.row(0));
    for (std::size_t i = 0; i < expected.token_batch("greedy.output_ids").time(); ++i) {
      ids.push_back(static_cast<TokenId>(std::ranges::max_element(row) - row.begin()));
      row = session->prefill(0, std::span(&ids.back(), 1));
    }
    out.add("greedy.output_ids", std::span<const TokenId>(ids));
  }
  out.write(c.out);
}

template <class F>
void for_lines(const std::filesystem::path& from, const std::filesystem::path& to, F&& f) {
  std::ifstream in(from);
  std::ofstream out(to);
  for (std::string line; std::getline(in, line);) out << f(bora::Json::parse(line)).dump() << '\n';
  if (!out.flush()) throw bora::FileError(to.string() + ": cannot be written");
}

void texts(const Case& c) {
  const bora::Tokenizer tokenizer = bora::gguf_tokenizer(c.file());
  for_lines(c.folder() / "texts.jsonl", c.out, [&](const bora::Json& row) {
    return bora::Json{{"text", row["text"]},
                      {"ids", tokenizer.encode(row["text"].get_ref<const std::string&>(), {.bos = false})}};
  });
}

void decode(const Case& c) {
  const bora::Tokenizer tokenizer = bora::gguf_tokenizer(c.file());
  for_lines(c.folder() / "decode.jsonl", c.out, [&](const bora::Json& row) {
    std::string digits;
    for (const TokenId id : row["ids"].get<std::vector<TokenId>>())
      for (const char byte : tokenizer.token_bytes(id)) {
        constexpr std::string_view hexadecimal = "0123456789abcdef";
        digits +=
            {hexadecimal[static_cast<unsigned char>(byte) / 16], hexadecimal[static_cast<unsigned char>(byte) % 16]};
      }
    return bora::Json{{"ids", row["ids"]}, {"bytes", digits}};
  });
}

/// What is wrong with each malformed file; null where nothing is.
void messages(const Case& c) {
  for_lines(c.root / "bad" / "cases.jsonl", c.out, [&](const bora::Json& row) {
    const auto file = c.root / "bad" / row["file"].get<std::string>();
    bora::Json message;
    try {
      const bora::ModelDescription model = bora::describe(file);
      bora::GgufCheckpoint(file, model, bora::tensors_of(model)).check_elements();
      static_cast<void>(bora::gguf_tokenizer(file));
    } catch (const bora::Error& error) {
      message = error.what();
    }
    return bora::Json{{"file", row["file"]}, {"message", message}};
  });
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) return std::fprintf(stderr, "usage: %s MODE ROOT NAME OUT\n", argv[0]), 2;
  const std::string_view mode = argv[1];
  const Case c{argv[2], argv[3], argv[4]};
  if (mode == "values") return values(c), 0;
  if (mode == "quantise") return quantise(c), 0;
  if (mode == "round") return round_numbers(c), 0;
  if (mode == "tensors") return tensors(c), 0;
  if (mode == "logits") return logits(c), 0;
  if (mode == "texts") return texts(c), 0;
  if (mode == "decode") return decode(c), 0;
  if (mode == "written") return bora::save_gguf(c.file(), c.out), 0;
  if (mode == "messages") return messages(c), 0;
  std::fprintf(stderr, "%s: no mode is called '%s'\n", argv[0], argv[1]);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
