#include "support/catch.hpp"
#include <bora/layers/mask.hpp>
#include <cstddef>

namespace {

struct Chunks {  // a query sees the chunk of 8 that it is in
  static constexpr std::size_t window = 8;
  static constexpr std::size_t first_visible(std::size_t position) noexcept { return position / 8 * 8; }
};

}  // namespace

TEST_CASE("A sliding window counts the current token", "[layers]") {
  using Mask = bora::SlidingWindow<4>;
  CHECK(Mask::first_visible(0) == 0);
  CHECK(Mask::first_visible(3) == 0);  // sees 0 1 2 3
  CHECK(Mask::first_visible(4) == 1);  // sees   1 2 3 4
  CHECK(Mask::first_visible(100) == 97);
}

TEST_CASE("A window of one sees the token itself", "[layers]") {
  for (std::size_t position = 0; position < 20; ++position)
    CHECK(bora::SlidingWindow<1>::first_visible(position) == position);
}

TEST_CASE("A causal query sees everything before it", "[layers]") {
  CHECK(bora::Causal::first_visible(0) == 0);
  CHECK(bora::Causal::first_visible(131'071) == 0);
  CHECK(bora::Causal::window == 0);
}

TEST_CASE("A window is never more than its keys, and moves by one", "[layers]") {
  using Mask = bora::SlidingWindow<4096>;
  CHECK(Mask::window == 4096);
  std::size_t wrong = 0;
  for (std::size_t position = 1; position < 20'000; ++position) {
    const std::size_t seen = position + 1 - Mask::first_visible(position);
    wrong += seen != (position < 4096 ? position + 1 : 4096);
    const std::size_t step = Mask::first_visible(position) - Mask::first_visible(position - 1);
    wrong += step != (position < 4096 ? 0u : 1u);
  }
  CHECK(wrong == 0);
}

TEST_CASE("A mask of one's own is a mask", "[layers]") {
  static_assert(bora::MaskPolicy<Chunks> && bora::MaskPolicy<bora::Causal>);
  static_assert(bora::MaskPolicy<bora::SlidingWindow<3>> && !bora::MaskPolicy<int>);
  CHECK(Chunks::first_visible(17) == 16);
}
