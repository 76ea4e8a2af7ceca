#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 7 of 9", "[model]") {
  check<Covered<Grouped, Full, Turned, HeadsNormed, LayerBare, Soft1, MlpRelu, AllBiased, Alike, Sequential, Sinusoidal,
                TiedScaledCapped>>("7.1");
  check<Covered<MultiQuery, Window, Llama3Scaled, WidthNormedCapped, LayerNoBias, Soft1, MlpGeluTanh, NoneBiased, Alike,
                Sandwich, Learned, TiedScaledCapped>>("7.2");
  check<Covered<MultiQuery, Window, LinearBias, Plain, LayerBare, Soft3, GeGated, AllBiased, Alike, OutputNorms,
                Sinusoidal, Untied>>("7.3");
  check<Covered<Grouped, Window, PartlyTurned, WidthNormedCapped, LayerNoBias, Soft1, MlpGelu, AllBiased, Alike,
                OutputNorms, Bare, Tied>>("7.4");
  check<Covered<Grouped, Full, BucketBias, Clipped, LayerNoBias, Dense, MlpRelu, AllBiased, Alike, ParallelShared,
                Sinusoidal, Tied>>("7.5");
  check<Covered<MultiHead, Full, YarnScaled, WidthNormedCapped, RmsOffset, Top1, GeGatedTanh, AllBiased, Alike,
                Sequential, Sinusoidal, TiedScaledCapped>>("7.6");
  check<Covered<MultiQuery, Full, NoRotation, Clipped, Layer, Top2, MlpGelu, AllBiased, Alike, Sandwich, Sinusoidal,
                Untied>>("7.7");
  check<Covered<Grouped, Full, LinearScaled, Clipped, LayerNoBias, Soft1, MlpSilu, NoneBiased, Alike, OutputNorms, Bare,
                TiedScaledCapped>>("7.8");
}
