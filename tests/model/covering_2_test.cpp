#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 2 of 8", "[model]") {
  check<Covered<MultiQuery, Window, PartlyTurned, Biased, Layer, Top1Swi, Sequential, Sinusoidal, Untied>>("2.1");
  check<Covered<Grouped, Window, Stretched, Clipped, Rms, Ge, ParallelSeparate, Sinusoidal, Tied>>("2.2");
  check<Covered<MultiQuery, Window, LinearBias, Plain, Rms, SwiBiased, Sequential, Learned, Tied>>("2.3");
  check<Covered<MultiQuery, Window, Turned, Clipped, Rms, Top2Swi, Sequential, Bare, Untied>>("2.4");
  check<Covered<MultiHead, Window, BucketBias, Plain, Rms, Soft1GeBiased, Sequential, Learned, Untied>>("2.5");
  check<Covered<MultiQuery, Full, LinearBias, Clipped, Layer, Soft3MlpRelu, ParallelShared, Sinusoidal, Untied>>("2.6");
  check<Covered<MultiQuery, Full, PartlyTurned, Plain, LayerNoBias, Swi, ParallelSeparate, Bare, Tied>>("2.7");
  check<Covered<MultiQuery, Full, Stretched, Plain, Layer, Swi, Sequential, Sinusoidal, Tied>>("2.8");
  check<Covered<Grouped, Window, LinearBias, BiasedClipped, LayerBare, MlpRelu, ParallelSeparate, Sinusoidal, Tied>>(
      "2.9");
}
