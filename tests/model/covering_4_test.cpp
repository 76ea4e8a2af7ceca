#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 4 of 8", "[model]") {
  check<
      Covered<Grouped, Full, LinearBias, Clipped, Rms, Dense, MlpRelu, AllBiased, Alike, Sequential, Learned, Untied>>(
      "4.1");
  check<Covered<Grouped, Full, NtkScaled, Clipped, LayerBare, Dense, MlpRelu, AllBiased, Alike, ParallelSeparate,
                Learned, Untied>>("4.2");
  check<Covered<MultiHead, Full, YarnScaled, Plain, Layer, Top2, MlpRelu, AllBiased, OtherFeedForward, ParallelSeparate,
                Sinusoidal, Untied>>("4.3");
  check<Covered<MultiHead, Window, LinearScaled, Biased, Rms, Top2, MlpRelu, AllBiased, Alike, ParallelSeparate, Bare,
                Untied>>("4.4");
  check<Covered<MultiQuery, Full, LinearBias, Biased, LayerNoBias, Soft1, MlpRelu, AllBiased, OtherAttention,
                ParallelSeparate, Bare, Tied>>("4.5");
  check<Covered<MultiHead, Full, PartlyTurned, BiasedClipped, Rms, Soft3, MlpRelu, AllBiased, Alike, ParallelSeparate,
                Sinusoidal, Tied>>("4.6");
  check<Covered<Grouped, Full, NoRotation, BiasedClipped, Rms, Soft3, MlpRelu, AllBiased, Alike, ParallelShared, Bare,
                Tied>>("4.7");
}
