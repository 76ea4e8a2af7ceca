#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 8 of 8", "[model]") {
  check<Covered<MultiQuery, Full, Llama3Scaled, Clipped, LayerNoBias, Soft3, MlpSilu, NoneBiased, OtherFeedForward,
                ParallelSeparate, Bare, Untied>>("8.1");
  check<Covered<MultiQuery, Window, LinearBias, BiasedClipped, Layer, Soft3, MlpSilu, NoneBiased, Alike, Sequential,
                Learned, Untied>>("8.2");
  check<Covered<MultiQuery, Full, NtkScaled, Biased, Rms, Soft3, MlpSilu, NoneBiased, Alike, ParallelShared, Bare,
                Untied>>("8.3");
  check<Covered<MultiHead, Window, NoRotation, BiasedClipped, LayerBare, Dense, MlpSilu, AllBiased, OtherFeedForward,
                ParallelShared, Bare, Untied>>("8.4");
  check<Covered<Grouped, Window, LinearScaled, Clipped, Layer, Dense, MlpSilu, AllBiased, Alike, Sequential, Learned,
                Untied>>("8.5");
  check<Covered<Grouped, Full, BucketBias, Biased, LayerBare, Top2, MlpSilu, AllBiased, OtherFeedForward, Sequential,
                Sinusoidal, Untied>>("8.6");
}
