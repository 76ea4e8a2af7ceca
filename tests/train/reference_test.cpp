// What the reference cases say of mixtures of experts: routing, load-balancing losses, and their gradient alone.
#include "support/catch.hpp"
#include "support/reference.hpp"
#include "support/reference_specs.hpp"
#include <bora/io/load.hpp>
#include <bora/io/parameter_names.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/train/gradient.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace {

using bora::BalanceLoss;

void check_near(std::span<const float> found, std::span<const float> expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  double error = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double e = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    if (!(e <= error)) error = e;
  }
  CHECK(error <= tolerance);
}

/// The rows of all layers' routers one after the other: [layers, rows, width].
template <class S, class Pass, class Row>
std::vector<float> routed(Pass& pass, std::size_t rows, std::size_t width, Row&& row) {
  std::vector<float> all;
  for (std::size_t l = 0; l < S::layers; ++l)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t i = 0; i < width; ++i)
        all.push_back(static_cast<float>(row(pass.forward().template kept<0>(l).feed_forward).row(r)[i]));
  return all;
}

/// An I32 tensor of any rank, which the library has no use for.
std::vector<float> read_integers(const bora::SafeTensors& tensors, const std::string& name) {
  std::ifstream file(tensors.path(), std::ios::binary);
  std::uint64_t header = 0;
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  const auto& entry = tensors.entry(name);
  REQUIRE(entry.dtype == "I32");
  std::vector<std::int32_t> values((entry.end - entry.begin) / sizeof(std::int32_t));
  file.seekg(static_cast<std::streamoff>(sizeof header + header + entry.begin));
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(entry.end - entry.begin));
  REQUIRE(file.good());
  return {values.begin(), values.end()};
}

/// Every gradient under its file's name; a name that the case leaves out has no gradient at all.
template <class S, class T>
void check_gradients(const bora::Parameters<S, T>& gradients, const bora::SafeTensors& expected) {
  std::size_t compared = 0;
  for (const bora::FileTensor& tensor :
       bora::file_tensors(gradients.names, bora::describe<S>(), bora::tensors_of<S>())) {
    INFO("grad_aux." << tensor.name());
    std::vector<float> found(tensor.size()), wanted(tensor.size());
    tensor.gather(gradients.values(), found);
    if (expected.contains("grad_aux." + tensor.name())) {
      wanted = expected.read("grad_aux." + tensor.name());
      ++compared;
    }
    double largest = 0;
    for (const float g : wanted) largest = std::max(largest, std::abs(static_cast<double>(g)));
    check_near(found, wanted, 1e-7 + 5e-5 * largest);
  }
  CHECK(compared > 0);
}

template <class S, class F>
void check_case(const std::filesystem::path& cases, const char* name) {
  INFO(name << " in " << F::name);
  const std::filesystem::path folder = cases / name;
  const bora::SafeTensors expected(folder / "expected.safetensors");
  const bora::TokenBatch batch = expected.token_batch("input_ids");
  const auto model = bora::load<S, F>(folder);
  bora::detail::TrainingPass<S, F> pass(batch.batch(), batch.time(), 1);
  bora::Parameters<S, typename F::Number> gradients;
  gradients.names = model.names();
  const bora::Loss loss = pass.run(model, batch, {.load_balancing = 1, .cross_entropy = 0}, gradients);

  const std::size_t rows = batch.ids().size();
  using Experts = typename S::FeedForward;
  check_near(routed<S>(pass, rows, Experts::experts, [](const auto& kept) { return kept.logits; }),
             expected.read("router.logits"), 5e-5);
  check_near(routed<S>(pass, rows, Experts::choices, [](const auto& kept) { return kept.weight; }),
             expected.read("router.weights"), 5e-5);
  const std::vector<float> choices =
      routed<S>(pass, rows, Experts::choices, [](const auto& kept) { return kept.choice; });
  check_near(choices, read_integers(expected, "router.choices"), 0);

  const double aux = static_cast<double>(expected.read("aux.hf_load_balancing")[0]);
  CHECK(std::abs(loss.load_balancing - aux) <= 1e-5);
  CHECK(loss.total == loss.load_balancing);
  CHECK(std::abs(loss.cross_entropy - static_cast<double>(expected.read("loss")[0])) <= 1e-5);
  const std::vector<double>& per_layer = pass.balance().per_layer();
  check_near(std::vector<float>(per_layer.begin(), per_layer.end()), expected.read("aux.switch_per_layer"), 1e-5);
  check_gradients(gradients, expected);
}

}  // namespace

TEST_CASE("Routing and load-balancing losses of the reference mixtures are the expected ones", "[train]") {
  const auto folder = support::reference_folder();
  if (!folder) return support::skip_without_reference("routing and load-balancing of the reference mixtures");
  check_case<reference::Mixtral, bora::F32>(*folder, "mixtral");
  check_case<reference::Mixtral, bora::F64>(*folder, "mixtral");
  check_case<reference::MixtralSwa, bora::F32>(*folder, "mixtral-swa");
  check_case<reference::MixtralSwa, bora::F64>(*folder, "mixtral-swa");
}
