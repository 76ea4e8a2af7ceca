#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 5 of 8", "[model]") {
  check<Covered<MultiQuery, Full, PartlyTurned, Plain, LayerNoBias, Dense, MlpGelu, NoneBiased, Alike, ParallelSeparate,
                Learned, Untied>>("5.1");
  check<Covered<MultiHead, Window, LinearBias, BiasedClipped, Rms, Top1, MlpGelu, NoneBiased, OtherFeedForward,
                ParallelShared, Sinusoidal, Tied>>("5.2");
  check<
      Covered<Grouped, Window, NtkScaled, Clipped, Layer, Top2, MlpGelu, NoneBiased, Alike, Sequential, Learned, Tied>>(
      "5.3");
  check<Covered<MultiHead, Window, Llama3Scaled, Biased, Layer, Soft3, MlpGelu, NoneBiased, OtherAttention,
                ParallelShared, Learned, Untied>>("5.4");
  check<Covered<MultiHead, Full, LinearScaled, Plain, LayerBare, Top1, MlpGelu, AllBiased, OtherAttention,
                ParallelSeparate, Bare, Untied>>("5.5");
  check<Covered<MultiQuery, Window, BucketBias, Clipped, LayerNoBias, Top1, MlpGelu, AllBiased, Alike, ParallelShared,
                Bare, Untied>>("5.6");
  check<
      Covered<Grouped, Window, NoRotation, Clipped, Rms, Top2, MlpGelu, AllBiased, Alike, Sequential, Learned, Untied>>(
      "5.7");
}
