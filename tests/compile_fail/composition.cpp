// Mistakes of composing a model.
#include <bora/model/description.hpp>

// expect: compiles
struct Sound : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};
inline void use() { bora::describe<Sound>(); }

// expect: Alibi: the largest bias exponent must be positive
namespace alibi_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Alibi<0.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace alibi_zero

// expect: patterns cannot be nested
namespace alternate_nested {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using A = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using B = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 4}>;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::Alternate<bora::Alternate<A, B>, A>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace alternate_nested

// expect: patterns cannot be nested
namespace alternate_nested_feed_forward {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::Alternate<bora::SwiGlu<16>, bora::Alternate<bora::SwiGlu<8>, bora::SwiGlu<16>>>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace alternate_nested_feed_forward

// expect: GroupedQueryAttention: an option is given twice; give Bias or QkvBias and the others at most once
namespace attention_bias_twice {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::NoPosition,
                                             bora::Bias, bora::Bias>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace attention_bias_twice

// expect: GroupedQueryAttention: options are Bias or QkvBias, ClipQkv<limit>, QkNorm<scope, norm>
namespace attention_unknown_option {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>, bora::NoBias>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace attention_unknown_option

// expect: ClipQkv: the limit must be positive
namespace clip_negative {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::NoPosition,
                                             bora::ClipQkv<-1.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace clip_negative

// expect: GroupedQueryAttention: an option is given twice; give Bias or QkvBias and the others at most once
namespace clip_twice {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::NoPosition,
                                             bora::ClipQkv<1.0>, bora::ClipQkv<2.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace clip_twice

// expect: ClipQkv: the limit must be positive
namespace clip_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::NoPosition,
                                             bora::ClipQkv<0.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace clip_zero

// expect: DynamicNtkScaling: a base that grows with the text would change keys already cached
namespace dynamic_ntk {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
                                             bora::Rope<1e4, 1.0, bora::DynamicNtkScaling<2.0>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace dynamic_ntk

// expect: MixtureOfExperts: an expert must be a plain feed-forward layer
namespace expert_is_a_mixture {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward =
      bora::MixtureOfExperts<2, bora::TopKRouter<1>, bora::MixtureOfExperts<2, bora::TopKRouter<1>, bora::SwiGlu<16>>>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace expert_is_a_mixture

// expect: MixtureOfExperts: there must be at least one expert
namespace experts_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::MixtureOfExperts<0, bora::TopKRouter<1>, bora::SwiGlu<16>>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace experts_zero

// expect: feed-forward: Bias is given twice
namespace feed_forward_bias_twice {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16, bora::Bias, bora::Bias>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace feed_forward_bias_twice

// expect: feed-forward: the hidden width must be positive
namespace feed_forward_hidden_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<0>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace feed_forward_hidden_zero

// expect: feed-forward: the only option is Bias
namespace feed_forward_wrong_option {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::Mlp<16, bora::Gelu, bora::NoBias>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace feed_forward_wrong_option

// expect: GroupedQueryAttention: heads and head_dim must be positive
namespace heads_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 0, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace heads_zero

// expect: GroupedQueryAttention: kv_heads must divide heads
namespace kv_heads_do_not_divide {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 6, .kv_heads = 4, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace kv_heads_do_not_divide

// expect: GroupedQueryAttention: kv_heads is missing: say how many key/value heads there are, or use MultiHeadAttention
namespace kv_heads_left_out {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace kv_heads_left_out

// expect: LayerNorm: eps is added to the variance and cannot be negative
namespace layer_norm_negative_eps {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::LayerNorm<-1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace layer_norm_negative_eps

// expect: LayerNorm: NoBias is given twice
namespace layer_norm_no_bias_twice {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::LayerNorm<1e-5, bora::NoBias, bora::NoBias>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace layer_norm_no_bias_twice

// expect: LayerNorm: the only option is NoBias
namespace layer_norm_wrong_option {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::LayerNorm<1e-5, bora::Bias>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace layer_norm_wrong_option

// expect: LearnedPositions and SinusoidalPositions are the spec's own Position
namespace learned_positions_in_attention {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::LearnedPositions>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace learned_positions_in_attention

// expect: LinearScaling: the factor stretches the context; use 1 or more
namespace linear_scaling_below_one {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
                                             bora::Rope<1e4, 1.0, bora::LinearScaling<0.5>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace linear_scaling_below_one

// expect: Llama3Scaling: the factor stretches the context; use 1 or more
namespace llama3_scaling_factor_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
                               bora::Rope<1e4, 1.0, bora::Llama3Scaling<bora::Llama3Settings{.factor = 0}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace llama3_scaling_factor_zero

// expect: Llama3Scaling: low_frequency and high_frequency count turns in the original context
namespace llama3_scaling_frequencies {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<
      bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
      bora::Rope<1e4, 1.0, bora::Llama3Scaling<bora::Llama3Settings{.low_frequency = 4, .high_frequency = 4}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace llama3_scaling_frequencies

// expect: Llama3Scaling: original_context, which is stretched, must be positive
namespace llama3_scaling_no_context {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
                               bora::Rope<1e4, 1.0, bora::Llama3Scaling<bora::Llama3Settings{.original_context = -1}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace llama3_scaling_no_context

// expect: MultiHeadAttention: each head has a key/value head of its own; leave kv_heads out
namespace multi_head_kv_heads {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace multi_head_kv_heads

// expect: MultiQueryAttention: all heads share one key/value head; leave kv_heads out
namespace multi_query_kv_heads {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace multi_query_kv_heads

// expect: NonParametricLayerNorm: eps is added to the variance and cannot be negative
namespace non_parametric_norm_negative_eps {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::NonParametricLayerNorm<-1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace non_parametric_norm_negative_eps

// expect: RmsNorm: eps is added to the mean square and cannot be negative
namespace norm_negative_eps {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<-1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace norm_negative_eps

// expect: NtkScaling: the factor stretches the context; use 1 or more
namespace ntk_scaling_below_one {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
                                             bora::Rope<1e4, 1.0, bora::NtkScaling<0.5>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace ntk_scaling_below_one

// expect: ParallelResidual: say SharedNorm or SeparateNorms
namespace parallel_residual_wrong_tag {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
  using Residual = bora::ParallelResidual<bora::NoBias>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace parallel_residual_wrong_tag

// expect: Rope: fraction is the rotated share of a head, in (0, 1]
namespace rope_fraction_above_one {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4, 1.5>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rope_fraction_above_one

// expect: Rope: fraction is the rotated share of a head, in (0, 1]
namespace rope_fraction_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4, 0.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rope_fraction_zero

// expect: Rope: the rotated width int(head_dim * fraction) must be even
namespace rope_odd_width {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4, 0.4>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rope_odd_width

// expect: Rope: the scaling must be a complete type
namespace rope_scaling_incomplete {
struct Later;

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4, 1.0, Later>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rope_scaling_incomplete

// expect: Rope: the scaling must be a complete type with frequency(f, c, rotary, theta) and amplitude()
namespace rope_scaling_something_else {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
                                             bora::Rope<1e4, 1.0, bora::Alibi<>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rope_scaling_something_else

// expect: Rope: theta is the base of the wavelengths and must exceed 1
namespace rope_theta_one {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rope_theta_one

// expect: MixtureOfExperts: the router cannot choose more experts than there are
namespace router_more_than_experts {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<5>, bora::SwiGlu<16>>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace router_more_than_experts

// expect: TopKRouter: a token needs at least one expert
namespace router_no_choice {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::MixtureOfExperts<2, bora::TopKRouter<0>, bora::SwiGlu<16>>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace router_no_choice

// expect: SoftmaxTopKRouter: a token needs at least one expert
namespace softmax_router_no_choice {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::MixtureOfExperts<2, bora::SoftmaxTopKRouter<0>, bora::SwiGlu<16>>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace softmax_router_no_choice

// expect: ModelSpec: vocab_size exceeds what a TokenId can number
namespace spec_vocab_beyond_ids {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = std::size_t{1} << 31, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace spec_vocab_beyond_ids

// expect: ModelSpec: dim is missing
namespace spec_without_dim {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_dim

// expect: ModelSpec: vocab_size, dim, layers and context must be positive
namespace spec_zero_context {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 0;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace spec_zero_context

// expect: ModelSpec: vocab_size, dim, layers and context must be positive
namespace spec_zero_dim {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 0, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace spec_zero_dim

// expect: ModelSpec: vocab_size, dim, layers and context must be positive
namespace spec_zero_layers {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 0, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace spec_zero_layers

// expect: ModelSpec: vocab_size, dim, layers and context must be positive
namespace spec_zero_vocab_size {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 0, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace spec_zero_vocab_size

// expect: T5RelativeBias: half of the buckets count single distances
namespace t5_odd_buckets {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::T5RelativeBias<31>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace t5_odd_buckets

// expect: use an even number of buckets, 4 or more, and max_distance > buckets / 2
namespace t5_short_distance {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::T5RelativeBias<32, 16>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace t5_short_distance

// expect: T5RelativeBias: all layers share one table; use the same heads, buckets and max_distance
namespace t5_tables_differ {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using A =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::T5RelativeBias<8, 20>>;
  using B =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 4}, bora::Causal, bora::T5RelativeBias<16, 30>>;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::Alternate<A, B>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace t5_tables_differ

// expect: SlidingWindow: no sequence is that long; use Causal
namespace window_endless {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention =
      bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::SlidingWindow<~std::size_t{0}>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace window_endless

// expect: SlidingWindow: the window counts the current token; use 1 or more
namespace window_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::SlidingWindow<0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace window_zero

// expect: YarnScaling: the factor stretches the context; use 1 or more
namespace yarn_scaling_below_one {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<
      bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
      bora::Rope<1e4, 1.0, bora::YarnScaling<bora::YarnSettings{.factor = 0.5, .original_context = 32}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace yarn_scaling_below_one

// expect: YarnScaling: beta_fast and beta_slow count turns in the original context
namespace yarn_scaling_betas {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<
      bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
      bora::Rope<1e4, 1.0, bora::YarnScaling<bora::YarnSettings{.factor = 4, .original_context = 32, .beta_fast = 1}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace yarn_scaling_betas

// expect: YarnScaling: original_context, which is stretched, must be positive
namespace yarn_scaling_no_context {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<
      bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal,
      bora::Rope<1e4, 1.0, bora::YarnScaling<bora::YarnSettings{.factor = 4, .original_context = 0}>>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace yarn_scaling_no_context

// expect: GroupedQueryAttention: first the heads, then the mask, then the position
namespace mask_and_position_swapped {
struct Spec : Sound {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4},
                                                bora::Rope<1e4>, bora::Causal>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_and_position_swapped

// expect: GroupedQueryAttention: first the heads, then the mask, then the position
namespace mask_left_out {
struct Spec : Sound {
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 4}, bora::Rope<1e4>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_left_out

// expect: GroupedQueryAttention: the position must be Rope, Alibi, T5RelativeBias or NoPosition; options follow it
namespace option_before_position {
struct Spec : Sound {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, bora::Causal,
                                                bora::Bias, bora::Rope<1e4>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace option_before_position

// expect: Rope: theta and fraction are doubles: write Rope<1e4>
namespace rope_theta_whole {
struct Spec : Sound {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, bora::Causal,
                                                bora::Rope<10000>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace rope_theta_whole

// expect: LinearScaling: the factor is a double: write LinearScaling<4.0>
namespace scaling_whole {
struct Spec : Sound {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, bora::Causal,
                                                bora::Rope<1e4, 1.0, bora::LinearScaling<4>>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace scaling_whole

// expect: Alibi: the bias exponent is a double: write Alibi<8.0>
namespace alibi_whole {
struct Spec : Sound {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, bora::Causal,
                                                bora::Alibi<8>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace alibi_whole

// expect: ClipQkv: the limit is a double: write ClipQkv<8.0>
namespace clip_whole {
struct Spec : Sound {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, bora::Causal,
                                                bora::NoPosition, bora::ClipQkv<8>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace clip_whole

// expect: ModelSpec: Attention must be GroupedQueryAttention, MultiHeadAttention, MultiQueryAttention
namespace feed_forward_as_attention {
struct Spec : Sound {
  using Attention = bora::SwiGlu<16>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace feed_forward_as_attention

// expect: ModelSpec: FeedForward must be SwiGlu, GeGlu, GeGluTanh, Mlp
namespace attention_as_feed_forward {
struct Spec : Sound {
  using FeedForward = Sound::Attention;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace attention_as_feed_forward

// expect: ModelSpec: FeedForward must be SwiGlu, GeGlu, GeGluTanh, Mlp
namespace activation_as_feed_forward {
struct Spec : Sound {
  using FeedForward = bora::Silu;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace activation_as_feed_forward

// expect: ModelSpec: Norm must be RmsNorm<eps>, LayerNorm<eps> or NonParametricLayerNorm<eps>
namespace feed_forward_as_norm {
struct Spec : Sound {
  using Norm = bora::SwiGlu<16>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace feed_forward_as_norm

// expect: LayerNorm: eps is a double: write LayerNorm<1e-5>
namespace norm_whole {
struct Spec : Sound {
  using Norm = bora::LayerNorm<0>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace norm_whole

// expect: RmsNorm: eps is a double: write RmsNorm<1e-5>
namespace rms_norm_whole {
struct Spec : Sound {
  using Norm = bora::RmsNorm<1>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace rms_norm_whole

// expect: ModelSpec: Position is what is added to the embedding
namespace rope_as_position {
struct Spec : Sound {
  using Position = bora::Rope<1e4>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace rope_as_position

// expect: QkNorm: say PerHead or WholeWidth, then the norm
namespace qk_norm_order {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>,
                                             bora::QkNorm<bora::RmsNorm<1e-6>, bora::PerHead>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace qk_norm_order

// expect: QkNorm: the norm is RmsNorm<eps>, LayerNorm<eps> or NonParametricLayerNorm
namespace qk_norm_no_norm {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>,
                                             bora::QkNorm<bora::PerHead, bora::Bias>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace qk_norm_no_norm

// expect: GroupedQueryAttention: an option is given twice; give Bias or QkvBias and the others at most once
namespace qkv_bias_and_bias {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>,
                                             bora::QkvBias, bora::Bias>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace qkv_bias_and_bias

// expect: SoftCap: the cap is a double: write SoftCap<50.0>
namespace score_cap_whole {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>,
                                             bora::SoftCap<50>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace score_cap_whole

// expect: SoftCap: the cap must be positive
namespace score_cap_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>,
                                             bora::SoftCap<0.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace score_cap_zero

// expect: ScoreWidth: the width whose root divides the scores must be positive
namespace score_width_zero {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal, bora::Rope<1e4>,
                                             bora::ScoreWidth<0.0>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace score_width_zero

// expect: ModelSpec: EmbeddingScale is what multiplies the embedding
namespace embedding_scale_number {
struct Spec : Sound {
  using EmbeddingScale = bora::SoftCap<2.0>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace embedding_scale_number

// expect: ModelSpec: LogitCap must be NoSoftCap or SoftCap<cap>
namespace logit_cap_no_cap {
struct Spec : Sound {
  using LogitCap = bora::RootOfWidth;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace logit_cap_no_cap

// expect: RmsNorm: the only option is UnitOffset
namespace rms_norm_no_bias {
struct Spec : Sound {
  using Norm = bora::RmsNorm<1e-5, bora::NoBias>;
};

inline void use() { bora::describe<Spec>(); }
}  // namespace rms_norm_no_bias

// expect: ModelSpec: Residual must be SequentialResidual, ParallelResidual<SharedNorm>
namespace norms_as_residual {
struct Spec : Sound {
  using Residual = bora::SharedNorm;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace norms_as_residual

// expect: Mlp: first the width, then the activation: Mlp<hidden, Gelu>
namespace activation_left_out {
struct Spec : Sound {
  using FeedForward = bora::Mlp<16>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace activation_left_out

// expect: Mlp: first the width, then the activation: Mlp<hidden, Gelu>
namespace bias_as_activation {
struct Spec : Sound {
  using FeedForward = bora::Mlp<16, bora::Bias>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace bias_as_activation

// expect: MixtureOfExperts: first the number of experts, then the router, then what an expert is
namespace router_left_out {
struct Spec : Sound {
  using FeedForward = bora::MixtureOfExperts<4, bora::SwiGlu<16>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace router_left_out

// expect: MixtureOfExperts: first the number of experts, then the router, then what an expert is
namespace router_after_expert {
struct Spec : Sound {
  using FeedForward = bora::MixtureOfExperts<4, bora::SwiGlu<16>, bora::TopKRouter<2>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace router_after_expert

// expect: MixtureOfExperts: an expert must be a plain feed-forward layer
namespace expert_left_out {
struct Spec : Sound {
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace expert_left_out

// expect: MixtureOfExperts: an expert must be a plain feed-forward layer
namespace expert_is_an_activation {
struct Spec : Sound {
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::Silu>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace expert_is_an_activation

// expect: ActivationPolicy: Function needs value(x) and slope(x), the derivative
namespace activation_without_slope {
struct Mine {
  struct Function {
    template <class Block>
    static Block value(Block x) noexcept {
      return x;
    }
  };
};
struct Spec : Sound {
  using FeedForward = bora::Mlp<16, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace activation_without_slope

// expect: ActivationPolicy: Function has no value(x)
namespace activation_without_value {
struct Mine {
  struct Function {
    template <class Block>
    static Block slope(Block x) noexcept {
      return x;
    }
  };
};
struct Spec : Sound {
  using FeedForward = bora::Mlp<16, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace activation_without_value

// expect: ActivationPolicy: Function has no value(x)
namespace activation_of_numbers {
struct Mine {
  struct Function {
    static float value(float x) noexcept { return x; }
  };
};
struct Spec : Sound {
  using FeedForward = bora::Mlp<16, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace activation_of_numbers

// expect: MaskPolicy: a query sees more keys than window says
namespace mask_exceeds_window {
struct Mine {
  static constexpr std::size_t window = 4;
  static constexpr std::size_t first_visible(std::size_t p) noexcept { return p / 40 * 40; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_exceeds_window

// expect: MaskPolicy: a query sees more keys than window says
namespace mask_exceeds_window_late {
struct Mine {
  static constexpr std::size_t window = 32'768;
  static constexpr std::size_t first_visible(std::size_t p) noexcept { return p / 32'769 * 32'769; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_exceeds_window_late

// expect: MaskPolicy: a query sees more keys than window says
namespace mask_window_of_a_causal_mask {
struct Mine {
  static constexpr std::size_t window = 100'000;
  static constexpr std::size_t first_visible(std::size_t p) noexcept { return p * 0; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_window_of_a_causal_mask

// expect: MaskPolicy: a query sees more keys than window says
namespace mask_exceeds_window_and_searches {
struct Mine {
  static constexpr std::size_t window = 4'096;
  static constexpr std::size_t first_visible(std::size_t p) noexcept {
    std::size_t first = 0;
    while (p - first >= 4'097) ++first;
    for (std::size_t i = 0; i < p; ++i) first += i == p;
    return first;
  }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_exceeds_window_and_searches

// expect: MaskPolicy: first_visible takes the compiler too many steps
namespace mask_takes_too_long {
struct Mine {
  static constexpr std::size_t window = 0;
  static constexpr std::size_t first_visible(std::size_t p) noexcept {
    std::size_t first = 0;
    if (p > 8)
      for (std::size_t i = 0; i < 1'000'000; ++i) first += i % p == p;
    return first;
  }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_takes_too_long

// expect: MaskPolicy: first_visible(position) exceeds the position
namespace mask_sees_ahead {
struct Mine {
  static constexpr std::size_t window = 0;
  static constexpr std::size_t first_visible(std::size_t p) noexcept { return p + 1; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_sees_ahead

// expect: MaskPolicy: first_visible falls as the position grows
namespace mask_falls {
struct Mine {
  static constexpr std::size_t window = 0;
  static constexpr std::size_t first_visible(std::size_t p) noexcept { return p < 50'000 ? p / 2 : 0; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_falls

// expect: MaskPolicy: first_visible and window must be constexpr
namespace mask_at_run_time {
struct Mine {
  static constexpr std::size_t window = 0;
  static std::size_t first_visible(std::size_t p) noexcept { return p; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_at_run_time

// expect: a mask has window and a noexcept first_visible
namespace mask_may_throw {
struct Mine {
  static constexpr std::size_t window = 0;
  static constexpr std::size_t first_visible(std::size_t p) { return p; }
};
struct Spec : Sound {
  static constexpr std::size_t context = 131'072;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 4}, Mine>;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace mask_may_throw

// expect: ModelSpec: vocab_size is missing
namespace spec_without_vocab_size {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t dim = 16, layers = 2, context = 32;
  using Norm = Sound::Norm;
  using Attention = Sound::Attention;
  using FeedForward = Sound::FeedForward;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_vocab_size

// expect: ModelSpec: layers is missing
namespace spec_without_layers {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, context = 32;
  using Norm = Sound::Norm;
  using Attention = Sound::Attention;
  using FeedForward = Sound::FeedForward;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_layers

// expect: ModelSpec: context is missing
namespace spec_without_context {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2;
  using Norm = Sound::Norm;
  using Attention = Sound::Attention;
  using FeedForward = Sound::FeedForward;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_context

// expect: ModelSpec: tie_embeddings, Position or Residual is missing: derive the struct from bora::DecoderSpec
namespace spec_without_base {
struct Spec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = Sound::Norm;
  using Attention = Sound::Attention;
  using FeedForward = Sound::FeedForward;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_base

// expect: ModelSpec: Norm is missing: using Norm = bora::
namespace spec_without_norm {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Attention = Sound::Attention;
  using FeedForward = Sound::FeedForward;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_norm

// expect: ModelSpec: Attention is missing: using Attention = bora::
namespace spec_without_attention {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = Sound::Norm;
  using FeedForward = Sound::FeedForward;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_attention

// expect: ModelSpec: FeedForward is missing: using FeedForward = bora::
namespace spec_without_feedforward {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = Sound::Norm;
  using Attention = Sound::Attention;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_without_feedforward

// expect: ModelSpec: vocab_size is missing: static constexpr std::size_t vocab_size = …; in a struct
namespace spec_private {
class Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = Sound::Norm;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_private

// expect: ModelSpec: vocab_size, dim, layers and context must be positive
namespace spec_negative {
struct Spec : Sound {
  static constexpr int layers = -2;
};
inline void use() { bora::describe<Spec>(); }
}  // namespace spec_negative

// expect: ModelSpec: a spec is a struct that derives from bora::DecoderSpec
namespace spec_is_a_number {
inline void use() { bora::describe<int>(); }
}  // namespace spec_is_a_number

// expect: ModelSpec: the spec comes first, then the format
namespace spec_is_a_format {
inline void use() { bora::describe<bora::Bf16>(); }
}  // namespace spec_is_a_format
