#include "layers/alone.hpp"

namespace {

using namespace bora;
using support::check_attention;

constexpr HeadShape grouped{.heads = 4, .kv_heads = 2, .head_dim = 6};
constexpr HeadShape many{.heads = 9, .kv_heads = 3, .head_dim = 18};
using PerHeadNorm = QkNorm<PerHead, RmsNorm<1e-5>>;
using WholeNorm = QkNorm<WholeWidth, RmsNorm<1e-5>>;

}  // namespace

TEST_CASE("The backward of attention with norms of queries and keys is its forward's gradient", "[layers]") {
  check_attention<GroupedQueryAttention<grouped, Causal, Rope<1e4>, PerHeadNorm>, 18>("per head", 2, 21);
  check_attention<GroupedQueryAttention<many, SlidingWindow<7>, Rope<1e4>, WholeNorm>, 20>("whole width", 2, 21);
  check_attention<GroupedQueryAttention<grouped, Causal, NoPosition, QkNorm<PerHead, RmsNorm<1e-2, UnitOffset>>>, 18>(
      "per head, weights as differences from one", 2, 21);
  check_attention<GroupedQueryAttention<many, Causal, Rope<1e4>, QkNorm<WholeWidth, LayerNorm<1e-5>>>, 20>(
      "whole width, LayerNorm with its bias", 1, 21);
}

TEST_CASE("The backward of attention with biases of q, k and v alone is its forward's gradient", "[layers]") {
  check_attention<GroupedQueryAttention<grouped, Causal, Rope<1e4>, QkvBias>, 18>("biases of q, k and v", 2, 21);
}

TEST_CASE("The backward of capped scores is their forward's gradient", "[layers]") {
  check_attention<GroupedQueryAttention<grouped, SlidingWindow<7>, Rope<1e4>, SoftCap<1.5>>, 18>("capped", 2, 37);
  check_attention<GroupedQueryAttention<grouped, Causal, Alibi<8.0>, SoftCap<1.5>>, 18>("capped, Alibi", 2, 21);
  check_attention<GroupedQueryAttention<grouped, Causal, T5RelativeBias<8, 12>, SoftCap<2.5>>, 18>("capped, T5", 2, 21);
}

TEST_CASE("The backward of attention with another width under the root is its forward's gradient", "[layers]") {
  check_attention<GroupedQueryAttention<grouped, Causal, Rope<1e4>, ScoreWidth<2.5>>, 18>("other width", 2, 21);
}

TEST_CASE("The options of attention compose", "[layers]") {
  check_attention<GroupedQueryAttention<many, SlidingWindow<9>, Rope<1e4>, QkvBias, ClipQkv<0.8>, PerHeadNorm,
                                        ScoreWidth<5.0>, SoftCap<2.0>>,
                  20>("all, per head", 2, 37);
  check_attention<GroupedQueryAttention<grouped, Causal, Rope<1e4, 0.7>, SoftCap<1.0>, WholeNorm, ClipQkv<0.9>, Bias>,
                  18>("all, whole width", 2, 21);
}

TEST_CASE("A width that is the heads' own is no option", "[layers]") {
  using Usual = GroupedQueryAttention<grouped, Causal, Rope<1e4>>;
  using Said = GroupedQueryAttention<grouped, Causal, Rope<1e4>, ScoreWidth<6.0>>;
  CHECK(description_of<Usual>() == description_of<Said>());
  CHECK(Usual::score_scale<double>() == Said::score_scale<double>());
}
