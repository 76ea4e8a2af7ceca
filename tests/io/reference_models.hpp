/// The models of the reference cases.
#pragma once
#include <bora/model/spec.hpp>
#include <cstddef>

namespace reference {

using bora::Causal;
using bora::GroupedQueryAttention;
using bora::HeadShape;
using bora::Rope;

template <std::size_t vocab_size_, std::size_t dim_, std::size_t layers_, std::size_t context_ = 256>
struct Sizes : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = vocab_size_, dim = dim_, layers = layers_, context = context_;
};
template <std::size_t heads, std::size_t kv_heads, std::size_t head_dim, class Mask = Causal,
          class Position = Rope<1e4>, class... Options>
using Heads = GroupedQueryAttention<HeadShape{.heads = heads, .kv_heads = kv_heads, .head_dim = head_dim}, Mask,
                                    Position, Options...>;

struct LlamaMha : Sizes<256, 48, 2> {
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = Heads<4, 4, 12>;
  using FeedForward = bora::SwiGlu<112>;
};
struct LlamaGqa : LlamaMha {
  using Attention = Heads<6, 2, 8>;
  using FeedForward = bora::SwiGlu<96>;
};
struct LlamaMqa : Sizes<320, 64, 2> {
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = Heads<4, 1, 16>;
  using FeedForward = bora::SwiGlu<88>;
};
struct MistralSwa : Sizes<256, 48, 3> {
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = Heads<6, 3, 8, bora::SlidingWindow<8>>;
  using FeedForward = bora::SwiGlu<96>;
};
struct Mixtral : Sizes<256, 32, 2> {
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = Heads<4, 2, 8, Causal, Rope<1e6>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<48>>;
};
struct MixtralSwa : Mixtral {
  using Attention = Heads<4, 2, 8, bora::SlidingWindow<6>>;
  using FeedForward = bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<40>>;
};
struct Olmo : Sizes<256, 48, 2> {
  using Norm = bora::NonParametricLayerNorm<1e-5>;
  using Attention = Heads<4, 4, 12>;
  using FeedForward = bora::SwiGlu<96>;
};
struct OlmoTiedClip : Sizes<256, 64, 2> {
  static constexpr bool tie_embeddings = true;
  using Norm = bora::NonParametricLayerNorm<1e-5>;
  using Attention = Heads<4, 4, 16, Causal, Rope<1e4>, bora::ClipQkv<0.8>>;
  using FeedForward = bora::SwiGlu<96>;
};
struct Gpt2 : Sizes<256, 48, 2, 64> {
  static constexpr bool tie_embeddings = true;
  using Position = bora::LearnedPositions;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = Heads<4, 4, 12, Causal, bora::NoPosition, bora::Bias>;
  using FeedForward = bora::Mlp<192, bora::GeluTanh, bora::Bias>;
};
struct Gpt2HubNames : Sizes<256, 32, 2, 64> {
  static constexpr bool tie_embeddings = true;
  using Position = bora::LearnedPositions;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = Heads<2, 2, 16, Causal, bora::NoPosition, bora::Bias>;
  using FeedForward = bora::Mlp<128, bora::GeluTanh, bora::Bias>;
};
struct Falcon : Sizes<256, 48, 2> {
  static constexpr bool tie_embeddings = true;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = Heads<4, 1, 12>;
  using FeedForward = bora::Mlp<192, bora::Gelu>;
  using Residual = bora::ParallelResidual<bora::SharedNorm>;
};
struct MptAlibi : Sizes<256, 48, 2> {
  static constexpr bool tie_embeddings = true;
  using Norm = bora::LayerNorm<1e-5, bora::NoBias>;
  using Attention = Heads<4, 4, 12, Causal, bora::Alibi<8.0>>;
  using FeedForward = bora::Mlp<192, bora::Gelu>;
};
struct NeoX : Sizes<256, 48, 2> {
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = Heads<3, 3, 16, Causal, Rope<1e4, 0.25>, bora::Bias>;
  using FeedForward = bora::Mlp<128, bora::Gelu, bora::Bias>;
  using Residual = bora::ParallelResidual<bora::SeparateNorms>;
};
struct Stories260k : Sizes<512, 64, 5, 512> {
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = Heads<8, 4, 8>;
  using FeedForward = bora::SwiGlu<172>;
};

/// f.template operator()<Spec>("folder") for every case.
template <class F>
void for_each_case(F&& f) {
  f.template operator()<LlamaMha>("llama-mha");
  f.template operator()<LlamaGqa>("llama-gqa");
  f.template operator()<LlamaMqa>("llama-mqa");
  f.template operator()<MistralSwa>("mistral-swa");
  f.template operator()<Mixtral>("mixtral");
  f.template operator()<MixtralSwa>("mixtral-swa");
  f.template operator()<Olmo>("olmo");
  f.template operator()<OlmoTiedClip>("olmo-tied-clip");
  f.template operator()<Gpt2>("gpt2");
  f.template operator()<Gpt2HubNames>("gpt2-hub-names");
  f.template operator()<Falcon>("falcon");
  f.template operator()<MptAlibi>("mpt-alibi");
  f.template operator()<NeoX>("neox");
  f.template operator()<Stories260k>("stories260k");
}

}  // namespace reference
