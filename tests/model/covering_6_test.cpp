#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 6 of 8", "[model]") {
  check<Covered<Grouped, Full, BucketBias, Plain, LayerNoBias, Soft3MlpRelu, Sequential, Bare, Untied>>("6.1");
  check<Covered<MultiHead, Full, NoRotation, Clipped, LayerNoBias, Top1Swi, Sequential, Learned, Tied>>("6.2");
  check<Covered<MultiQuery, Window, Turned, Biased, LayerBare, Soft3MlpRelu, ParallelShared, Learned, Tied>>("6.3");
  check<Covered<Grouped, Full, LinearBias, Clipped, Layer, Soft1GeBiased, ParallelShared, Sinusoidal, Tied>>("6.4");
  check<Covered<Grouped, Window, NoRotation, Biased, LayerNoBias, MlpRelu, Sequential, Sinusoidal, Untied>>("6.5");
  check<Covered<MultiHead, Full, Stretched, Clipped, Layer, MlpGeluBiased, ParallelShared, Learned, Untied>>("6.6");
  check<Covered<MultiQuery, Full, PartlyTurned, BiasedClipped, LayerBare, Soft1GeBiased, Sequential, Sinusoidal, Tied>>(
      "6.7");
  check<Covered<MultiHead, Full, Turned, Clipped, Rms, MlpSilu, ParallelShared, Learned, Untied>>("6.8");
}
