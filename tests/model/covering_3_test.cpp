#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 3 of 8", "[model]") {
  check<Covered<MultiHead, Full, Stretched, BiasedClipped, Rms, MlpGeluTanh, ParallelShared, Learned, Untied>>("3.1");
  check<Covered<Grouped, Full, PartlyTurned, BiasedClipped, Layer, Top2Swi, ParallelSeparate, Learned, Tied>>("3.2");
  check<Covered<MultiQuery, Full, BucketBias, Clipped, Rms, Swi, ParallelSeparate, Bare, Untied>>("3.3");
  check<Covered<MultiQuery, Full, PartlyTurned, Biased, LayerNoBias, MlpGeluTanh, ParallelSeparate, Bare, Tied>>("3.4");
  check<Covered<MultiQuery, Full, NoRotation, Biased, LayerBare, Swi, Sequential, Sinusoidal, Untied>>("3.5");
  check<Covered<MultiHead, Full, Turned, BiasedClipped, LayerNoBias, MlpGeluBiased, ParallelSeparate, Bare, Tied>>(
      "3.6");
  check<
      Covered<MultiHead, Window, Stretched, BiasedClipped, Layer, Soft1GeBiased, ParallelSeparate, Sinusoidal, Untied>>(
      "3.7");
  check<Covered<MultiHead, Window, BucketBias, BiasedClipped, LayerBare, SwiBiased, Sequential, Sinusoidal, Untied>>(
      "3.8");
}
