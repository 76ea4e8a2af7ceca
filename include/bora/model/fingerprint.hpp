/// What tells two models' types apart in files.
#pragma once
#include <bora/core/file_words.hpp>
#include <bora/model/description.hpp>
#include <cstdint>
#include <string_view>

namespace bora::inline BORA_ABI::detail {

/// The numbers of a spec, summed: two models of one type share it, whatever their weights. Scalings,
/// activations and routers that the library does not know are told apart by their names.
inline std::uint64_t fingerprint(const ModelDescription& d) noexcept {
  Checksum sum;
  const auto add = [&](auto... numbers) { (sum.add(static_cast<std::uint64_t>(numbers)), ...); };
  const auto add_reals = [&](auto... numbers) { (sum.add(static_cast<double>(numbers)), ...); };
  const auto add_text = [&](std::string_view text) {
    for (const char character : text) add(static_cast<unsigned char>(character));
  };
  add(d.vocab_size, d.dim, d.layers, d.context, d.tie_embeddings, d.position, d.residual, d.parameters,
      d.active_parameters);
  add(d.norm.weight, d.norm.bias, d.norm.centred);
  add_reals(d.norm.eps);
  for (const AttentionDescription& a : d.attention) {
    add(a.heads, a.kv_heads, a.head_dim, a.window, a.position, a.rotary, a.bias, a.scaling.kind);
    add_reals(a.theta, a.rotary_fraction, a.alibi_max_bias, a.clip, a.scaling.factor, a.scaling.original_context,
              a.scaling.beta_fast, a.scaling.beta_slow, a.scaling.low_frequency, a.scaling.high_frequency);
    // Only models that have these facts count them.
    if (a.position == PositionKind::t5_bias) add(a.relative_buckets, a.relative_max_distance);
    if (a.mask == MaskKind::other) add(a.mask, a.mask_hash);
    add_text(a.scaling.name);
  }
  for (const FeedForwardDescription& f : d.feed_forward) {
    add(f.hidden, f.gated, f.bias, f.activation, f.experts, f.choices, f.router);
    add_text(f.activation_name);
    add_text(f.router_name);
  }
  return sum.value();
}

}  // namespace bora::inline BORA_ABI::detail
