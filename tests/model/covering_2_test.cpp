#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 2 of 8", "[model]") {
  check<Covered<Grouped, Window, PartlyTurned, Biased, Layer, Soft3, SwiGated, AllBiased, OtherFeedForward,
                ParallelShared, Sinusoidal, Untied>>("2.1");
  check<Covered<MultiHead, Window, LinearBias, Clipped, Rms, Soft3, SwiGated, AllBiased, Alike, ParallelShared,
                Sinusoidal, Tied>>("2.2");
  check<Covered<MultiHead, Full, Turned, Clipped, LayerNoBias, Top2, GeGated, NoneBiased, OtherFeedForward,
                ParallelShared, Learned, Tied>>("2.3");
  check<Covered<MultiHead, Window, LinearBias, Plain, LayerBare, Top2, GeGated, NoneBiased, Alike, ParallelSeparate,
                Learned, Tied>>("2.4");
  check<Covered<MultiQuery, Window, PartlyTurned, Clipped, LayerBare, Soft1, GeGated, NoneBiased, Alike, Sequential,
                Sinusoidal, Untied>>("2.5");
  check<Covered<Grouped, Window, LinearScaled, Biased, Rms, Soft3, GeGated, NoneBiased, Alike, ParallelShared, Bare,
                Tied>>("2.6");
  check<
      Covered<MultiHead, Window, BucketBias, Clipped, Rms, Dense, GeGated, AllBiased, Alike, Sequential, Bare, Untied>>(
      "2.7");
}
