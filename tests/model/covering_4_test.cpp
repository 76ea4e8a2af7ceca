#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 4 of 8", "[model]") {
  check<Covered<MultiHead, Window, Turned, Plain, LayerNoBias, Swi, ParallelSeparate, Learned, Tied>>("4.1");
  check<Covered<MultiHead, Window, LinearBias, Plain, LayerNoBias, Top2Swi, ParallelShared, Sinusoidal, Untied>>("4.2");
  check<Covered<Grouped, Full, Stretched, Biased, LayerNoBias, MlpSilu, Sequential, Sinusoidal, Untied>>("4.3");
  check<Covered<MultiHead, Full, NoRotation, BiasedClipped, LayerBare, SwiBiased, ParallelSeparate, Bare, Tied>>("4.4");
  check<Covered<Grouped, Window, LinearBias, BiasedClipped, Rms, Top1Swi, ParallelShared, Learned, Tied>>("4.5");
  check<Covered<Grouped, Full, BucketBias, Plain, LayerBare, MlpSilu, ParallelSeparate, Bare, Tied>>("4.6");
  check<Covered<Grouped, Full, Turned, BiasedClipped, Layer, Top1Swi, ParallelSeparate, Learned, Untied>>("4.7");
  check<Covered<MultiHead, Full, Turned, BiasedClipped, LayerNoBias, MlpRelu, ParallelSeparate, Sinusoidal, Tied>>(
      "4.8");
}
