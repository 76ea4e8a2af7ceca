#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 5 of 8", "[model]") {
  check<Covered<MultiQuery, Window, NoRotation, Biased, Rms, MlpSilu, ParallelShared, Bare, Tied>>("5.1");
  check<Covered<MultiHead, Full, PartlyTurned, Plain, LayerBare, Ge, ParallelShared, Bare, Untied>>("5.2");
  check<Covered<Grouped, Window, NoRotation, Plain, Layer, MlpGeluTanh, Sequential, Sinusoidal, Tied>>("5.3");
  check<Covered<Grouped, Full, Stretched, Plain, LayerBare, Top1Swi, ParallelSeparate, Bare, Untied>>("5.4");
  check<Covered<Grouped, Window, Stretched, Biased, LayerBare, Top2Swi, ParallelShared, Bare, Untied>>("5.5");
  check<Covered<Grouped, Full, PartlyTurned, Clipped, LayerNoBias, MlpSilu, ParallelSeparate, Learned, Tied>>("5.6");
  check<Covered<Grouped, Full, Stretched, Plain, Layer, SwiBiased, ParallelShared, Learned, Untied>>("5.7");
  check<Covered<MultiHead, Full, PartlyTurned, Plain, Rms, MlpGeluBiased, ParallelShared, Bare, Untied>>("5.8");
}
