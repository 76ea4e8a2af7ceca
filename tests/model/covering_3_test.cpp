#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 3 of 9", "[model]") {
  check<Covered<MultiHead, Full, PartlyTurned, Biased, LayerNoBias, Dense, GeGated, AllBiased, OtherAttention,
                ParallelShared, Bare, Tied>>("3.1");
  check<Covered<Grouped, Full, Llama3Scaled, BiasedClipped, RmsOffset, Soft3, GeGatedTanh, AllBiased, OtherFeedForward,
                Sequential, Sinusoidal, Tied>>("3.2");
  check<Covered<Grouped, Window, PartlyTurned, HeadsNormed, Layer, Top2, MlpSilu, NoneBiased, OtherAttention,
                ParallelSeparate, Bare, TiedScaledCapped>>("3.3");
  check<Covered<Grouped, Window, LinearBias, Biased, Rms, Top1, MlpRelu, NoneBiased, OtherFeedForward, OutputNorms,
                Sinusoidal, TiedScaledCapped>>("3.4");
  check<Covered<MultiQuery, Window, Llama3Scaled, HeadsNormed, LayerBare, Top2, MlpGelu, NoneBiased, Alike,
                ParallelShared, Learned, Untied>>("3.5");
  check<Covered<MultiQuery, Window, NtkScaled, Clipped, LayerNoBias, Top2, GeGatedTanh, AllBiased, OtherAttention,
                Sandwich, Bare, Tied>>("3.6");
  check<Covered<MultiQuery, Full, LinearScaled, BiasedClipped, Layer, Dense, MlpGeluTanh, AllBiased, OtherAttention,
                OutputNorms, Learned, TiedScaledCapped>>("3.7");
  check<Covered<MultiQuery, Window, BucketBias, WidthNormedCapped, RmsOffset, Soft1, GeGated, AllBiased,
                OtherFeedForward, ParallelSeparate, Sinusoidal, TiedScaledCapped>>("3.8");
}
