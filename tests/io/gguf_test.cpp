#include "support/catch.hpp"
#include "support/reference.hpp"
#include <bora/core/quantise.hpp>
#include <bora/core/stored_block.hpp>
#include <bora/io/gguf_checkpoint.hpp>
#include <bora/io/gguf_tokenizer.hpp>
#include <bora/io/hugging_face.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/io/safetensors.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

using bora::ElementType;
using bora::facts_of;
using bora::GgufCheckpoint;
using bora::SafeTensors;

namespace {

std::optional<std::filesystem::path> gguf_folder() {
  const auto reference = support::reference_folder();
  return reference ? std::optional(reference->parent_path() / "gguf") : std::nullopt;
}

std::vector<ElementType> block_types() {
  std::vector<ElementType> types;
  for (auto t = static_cast<unsigned>(ElementType::q8_0); t <= static_cast<unsigned>(ElementType::q6_k); ++t)
    types.push_back(static_cast<ElementType>(t));
  return types;
}

std::filesystem::path first_file(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") files.push_back(entry.path());
  return *std::ranges::min_element(files);
}

/// The numbers of a tensor of unsigned bytes.
const std::byte* bytes_of(const SafeTensors& file, const char* name) { return file.bytes(name).data(); }

}  // namespace

TEST_CASE("Blocks of every type have their exact values", "[io]") {
  const auto folder = gguf_folder();
  if (!folder) return support::skip_without_reference("the values of GGUF's block types");
  for (const ElementType type : block_types()) {
    const auto facts = facts_of(type);
    INFO(facts.name);
    const SafeTensors file(*folder / "blocks" / (std::string(facts.name) + ".safetensors"));
    const std::byte* blocks = bytes_of(file, "bytes");
    const std::byte* values = bytes_of(file, "values");
    const std::size_t count = file.entry("bytes").elements() / facts.bytes;
    REQUIRE(count > 50);
    std::vector<float> out(facts.block);
    for (std::size_t b = 0; b < count; ++b) {
      bora::widen_blocks(type, blocks + b * facts.bytes, facts.block, out.data());
      for (std::size_t i = 0; i < facts.block; ++i) {
        const auto exact = bora::detail::load_number<float>(values + 4 * (b * facts.block + i));
        REQUIRE((out[i] == exact || (std::isnan(out[i]) && std::isnan(exact))));
      }
    }
  }
}

TEST_CASE("Quantising is as exact as the reference quantiser, Q8_0 and Q4_0 to the byte", "[io]") {
  const auto folder = gguf_folder();
  if (!folder) return support::skip_without_reference("the reference quantiser's errors");
  for (const ElementType type : {ElementType::q8_0, ElementType::q4_0, ElementType::q4_k, ElementType::q6_k}) {
    const auto facts = facts_of(type);
    INFO(facts.name);
    const SafeTensors file(*folder / "blocks" / ("quantise-" + std::string(facts.name) + ".safetensors"));
    const std::vector<float> input = file.read("input");
    const std::byte* reference = bytes_of(file, "reference_bytes");
    std::vector<std::byte> stored(facts.bytes);
    std::vector<float> ours(facts.block), theirs(facts.block);
    double error = 0, reference_error = 0;
    for (std::size_t b = 0; b < input.size() / facts.block; ++b) {
      const float* x = &input[b * facts.block];
      bora::quantise_block(type, x, stored.data());
      if (type == ElementType::q8_0 || type == ElementType::q4_0)
        REQUIRE(std::equal(stored.begin(), stored.end(), reference + b * facts.bytes));
      bora::widen_blocks(type, stored.data(), facts.block, ours.data());
      bora::widen_blocks(type, reference + b * facts.bytes, facts.block, theirs.data());
      double size = 1e-30, a = 0, r = 0;
      for (std::size_t i = 0; i < facts.block; ++i) {
        size += std::pow(double(x[i]), 2);
        a += std::pow(double(ours[i]) - double(x[i]), 2);
        r += std::pow(double(theirs[i]) - double(x[i]), 2);
      }
      error += std::sqrt(a / size);
      reference_error += std::sqrt(r / size);
    }
    CHECK(error <= 1.001 * reference_error);
  }
}

TEST_CASE("A GGUF file holds the model and the weights of the checkpoint it was made from", "[io]") {
  const auto folder = gguf_folder();
  if (!folder) return support::skip_without_reference("whole GGUF files");
  std::size_t compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder / "files")) {
    const bora::Json facts = bora::read_json(entry.path() / "case.json");
    if (!facts.contains("tensors")) continue;  // a vocabulary alone
    INFO(entry.path().filename().string());
    const auto file = first_file(entry.path());
    const bora::ModelDescription model = bora::describe(file);
    const auto config = entry.path() / "config.json";
    const auto difference = bora::first_difference(bora::describe_config(bora::read_json(config), config), model);
    CHECK((difference ? difference->place + ": " + difference->first + ", " + difference->second : "the same") ==
          "the same");
    const auto tensors = bora::tensors_of(model);
    const GgufCheckpoint gguf(file, model, tensors);
    gguf.check_elements();
    if (!facts.contains("values") || facts["values"] != "those of the reference case") continue;
    const auto reference = *support::reference_folder() / facts["reference"].get<std::string>();
    const auto from = bora::detail::open_checkpoint(reference, model, tensors);
    for (const bora::TensorEntry& t : tensors) {
      std::vector<float> ours(t.shape.size()), theirs(t.shape.size());
      gguf.read(t.id, t.shape, ours);
      from->read(t.id, t.shape, theirs);
      REQUIRE(ours == theirs);
    }
    ++compared;
  }
  CHECK(compared >= 10);
}

TEST_CASE("Each malformed GGUF file is refused with a sentence that names what is wrong", "[io]") {
  const auto folder = gguf_folder();
  if (!folder) return support::skip_without_reference("malformed GGUF files");
  std::ifstream cases(*folder / "bad" / "cases.jsonl");
  const auto lower = [](std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return text;
  };
  std::size_t refused = 0;
  for (std::string line; std::getline(cases, line);) {
    const bora::Json row = bora::Json::parse(line);
    const auto file = *folder / "bad" / row["file"].get<std::string>();
    std::optional<std::string> said;
    try {
      const bora::ModelDescription model = bora::describe(file);
      GgufCheckpoint(file, model, bora::tensors_of(model)).check_elements();
      static_cast<void>(bora::gguf_tokenizer(file));
    } catch (const bora::Error& error) {
      said = error.what();
    }
    INFO(file.filename().string() << ": " << said.value_or("accepted"));
    if (row["verdict"] == "accept") CHECK(!said);
    if (row["verdict"] != "refuse") continue;
    ++refused;
    REQUIRE(said);
    for (const bora::Json& word : row["message"])
      CHECK(lower(*said).find(lower(word.get<std::string>())) != said->npos);
  }
  CHECK(refused > 100);
}
