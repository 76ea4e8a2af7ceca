#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 4 of 9", "[model]") {
  check<Covered<Grouped, Full, NoRotation, Biased, RmsOffset, Top2, SwiGated, AllBiased, Alike, Sequential, Sinusoidal,
                TiedScaledCapped>>("4.1");
  check<Covered<Grouped, Full, YarnScaled, Plain, LayerNoBias, Soft3, MlpGelu, AllBiased, OtherAttention, OutputNorms,
                Bare, Tied>>("4.2");
  check<Covered<MultiQuery, Window, Turned, BiasedClipped, Rms, Top1, MlpGelu, AllBiased, OtherFeedForward,
                ParallelSeparate, Bare, Untied>>("4.3");
  check<Covered<MultiHead, Full, LinearBias, HeadsNormed, RmsOffset, Dense, GeGatedTanh, AllBiased, Alike,
                ParallelSeparate, Learned, Untied>>("4.4");
  check<Covered<Grouped, Full, PartlyTurned, Plain, LayerBare, Soft1, MlpGeluTanh, NoneBiased, OtherFeedForward,
                ParallelShared, Learned, Tied>>("4.5");
  check<Covered<MultiHead, Window, Llama3Scaled, Clipped, Rms, Top1, GeGated, AllBiased, OtherAttention, OutputNorms,
                Learned, Tied>>("4.6");
  check<Covered<MultiHead, Full, LinearScaled, WidthNormedCapped, LayerBare, Top2, MlpRelu, NoneBiased,
                OtherFeedForward, Sequential, Learned, TiedScaledCapped>>("4.7");
  check<Covered<MultiQuery, Full, BucketBias, BiasedClipped, Layer, Soft3, MlpSilu, AllBiased, Alike, ParallelShared,
                Learned, Tied>>("4.8");
}
