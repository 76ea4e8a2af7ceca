/// Models so small that a test can run them thousands of times, and what tests of sessions compare with.
#pragma once
#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/core/random.hpp>
#include <bora/infer/session.hpp>
#include <bora/model/decoder.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tiny {

using support::refusal, support::same_bits;
using Tokens = std::vector<bora::TokenId>;
using Logits = std::vector<float>;

inline constexpr bora::HeadShape heads{.heads = 2, .kv_heads = 1, .head_dim = 18};  // two blocks, the second not full
inline constexpr bora::HeadShape more_heads{.heads = 6, .kv_heads = 2, .head_dim = 10};

/// Everything but the attention: two layers.
struct Base : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 40, dim = 24, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using FeedForward = bora::SwiGlu<36>;
};
template <class Mask>
struct Masked : Base {
  using Attention = bora::GroupedQueryAttention<heads, Mask, bora::Rope<1e4>>;
};
/// A window below, the whole text above.
struct Alternating : Base {
  using Attention = bora::Alternate<bora::GroupedQueryAttention<heads, bora::SlidingWindow<5>, bora::Rope<1e4>>,
                                    bora::GroupedQueryAttention<heads, bora::Causal, bora::Rope<1e4>>>;
};
/// Windows in three of four layers.
struct ThreeOfFour : Base {
  static constexpr std::size_t layers = 5;
  using Window = bora::GroupedQueryAttention<heads, bora::SlidingWindow<5>, bora::Rope<1e4>>;
  using Attention =
      bora::Layers<Window, Window, Window, bora::GroupedQueryAttention<heads, bora::Causal, bora::Rope<1e5>>>;
};
struct Experts : Base {
  static constexpr std::size_t vocab_size = 50;
  using Attention = bora::GroupedQueryAttention<more_heads, bora::SlidingWindow<17>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<20>>;
};
struct WithAlibi : Base {
  using Attention = bora::GroupedQueryAttention<more_heads, bora::Causal, bora::Alibi<>>;
};
struct WithT5Bias : Base {
  using Attention = bora::GroupedQueryAttention<more_heads, bora::Causal, bora::T5RelativeBias<8, 20>>;
};
struct WithLearnedPositions : Base {
  using Attention = bora::GroupedQueryAttention<heads, bora::SlidingWindow<5>, bora::NoPosition>;
  using Position = bora::LearnedPositions;
};

/// The one model of a spec.
template <class Spec, class Format = bora::F32>
const bora::Decoder<Spec, Format>& model() {
  static const bora::Decoder<Spec, Format> model = bora::random_model<Spec, Format>(7);
  return model;
}

inline Tokens text(std::uint64_t seed, std::size_t length) {
  bora::Random random(seed);
  Tokens tokens(length);
  for (bora::TokenId& token : tokens) token = static_cast<bora::TokenId>(random.below(Base::vocab_size));
  return tokens;
}

inline Logits copy(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

/// The truth: all tokens from the beginning, in one chunk, in a session that has seen nothing else.
template <class Element, class Model>
Logits from_scratch(const Model& model, std::span<const bora::TokenId> tokens) {
  bora::Session<Model, bora::LinearCache<Element>> session{model, {.capacity = tokens.size(), .chunk = tokens.size()}};
  return copy(session.prefill(tokens));
}

/// The layers' memory that belongs to positions `first` .. `last` - 1 of a sequence, made NaN (Q8: its scales). What is
/// not held by the cache must not be asked for.
template <class Element>
void poison(bora::KeyValueCache<Element>& cache, std::size_t sequence, std::size_t layer, std::size_t first,
            std::size_t last) {
  using Layout = bora::simd::RunLayout<Element>;
  constexpr std::size_t run_length = bora::simd::run_length;
  const bora::CacheLayer facts = cache.layer_facts(layer);
  for (std::size_t position = first; position < last; ++position)
    for (std::size_t h = 0; h < facts.kv_heads; ++h) {
      const auto run = cache.layer(layer)[sequence].run(position / run_length, h);
      const std::size_t slot = position % run_length;
      const auto spoil = [](auto* number) { std::memset(number, 0xff, sizeof *number); };  // NaN, or -1
      for (std::size_t c = 0; c < facts.head_dim; ++c) {
        spoil(run.keys() + c * run_length + slot);
        spoil(run.values() + slot * facts.head_dim + c);
      }
      if constexpr (Layout::scaled) {
        spoil(run.key_scales() + slot);
        spoil(run.value_scales() + slot);
      }
    }
}

}  // namespace tiny
