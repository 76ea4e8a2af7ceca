/// A fingerprint of a model's type, stored in files.
#pragma once
#include <bora/core/checksum.hpp>
#include <bora/model/description.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

inline void add_text(Checksum& sum, std::string_view text) noexcept {
  sum.add(static_cast<std::uint64_t>(text.size()));
  sum.add(std::as_bytes(std::span(text)));
}

inline void add_policy(Checksum& sum, const PolicyDescription& d) noexcept {
  add_text(sum, d.name);
  sum.add(static_cast<std::uint64_t>(d.form));
  sum.add(static_cast<std::uint64_t>(d.arguments.size()));
  for (const PolicyArgument& argument : d.arguments) {
    add_text(sum, argument.key);
    sum.add(static_cast<std::uint64_t>(argument.kind));
    sum.add(static_cast<std::uint64_t>(argument.whole));
    sum.add(argument.real);
    for (const PolicyDescription& policy : argument.policy) add_policy(sum, policy);
  }
}

/// Checksum of a description: the same for all models of one type, whatever their weights.
inline std::uint64_t fingerprint(const ModelDescription& d) noexcept {
  Checksum sum;
  for (const std::size_t size : {d.vocab_size, d.dim, d.layers, d.context, std::size_t{d.tie_embeddings}, d.parameters,
                                 d.active_parameters, d.attention.size(), d.feed_forward.size()})
    sum.add(static_cast<std::uint64_t>(size));
  for (const PolicyDescription* policy : {&d.position, &d.norm, &d.residual}) add_policy(sum, *policy);
  // Only where there is one: older files have fingerprints without them.
  if (d.embedding_scale.name != "NoEmbeddingScale") add_policy(sum, d.embedding_scale);
  if (d.logit_cap.name != "NoSoftCap") add_policy(sum, d.logit_cap);
  for (const PolicyDescription& policy : d.attention) add_policy(sum, policy);
  for (const PolicyDescription& policy : d.feed_forward) add_policy(sum, policy);
  return sum.value();
}

}}}  // namespace bora::BORA_ABI::detail
