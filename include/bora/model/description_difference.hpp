/// Compares two descriptions, to match a model's type to a file.
#pragma once
#include <bora/model/description.hpp>
#include <bora/model/spec_text.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// One place at which two descriptions differ, with the value of each: a number, a policy's name, or "none".
struct DescriptionDifference {
  std::string place;   ///< as "attention.position.theta", or "attention.mask of layer 1"
  std::string first;   ///< value in the first description
  std::string second;  ///< value in the second
};

namespace detail {

/// Files hold 1e-5 as 9.999999747378752e-06: numbers are the same if they are the same float.
inline bool same_real(double a, double b) noexcept { return a == b || std::abs(a - b) <= 1e-7 * std::abs(b); }

inline std::string difference_text(const PolicyArgument* argument) {
  if (argument == nullptr) return "none";
  return argument->kind == PolicyArgument::Kind::policy ? argument->policy.front().name : argument_text(*argument);
}

inline std::optional<DescriptionDifference> first_difference(const std::string& place, const PolicyDescription& a,
                                                             const PolicyDescription& b);

/// Compares one argument, which either description may lack.
inline std::optional<DescriptionDifference> argument_difference(const std::string& place, const PolicyArgument& of_a,
                                                                const PolicyArgument* of_b) {
  const std::string here = message(place, ".", of_a.key);
  const auto is_policy = [](const PolicyArgument& argument) { return argument.kind == PolicyArgument::Kind::policy; };
  const auto number = [](const PolicyArgument& argument) {
    return argument.kind == PolicyArgument::Kind::real ? argument.real : static_cast<double>(argument.whole);
  };
  if (of_b != nullptr && is_policy(of_a) && is_policy(*of_b))
    return first_difference(here, of_a.policy.front(), of_b->policy.front());
  if (of_b != nullptr && !is_policy(of_a) && !is_policy(*of_b) && same_real(number(of_a), number(*of_b)))
    return std::nullopt;
  return DescriptionDifference{here, difference_text(&of_a), difference_text(of_b)};
}

inline std::optional<DescriptionDifference> first_difference(const std::string& place, const PolicyDescription& a,
                                                             const PolicyDescription& b) {
  // Files of earlier versions do not name every user-defined policy.
  const bool unnamed = a.form == PolicyDescription::Form::foreign && a.name.empty();
  if ((a.name != b.name && !unnamed) || a.form != b.form) return DescriptionDifference{place, a.name, b.name};
  const auto of = [](const PolicyDescription& d, std::string_view key) {
    const auto found = std::ranges::find(d.arguments, key, &PolicyArgument::key);
    return found == d.arguments.end() ? nullptr : &*found;
  };
  for (const PolicyArgument& argument : a.arguments)
    if (auto difference = argument_difference(place, argument, of(b, argument.key))) return difference;
  for (const PolicyArgument& argument : b.arguments)
    if (of(a, argument.key) == nullptr)
      return DescriptionDifference{message(place, ".", argument.key), "none", difference_text(&argument)};
  return std::nullopt;
}

/// Whether the context must match: positions are learned, or a user-defined mask was hashed over the context.
inline bool is_bound_to_context(const ModelDescription& d) {
  return d.position.size("learned") != 0 ||
         std::ranges::any_of(d.attention, [](const PolicyDescription& a) { return a.policy("mask").has("hash"); });
}

}  // namespace detail

/// The first difference between two descriptions, or nothing if they describe the same model. Their contexts may
/// differ, unless positions are learned or a user-defined mask was hashed over the context; derived values are not
/// compared.
inline std::optional<DescriptionDifference> first_difference(const ModelDescription& a, const ModelDescription& b) {
  const auto sizes = [](std::string_view place, std::size_t first,
                        std::size_t second) -> std::optional<DescriptionDifference> {
    if (first == second) return std::nullopt;
    return DescriptionDifference{std::string(place), std::to_string(first), std::to_string(second)};
  };
  if (auto difference = sizes("vocab_size", a.vocab_size, b.vocab_size)) return difference;
  if (auto difference = sizes("dim", a.dim, b.dim)) return difference;
  if (auto difference = sizes("layers", a.layers, b.layers)) return difference;
  if (detail::is_bound_to_context(b))
    if (auto difference = sizes("context", a.context, b.context)) return difference;
  if (a.tie_embeddings != b.tie_embeddings)
    return DescriptionDifference{"tie_embeddings", a.tie_embeddings ? "true" : "false",
                                 b.tie_embeddings ? "true" : "false"};
  if (auto difference = detail::first_difference("position", a.position, b.position)) return difference;
  if (auto difference = detail::first_difference("norm", a.norm, b.norm)) return difference;
  if (auto difference = detail::first_difference("embedding_scale", a.embedding_scale, b.embedding_scale))
    return difference;
  if (auto difference = detail::first_difference("logit_cap", a.logit_cap, b.logit_cap)) return difference;
  const std::size_t attentions = a.attention.size() * b.attention.size(),
                    feed_forwards = a.feed_forward.size() * b.feed_forward.size();
  for (std::size_t layer = 0; layer < std::min(a.layers, std::max(attentions, feed_forwards)); ++layer) {
    auto difference = detail::first_difference("attention", a.attention_of(layer), b.attention_of(layer));
    if (!difference)
      difference = detail::first_difference("feed_forward", a.feed_forward_of(layer), b.feed_forward_of(layer));
    if (difference && std::max(attentions, feed_forwards) > 1)
      difference->place += detail::message(" of layer ", layer);
    if (difference) return difference;
  }
  return detail::first_difference("residual", a.residual, b.residual);
}

}}  // namespace bora::BORA_ABI
