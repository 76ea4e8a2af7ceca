// What a mask's window does to caches, in every format of keys.
#include "infer/state_machine.hpp"

namespace {

using bora::F32, bora::Bf16, bora::Q8;
using Causal = tiny::Masked<bora::Causal>;
template <std::size_t window>
using Windowed = tiny::Masked<bora::SlidingWindow<window>>;

}  // namespace

TEST_CASE("Whatever happened before, logits have the bits of a computation from scratch", "[infer]") {
  const auto seed = GENERATE(as<std::uint64_t>{}, 1, 2);
  SECTION("causal") { state_machine::drive<Causal, F32>(seed); }
  SECTION("causal, Bf16 keys") { state_machine::drive<Causal, Bf16>(seed); }
  SECTION("causal, Q8 keys") { state_machine::drive<Causal, Q8>(seed); }
  SECTION("window of 1") { state_machine::drive<Windowed<1>, F32>(seed); }
  SECTION("window of 1, Bf16 keys") { state_machine::drive<Windowed<1>, Bf16>(seed); }
  SECTION("window of 1, Q8 keys") { state_machine::drive<Windowed<1>, Q8>(seed); }
  SECTION("window of 5") { state_machine::drive<Windowed<5>, F32>(seed); }
  SECTION("window of 5, Bf16 keys") { state_machine::drive<Windowed<5>, Bf16>(seed); }
  SECTION("window of 5, Q8 keys") { state_machine::drive<Windowed<5>, Q8>(seed); }
  SECTION("window of 16") { state_machine::drive<Windowed<16>, F32>(seed); }
  SECTION("window of 16, Bf16 keys") { state_machine::drive<Windowed<16>, Bf16>(seed); }
  SECTION("window of 16, Q8 keys") { state_machine::drive<Windowed<16>, Q8>(seed); }
  SECTION("window of 17") { state_machine::drive<Windowed<17>, F32>(seed); }
  SECTION("window of 17, Bf16 keys") { state_machine::drive<Windowed<17>, Bf16>(seed); }
  SECTION("window of 17, Q8 keys") { state_machine::drive<Windowed<17>, Q8>(seed); }
  SECTION("a window and the whole text in turn") { state_machine::drive<tiny::Alternating, F32>(seed); }
  SECTION("a window in three of four layers") { state_machine::drive<tiny::ThreeOfFour, F32>(seed); }
  SECTION("a window and the whole text in turn, Bf16 keys") { state_machine::drive<tiny::Alternating, Bf16>(seed); }
  SECTION("a window and the whole text in turn, Q8 keys") { state_machine::drive<tiny::Alternating, Q8>(seed); }
}

// Segments of 512 keys are merged: a window beyond that sees two or three of them, wherever the ring begins.
TEST_CASE("A ring of more keys than a segment has the bits of a computation from scratch", "[infer]") {
  const auto seed = GENERATE(as<std::uint64_t>{}, 4, 5);
  state_machine::drive<Windowed<530>, F32>(
      seed, {.operations = 300, .capacity = 1'300, .chunks = {33, 512}, .compared = 400});
}
