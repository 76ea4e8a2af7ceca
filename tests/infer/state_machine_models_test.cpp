// What positions, experts and weight formats do to sessions.
#include "infer/state_machine.hpp"

namespace {

using bora::F32, bora::Bf16, bora::Q8;

struct T5Window : tiny::Base {
  using Attention = bora::GroupedQueryAttention<tiny::more_heads, bora::SlidingWindow<17>, bora::T5RelativeBias<8, 20>>;
};
struct AlibiWindow : tiny::Base {
  using Attention = bora::GroupedQueryAttention<tiny::more_heads, bora::SlidingWindow<16>, bora::Alibi<>>;
};
struct LearnedPositions : tiny::WithLearnedPositions {
  static constexpr std::size_t context = 150;  // the machines' capacity
};

}  // namespace

TEST_CASE("Whatever model runs, logits have the bits of a computation from scratch", "[infer]") {
  const auto seed = GENERATE(as<std::uint64_t>{}, 1, 2, 3);
  SECTION("T5's bias") { state_machine::drive<tiny::WithT5Bias, F32>(seed); }
  SECTION("T5's bias in a window, Q8 keys") { state_machine::drive<T5Window, Q8>(seed); }
  SECTION("ALiBi in a window") { state_machine::drive<AlibiWindow, F32>(seed); }
  SECTION("ALiBi in a window, Bf16 weights and keys") { state_machine::drive<AlibiWindow, Bf16, Bf16>(seed); }
  SECTION("ALiBi, Q8 keys") { state_machine::drive<tiny::WithAlibi, Q8>(seed); }
  SECTION("experts and grouped queries") { state_machine::drive<tiny::Experts, F32>(seed); }
  SECTION("experts of Bf16 weights, F32 keys") { state_machine::drive<tiny::Experts, F32, Bf16>(seed); }
  SECTION("learned positions") { state_machine::drive<LearnedPositions, F32>(seed); }
}
