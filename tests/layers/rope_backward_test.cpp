#include "layers/attention_cases.hpp"

using support::check_position;

TEST_CASE("The backward of attention with rotated heads is its forward's gradient", "[layers]") {
  check_position<bora::Rope<1e4>, 3>("Rope");
}

TEST_CASE("The backward of attention with partly rotated heads is its forward's gradient", "[layers]") {
  check_position<bora::Rope<1e4, 0.7>, 4>("partial Rope");  // 4 of 6 components, 2 of 4
}

TEST_CASE("The backward of attention with interpolated rotations is its forward's gradient", "[layers]") {
  check_position<bora::Rope<1e4, 1.0, bora::LinearScaling<4.0>>, 5>("Rope, LinearScaling");
}
