// Mistakes of using one: formats, sessions, caches, training.
#include <bora/cache/policy.hpp>
#include <bora/infer/generate.hpp>
#include <bora/infer/session.hpp>
#include <bora/io/load.hpp>
#include <bora/train/checkpoint.hpp>
#include <bora/train/gradient.hpp>
#include <bora/train/trainer.hpp>
#include <span>
#include <vector>

// expect: compiles
struct Sound : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

// expect: save_checkpoint: checkpoints hold F32 parameters; train in F32 or Bf16
namespace checkpoint_f64 {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

void save(const bora::Trainer<bora::Decoder<Spec, bora::F64>>& trainer) { bora::save_checkpoint("run", trainer, {}); }
}  // namespace checkpoint_f64

// expect: training: an objective has const members loss, gradient and count, all noexcept, on rows of logits, or states
namespace objective_without_gradient {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};
struct Unfinished {
  double loss(const bora::Target&, std::span<const float>) const noexcept { return 0; }
};

inline void use() {
  bora::Decoder<Spec, bora::F32> model;
  bora::Trainer trainer{model, {}, Unfinished{}};
  trainer.step(bora::TokenBatch{});
}
}  // namespace objective_without_gradient

// expect: generate: a sampler draws from F32 logits; load the model in F32 or Bf16
namespace generate_f64 {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() {
  const bora::Decoder<Spec, bora::F64> model;
  bora::Session session{model};
  bora::generate(session, std::vector<bora::TokenId>{1});
}
}  // namespace generate_f64

// expect: PagedCache: a page holds whole runs; use a multiple of 16 positions
namespace paged_cache_empty {
inline void use() { return static_cast<int>(bora::PagedCache<0, bora::F32>::page); }
}  // namespace paged_cache_empty

// expect: PagedCache: a page holds whole runs; use a multiple of 16 positions
namespace paged_cache_part_of_a_run {
inline void use() { return static_cast<int>(bora::PagedCache<24, bora::F32>::page); }
}  // namespace paged_cache_part_of_a_run

// expect: RollingCache: a ring holds a window of keys, and this model's mask has none
namespace rolling_cache_all_causal {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() {
  const bora::Decoder<Spec, bora::F32> model;
  const bora::Session<bora::Decoder<Spec, bora::F32>, bora::RollingCache<bora::F32>> session{model};
}
}  // namespace rolling_cache_all_causal

// expect: RollingCache: a ring holds a window of keys, and this model's mask has none
namespace rolling_cache_causal {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  static constexpr bora::HeadShape head_shape{.heads = 1, .kv_heads = 1, .head_dim = 16};
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::Alternate<bora::GroupedQueryAttention<head_shape, bora::SlidingWindow<4>>,
                                    bora::GroupedQueryAttention<head_shape, bora::Causal>>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() {
  const bora::Decoder<Spec, bora::F32> model;
  const bora::Session<bora::Decoder<Spec, bora::F32>, bora::RollingCache<bora::F32>> session{model};
}
}  // namespace rolling_cache_causal

// expect: Session: F64 caches go with F64 weights, and only with them
namespace session_f64_cache {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 2, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}, bora::Causal>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() {
  const bora::Decoder<Spec, bora::F32> model;
  const bora::Session<bora::Decoder<Spec, bora::F32>, bora::LinearCache<bora::F64>> session{model};
}
}  // namespace session_f64_cache

// expect: /error: (use of deleted function|call to deleted constructor of) .*Session</
namespace session_of_a_passing_model {
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 8, dim = 16, layers = 1, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 1, .head_dim = 16}>;
  using FeedForward = bora::SwiGlu<16>;
};

inline void use() {
  bora::Session session{bora::random_model<Spec, bora::F32>(1)};  // the model ends with this line
  session.reset();
}
}  // namespace session_of_a_passing_model

// expect: WeightFormat: say what the weights are held in
namespace format_left_out {
inline void use() { bora::random_model<Sound>(1); }
}  // namespace format_left_out

// expect: WeightFormat: weights are held in F32, F16, Bf16, F64, Q8, Q4, Q4K, Q6K or Mixed: for float say bora::F32
namespace format_is_a_number {
inline void use() { bora::random_model<Sound, float>(1); }
}  // namespace format_is_a_number

// expect: ModelSpec: the spec comes first, then the format
namespace format_before_spec {
inline void use() { bora::load<bora::F32, Sound>("folder"); }
}  // namespace format_before_spec

// expect: ModelSpec: a spec was expected here, and this is a model
namespace model_as_a_spec {
using Model = bora::Decoder<Sound, bora::F32>;
inline void use() { bora::load<Model, bora::F32>("folder"); }
}  // namespace model_as_a_spec

// expect: Session: a session is one of a model, not of its spec
namespace session_of_a_spec {
inline void use() {
  const Sound spec;
  bora::Session session{spec};
}
}  // namespace session_of_a_spec

// expect: Trainer: a model is trained in place and cannot be const
namespace trainer_of_a_const_model {
inline void use(const bora::Decoder<Sound, bora::F32>& model) { bora::Trainer trainer{model}; }
}  // namespace trainer_of_a_const_model

// expect: generate: a prompt is tokens, not text; use generate(session, tokenizer.encode(text))
namespace generate_from_text {
inline void use(bora::Session<bora::Decoder<Sound, bora::F32>>& session) { bora::generate(session, "hello"); }
}  // namespace generate_from_text

// expect: ProgressFunction: a temporary holds at most four pointers and no resources
namespace progress_that_owns {
inline void use(const std::vector<int>& values) {
  bora::ProgressFunction report([values](std::size_t, std::size_t) { return values.empty(); });
}
}  // namespace progress_that_owns
