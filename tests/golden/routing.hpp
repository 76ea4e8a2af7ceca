/// What a case says of a mixture of experts: routing, load-balancing losses, and their gradient alone.
#pragma once
#include "golden/compare.hpp"
#include "support/reference.hpp"
#include <bora/io/load.hpp>
#include <bora/train/gradient.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace golden {

/// An I32 tensor of any rank, which the library has no use for.
inline std::vector<float> read_integers(const bora::SafeTensors& tensors, const std::string& name) {
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

template <class S, class F>
void check_routing(const std::string& name) {
  INFO(name << " in " << F::name);
  const std::filesystem::path folder = support::case_folder(name);
  const bora::SafeTensors expected(folder / "expected.safetensors");
  const bora::TokenBatch batch = expected.token_batch("input_ids");
  const auto model = bora::load<S, F>(folder);
  bora::detail::TrainingPass<S, F> pass(batch.batch(), batch.time(), 1);
  bora::Parameters<S, typename F::Number> gradients;
  gradients.names = model.names();
  const bora::Loss loss = pass.run(model, batch, {.load_balancing = 1, .cross_entropy = 0}, gradients);

  // The rows of all layers' routers one after the other: [layers, rows, width].
  const auto check = [&](const char* what, std::size_t width, const std::vector<float>& wanted, double tolerance,
                         auto&& rows_of) {
    INFO(what);
    std::vector<double> found;
    for (std::size_t l = 0; l < S::layers; ++l)
      for (std::size_t r = 0; r < batch.ids().size(); ++r)
        for (std::size_t i = 0; i < width; ++i)
          found.push_back(static_cast<double>(rows_of(pass.forward().template kept<0>(l).feed_forward).row(r)[i]));
    check_near(found, wanted, tolerance);
  };
  using Experts = typename S::FeedForward;
  constexpr double tolerance = Tolerance<F>::values;
  check("router.logits", Experts::experts, expected.read("router.logits"), tolerance,
        [](const auto& kept) { return kept.router.logits; });
  check("router.weights", Experts::choices, expected.read("router.weights"), tolerance,
        [](const auto& kept) { return kept.router.weight; });
  check("router.choices", Experts::choices, read_integers(expected, "router.choices"), 0,
        [](const auto& kept) { return kept.router.choice; });

  const auto check_loss = [&](const char* what, const std::vector<double>& found) {
    INFO(what);
    check_near(found, expected.read(what), Tolerance<F>::losses);
  };
  check_loss("aux.hf_load_balancing", {loss.load_balancing});
  check_loss("loss", {loss.cross_entropy});
  std::vector<double> per_layer;
  using Router = typename Experts::template Layer<S::dim>::Router;
  for (std::size_t l = 0; l < S::layers; ++l) {
    const auto* layer = &pass.forward().template kept<0>(l).feed_forward.router;
    per_layer.push_back(Router::template losses<bora::Packed<F>>(std::span(&layer, 1), batch.ids().size(),
                                                                 {bora::BalanceLoss::per_layer}));
  }
  check_loss("aux.switch_per_layer", per_layer);
  CHECK(loss.total == loss.load_balancing);
  check_tensors(gradients, expected, "grad_aux.", Tolerance<F>::vanishing, Tolerance<F>::gradients);
}

}  // namespace golden
