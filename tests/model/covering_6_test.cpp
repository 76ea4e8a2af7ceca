#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 6 of 9", "[model]") {
  check<Covered<Grouped, Window, BucketBias, Biased, Rms, Top2, MlpGelu, NoneBiased, Alike, OutputNorms, Sinusoidal,
                Tied>>("6.1");
  check<Covered<MultiQuery, Full, YarnScaled, Clipped, RmsOffset, Top1, MlpRelu, AllBiased, Alike, ParallelShared,
                Learned, Untied>>("6.2");
  check<Covered<MultiHead, Full, NoRotation, WidthNormedCapped, LayerNoBias, Top1, MlpSilu, AllBiased, Alike,
                ParallelShared, Learned, Untied>>("6.3");
  check<Covered<Grouped, Window, NtkScaled, HeadsNormed, Layer, Top1, MlpRelu, AllBiased, Alike, Sequential, Bare,
                Untied>>("6.4");
  check<Covered<MultiQuery, Window, NtkScaled, Biased, RmsOffset, Soft1, MlpGeluTanh, NoneBiased, Alike,
                ParallelSeparate, Learned, Untied>>("6.5");
  check<Covered<MultiHead, Window, YarnScaled, BiasedClipped, Rms, Soft3, SwiGated, NoneBiased, Alike, ParallelSeparate,
                Bare, Tied>>("6.6");
  check<Covered<MultiHead, Window, NtkScaled, Plain, Rms, Top1, GeGated, NoneBiased, Alike, ParallelShared, Bare,
                Untied>>("6.7");
  check<Covered<Grouped, Window, NoRotation, Clipped, Layer, Soft1, MlpSilu, NoneBiased, Alike, OutputNorms, Sinusoidal,
                Tied>>("6.8");
}
