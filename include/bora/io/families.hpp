/// The table of all families of published checkpoints, and the choice of one for a model.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/families/bora.hpp>
#include <bora/io/families/falcon.hpp>
#include <bora/io/families/gemma.hpp>
#include <bora/io/families/gpt2.hpp>
#include <bora/io/families/gpt_neox.hpp>
#include <bora/io/families/llama.hpp>
#include <bora/io/families/mistral.hpp>
#include <bora/io/families/mpt.hpp>
#include <bora/io/families/olmo.hpp>
#include <bora/io/families/qwen.hpp>
#include <bora/io/family.hpp>
#include <bora/io/family_of.hpp>
#include <bora/model/description.hpp>
#include <bora/model/description_difference.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// All families. A model is saved as the first that can hold it; "bora" holds every model, in Llama's names.
inline constexpr Family families[]{detail::mixtral_family,   detail::llama_family,     detail::mistral_family,
                                   detail::ministral_family, detail::olmo_family,      detail::olmo2_family,
                                   detail::olmo3_family,     detail::olmoe_family,     detail::qwen2_family,
                                   detail::qwen3_family,     detail::qwen3_moe_family, detail::gemma2_family,
                                   detail::gemma3_family,    detail::gpt2_family,      detail::mpt_family,
                                   detail::gpt_neox_family,  detail::falcon_family,    detail::own_family};

namespace detail {

/// The family of a model_type, in any of its spellings; null if it is unknown.
inline const Family* find_family(std::string_view model_type) {
  for (const Family& family : families)
    if (family.model_type == model_type ||
        std::ranges::find(family.older_spellings, model_type) != family.older_spellings.end())
      return &family;
  return nullptr;
}

/// The keys that a model is written with.
inline ConfigKeys written_keys(const Family& family, ModelDescription d) {
  ConfigKeys keys;
  if (d.attention.empty()) return keys;
  family.keys(keys, d);
  if (!family.architecture.empty()) keys.expect_neutral();
  return keys;
}

/// First difference between a model and what reading back its written keys gives; none if the family can hold it.
inline std::optional<DescriptionDifference> first_difference(const Family& family, const ModelDescription& model,
                                                             const ConfigKeys& written) {
  ConfigKeys again = ConfigKeys::read_back(written);
  ModelDescription d = family.prototype();
  family.keys(again, d);
  return bora::first_difference(d, model);
}

}  // namespace detail

/// Whether a checkpoint of this family can hold the model.
inline bool can_hold(const Family& family, const ModelDescription& d) {
  return !detail::first_difference(family, d, detail::written_keys(family, d));
}

/// The family that a model is saved as: the first that can hold it and uses these tensor names. Throws ConfigError if
/// the names belong to a family that cannot hold it.
inline const Family& saved_family(const CheckpointNames& names, const ModelDescription& d) {
  const Family* named = names.family.empty() ? nullptr : detail::find_family(names.family);
  for (const Family& family : families)
    if ((named == nullptr || family.names == named->names) && (family.suits == nullptr || family.suits(d)) &&
        can_hold(family, d))
      return family;
  if (named != nullptr && can_hold(*named, d)) return *named;
  if (named == nullptr) return families[std::size(families) - 1];
  const auto difference = detail::first_difference(*named, d, detail::written_keys(*named, d));
  throw ConfigError(detail::message("a checkpoint with the names of ", named->model_type,
                                    " cannot hold this model: its ", difference->place, " is ", difference->first,
                                    ", the model's ", difference->second, "; leave the family to automatic"));
}

BORA_FILE_DEFINITION std::string_view family_of(const ModelDescription& d) { return saved_family({}, d).model_type; }

}}  // namespace bora::BORA_ABI
