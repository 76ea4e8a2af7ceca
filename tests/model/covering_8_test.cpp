#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 8 of 8", "[model]") {
  check<Covered<Grouped, Full, Turned, Clipped, Layer, SwiBiased, ParallelShared, Sinusoidal, Untied>>("8.1");
  check<Covered<MultiQuery, Window, Turned, BiasedClipped, LayerNoBias, Soft1GeBiased, Sequential, Bare, Tied>>("8.2");
  check<Covered<MultiHead, Window, LinearBias, BiasedClipped, Layer, MlpSilu, ParallelSeparate, Learned, Tied>>("8.3");
  check<Covered<MultiHead, Full, PartlyTurned, BiasedClipped, Rms, Soft3MlpRelu, ParallelSeparate, Sinusoidal, Tied>>(
      "8.4");
  check<Covered<Grouped, Window, LinearBias, Clipped, LayerBare, MlpGeluTanh, ParallelSeparate, Sinusoidal, Untied>>(
      "8.5");
  check<Covered<MultiHead, Full, BucketBias, Clipped, LayerNoBias, Top1Swi, ParallelSeparate, Sinusoidal, Tied>>("8.6");
  check<Covered<Grouped, Window, Stretched, Clipped, Layer, Soft3MlpRelu, Sequential, Bare, Tied>>("8.7");
  check<Covered<Grouped, Full, BucketBias, Clipped, Rms, Top2Swi, ParallelShared, Learned, Untied>>("8.8");
}
