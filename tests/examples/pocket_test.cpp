#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "pocket_report.hpp"
#include <bora/bora.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

const std::filesystem::path folder = BORA_POCKET_FOLDER;

/// A number as the README has it: 1,814,400.
std::string grouped(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}
/// A share as the README has it: two digits of a percentage.
std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, share < 0.0995 ? "%.1f" : "%.0f", 100 * share);
  return text;
}

/// What training.json says.
bora::Json reported() {
  const bora::MappedFile file(folder / "training.json");
  return bora::parse_json(file.text(), folder / "training.json");
}

}  // namespace

TEST_CASE("The model that comes with the library takes four megabytes at most", "[examples]") {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) bytes += entry.file_size();
  CHECK(bytes <= 4'000'000);
}

TEST_CASE("The model that comes with the library loses on held-out stories what its report says", "[examples]") {
  const bora::Json report = reported();
  const bora::BpeTokenizer tokenizer = bora::load_tokenizer(folder / "tokenizer.json");
  const auto model = bora::load<Pocket, bora::F32>(folder);
  const support::TemporaryFolder temporary;
  pocket::pack(tokenizer, pocket::held_out_seed, pocket::sample_stories, temporary / "sample.tokens");
  const bora::Json found = pocket::measure(model, bora::TokenFile(temporary / "sample.tokens"), nullptr);
  const bora::Json& expected = report["held_out_sample"];
  CHECK(found["stories"] == expected["stories"]);
  // Another target adds in another order: a rounding of 2^-24 in each of some hundred sums, and room for it to grow.
  const double bits = expected["bits_per_byte"].get<double>();
  CHECK(std::abs(found["bits_per_byte"].get<double>() - bits) < 1e-4 * bits);
  // The sample stands for all held-out stories.
  CHECK(std::abs(report["held_out"]["bits_per_byte"].get<double>() - bits) < 0.1 * bits);
}

TEST_CASE("The report's figures are those of the type and of the stories", "[examples]") {
  const bora::Json report = reported();
  CHECK(report["parameters"] == bora::parameter_count<Pocket>);
  CHECK(report["active_parameters"] == bora::active_parameter_count<Pocket>);
  CHECK(pocket::overlap(pocket::sample_stories, pocket::sample_training_stories) == report["overlap_sample"]);
  CHECK(report["overlap"]["whole stories"] == 0.0);
  REQUIRE(report["expert_shares"].size() == Pocket::layers);
  for (const bora::Json& layer : report["expert_shares"]) {
    double sum = 0;
    for (const bora::Json& share : layer) sum += share.get<double>();
    CHECK(std::abs(sum - 1) < 1e-9);
  }
}

TEST_CASE("The README's figures of the model are the report's", "[examples]") {
  const bora::MappedFile file(folder / "../../README.md");
  const auto says = [&](const std::string& text) {
    INFO(text);
    CHECK(file.text().find(text) != std::string_view::npos);
  };
  const bora::Json report = reported();
  says(grouped(bora::parameter_count<Pocket>) + " parameters, " + grouped(bora::active_parameter_count<Pocket>) +
       " of them active");
  says(grouped(report["training"]["steps"]) + " steps over\n" + grouped(report["training"]["stories"]) + " stories, ");
  char bits[16];
  std::snprintf(bits, sizeof bits, "%.3f", report["held_out"]["bits_per_byte"].get<double>());
  says("| bits per byte | " + std::string(bits) + " |");
  const bora::Json& overlap = report["overlap"];
  says("| runs of 8, 16, 32 words that are also in the training text | " + percent(overlap["runs of 8 words"]) +
       " %, " + percent(overlap["runs of 16 words"]) + " %, " + percent(overlap["runs of 32 words"]) + " % |");
  std::string shares;
  for (const bora::Json& layer : report["expert_shares"]) {
    const auto [least, most] = std::minmax_element(layer.begin(), layer.end());
    shares += (shares.empty() ? "" : "; ") + percent(*least) + "–" + percent(*most) + " %";
  }
  says("least and most in each layer | " + shares + " |");
}
