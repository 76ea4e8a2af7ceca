/// The models of the reference cases, written by hand from each config.json.
#pragma once
#include <bora/model/spec.hpp>
#include <bora/model/zoo/llama.hpp>
#include <cstddef>

namespace reference {

struct LlamaMha : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 48, layers = 2, context = 256;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 12}, bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<112>;
};

struct LlamaGqa : LlamaMha {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 2, .head_dim = 8}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<96>;
};

struct LlamaMqa : LlamaMha {
  static constexpr std::size_t vocab_size = 320, dim = 64;
  using Attention =
      bora::MultiQueryAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<88>;
};

struct MistralSwa : LlamaMha {
  static constexpr std::size_t layers = 3;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 3, .head_dim = 8},
                                                bora::SlidingWindow<8>, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<96>;
};

struct Mixtral : LlamaMha {
  static constexpr std::size_t dim = 32;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 8}, bora::Causal,
                                                bora::Rope<1e6>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<48>>;
};

struct MixtralSwa : Mixtral {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 8},
                                                bora::SlidingWindow<6>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<40>>;
};

struct Olmo : LlamaMha {
  using Norm = bora::NonParametricLayerNorm<1e-5>;
  using FeedForward = bora::SwiGlu<96>;
};

struct OlmoTiedClip : Olmo {
  static constexpr std::size_t dim = 64;
  static constexpr bool tie_embeddings = true;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 16}, bora::Causal, bora::Rope<1e4>,
                                             bora::ClipQkv<0.8>>;
};

struct Gpt2 : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 48, layers = 2, context = 64;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 12}, bora::Causal, bora::NoPosition, bora::Bias>;
  using FeedForward = bora::Mlp<192, bora::GeluTanh, bora::Bias>;
  using Position = bora::LearnedPositions;
};

struct Gpt2HubNames : Gpt2 {
  static constexpr std::size_t dim = 32;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 16}, bora::Causal, bora::NoPosition, bora::Bias>;
  using FeedForward = bora::Mlp<128, bora::GeluTanh, bora::Bias>;
};

struct Falcon : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 48, layers = 2, context = 256;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention =
      bora::MultiQueryAttention<bora::HeadShape{.heads = 4, .head_dim = 12}, bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::Mlp<192, bora::Gelu>;
  using Residual = bora::ParallelResidual<bora::SharedNorm>;
};

struct MptAlibi : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 48, layers = 2, context = 256;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::LayerNorm<1e-5, bora::NoBias>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 12}, bora::Causal, bora::Alibi<8.0>>;
  using FeedForward = bora::Mlp<192, bora::Gelu>;
};

struct Neox : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 48, layers = 2, context = 256;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 3, .head_dim = 16}, bora::Causal,
                                             bora::Rope<1e4, 0.25>, bora::Bias>;
  using FeedForward = bora::Mlp<128, bora::Gelu, bora::Bias>;
  using Residual = bora::ParallelResidual<bora::SeparateNorms>;
};

/// f.template operator()<Spec>(name) for one case of each family, which is in tests/golden/.
template <class F>
void for_each_family(F&& f) {
  f.template operator()<LlamaGqa>("llama-gqa");
  f.template operator()<MistralSwa>("mistral-swa");
  f.template operator()<Mixtral>("mixtral");
  f.template operator()<Olmo>("olmo");
  f.template operator()<Gpt2>("gpt2");
  f.template operator()<Falcon>("falcon");
  f.template operator()<MptAlibi>("mpt-alibi");
  f.template operator()<Neox>("neox");
}

/// The same for the further cases, which only the reference folder has.
template <class F>
void for_each_further_case(F&& f) {
  f.template operator()<LlamaMha>("llama-mha");
  f.template operator()<LlamaMqa>("llama-mqa");
  f.template operator()<MixtralSwa>("mixtral-swa");
  f.template operator()<OlmoTiedClip>("olmo-tied-clip");
  f.template operator()<Gpt2HubNames>("gpt2-hub-names");
  f.template operator()<bora::Stories260K>("stories260k");
}

}  // namespace reference
