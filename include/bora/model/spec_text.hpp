/// Writes a description as C++ source, as a user would write it.
#pragma once
#include <bora/core/error.hpp>
#include <bora/model/description.hpp>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

template <class Number>
std::string shortest_text(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
/// A whole number does not convert to a template's `double`, so it gets a point. Files hold 1e-5 as the double that
/// equals the nearest float: the float's shortest text is the intended one.
inline std::string real_text(double value) {
  const float narrow = static_cast<float>(value);
  const std::string text = static_cast<double>(narrow) == value ? shortest_text(narrow) : shortest_text(value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

inline std::string argument_text(const PolicyArgument& argument);

/// How many of its arguments C++ must give.
inline std::size_t written_arguments(const PolicyDescription& d) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < d.arguments.size(); ++i)
    if (!d.arguments[i].is_fact && !d.arguments[i].is_default()) count = i + 1;
  return count;
}

}  // namespace detail

/// A policy as C++ writes it: "bora::Rope<10000.0>". A foreign policy is written by its name.
inline std::string policy_text(const PolicyDescription& d) {
  if (d.form == PolicyDescription::Form::foreign) return d.name;
  const bool settings = d.form == PolicyDescription::Form::settings;
  const std::size_t count = detail::written_arguments(d);
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += detail::message(i > 0 ? ", " : "", settings ? "." + d.arguments[i].key + " = " : "",
                            detail::argument_text(d.arguments[i]));
  const bool bare = count == 0 && !settings;
  return detail::message("bora::", d.name, bare ? "" : settings ? "{" : "<", text, bare ? "" : settings ? "}" : ">");
}

namespace detail {

inline std::string argument_text(const PolicyArgument& argument) {
  if (argument.kind == PolicyArgument::Kind::whole) return std::to_string(argument.whole);
  if (argument.kind == PolicyArgument::Kind::real) return real_text(argument.real);
  return policy_text(argument.policy.front());
}

/// A policy that begins `indent` characters into its line, wrapped to lines of at most 118 characters if its arguments
/// allow it.
inline std::string laid_out(const PolicyDescription& d, std::size_t indent) {
  std::string whole = policy_text(d);
  constexpr std::size_t widest = 118;
  if (indent + whole.size() <= widest || d.form != PolicyDescription::Form::type) return whole;
  const std::size_t inner = indent + whole.find('<') + 1, count = written_arguments(d);
  std::string text = whole.substr(0, inner - indent);
  for (std::size_t i = 0; i < count; ++i) {
    const PolicyArgument& argument = d.arguments[i];
    if (i > 0) text += ",\n" + std::string(inner, ' ');
    text += argument.policy.empty() ? argument_text(argument) : laid_out(argument.policy.front(), inner);
  }
  return text + ">";
}
/// A member type of a spec.
inline std::string using_text(std::string_view name, const PolicyDescription& d) {
  const std::string start = message("  using ", name, " = ");
  return message(start, laid_out(d, start.size()), ";\n");
}
/// The same of a pattern of layers.
inline std::string using_text(std::string_view name, const std::vector<PolicyDescription>& pattern) {
  PolicyDescription layers("Layers");
  for (const PolicyDescription& kind : pattern) layers.add("kind", kind);
  return using_text(name, pattern.size() == 1 ? pattern.front() : layers);
}

}  // namespace detail

/// The spec of a description: a struct to paste. Foreign policies are written by their names.
inline std::string spec_text(const ModelDescription& d, std::string_view name = "Mine") {
  return detail::message(
      "struct ", name, " : bora::DecoderSpec {\n  static constexpr std::size_t vocab_size = ", d.vocab_size,
      ", dim = ", d.dim, ", layers = ", d.layers, ", context = ", d.context, ";\n",
      d.tie_embeddings ? "  static constexpr bool tie_embeddings = true;\n" : "",
      d.position.name == "NoPosition" ? "" : detail::using_text("Position", d.position),
      d.embedding_scale.name == "NoEmbeddingScale" ? "" : detail::using_text("EmbeddingScale", d.embedding_scale),
      d.logit_cap.name == "NoSoftCap" ? "" : detail::using_text("LogitCap", d.logit_cap),
      detail::using_text("Norm", d.norm), detail::using_text("Attention", d.attention),
      detail::using_text("FeedForward", d.feed_forward),
      d.residual.name == "SequentialResidual" ? "" : detail::using_text("Residual", d.residual), "};\n");
}

}}  // namespace bora::BORA_ABI
