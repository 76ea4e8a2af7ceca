#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 7 of 8", "[model]") {
  check<Covered<MultiHead, Window, YarnScaled, Biased, LayerNoBias, Top1, MlpGeluTanh, AllBiased, Alike,
                ParallelSeparate, Learned, Tied>>("7.1");
  check<Covered<Grouped, Window, Llama3Scaled, Plain, LayerBare, Top2, MlpGeluTanh, AllBiased, Alike, Sequential,
                Sinusoidal, Tied>>("7.2");
  check<Covered<MultiHead, Full, BucketBias, BiasedClipped, Layer, Soft1, MlpGeluTanh, AllBiased, Alike,
                ParallelSeparate, Learned, Untied>>("7.3");
  check<Covered<MultiQuery, Full, LinearBias, Biased, Rms, Soft3, MlpGeluTanh, AllBiased, Alike, ParallelShared,
                Sinusoidal, Untied>>("7.4");
  check<
      Covered<Grouped, Full, Turned, Plain, Layer, Dense, MlpSilu, NoneBiased, Alike, ParallelSeparate, Learned, Tied>>(
      "7.5");
  check<Covered<Grouped, Window, PartlyTurned, Clipped, Layer, Top1, MlpSilu, NoneBiased, OtherAttention, Sequential,
                Bare, Tied>>("7.6");
  check<Covered<MultiQuery, Window, YarnScaled, BiasedClipped, Rms, Soft1, MlpSilu, NoneBiased, Alike, Sequential, Bare,
                Tied>>("7.7");
}
