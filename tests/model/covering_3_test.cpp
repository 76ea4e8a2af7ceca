#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 3 of 8", "[model]") {
  check<Covered<MultiQuery, Window, NoRotation, Plain, Layer, Top1, GeGated, AllBiased, Alike, Sequential, Learned,
                Untied>>("3.1");
  check<Covered<Grouped, Window, NtkScaled, BiasedClipped, LayerNoBias, Soft1, GeGated, AllBiased, OtherAttention,
                ParallelSeparate, Sinusoidal, Untied>>("3.2");
  check<Covered<MultiHead, Window, Llama3Scaled, Biased, Layer, Soft1, GeGated, AllBiased, Alike, ParallelShared,
                Learned, Tied>>("3.3");
  check<Covered<MultiHead, Full, YarnScaled, Plain, LayerNoBias, Soft1, GeGated, AllBiased, Alike, ParallelSeparate,
                Bare, Tied>>("3.4");
  check<Covered<MultiHead, Window, Llama3Scaled, BiasedClipped, Rms, Top1, MlpRelu, NoneBiased, Alike, ParallelSeparate,
                Learned, Untied>>("3.5");
  check<Covered<Grouped, Window, Turned, Biased, Layer, Top1, MlpRelu, NoneBiased, Alike, ParallelShared, Bare, Tied>>(
      "3.6");
  check<Covered<MultiQuery, Window, BucketBias, Plain, LayerBare, Soft3, MlpRelu, NoneBiased, OtherAttention,
                ParallelShared, Learned, Tied>>("3.7");
}
