#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 2 of 9", "[model]") {
  check<Covered<MultiQuery, Window, NoRotation, Plain, Rms, Dense, MlpSilu, NoneBiased, OtherFeedForward, Sequential,
                Learned, Untied>>("2.1");
  check<Covered<MultiHead, Full, NoRotation, BiasedClipped, LayerBare, Soft1, MlpRelu, AllBiased, OtherAttention,
                ParallelSeparate, Learned, Tied>>("2.2");
  check<Covered<Grouped, Window, LinearScaled, Biased, LayerNoBias, Soft3, GeGated, AllBiased, Alike, ParallelSeparate,
                Sinusoidal, Untied>>("2.3");
  check<Covered<MultiHead, Full, LinearBias, Clipped, Layer, Soft1, MlpGelu, NoneBiased, Alike, Sequential, Bare,
                Untied>>("2.4");
  check<Covered<Grouped, Window, BucketBias, Plain, LayerBare, Top1, GeGatedTanh, NoneBiased, Alike, Sandwich, Bare,
                TiedScaledCapped>>("2.5");
  check<Covered<MultiHead, Window, YarnScaled, HeadsNormed, Rms, Dense, MlpGeluTanh, AllBiased, Alike, Sandwich,
                Sinusoidal, Tied>>("2.6");
  check<Covered<Grouped, Window, Turned, Clipped, RmsOffset, Soft3, MlpGeluTanh, NoneBiased, OtherAttention,
                ParallelShared, Learned, TiedScaledCapped>>("2.7");
  check<Covered<MultiHead, Full, NtkScaled, WidthNormedCapped, LayerBare, Soft3, SwiGated, NoneBiased, Alike,
                OutputNorms, Learned, Untied>>("2.8");
}
