/// Layers that are sliding or full: `layer_types` and the keys that stand for it in config.json.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/config_keys.hpp>
#include <bora/io/json.hpp>
#include <bora/layers/mask.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Length of the shortest pattern whose repetition gives the list.
inline std::size_t shortest_period(const std::vector<bool>& list) {
  std::vector<std::size_t> border(list.size());  // of each beginning: its longest end that is a beginning too
  for (std::size_t i = 1; i < list.size(); ++i) {
    std::size_t n = border[i - 1];
    while (n > 0 && list[i] != list[n]) n = border[n - 1];
    border[i] = n + (list[i] == list[n] ? 1 : 0);
  }
  return list.empty() ? 0 : list.size() - border.back();
}

/// Throws ConfigError for more layers than a list of them is made for.
inline void check_layer_list(const ConfigKeys& c, std::size_t layers) {
  constexpr std::size_t most = 4096;
  if (layers > most)
    c.refuse({"key 'num_hidden_layers' is ", layers, ", expected at most ", most,
              " where layers differ from each other: no checkpoint has more"});
}

/// The two kinds of attention of a family whose layers are sliding or full. Keys are read into `full` and, after
/// `share`, into `sliding`; `finish` builds the pattern of the layers. When keys are written, the two are the kinds of
/// the model.
class SlidingLayers {
 public:
  PolicyDescription full, sliding;

  SlidingLayers(const ConfigKeys& c, const ModelDescription& d) : full(d.attention.front()), sliding(full) {
    if (c.reads()) return;
    for (const PolicyDescription& a : d.attention) has_windows_ |= windowed(a);
    if (has_windows_) {
      find_windows(d);
      return;
    }
    for (const PolicyDescription& a : d.attention)
      if (rank(a) > rank(full)) full = a;
    sliding = full;
    if (PolicyArgument* scaling = sliding.find("position.scaling"); scaling != nullptr && !scaling->policy.empty())
      scaling->policy.front() = description_of<NoScaling>();
    for (const PolicyDescription& a : d.attention)
      if (slides(a)) sliding = a;
  }

  /// Whether any layer has a window; when keys are written.
  bool has_windows() const noexcept { return has_windows_; }
  /// Whether a layer with this attention is sliding; when keys are written.
  bool slides(const PolicyDescription& a) const { return has_windows_ ? windowed(a) : a != full; }
  /// Sliding layers are like full ones, apart from what keys say that are read after this call.
  void share(const ConfigKeys& c) {
    if (c.reads()) sliding = full;
  }
  /// Reads the kind of each layer from `layer_types` or, where it is missing, from `usual(layer)`, which repeats after
  /// `period` layers (0: never).
  template <class Usual>
  void finish(const ConfigKeys& c, ModelDescription& d, std::size_t period, Usual&& usual) const {
    if (!c.reads()) return;
    std::vector<bool> slide;
    if (const Json* types = c.array("layer_types"); types != nullptr) {
      check_length(c, *types, d.layers);
      for (std::size_t l = 0; l < types->size(); ++l) slide.push_back(is_sliding(c, *types, l));
    } else {
      if (period == 0) check_layer_list(c, d.layers);
      for (std::size_t l = 0; l < (period == 0 ? d.layers : std::min(period, d.layers)); ++l) slide.push_back(usual(l));
    }
    d.attention.clear();
    if (full == sliding) slide.resize(1);
    for (std::size_t l = 0, end = shortest_period(slide); l < end; ++l)
      d.attention.push_back(slide[l] ? sliding : full);
  }
  /// Writes `layer_types`.
  void write_types(ConfigKeys& c, const ModelDescription& d) const {
    if (c.reads()) return;
    Json types = Json::array();
    for (std::size_t l = 0; l < d.layers; ++l)
      types.push_back(slides(d.attention_of(l)) ? "sliding_attention" : "full_attention");
    c.write_array("layer_types", std::move(types));
  }

 private:
  static bool windowed(const PolicyDescription& a) { return a.policy("mask").name == "SlidingWindow"; }
  /// Without windows rotations tell the kinds apart: full layers have the scaled one, or the larger base.
  static std::pair<bool, double> rank(const PolicyDescription& a) {
    const std::string_view scaling = a.policy("position.scaling").name;
    return {!scaling.empty() && scaling != "NoScaling", a.real("position.theta")};
  }
  void find_windows(const ModelDescription& d) {
    const auto find = [&](bool window) { return std::ranges::find(d.attention, window, windowed); };
    const auto with = find(true), without = find(false);
    sliding = *with;
    full = without == d.attention.end() ? sliding : *without;
    if (PolicyArgument* mask = full.find("mask")) mask->policy.front() = description_of<Causal>();
  }
  static void check_length(const ConfigKeys& c, const Json& types, std::size_t layers) {
    if (types.size() != layers)
      c.refuse({"key 'layer_types' has ", types.size(), " layers, expected ", layers, ", num_hidden_layers"});
    check_layer_list(c, layers);
  }
  static bool is_sliding(const ConfigKeys& c, const Json& types, std::size_t layer) {
    const bool sliding = types[layer] == "sliding_attention";
    if (!sliding && types[layer] != "full_attention")
      c.refuse({"key 'layer_types[", layer, "]' is ", json_kind(types[layer]),
                ", expected 'sliding_attention' or 'full_attention'"});
    return sliding;
  }

  bool has_windows_ = false;
};

}}}  // namespace bora::BORA_ABI::detail
