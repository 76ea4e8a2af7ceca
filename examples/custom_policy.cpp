// A mask and a router written outside the library, used in a model, and its gradient checked by finite differences.
//
//     build/bin/custom_policy
#include "program/program.hpp"
#include <bora/train/gradient.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// A query sees its own block of `keys` tokens and the one before. A mask is where the visible keys begin.
template <std::size_t keys>
struct TwoBlocks {
  static constexpr std::size_t window = 2 * keys;  // the most keys that a query ever sees
  static constexpr std::size_t first_visible(std::size_t position) noexcept {
    return position < keys ? 0 : (position / keys - 1) * keys;
  }
};
static_assert(bora::MaskPolicy<TwoBlocks<8>>);

BORA_BEFORE_NAMESPACE();  // arithmetic in loops: nothing is fused that is not written so
/// The k largest logits, each weighted by its sigmoid: an expert's weight does not depend on the others.
template <std::size_t k>
struct GatedRouter {
  static constexpr std::size_t choices = k;
  template <class T>
  static void route(const T* logits, std::size_t experts, std::int32_t* choice, T* weight) noexcept {
    bora::choose_largest(logits, experts, k, choice);
    for (std::size_t c = 0; c < k; ++c) weight[c] = 1 / (1 + std::exp(-logits[choice[c]]));
  }
  /// d_logits += the gradient, given that of the weights: sigmoid' = sigmoid (1 - sigmoid).
  template <class T>
  static void backward(const T*, std::size_t, const std::int32_t* choice, const T* weight, const T* d_weight,
                       T* d_logits) noexcept {
    for (std::size_t c = 0; c < k; ++c) d_logits[choice[c]] += d_weight[c] * weight[c] * (1 - weight[c]);
  }
};
static_assert(bora::RouterPolicy<GatedRouter<2>>);
BORA_AFTER_NAMESPACE();

struct Mine : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 40, dim = 24, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 3, .head_dim = 8}, TwoBlocks<8>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, GatedRouter<2>, bora::SwiGlu<32>>;
};
static_assert(bora::cache_bytes<Mine>(1'000) == bora::cache_bytes<Mine>(16));  // the mask has a window: a ring

int run() {
  auto model = bora::random_model<Mine, bora::F64>(/*seed=*/1);
  std::vector<bora::TokenId> ids(2 * 30);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<bora::TokenId>(i * i % 37);
  const bora::TokenBatch batch{2, 30, ids};
  const auto gradients = bora::loss_and_gradients(model, batch).gradients;
  auto parameters = model.parameters<double>();
  double worst = 0;
  std::size_t first = 0;  // of the tensor's parameters
  gradients.for_each([&](bora::TensorId id, bora::TensorShape, std::span<const double> gradient) {
    const auto steepest = std::ranges::max_element(gradient, {}, [](double g) { return std::abs(g); });
    double& parameter = parameters.values()[first + static_cast<std::size_t>(steepest - gradient.begin())];
    const auto loss_at = [&](double value) {
      parameter = value;
      model.assign(parameters);
      return bora::loss_and_gradients(model, batch).loss;
    };
    const double step = 1e-5, at = parameter;
    const double slope = (loss_at(at + step) - loss_at(at - step)) / (2 * step);
    parameter = at;
    std::printf("%-12s %+.9f, by differences %+.9f\n", std::string(id.name).c_str(), *steepest, slope);
    worst = std::max(worst, std::abs(slope / *steepest - 1));
    first += gradient.size();
  });
  std::printf("largest relative error %.1e\n", worst);
  return worst < 1e-6 ? 0 : 1;
}

int main(int argc, char** argv) {
  program::Arguments arguments(
      "Checks the gradient of a model with a mask and a router of its own by finite differences.");
  return arguments.run(argc, argv, run);
}
