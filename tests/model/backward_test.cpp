#include "support/whole_model.hpp"
#include <cstddef>
#include <vector>

namespace {

using namespace bora;

constexpr HeadShape heads{.heads = 4, .kv_heads = 2, .head_dim = 6};
using Full = GroupedQueryAttention<heads, Causal, Rope<1e4>>;
using Windowed = GroupedQueryAttention<heads, SlidingWindow<7>, NoPosition, Bias>;
using Bucketed = GroupedQueryAttention<heads, Causal, T5RelativeBias<8, 20>>;
using TwoOfFour = MixtureOfExperts<4, TopKRouter<2>, SwiGlu<7>>;
using OneOfThree = MixtureOfExperts<3, SoftmaxTopKRouter<1>, Mlp<7, Gelu>>;

struct Small : DecoderSpec {
  static constexpr std::size_t vocab_size = 33, dim = 20, layers = 3, context = 64;
  using Norm = RmsNorm<1e-5>;
  using Attention = Full;
  using FeedForward = SwiGlu<18>;
};

struct FullThenWindowed : Small {
  using Attention = Alternate<Full, Windowed>;
};
struct BucketedThenFull : Small {
  using Attention = Alternate<Bucketed, Full>;
};
struct WindowedThenBucketed : Small {
  static constexpr std::size_t layers = 2;
  using Attention = Alternate<Windowed, Bucketed>;
  using Position = LearnedPositions;
};
/// A window in three of four layers, experts in every other: a pattern of four with three kinds of layers.
struct ThreeWindowsThenFull : Small {
  static constexpr std::size_t layers = 6;
  using Attention = Layers<Windowed, Windowed, Windowed, Full>;
  using FeedForward = Alternate<SwiGlu<18>, TwoOfFour>;
};
/// Patterns of two and three layers repeat after six.
struct TwoAndThree : Small {
  static constexpr std::size_t layers = 7;
  using Attention = Layers<Full, Windowed>;
  using FeedForward = Layers<SwiGlu<18>, SwiGlu<18>, TwoOfFour>;
};
struct DenseThenExperts : Small {
  using FeedForward = Alternate<SwiGlu<18>, TwoOfFour>;
};
struct ExpertsThenDense : Small {
  using Attention = Alternate<Full, Windowed>;
  using FeedForward = Alternate<OneOfThree, Mlp<9, Relu, Bias>>;
  using Residual = ParallelResidual<SeparateNorms>;
};
struct ExpertsEverywhere : Small {
  using FeedForward = TwoOfFour;
};
struct ExpertsShared : Small {
  static constexpr bool tie_embeddings = true;
  using FeedForward = OneOfThree;
  using Residual = ParallelResidual<SharedNorm>;
};

/// The least that is a model.
struct Tiny : DecoderSpec {
  static constexpr std::size_t vocab_size = 2, dim = 1, layers = 1, context = 4;
  static constexpr bool tie_embeddings = true;
  using Norm = RmsNorm<1.0>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 1, .head_dim = 1}>;
  using FeedForward = Mlp<1, Gelu>;
  using Position = LearnedPositions;
};

}  // namespace

TEST_CASE("Alternating attention trains, with the shared table of buckets on either kind", "[model]") {
  support::check_model<FullThenWindowed>("full, windowed", 2, 35);
  support::check_model<BucketedThenFull>("buckets, rotation", 2, 35);
  support::check_model<WindowedThenBucketed>("windowed, buckets", 2, 35);
}

TEST_CASE("Layers of any pattern are of as many kinds as differ", "[model]") {
  using Four = detail::Anatomy<ThreeWindowsThenFull>;
  STATIC_REQUIRE(Four::kinds == 3);  // windowed and dense, windowed and routed, full and routed
  STATIC_REQUIRE(Four::layers_of(0) == 3);
  STATIC_REQUIRE(Four::layers_of(1) == 2);
  STATIC_REQUIRE(Four::layers_of(2) == 1);
  for (const std::size_t l : {0, 2, 4}) CHECK(Four::index_of(l) == l / 2);
  CHECK(Four::index_of(5) == 1);
  using Six = detail::Anatomy<TwoAndThree>;
  STATIC_REQUIRE(Six::kinds == 4);
  CHECK(Six::Kinds::of(6) == Six::Kinds::of(0));
  STATIC_REQUIRE(detail::Anatomy<FullThenWindowed>::kinds == 2);
}

TEST_CASE("A pattern of four layers trains, and patterns of different lengths combine", "[model]") {
  const LossOptions options{.load_balancing = 0.5};
  support::check_model<ThreeWindowsThenFull>("three windows, one full", 2, 19, 1, options);
  support::check_model<TwoAndThree>("two and three", 2, 19, 1, options);
}

TEST_CASE("Alternating feed-forward layers train, and the dense ones take no part in balancing", "[model]") {
  for (const BalanceLoss balance : {BalanceLoss::all_layers, BalanceLoss::per_layer}) {
    const LossOptions options{.load_balancing = 0.5, .balance = balance};
    support::check_model<DenseThenExperts>("dense, experts", 2, 19, 2, options);
    support::check_model<ExpertsThenDense>("experts, dense", 2, 19, 2, options);
  }
}

TEST_CASE("Each load-balancing loss has its gradient, alone and beside the cross entropy", "[model]") {
  for (const BalanceLoss balance : {BalanceLoss::all_layers, BalanceLoss::per_layer})
    for (const double cross_entropy : {0.0, 0.7}) {
      const LossOptions options{.load_balancing = 1.5, .balance = balance, .cross_entropy = cross_entropy};
      support::check_model<ExpertsEverywhere>("two of four", 2, 19, 1, options);
      support::check_model<ExpertsShared>("one of three", 2, 19, 1, options);
    }
}

// The logits of 256 rows are in memory at a time.
TEST_CASE("Gradients hold where the head takes the rows in several pieces", "[model]") {
  support::check_model<Small>("2 rows of 130 tokens", 2, 130, 1);
  support::WholeModel<FullThenWindowed, F64> exact(2, 600);
  support::WholeModel<FullThenWindowed, F32> single(2, 600);
  const std::vector<double> inputs = support::random_inputs(exact, 17);
  support::check_single_precision(single, exact, inputs);
  support::check_threads(single, inputs);
}

TEST_CASE("The least batch and the least model have their gradients", "[model]") {
  support::check_model<Small>("one prediction", 1, 2);
  support::check_model<Tiny>("a width of one", 3, 4);
}
