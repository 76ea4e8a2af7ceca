#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 1 of 8", "[model]") {
  check<Covered<Grouped, Window, YarnScaled, Clipped, LayerBare, Dense, SwiGated, NoneBiased, OtherAttention,
                ParallelShared, Learned, Untied>>("1.1");
  check<Covered<MultiQuery, Full, Llama3Scaled, Biased, LayerBare, Dense, SwiGated, NoneBiased, Alike, Sequential,
                Learned, Untied>>("1.2");
  check<Covered<MultiHead, Full, NtkScaled, Biased, LayerNoBias, Top1, SwiGated, NoneBiased, Alike, Sequential, Learned,
                Tied>>("1.3");
  check<Covered<Grouped, Full, NoRotation, Plain, LayerNoBias, Soft1, SwiGated, NoneBiased, Alike, ParallelSeparate,
                Learned, Tied>>("1.4");
  check<Covered<MultiHead, Window, BucketBias, Plain, Layer, Top1, SwiGated, AllBiased, Alike, ParallelSeparate,
                Sinusoidal, Untied>>("1.5");
  check<Covered<MultiQuery, Full, Turned, BiasedClipped, Rms, Top2, SwiGated, AllBiased, OtherAttention,
                ParallelSeparate, Bare, Untied>>("1.6");
  check<Covered<Grouped, Window, LinearScaled, BiasedClipped, Layer, Soft1, SwiGated, AllBiased, Alike, ParallelShared,
                Learned, Tied>>("1.7");
}
