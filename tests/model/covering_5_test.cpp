#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 5 of 9", "[model]") {
  check<Covered<MultiHead, Full, YarnScaled, Biased, LayerBare, Soft1, MlpSilu, NoneBiased, Alike, Sandwich, Learned,
                Untied>>("5.1");
  check<Covered<MultiHead, Full, Turned, WidthNormedCapped, LayerNoBias, Dense, SwiGated, AllBiased, Alike, Sandwich,
                Learned, Tied>>("5.2");
  check<Covered<MultiHead, Window, Llama3Scaled, Plain, Layer, Dense, MlpRelu, NoneBiased, Alike, ParallelSeparate,
                Sinusoidal, Tied>>("5.3");
  check<Covered<Grouped, Full, LinearBias, BiasedClipped, LayerNoBias, Top2, MlpGeluTanh, AllBiased, Alike, Sandwich,
                Bare, Untied>>("5.4");
  check<Covered<Grouped, Window, NoRotation, HeadsNormed, LayerBare, Soft3, GeGated, NoneBiased, Alike, Sequential,
                Bare, Tied>>("5.5");
  check<Covered<MultiQuery, Full, LinearScaled, Plain, RmsOffset, Top1, MlpGelu, NoneBiased, Alike, Sandwich, Learned,
                TiedScaledCapped>>("5.6");
  check<Covered<MultiQuery, Full, PartlyTurned, Clipped, Rms, Top1, SwiGated, NoneBiased, Alike, Sequential, Sinusoidal,
                Tied>>("5.7");
  check<Covered<MultiHead, Window, Turned, Biased, Layer, Soft1, GeGatedTanh, NoneBiased, Alike, OutputNorms, Bare,
                Untied>>("5.8");
}
