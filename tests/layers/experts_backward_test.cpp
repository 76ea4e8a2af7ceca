#include "layers/alone.hpp"
#include <cstddef>

namespace {

using support::check_feed_forward;

template <std::size_t experts, class Router, class Expert>
using Mixture = bora::MixtureOfExperts<experts, Router, Expert>;

}  // namespace

// The gradient of a choice does not exist where two logits are equal; the differences are taken where neither side
// changes a choice (support::central_difference). With k = 1 the router's gradient is that of the balance term alone.
TEST_CASE("The backward of a mixture routed by the chosen logits is its forward's gradient", "[layers]") {
  check_feed_forward<Mixture<5, bora::TopKRouter<1>, bora::SwiGlu<11>>, 18>("TopKRouter, 1 of 5", 2, 13);
  check_feed_forward<Mixture<5, bora::TopKRouter<2>, bora::SwiGlu<11>>, 18>("TopKRouter, 2 of 5", 2, 13);
  check_feed_forward<Mixture<4, bora::TopKRouter<3>, bora::Mlp<9, bora::Relu, bora::Bias>>, 17>("TopKRouter, 3 of 4", 2,
                                                                                                13);
  check_feed_forward<Mixture<4, bora::TopKRouter<4>, bora::GeGlu<9>>, 17>("TopKRouter, 4 of 4", 2, 13);
}

TEST_CASE("The backward of a mixture routed by all logits is its forward's gradient", "[layers]") {
  check_feed_forward<Mixture<5, bora::SoftmaxTopKRouter<1>, bora::Mlp<9, bora::Gelu, bora::Bias>>, 17>(
      "SoftmaxTopKRouter, 1 of 5", 2, 13);
  check_feed_forward<Mixture<5, bora::SoftmaxTopKRouter<2>, bora::SwiGlu<11, bora::Bias>>, 18>(
      "SoftmaxTopKRouter, 2 of 5", 2, 13);
  check_feed_forward<Mixture<4, bora::SoftmaxTopKRouter<3>, bora::SwiGlu<11>>, 18>("SoftmaxTopKRouter, 3 of 4", 2, 13);
  check_feed_forward<Mixture<4, bora::SoftmaxTopKRouter<4>, bora::Mlp<9, bora::Silu>>, 17>("SoftmaxTopKRouter, 4 of 4",
                                                                                           2, 13);
}

TEST_CASE("Experts that no token chooses have no gradient, and one expert is a plain layer", "[layers]") {
  check_feed_forward<Mixture<9, bora::TopKRouter<1>, bora::SwiGlu<7>>, 16>("TopKRouter, 1 of 9, 3 tokens", 1, 3);
  check_feed_forward<Mixture<1, bora::TopKRouter<1>, bora::SwiGlu<7>>, 16>("one expert", 2, 5);
}
