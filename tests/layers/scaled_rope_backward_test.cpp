#include "layers/attention_cases.hpp"

using support::check_position;

namespace {

// Contexts short enough for every component of these small heads to be scaled, or blended, or kept.
constexpr bora::YarnSettings yarn{.factor = 4, .original_context = 64, .beta_fast = 4};
constexpr bora::Llama3Settings llama3{.factor = 8, .original_context = 64};

}  // namespace

TEST_CASE("The backward of attention with NTK-aware rotations is its forward's gradient", "[layers]") {
  check_position<bora::Rope<1e4, 1.0, bora::NtkScaling<4.0>>, 6>("Rope, NtkScaling");
}

TEST_CASE("The backward of attention with YaRN's rotations is its forward's gradient", "[layers]") {
  check_position<bora::Rope<1e2, 1.0, bora::YarnScaling<yarn>>, 7>("Rope, YarnScaling");
}

TEST_CASE("The backward of attention with Llama 3's rotations is its forward's gradient", "[layers]") {
  check_position<bora::Rope<1e2, 1.0, bora::Llama3Scaling<llama3>>, 8>("Rope, Llama3Scaling");
}
