#include "support/catch.hpp"
#include <bora/model/description.hpp>
#include <bora/model/description_difference.hpp>
#include <bora/model/fingerprint.hpp>
#include <bora/model/spec_text.hpp>
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
PolicyDescription scaling() {
  return describe<Scaled<Scaling>>().attention_of(0).policy("position.scaling");
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
struct Speaking : Mine<4> {
  static PolicyDescription describe(Described<Speaking> = {}) {
    PolicyDescription d("mine::Speaking", PolicyDescription::Form::foreign);
    d.add("power", 1.5);
    return d;
  }
};
struct Longer : Mistral7B {
  static constexpr std::size_t context = 16'384;
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
  CHECK(d.position.name == "NoPosition");
  CHECK(d.norm.name == "RmsNorm");
  CHECK(d.norm.real("eps") == 1e-5);
  CHECK(d.norm.size("weight") == 1);
  CHECK(d.norm.size("bias") == 0);
  CHECK(d.residual.name == "SequentialResidual");
  CHECK(d.parameters == 7'241'732'096);
  CHECK(d.active_parameters == 7'241'732'096);
  REQUIRE(d.attention.size() == 1);
  const PolicyDescription& a = d.attention_of(31);
  CHECK(a.size("heads") == 32);
  CHECK(a.size("kv_heads") == 8);
  CHECK(a.size("head_dim") == 128);
  CHECK(a.size("mask.window") == 4096);
  CHECK(a.policy("position").name == "Rope");
  CHECK(a.real("position.theta") == 1e4);
  CHECK(a.real("position.fraction") == 1);
  CHECK(a.policy("position.scaling").name == "NoScaling");
  CHECK(!a.has("bias"));
  CHECK(!a.has("clip"));
  const PolicyDescription& f = d.feed_forward_of(31);
  CHECK(f.name == "SwiGlu");
  CHECK(f.size("hidden") == 14'336);
  CHECK(f.size("gated") == 1);
  CHECK(!f.has("experts"));
}

TEST_CASE("A mixture of experts is described by its router and its expert", "[model]") {
  const ModelDescription d = describe<Mixtral8x7B>();
  CHECK(d.feed_forward_of(0).size("experts") == 8);
  CHECK(d.feed_forward_of(0).policy("router").name == "TopKRouter");
  CHECK(d.feed_forward_of(0).size("router.experts_per_token") == 2);
  CHECK(d.feed_forward_of(0).size("expert.hidden") == 14'336);
  CHECK(d.active_parameters == 12'879'925'248);
  CHECK(d.attention_of(0).policy("mask").name == "Causal");  // not inherited from Mistral
  CHECK(d.attention_of(0).real("position.theta") == 1e6);
}

TEST_CASE("The zoo's families differ where their papers do", "[model]") {
  const ModelDescription gpt2 = describe<Gpt2Small>(), falcon = describe<Falcon7B>(), mpt = describe<Mpt7B>(),
                         pythia = describe<Pythia6_9B>(), olmo = describe<Olmo1B>();
  CHECK(gpt2.position.name == "LearnedPositions");
  CHECK(gpt2.feed_forward_of(0).policy("activation").name == "GeluTanh");
  CHECK(gpt2.attention_of(0).policy("position").name == "NoPosition");
  CHECK(gpt2.attention_of(0).has("bias"));
  CHECK(gpt2.feed_forward_of(0).has("bias"));
  CHECK(gpt2.norm.size("bias") == 1);
  CHECK(gpt2.tie_embeddings);
  CHECK(falcon.residual.policy("norms").name == "SharedNorm");
  CHECK(falcon.attention_of(0).size("kv_heads") == 1);
  CHECK(falcon.feed_forward_of(0).policy("activation").name == "Gelu");
  CHECK(mpt.attention_of(0).real("position.max_bias") == 8);
  CHECK(mpt.norm.has("no_bias"));
  CHECK(pythia.residual.policy("norms").name == "SeparateNorms");
  CHECK(pythia.attention_of(0).real("position.fraction") == 0.25);
  CHECK(!pythia.tie_embeddings);
  CHECK(olmo.norm.name == "NonParametricLayerNorm");
  CHECK(olmo.norm.size("weight") == 0);
  CHECK(olmo.tie_embeddings);
}

TEST_CASE("Alternating layers are described one after the other", "[model]") {
  const ModelDescription d = describe<Odd>();
  REQUIRE(d.attention.size() == 2);
  REQUIRE(d.feed_forward.size() == 2);
  CHECK(d.position.name == "SinusoidalPositions");
  for (const std::size_t even : {0, 2}) {
    CHECK(d.attention_of(even).size("mask.window") == 8);
    CHECK(d.attention_of(even).policy("position.scaling").name == "YarnScaling");
    CHECK(d.feed_forward_of(even).name == "GeGlu");
    CHECK(d.feed_forward_of(even).has("bias"));
  }
  CHECK(d.attention_of(1).policy("mask").name == "Causal");
  CHECK(d.attention_of(1).policy("position").name == "T5RelativeBias");
  CHECK(d.attention_of(1).has("bias"));
  CHECK(d.attention_of(1).real("clip.limit") == 6);
  CHECK(d.feed_forward_of(1).size("experts") == 3);
  CHECK(d.feed_forward_of(1).policy("router").name == "SoftmaxTopKRouter");
  CHECK(d.feed_forward_of(1).policy("expert.activation").form == PolicyDescription::Form::foreign);
  CHECK(d.feed_forward_of(1).size("expert.gated") == 0);
}

TEST_CASE("What alternates only in attention has one kind of feed-forward in both", "[model]") {
  struct Half : Odd {
    using FeedForward = SwiGlu<7>;
  };
  const ModelDescription d = describe<Half>();
  CHECK(d.attention.size() == 2);
  CHECK(d.feed_forward.size() == 1);
  CHECK(d.feed_forward_of(0).size("hidden") == 7);
  CHECK(d.feed_forward_of(1).size("hidden") == 7);
}

TEST_CASE("Rotary scalings are described with their numbers", "[model]") {
  CHECK(scaling<LinearScaling<2.0>>().name == "LinearScaling");
  CHECK(scaling<LinearScaling<2.0>>().real("factor") == 2);
  CHECK(scaling<NtkScaling<3.0>>().name == "NtkScaling");
  CHECK(scaling<NtkScaling<3.0>>().real("factor") == 3);
  const PolicyDescription y = scaling<YarnScaling<yarn>>();
  CHECK(y.name == "YarnScaling");
  CHECK(y.real("factor") == 4);
  CHECK(y.real("original_context") == 2048);
  CHECK(y.real("beta_fast") == 32);
  CHECK(y.real("beta_slow") == 1);
  const PolicyDescription l = scaling<Llama3Scaling<llama3>>();
  CHECK(l.name == "Llama3Scaling");
  CHECK(l.real("factor") == 8);
  CHECK(l.real("low_frequency") == 1);
  CHECK(l.real("high_frequency") == 4);
  CHECK(l.real("original_context") == 8192);
}

TEST_CASE("T5's bias is described with its buckets", "[model]") {
  const PolicyDescription a = describe<Odd>().attention_of(1);
  CHECK(a.size("position.buckets") == 32);
  CHECK(a.size("position.max_distance") == 128);
  CHECK(!describe<Odd>().attention_of(0).has("position.buckets"));
}

TEST_CASE("A mask of one's own is described by its window and by what its positions see", "[model]") {
  const auto described = []<class Mask>(Mask) { return describe<Seen<Mask>>().attention_of(0).policy("mask"); };
  CHECK(described(Causal{}) == description_of<Causal>());
  CHECK(described(SlidingWindow<8>{}) == description_of<SlidingWindow<8>>());
  CHECK(described(Skipping<4>{}).name.ends_with("Skipping<4>"));
  CHECK(described(Skipping<4>{}).find("window")->whole == 0);
  CHECK(described(Skipping<4>{}) == described(Skipping<4>{}));
  CHECK(described(Skipping<4>{}).size("hash") != described(Skipping<5>{}).size("hash"));
  CHECK(described(Skipping<31>{}).size("hash") !=
        described(Skipping<32>{}).size("hash"));  // at the end of 64 positions
}

TEST_CASE("A policy that derives from the library's and says nothing is one of its own", "[model]") {
  struct Changed : TopKRouter<2> {};
  CHECK(description_of<Changed>().form == PolicyDescription::Form::foreign);
  CHECK(description_of<Changed>().name.ends_with("Changed"));
  CHECK(description_of<TopKRouter<2>>().form == PolicyDescription::Form::type);
}

TEST_CASE("A policy of one's own may describe itself", "[model]") {
  const PolicyDescription d = describe<Activated<Speaking>>().feed_forward[0].policy("activation");
  CHECK(d.name == "mine::Speaking");
  CHECK(d.real("power") == 1.5);
}

TEST_CASE("Descriptions that differ are told where", "[model]") {
  const auto difference = []<class A, class B>(const A&, const B&) {
    const auto found = first_difference(describe<A>(), describe<B>());
    return found ? found->place + ": " + found->first + ", " + found->second : "none";
  };
  struct Wider : Mistral7B {
    using FeedForward = SwiGlu<14'337>;
  };
  struct Biased : Mistral7B {
    using FeedForward = SwiGlu<14'336, Bias>;
  };
  struct InTurn : Mistral7B {
    using Attention = Layers<Mistral7B::Attention, Mistral7B::Attention,
                             GroupedQueryAttention<Mistral7B::head_shape, Causal, Rope<1e4>>>;
  };
  struct Written : Mistral7B {  // the same in other words
    using Attention = Layers<Mistral7B::Attention, Mistral7B::Attention>;
  };
  CHECK(difference(Mistral7B(), Longer()) == "none");
  CHECK(difference(Mistral7B(), Written()) == "none");
  CHECK(difference(Mistral7B(), Wider()) == "feed_forward.hidden: 14336, 14337");
  CHECK(difference(Mistral7B(), Biased()) == "feed_forward.bias: none, Bias");
  CHECK(difference(Biased(), Mistral7B()) == "feed_forward.bias: Bias, none");
  CHECK(difference(Mistral7B(), InTurn()) == "attention.mask of layer 2: SlidingWindow, Causal");
  CHECK(difference(Mistral7B(), Mixtral8x7B()) == "attention.mask: SlidingWindow, Causal");
}

TEST_CASE("A description is written as the C++ that makes it", "[model]") {
  CHECK(policy_text(description_of<Rope<1e4>>()) == "bora::Rope<10000.0>");
  CHECK(policy_text(description_of<Rope<1e4, 0.25>>()) == "bora::Rope<10000.0, 0.25>");
  CHECK(policy_text(description_of<Rope<1e4, 1.0, LinearScaling<4.0>>>()) ==
        "bora::Rope<10000.0, 1.0, bora::LinearScaling<4.0>>");
  CHECK(policy_text(description_of<YarnScaling<yarn>>()) ==
        "bora::YarnScaling<bora::YarnSettings{.factor = 4.0, .original_context = 2048.0}>");
  CHECK(policy_text(description_of<Mlp<8, Called>>()) == "bora::Mlp<8, called so>");
  CHECK(spec_text(describe<Falcon7B>(), "Falcon") == R"(struct Falcon : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 65024, dim = 4544, layers = 32, context = 2048;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::LayerNorm<1e-05>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 71, .kv_heads = 1, .head_dim = 64},
                                                bora::Causal,
                                                bora::Rope<10000.0>>;
  using FeedForward = bora::Mlp<18176, bora::Gelu>;
  using Residual = bora::ParallelResidual<bora::SharedNorm>;
};
)");
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
    return describe<Activated<A>>().feed_forward[0].policy("activation").name;
  };
  CHECK(name_of(Activated<Mine<1>>{}).ends_with("Mine<1>"));
  CHECK(name_of(Activated<Mine<2>>{}).ends_with("Mine<2>"));
  CHECK(name_of(Activated<Called>{}) == "called so");
  CHECK(name_of(Activated<bora::Relu>{}) == "Relu");
  const auto print_of = []<class A>(const Activated<A>&) {
    return bora::detail::fingerprint(describe<Activated<A>>());
  };
  CHECK(print_of(Activated<Mine<1>>{}) != print_of(Activated<Mine<2>>{}));
  CHECK(print_of(Activated<Mine<1>>{}) != print_of(Activated<Called>{}));
}
