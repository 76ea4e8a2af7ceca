#include "support/catch.hpp"
#include <bora/model/description.hpp>
#include <bora/model/fingerprint.hpp>
#include <bora/model/zoo.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace bora;

namespace {

inline constexpr YarnSettings yarn{.factor = 4, .original_context = 2048};
inline constexpr Llama3Settings llama3{};

struct SquaredRelu {
  using Function = simd::ReluFunction;
};

struct Odd : DecoderSpec {
  static constexpr std::size_t vocab_size = 10, dim = 16, layers = 3, context = 64;
  static constexpr HeadShape head_shape{.heads = 2, .kv_heads = 1, .head_dim = 8};
  using Position = SinusoidalPositions;
  using Norm = LayerNorm<1e-6, NoBias>;
  using Attention = Alternate<GroupedQueryAttention<head_shape, SlidingWindow<8>, Rope<5e5, 0.5, YarnScaling<yarn>>>,
                              GroupedQueryAttention<head_shape, Causal, T5RelativeBias<>, Bias, ClipQkv<6.0>>>;
  using FeedForward = Alternate<GeGlu<6, Bias>, MixtureOfExperts<3, SoftmaxTopKRouter<2>, Mlp<5, SquaredRelu>>>;
};

template <class Scaling>
struct Scaled : Odd {
  using Attention = GroupedQueryAttention<head_shape, Causal, Rope<1e4, 1.0, Scaling>>;
};
template <class Scaling>
ScalingDescription scaling() {
  return describe<Scaled<Scaling>>().attention_of(0).scaling;
}

/// A mask of its own without a window: blocks of `size`, each of which also sees all before it but one block.
template <std::size_t size>
struct Skipping {
  static constexpr std::size_t window = 0;
  static constexpr std::size_t first_visible(std::size_t position) noexcept {
    return position < 2 * size ? 0 : position / size * size - size;
  }
};
template <class Mask, class InAttention = NoPosition>
struct Seen : Odd {
  using Attention = GroupedQueryAttention<head_shape, Mask, InAttention>;
};
/// An activation of its own, with parameters.
template <int power>
struct Mine {
  struct Function {
    template <class Block>
    static Block value(Block x) noexcept {
      return x;
    }
    template <class Block>
    static Block slope(Block x) noexcept {
      return x;
    }
  };
};
struct Called : Mine<3> {
  static constexpr std::string_view name = "called so";
};
template <class Activation>
struct Activated : Odd {
  using FeedForward = bora::Mlp<8, Activation>;
};

template <class Mask, class InAttention = NoPosition>
std::uint64_t fingerprint_of() {
  return bora::detail::fingerprint(describe<Seen<Mask, InAttention>>());
}

}  // namespace

TEST_CASE("A description repeats the numbers of the spec", "[model]") {
  const ModelDescription d = describe<Mistral7B>();
  CHECK(d.vocab_size == 32'000);
  CHECK(d.dim == 4096);
  CHECK(d.layers == 32);
  CHECK(d.context == 8192);
  CHECK(!d.tie_embeddings);
  CHECK(d.position == EmbeddingPositionKind::none);
  CHECK(d.norm.eps == 1e-5);
  CHECK(d.norm.weight);
  CHECK(!d.norm.bias);
  CHECK(!d.norm.centred);
  CHECK(d.residual == ResidualKind::sequential);
  CHECK(d.parameters == 7'241'732'096);
  CHECK(d.active_parameters == 7'241'732'096);
  REQUIRE(d.attention.size() == 1);
  const AttentionDescription& a = d.attention_of(31);
  CHECK(a.heads == 32);
  CHECK(a.kv_heads == 8);
  CHECK(a.head_dim == 128);
  CHECK(a.window == 4096);
  CHECK(a.position == PositionKind::rope);
  CHECK(a.theta == 1e4);
  CHECK(a.rotary == 128);
  CHECK(a.rotary_fraction == 1);
  CHECK(a.scaling.kind == ScalingKind::none);
  CHECK(!a.bias);
  CHECK(a.clip == 0);
  const FeedForwardDescription& f = d.feed_forward_of(31);
  CHECK(f.hidden == 14'336);
  CHECK(f.gated);
  CHECK(f.activation == ActivationKind::silu);
  CHECK(f.experts == 0);
}

TEST_CASE("A mixture of experts is described by its router and its expert", "[model]") {
  const ModelDescription d = describe<Mixtral8x7B>();
  CHECK(d.feed_forward_of(0).experts == 8);
  CHECK(d.feed_forward_of(0).choices == 2);
  CHECK(d.feed_forward_of(0).router == RouterKind::top_k);
  CHECK(d.feed_forward_of(0).hidden == 14'336);
  CHECK(d.active_parameters == 12'879'925'248);
  CHECK(d.attention_of(0).window == 0);  // not inherited from Mistral
  CHECK(d.attention_of(0).theta == 1e6);
}

TEST_CASE("The zoo's families differ where their papers do", "[model]") {
  const ModelDescription gpt2 = describe<Gpt2Small>(), falcon = describe<Falcon7B>(), mpt = describe<Mpt7B>(),
                         pythia = describe<Pythia6_9B>(), olmo = describe<Olmo1B>();
  CHECK(gpt2.position == EmbeddingPositionKind::learned);
  CHECK(gpt2.feed_forward_of(0).activation == ActivationKind::gelu_tanh);
  CHECK(gpt2.attention_of(0).position == PositionKind::none);
  CHECK(gpt2.attention_of(0).bias);
  CHECK(gpt2.feed_forward_of(0).bias);
  CHECK(gpt2.norm.bias);
  CHECK(gpt2.tie_embeddings);
  CHECK(falcon.residual == ResidualKind::parallel_shared_norm);
  CHECK(falcon.attention_of(0).kv_heads == 1);
  CHECK(falcon.feed_forward_of(0).activation == ActivationKind::gelu);
  CHECK(mpt.attention_of(0).position == PositionKind::alibi);
  CHECK(mpt.attention_of(0).alibi_max_bias == 8);
  CHECK(mpt.norm.weight);
  CHECK(!mpt.norm.bias);
  CHECK(mpt.norm.centred);
  CHECK(pythia.residual == ResidualKind::parallel_separate_norms);
  CHECK(pythia.attention_of(0).rotary == 32);
  CHECK(pythia.attention_of(0).rotary_fraction == 0.25);
  CHECK(!pythia.tie_embeddings);
  CHECK(!olmo.norm.weight);
  CHECK(olmo.norm.centred);
  CHECK(olmo.tie_embeddings);
}

TEST_CASE("Alternating layers are described one after the other", "[model]") {
  const ModelDescription d = describe<Odd>();
  REQUIRE(d.attention.size() == 2);
  REQUIRE(d.feed_forward.size() == 2);
  CHECK(d.position == EmbeddingPositionKind::sinusoidal);
  for (const std::size_t even : {0, 2}) {
    CHECK(d.attention_of(even).window == 8);
    CHECK(d.attention_of(even).rotary == 4);
    CHECK(d.attention_of(even).scaling.kind == ScalingKind::yarn);
    CHECK(d.feed_forward_of(even).activation == ActivationKind::gelu);
    CHECK(d.feed_forward_of(even).gated);
    CHECK(d.feed_forward_of(even).bias);
  }
  CHECK(d.attention_of(1).window == 0);
  CHECK(d.attention_of(1).position == PositionKind::t5_bias);
  CHECK(d.attention_of(1).bias);
  CHECK(d.attention_of(1).clip == 6);
  CHECK(d.feed_forward_of(1).experts == 3);
  CHECK(d.feed_forward_of(1).choices == 2);
  CHECK(d.feed_forward_of(1).router == RouterKind::softmax_top_k);
  CHECK(d.feed_forward_of(1).activation == ActivationKind::other);  // one's own
  CHECK(!d.feed_forward_of(1).gated);
}

TEST_CASE("What alternates only in attention has one kind of feed-forward in both", "[model]") {
  struct Half : Odd {
    using FeedForward = SwiGlu<7>;
  };
  const ModelDescription d = describe<Half>();
  CHECK(d.attention.size() == 2);
  CHECK(d.feed_forward_of(0).hidden == 7);
  CHECK(d.feed_forward_of(1).hidden == 7);
}

TEST_CASE("Rotary scalings are described with their numbers", "[model]") {
  CHECK(scaling<LinearScaling<2.0>>().kind == ScalingKind::linear);
  CHECK(scaling<LinearScaling<2.0>>().factor == 2);
  CHECK(scaling<NtkScaling<3.0>>().kind == ScalingKind::ntk);
  CHECK(scaling<NtkScaling<3.0>>().factor == 3);
  const ScalingDescription y = scaling<YarnScaling<yarn>>();
  CHECK(y.kind == ScalingKind::yarn);
  CHECK(y.factor == 4);
  CHECK(y.original_context == 2048);
  CHECK(y.beta_fast == 32);
  CHECK(y.beta_slow == 1);
  const ScalingDescription l = scaling<Llama3Scaling<llama3>>();
  CHECK(l.kind == ScalingKind::llama3);
  CHECK(l.factor == 8);
  CHECK(l.low_frequency == 1);
  CHECK(l.high_frequency == 4);
  CHECK(l.original_context == 8192);
}

TEST_CASE("T5's bias is described with its buckets", "[model]") {
  const AttentionDescription a = describe<Odd>().attention_of(1);
  CHECK(a.relative_buckets == 32);
  CHECK(a.relative_max_distance == 128);
  CHECK(describe<Odd>().attention_of(0).relative_buckets == 0);
}

TEST_CASE("A mask of one's own is described by its window and by what its positions see", "[model]") {
  const auto described = []<class Mask>(Mask) { return describe<Seen<Mask>>().attention_of(0); };
  CHECK(described(Causal{}).mask == MaskKind::causal);
  CHECK(described(SlidingWindow<8>{}).mask == MaskKind::sliding_window);
  CHECK(described(Skipping<4>{}).mask == MaskKind::other);
  CHECK(described(Skipping<4>{}).window == 0);
  CHECK(described(Causal{}).mask_hash == 0);
  CHECK(described(SlidingWindow<8>{}).mask_hash == 0);
  CHECK(described(Skipping<4>{}).mask_hash == described(Skipping<4>{}).mask_hash);
  CHECK(described(Skipping<4>{}).mask_hash != described(Skipping<5>{}).mask_hash);
  CHECK(described(Skipping<31>{}).mask_hash != described(Skipping<32>{}).mask_hash);  // at the end of the context of 64
}

TEST_CASE("Fingerprints tell masks and buckets apart", "[model]") {
  const std::uint64_t prints[] = {fingerprint_of<Causal>(),
                                  fingerprint_of<SlidingWindow<8>>(),
                                  fingerprint_of<Skipping<4>>(),
                                  fingerprint_of<Skipping<5>>(),
                                  fingerprint_of<Causal, T5RelativeBias<8, 16>>(),
                                  fingerprint_of<Causal, T5RelativeBias<8, 32>>(),
                                  fingerprint_of<Causal, T5RelativeBias<16, 16>>()};
  for (const std::uint64_t& a : prints)
    for (const std::uint64_t& b : prints) CHECK((a == b) == (&a == &b));
  CHECK(fingerprint_of<Skipping<4>>() == fingerprint_of<Skipping<4>>());
}

TEST_CASE("Policies that files cannot name are told apart by their types' names, or by their own", "[model]") {
  const auto name_of = []<class A>(const Activated<A>&) {
    return describe<Activated<A>>().feed_forward[0].activation_name;
  };
  CHECK(name_of(Activated<Mine<1>>{}).ends_with("Mine<1>"));
  CHECK(name_of(Activated<Mine<2>>{}).ends_with("Mine<2>"));
  CHECK(name_of(Activated<Called>{}) == "called so");
  CHECK(name_of(Activated<bora::Relu>{}).empty());
  const auto print_of = []<class A>(const Activated<A>&) {
    return bora::detail::fingerprint(describe<Activated<A>>());
  };
  CHECK(print_of(Activated<Mine<1>>{}) != print_of(Activated<Mine<2>>{}));
  CHECK(print_of(Activated<Mine<1>>{}) != print_of(Activated<Called>{}));
}
