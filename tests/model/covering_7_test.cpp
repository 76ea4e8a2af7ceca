#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 7 of 8", "[model]") {
  check<Covered<MultiHead, Window, BucketBias, BiasedClipped, LayerBare, MlpRelu, Sequential, Sinusoidal, Tied>>("7.1");
  check<Covered<MultiQuery, Full, Stretched, Plain, Layer, MlpRelu, ParallelShared, Bare, Untied>>("7.2");
  check<Covered<Grouped, Window, PartlyTurned, Clipped, Rms, MlpRelu, ParallelSeparate, Learned, Tied>>("7.3");
  check<Covered<Grouped, Full, LinearBias, BiasedClipped, Layer, Swi, ParallelShared, Sinusoidal, Untied>>("7.4");
  check<Covered<MultiHead, Window, Turned, BiasedClipped, LayerNoBias, Ge, Sequential, Learned, Tied>>("7.5");
  check<Covered<Grouped, Full, NoRotation, Clipped, Layer, Top2Swi, Sequential, Bare, Tied>>("7.6");
  check<Covered<MultiHead, Window, NoRotation, BiasedClipped, Rms, Ge, ParallelSeparate, Bare, Untied>>("7.7");
  check<Covered<MultiQuery, Full, NoRotation, BiasedClipped, Layer, Soft3MlpRelu, Sequential, Bare, Untied>>("7.8");
}
