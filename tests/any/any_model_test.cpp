// A checkpoint as whatever registered model it is, used by code that names no model.
#include "any/commands.hpp"
#include "any/registered.hpp"
#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/any/registry.hpp>
#include <bora/infer/generate.hpp>
#include <bora/io/save.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace {

using Tokens = std::vector<std::int32_t>;

template <class Model>
Tokens greedy_of_type(const Model& model, const Tokens& prompt, std::size_t count) {
  bora::Session session{model, {.capacity = 64}};
  Tokens drawn;
  for (const bora::TokenId t : bora::generate(session, prompt, {.temperature = 0, .max_tokens = count}))
    drawn.push_back(t);
  return drawn;
}

std::vector<float> copy(std::span<const float> row) { return {row.begin(), row.end()}; }

}  // namespace

TEST_CASE("A checkpoint opens as the registered model that it is, and speaks as its type does", "[any]") {
  const support::TemporaryFolder folder;
  const auto wide = bora::random_model<any_test::Wide, bora::F32>(1);
  const auto routed = bora::random_model<any_test::Routed, bora::F32>(2);
  bora::save(wide, folder / "wide");
  bora::save(routed, folder / "routed");
  const Tokens prompt{3, 1, 4, 1, 5};

  const auto first = bora::open_model(folder / "wide", {.threads = 2});
  const auto second = bora::open_model(folder / "routed", {.threads = 1});
  CHECK(first->info().name == "any_test::Wide");
  CHECK(first->info().format == "F32");
  CHECK(first->info().parameters == bora::parameter_count<any_test::Wide>);
  CHECK(second->info().active_parameters == bora::active_parameter_count<any_test::Routed>);
  CHECK(any_test::greedy(*first, prompt, 20) == greedy_of_type(wide, prompt, 20));
  CHECK(any_test::greedy(*second, prompt, 20) == greedy_of_type(routed, prompt, 20));

  const auto rounded = bora::open_model(folder / "wide", {.threads = 1, .format = "Bf16"});
  CHECK(rounded->info().format == "Bf16");
  CHECK(rounded->info().weight_bytes < first->info().weight_bytes);
}

TEST_CASE("Sequences of any model are stepped, forked, taken back, saved and restored", "[any]") {
  const support::TemporaryFolder folder;
  bora::save(bora::random_model<any_test::Wide, bora::F32>(1), folder / "wide");
  const auto model = bora::open_model(folder / "wide", {.threads = 1});
  const Tokens text{7, 2, 9, 4, 6, 8, 1};
  const std::vector<std::size_t> rows{0, 3, 6};
  const std::vector<float> expected = model->logits(text, rows);
  const std::size_t width = model->info().vocab_size;
  const auto row = [&](std::size_t i) {
    return std::vector<float>(expected.begin() + static_cast<std::ptrdiff_t>(i * width),
                              expected.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
  };

  const auto session = model->session({.capacity = 32, .sequences = 2});
  CHECK(copy(session->prefill(0, std::span(text).first(4))) == row(1));
  session->fork(0, 1);
  CHECK(session->length(1) == 4);
  for (std::size_t t = 4; t < text.size(); ++t) {
    const bora::AnyToken both[] = {{1, text[t]}, {0, 11}};
    session->step(both);
  }
  CHECK(copy(session->logits(0)) == row(2));
  session->rewind(1, 4);
  CHECK(copy(session->prefill(1, std::span(text).subspan(4))) == row(2));
  session->save(1, folder / "text.kv");
  session->reset(0);
  session->restore(0, folder / "text.kv");
  CHECK(session->length(0) == text.size());
  const auto scoring = model->session({.capacity = 32, .scored = 4});
  bora::AnySequence scored(*scoring);
  CHECK(scored.scored() == 4);
  scored.prefill(std::span(text).first(3));
  const auto after = scored.score(std::span(text).subspan(3));
  CHECK(copy(after.row(0)) == row(1));
  CHECK(copy(after.row(3)) == row(2));
  CHECK(support::refusal<bora::Error>([&] { session->logits(0); }) ==
        "logits: row 0 was asked for, but the last step had 0 rows");
  CHECK(support::refusal<bora::Error>([&] { model->logits(text, std::vector<std::size_t>{7}); }) ==
        "logits: row 7 was asked for of a text of 7 tokens");
}

TEST_CASE("A checkpoint of no registered type is refused with how each differs", "[any]") {
  const support::TemporaryFolder folder;
  bora::save(bora::random_model<any_test::Unregistered, bora::F32>(1), folder / "other");
  const std::string complaint = support::refusal<bora::Error>([&] { bora::open_model(folder / "other"); });
  CHECK(complaint.find("no model of this program fits:") != std::string::npos);
  CHECK(complaint.find("any_test::Wide: ") != std::string::npos);
  CHECK(complaint.find("any_test::Routed: ") != std::string::npos);
  CHECK(support::refusal<bora::Error>([&] {
          bora::open_model(folder / "other", {.format = "Q4"});
        }).find("in format Q4 fits") != std::string::npos);
}
