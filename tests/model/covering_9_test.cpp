#include "model/covering.hpp"

using namespace covering;

TEST_CASE("Any two policies train together: list 9 of 9", "[model]") {
  check<Covered<Grouped, Window, NoRotation, HeadsNormed, LayerNoBias, Soft3, MlpGeluTanh, AllBiased, Alike, Sequential,
                Sinusoidal, TiedScaledCapped>>("9.1");
}
