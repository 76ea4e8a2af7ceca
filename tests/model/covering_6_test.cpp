#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 6 of 8", "[model]") {
  check<Covered<Grouped, Window, Turned, Clipped, LayerBare, Soft1, MlpGelu, AllBiased, Alike, Sequential, Sinusoidal,
                Untied>>("6.1");
  check<Covered<Grouped, Full, YarnScaled, Clipped, LayerNoBias, Soft3, MlpGelu, AllBiased, Alike, Sequential, Learned,
                Tied>>("6.2");
  check<Covered<MultiQuery, Full, NoRotation, Biased, Layer, Dense, MlpGeluTanh, NoneBiased, OtherAttention,
                ParallelSeparate, Sinusoidal, Tied>>("6.3");
  check<Covered<MultiHead, Window, PartlyTurned, Clipped, LayerBare, Top2, MlpGeluTanh, NoneBiased, Alike, Sequential,
                Sinusoidal, Untied>>("6.4");
  check<Covered<MultiQuery, Window, NtkScaled, Plain, Rms, Soft1, MlpGeluTanh, NoneBiased, OtherFeedForward,
                ParallelShared, Bare, Tied>>("6.5");
  check<Covered<MultiQuery, Full, LinearScaled, Clipped, LayerNoBias, Soft3, MlpGeluTanh, NoneBiased, OtherFeedForward,
                Sequential, Sinusoidal, Tied>>("6.6");
  check<Covered<Grouped, Full, Turned, Biased, LayerBare, Soft3, MlpGeluTanh, NoneBiased, Alike, ParallelSeparate, Bare,
                Tied>>("6.7");
}
