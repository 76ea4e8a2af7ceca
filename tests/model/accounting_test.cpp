#include "support/catch.hpp"
#include <bora/model/zoo.hpp>
#include <cstddef>

// Counts of the published models stand as static_asserts beside their specs. Here: counts by another way, what a cache
// takes, what a token costs.

using namespace bora;

namespace {

/// Parameters by the formula of a table, not by the visitor.
struct Table {
  std::size_t vocab_size, dim, layers, heads, kv_heads, head_dim, hidden;
  std::size_t attention() const { return dim * head_dim * (2 * heads + 2 * kv_heads); }
  std::size_t gated() const { return 3 * dim * hidden; }
};

template <std::size_t n>
struct Tiny : DecoderSpec {
  static constexpr std::size_t vocab_size = 10, dim = 4, layers = n, context = 64;
  static constexpr HeadShape head_shape{.heads = 2, .kv_heads = 1, .head_dim = 2};
  using Norm = RmsNorm<1e-5>;
  using Attention = Alternate<GroupedQueryAttention<head_shape, SlidingWindow<8>>,
                              MultiHeadAttention<HeadShape{.heads = 2, .head_dim = 3}>>;
  using FeedForward = Alternate<SwiGlu<6>, MixtureOfExperts<3, TopKRouter<1>, SwiGlu<5>>>;
};

struct Relative : DecoderSpec {
  static constexpr std::size_t vocab_size = 10, dim = 4, layers = 2, context = 64;
  using Norm = LayerNorm<1e-5>;
  using Attention = MultiHeadAttention<HeadShape{.heads = 2, .head_dim = 2}, Causal, T5RelativeBias<>, Bias>;
  using FeedForward = SwiGlu<6, Bias>;
};

}  // namespace

TEST_CASE("Counts follow the formulas of the papers", "[model]") {
  const Table llama{32'000, 4096, 32, 32, 32, 128, 11'008};
  CHECK(llama.attention() + llama.gated() + 2 * llama.dim == 202'383'360);  // a layer
  CHECK(parameter_count<Llama2_7B> == llama.layers * 202'383'360 + llama.dim + 2 * llama.vocab_size * llama.dim);
  CHECK(parameter_count<Llama2_7B> - 2 * llama.vocab_size * llama.dim == 6'476'271'616);

  // GPT-2: 12 d^2 + 13 d a layer, positions, tied embeddings, the last norm.
  constexpr std::size_t d = Gpt2Small::dim;
  CHECK(parameter_count<Gpt2Small> == 12 * (12 * d * d + 13 * d) + (50'257 + 1024) * d + 2 * d);
  CHECK(parameter_count<Gpt3_125M> - parameter_count<Gpt2Small> == 1024 * d);  // twice the positions
}

TEST_CASE("GPT-3's counts are near the names of its sizes", "[model]") {
  const auto near = [](std::size_t count, double name) {
    return static_cast<double>(count) > 0.97 * name && static_cast<double>(count) < 1.03 * name;
  };
  CHECK(near(parameter_count<Gpt3_125M>, 125e6));
  CHECK(near(parameter_count<Gpt3_350M>, 355e6));
  CHECK(near(parameter_count<Gpt3_760M>, 760e6));
  CHECK(near(parameter_count<Gpt3_1_3B>, 1.3e9));
  CHECK(near(parameter_count<Gpt3_2_7B>, 2.65e9));
  CHECK(near(parameter_count<Gpt3_6_7B>, 6.66e9));
  CHECK(near(parameter_count<Gpt3_13B>, 12.85e9));
}

TEST_CASE("What a token leaves aside are the experts it was not sent to", "[model]") {
  constexpr std::size_t expert = 32 * 3 * std::size_t{4096} * 14'336;
  CHECK(expert == 5'637'144'576);
  CHECK(parameter_count<Mixtral8x7B> - active_parameter_count<Mixtral8x7B> == 6 * expert);
  CHECK(active_parameter_count<Mistral7B> == parameter_count<Mistral7B>);
}

TEST_CASE("Alternating layers are counted by kind", "[model]") {
  // even: q 16, k 8, v 8, o 16, ffn 72, norms 8; odd: q k v o 24 each, router 12, experts 3 * 60, norms 8
  constexpr std::size_t even = 48 + 72 + 8, odd = 96 + 12 + 180 + 8, outside = 2 * 40 + 4;
  CHECK(parameter_count<Tiny<1>> == outside + even);
  CHECK(parameter_count<Tiny<2>> == outside + even + odd);
  CHECK(parameter_count<Tiny<5>> == outside + 3 * even + 2 * odd);
  CHECK(active_parameter_count<Tiny<5>> == parameter_count<Tiny<5>> - 2 * 2 * 60);
}

TEST_CASE("Counts of a spec and of its visitor agree", "[model]") {
  const auto visited = []<class S>() {
    std::size_t count = 0;
    detail::Anatomy<S>::visit([&](TensorId, TensorShape shape) { count += shape.size(); });
    return count == parameter_count<S>;
  };
  CHECK(visited.operator()<Tiny<5>>());
  CHECK(visited.operator()<Stories260K>());
  CHECK(visited.operator()<Gpt2Xl>());
  CHECK(visited.operator()<Mixtral8x22B>());
  CHECK(visited.operator()<Olmo7B>());
  CHECK(visited.operator()<Falcon7B>());
  CHECK(visited.operator()<Mpt7B>());
  CHECK(visited.operator()<Pythia1B>());
}

TEST_CASE("A cache takes what the papers say a token", "[model]") {
  CHECK(cache_bytes<Mistral7B>(1) == 131'072);
  CHECK(cache_bytes<Mixtral8x7B>(1) == 131'072);
  CHECK(cache_bytes<Llama2_7B>(1) == 524'288);
  CHECK(cache_bytes<Llama2_13B>(1) == 819'200);
  CHECK(cache_bytes<Llama2_70B>(1) == 327'680);
  CHECK(cache_bytes<Mixtral8x22B>(1) == 229'376);
  CHECK(cache_bytes<Falcon7B>(1) == 8'192);
  CHECK(cache_bytes<Gpt2Small>(1) == 36'864);
  CHECK(cache_bytes<Gpt3_175B>(1) == 4'718'592);
}

TEST_CASE("A cache of a whole context takes what the papers say", "[model]") {
  constexpr std::size_t mib = 1 << 20, gib = 1 << 30;
  CHECK(cache_bytes<Mistral7B>(32'768) == 512 * mib);                              // the ring of 4096
  CHECK(cache_bytes<Mistral7Bv02>(32'768) == 4 * gib);                             // no window
  CHECK(cache_bytes<Mistral7Bv02>(32'768) / cache_bytes<Mistral7B>(32'768) == 8);  // the paper's claim
  CHECK(cache_bytes<Mixtral8x7B>() == 4 * gib);
  CHECK(cache_bytes<Llama2_7B>() == 2 * gib);
  CHECK(cache_bytes<Gpt3_175B>() == 9 * gib);
  CHECK(cache_bytes<Llama2_7B, F32>() == 4 * gib);
  CHECK(cache_bytes<Llama2_7B, Q8>() ==
        1 * gib + 4096 * std::size_t{32 * 2 * 32 * 4});  // scales of 32 layers and heads
}

TEST_CASE("Layers of different masks hold different numbers of keys", "[model]") {
  // even layers: 2 * 1 * 2 numbers for at most 8 keys; odd: 2 * 2 * 3 for all
  CHECK(cache_bytes<Tiny<5>, F32>(8) == 4 * (3 * 4 * 8 + 2 * 12 * 8));
  CHECK(cache_bytes<Tiny<5>, F32>(20) == 4 * (3 * 4 * 8 + 2 * 12 * 20));
  // 8 bits a number and 4 bytes a scale, two for each key/value head: 1 of even layers, 2 of odd ones
  CHECK(cache_bytes<Tiny<5>, Q8>(20) == 3 * (4 + 2 * 4) * 8 + 2 * (12 + 4 * 4) * 20);
}

TEST_CASE("A token's operations are two for each weight it is multiplied by and four for each key's feature",
          "[model]") {
  // Llama: all but the embedding and the norms.
  constexpr std::size_t d = 4096;
  CHECK(flops_per_token<Llama2_7B>(0) == 2.0 * (32 * (4 * d * d + 3 * d * 11'008) + 32'000 * d));
  CHECK(flops_per_token<Llama2_7B>(0) == 2.0 * (6'738'415'616 - 32'000 * d - 65 * d));
  CHECK(flops_per_token<Llama2_7B>(100) - flops_per_token<Llama2_7B>(0) == 4.0 * 32 * 4096 * 100);
  CHECK(flops_per_token<Mistral7B>(100'000) == flops_per_token<Mistral7B>(4096));  // the window
  // Mixtral: two experts of eight, and the router.
  CHECK(flops_per_token<Mixtral8x7B>(0) ==
        2.0 * (32 * (d * 128 * (2 * 32 + 2 * 8) + 2 * 3 * d * 14'336 + 8 * d) + 32'000 * d));
  CHECK(flops_per_token<Mixtral8x7B>(0) == 2.0 * (12'879'925'248 - 32'000 * d - 65 * d));
  // GPT-2: tied, so the embedding is the head's; positions are looked up, biases and norms added.
  constexpr std::size_t g = 768;
  CHECK(flops_per_token<Gpt2Small>(0) == 2.0 * (12 * 12 * g * g + 50'257 * g));
  CHECK(flops_per_token<Olmo1B>(0) == 2.0 * 1'176'764'416);  // tied, and nothing but matrices
  CHECK(flops_per_token<Relative>(0) == 2.0 * (2 * (4 * 4 * 4 + 3 * 4 * 6) + 10 * 4));
  // Alternating: attention, SwiGLU of 6; attention, router, one expert of three; biases of neither.
  CHECK(flops_per_token<Tiny<5>>(0) == 2.0 * (3 * (48 + 72) + 2 * (96 + 12 + 60) + 40));
}
