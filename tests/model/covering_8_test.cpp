#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 8 of 9", "[model]") {
  check<Covered<MultiQuery, Full, NtkScaled, BiasedClipped, LayerBare, Dense, MlpSilu, NoneBiased, Alike,
                ParallelShared, Bare, Untied>>("8.1");
  check<Covered<MultiHead, Full, BucketBias, Plain, Layer, Soft3, SwiGated, NoneBiased, Alike, OutputNorms, Sinusoidal,
                TiedScaledCapped>>("8.2");
  check<Covered<MultiQuery, Full, Llama3Scaled, Biased, LayerNoBias, Top1, MlpSilu, NoneBiased, Alike, Sandwich, Bare,
                TiedScaledCapped>>("8.3");
  check<Covered<MultiQuery, Full, LinearScaled, HeadsNormed, LayerNoBias, Top1, SwiGated, NoneBiased, Alike,
                ParallelSeparate, Bare, Tied>>("8.4");
  check<Covered<MultiHead, Window, Turned, BiasedClipped, LayerNoBias, Soft1, GeGated, NoneBiased, Alike, Sequential,
                Learned, TiedScaledCapped>>("8.5");
  check<Covered<Grouped, Window, PartlyTurned, WidthNormedCapped, Rms, Soft1, GeGatedTanh, AllBiased, Alike,
                ParallelSeparate, Learned, Untied>>("8.6");
  check<Covered<Grouped, Window, NoRotation, Biased, RmsOffset, Dense, GeGatedTanh, NoneBiased, Alike, ParallelShared,
                Learned, TiedScaledCapped>>("8.7");
  check<Covered<MultiHead, Full, LinearBias, BiasedClipped, LayerNoBias, Top1, MlpSilu, NoneBiased, Alike,
                ParallelSeparate, Sinusoidal, TiedScaledCapped>>("8.8");
}
