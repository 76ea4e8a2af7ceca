#include "layers/alone.hpp"

using support::check_norm;

TEST_CASE("Every norm's backward is its forward's gradient", "[layers]") {
  check_norm<bora::RmsNorm<1e-5>, 19>("RmsNorm, 19 wide", 2, 7);
  check_norm<bora::RmsNorm<1e-2>, 16>("RmsNorm, a large eps", 2, 7);
  check_norm<bora::RmsNorm<0.0>, 48>("RmsNorm, no eps", 2, 7);
  check_norm<bora::RmsNorm<1e-5, bora::UnitOffset>, 19>("RmsNorm, weights as differences from one", 2, 7);
  check_norm<bora::LayerNorm<1e-5>, 19>("LayerNorm, 19 wide", 2, 7);
  check_norm<bora::LayerNorm<1e-5>, 33>("LayerNorm, 33 wide", 2, 7);
  check_norm<bora::LayerNorm<1e-5, bora::NoBias>, 19>("LayerNorm without a bias", 2, 7);
  check_norm<bora::NonParametricLayerNorm<1e-5>, 19>("NonParametricLayerNorm", 2, 7);
}
