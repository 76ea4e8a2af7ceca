#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 1 of 9", "[model]") {
  check<Covered<MultiHead, Full, BucketBias, HeadsNormed, LayerNoBias, Top1, MlpGeluTanh, AllBiased, OtherAttention,
                Sequential, Learned, Untied>>("1.1");
  check<Covered<Grouped, Window, NtkScaled, Clipped, LayerBare, Dense, MlpGelu, AllBiased, OtherFeedForward,
                ParallelSeparate, Sinusoidal, TiedScaledCapped>>("1.2");
  check<Covered<MultiQuery, Window, PartlyTurned, BiasedClipped, RmsOffset, Soft3, MlpRelu, NoneBiased, Alike, Sandwich,
                Bare, Untied>>("1.3");
  check<Covered<Grouped, Full, LinearScaled, WidthNormedCapped, Rms, Soft1, GeGatedTanh, NoneBiased, OtherAttention,
                ParallelShared, Bare, Tied>>("1.4");
  check<Covered<MultiHead, Full, Turned, Plain, RmsOffset, Top2, MlpSilu, AllBiased, Alike, OutputNorms, Sinusoidal,
                Tied>>("1.5");
  check<Covered<MultiQuery, Full, YarnScaled, Biased, Layer, Top2, GeGated, NoneBiased, OtherFeedForward, Sandwich,
                Learned, TiedScaledCapped>>("1.6");
  check<Covered<MultiHead, Window, Llama3Scaled, HeadsNormed, LayerNoBias, Soft1, SwiGated, NoneBiased,
                OtherFeedForward, OutputNorms, Bare, TiedScaledCapped>>("1.7");
  check<Covered<MultiQuery, Window, LinearBias, WidthNormedCapped, Layer, Top1, SwiGated, AllBiased, OtherAttention,
                ParallelShared, Sinusoidal, Tied>>("1.8");
}
