#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 1 of 8", "[model]") {
  check<Covered<Grouped, Full, LinearBias, Clipped, LayerBare, MlpGeluBiased, ParallelSeparate, Bare, Tied>>("1.1");
  check<Covered<MultiQuery, Full, NoRotation, Biased, LayerBare, Soft1GeBiased, ParallelSeparate, Learned, Untied>>(
      "1.2");
  check<Covered<MultiHead, Window, BucketBias, Biased, Layer, MlpGeluBiased, ParallelShared, Learned, Untied>>("1.3");
  check<Covered<MultiQuery, Full, LinearBias, Biased, Layer, Ge, Sequential, Learned, Untied>>("1.4");
  check<Covered<MultiQuery, Window, NoRotation, Plain, Rms, MlpGeluBiased, Sequential, Sinusoidal, Tied>>("1.5");
  check<Covered<Grouped, Window, PartlyTurned, Biased, LayerNoBias, SwiBiased, Sequential, Bare, Untied>>("1.6");
  check<Covered<MultiQuery, Full, BucketBias, Clipped, LayerNoBias, Ge, ParallelShared, Sinusoidal, Untied>>("1.7");
  check<Covered<MultiHead, Window, BucketBias, Clipped, LayerBare, MlpGeluTanh, ParallelSeparate, Learned, Untied>>(
      "1.8");
  check<Covered<Grouped, Window, Turned, BiasedClipped, Rms, MlpGeluTanh, Sequential, Learned, Untied>>("1.9");
}
