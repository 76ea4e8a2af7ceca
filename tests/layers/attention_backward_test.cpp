#include "layers/attention_cases.hpp"
#include <vector>

namespace {

using support::check_position;

constexpr bora::HeadShape grouped{.heads = 4, .kv_heads = 2, .head_dim = 10};

/// F32 against F64 and the threads only: differences of this many scores take too long.
template <class Attention>
void check_long(const std::string& name, std::size_t time) {
  INFO(name);
  support::AttentionAlone<Attention, 18, bora::F64> exact(2, time);
  support::AttentionAlone<Attention, 18, bora::F32> single(2, time);
  const std::vector<double> inputs = support::random_inputs(exact, 3);
  support::check_single_precision(single, exact, inputs);
  support::check_threads(single, inputs);
}

}  // namespace

TEST_CASE("The backward of attention without positions is its forward's gradient", "[layers]") {
  check_position<bora::NoPosition, 0>("no position");
}

TEST_CASE("The backward of attention with linear biases is its forward's gradient", "[layers]") {
  check_position<bora::Alibi<8.0>, 1>("Alibi");
}

TEST_CASE("The backward of attention with T5's bias is its forward's gradient, its table's too", "[layers]") {
  check_position<bora::T5RelativeBias<8, 20>, 2>("T5");  // 37 tokens: the last bucket is beyond max_distance
}

// Scores are gathered into segments of 512 keys.
TEST_CASE("Attention's gradients hold across segments of keys", "[layers]") {
  using bora::GroupedQueryAttention, bora::Rope, bora::Causal, bora::SlidingWindow;
  check_long<GroupedQueryAttention<grouped, Causal, Rope<1e4>>>("causal, 1100 tokens", 1100);
  check_long<GroupedQueryAttention<grouped, SlidingWindow<250>, Rope<1e4>, bora::Bias>>("window 250, 600 tokens", 600);
  check_long<GroupedQueryAttention<grouped, SlidingWindow<530>, bora::T5RelativeBias<32, 128>>>(
      "window 530, T5, 1100 tokens", 1100);
}

TEST_CASE("A window of one key, of a run, and of more than there are tokens have their gradients", "[layers]") {
  using bora::GroupedQueryAttention, bora::Rope, bora::SlidingWindow;
  support::check_attention<GroupedQueryAttention<grouped, SlidingWindow<1>, Rope<1e4>>, 18>("window 1", 2, 19);
  support::check_attention<GroupedQueryAttention<grouped, SlidingWindow<16>, Rope<1e4>>, 18>("window 16", 2, 49);
  support::check_attention<GroupedQueryAttention<grouped, SlidingWindow<64>, Rope<1e4>>, 18>("window 64", 2, 33);
}
